"""Bring Debian's kernel, OpenSBI, U-Boot, busybox and the reference QEMU: `emu fetch [--help]`."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """See emu.guests.fetch."""
    from emu.guests import fetch

    return fetch.main(list(argv))
