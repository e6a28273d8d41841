"""Debian's kernel with the initramfs of `emu fetch`: `python -m emu.guests.linux [OPTION...]`.

A shell on the console by default. Every option is the emulator's and comes after ours, so it wins;
`-append` is the exception, its words are added (`-append test=smpstress`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from emu.errors import UserError
from emu.guests.cache import GuestMissing, guest
from emu.report import Reporter

CONSOLE = "console=ttyS0 earlycon=sbi"


def arguments(extra: Sequence[str] = (), *, modules: bool = False) -> list[str]:
    """The emulator's (and QEMU's) options for this boot. Raises GuestMissing before a fetch."""
    options = ["-M", "virt", "-m", "1G", "-nographic", "-kernel", str(guest("linux"))]
    options += ["-initrd", str(guest("initrd-modules" if modules else "initrd"))]
    words, rest = CONSOLE, list(extra)
    while "-append" in rest[:-1]:
        at = rest.index("-append")
        words += f" {rest[at + 1]}"
        del rest[at : at + 2]
    return [*options, "-append", words, *rest]


def main(argv: Sequence[str] | None = None) -> int:
    """Become the emulator. Returns, with the exit status, only if a guest is missing."""
    try:
        line = arguments(sys.argv[1:] if argv is None else argv)
    except GuestMissing as error:
        Reporter("emu").error(UserError(str(error)))
    else:
        os.execv(sys.executable, [sys.executable, "-m", "emu", *line])
    return 1


if __name__ == "__main__":
    sys.exit(main())
