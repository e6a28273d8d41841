"""Who we are, and whose interface we speak.

Tools compare the version that a `qemu-system-*` prints with what they need; so we print the version of
the interface (BEHAVIOUR: QEMU 10.0) and, as its package, ourselves.
"""

from __future__ import annotations

VERSION = "0.1.0"
QEMU_VERSION = (10, 0, 13)
PACKAGE = f"emu {VERSION}"


def version_text() -> str:
    """What -version prints."""
    major, minor, micro = QEMU_VERSION
    return (
        f"QEMU emulator version {major}.{minor}.{micro} ({PACKAGE})\n"
        "Copyright (c) 2026 the emu authors; this is not QEMU, it has QEMU's interface\n"
    )
