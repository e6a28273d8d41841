"""The mask ROM's part of the built-in SBI: where its stub lies and what words it is made of.

    0x1100  x.sbi.boot   one hart's way into S-mode; the reset vector's `start` with the built-in SBI
    0x1104  mret
    0x1110  x.sbi.call   mtvec points here: one trap that reached M-mode
    0x1114  mret

x.sbi.boot and x.sbi.call are reserved custom-0 encodings (opcode 0001011, everything 0 but bit 20).
They are instructions in M-mode, in this page, on a machine with `builtin_sbi`; elsewhere they are
illegal (isa/xemu.py, sbi/boot.py, sbi/call.py). The reset vector itself (0x1000..0x1057) is that of
any firmware; nothing else of the ROM belongs to the SBI.

Rule: declarations only; `emu` writes the words, the hart knows the addresses.
Source: DESIGN 5; Unprivileged ISA, "RISC-V opcode map" (custom-0); BEHAVIOUR 4.4.
"""

from __future__ import annotations

MROM_BASE = 0x1000
SBI_BOOT = 0x1100
SBI_TRAP = 0x1110  # a multiple of 4: mtvec, direct mode

X_SBI_BOOT = 0x0000_000B
X_SBI_CALL = 0x0010_000B
MRET = 0x3020_0073

# What the firmware occupies: kernels are placed behind it, the device tree reserves it (DESIGN 5)
FIRMWARE_BASE = 0x8000_0000
FIRMWARE_SIZE = 0x20_0000

_STUB = {
    SBI_BOOT: X_SBI_BOOT,
    SBI_BOOT + 4: MRET,
    SBI_TRAP: X_SBI_CALL,
    SBI_TRAP + 4: MRET,
}


def rom_words() -> dict[int, int]:
    """Guest physical address -> 32-bit word of the stub, for the mask ROM image."""
    return dict(_STUB)
