"""CLINT and ACLINT: software interrupts and timers of all harts, in compiled code on words of the slots.

    CLINT (MSWI, MTIMER)  +0x0000 msip, 4 bytes a hart   +0x4000 mtimecmp, 8 bytes a hart   +0xbff8 mtime
    SSWI                  +0x0000 setssip, 4 bytes a hart: writing 1 asks for SSIP, reads give 0

msip: bit 0 only, 4-byte access. mtimecmp and mtime: 8 bytes, or either 32-bit half. MTIP is not stored:
it is mtime >= mtimecmp whenever a hart looks. A store that may make an interrupt pending, or moves a
deadline, is followed by the owner's EV_IRQ | EV_TIME; the owner then sets its deadline anew.

Rule: an access that is no register, or of a size it does not have, is not served here: the main loop
logs and answers it. `aclint=on` has the same addresses (BEHAVIOUR 4.2).
Source: RISC-V ACLINT 1.0, chapters 2-4; BEHAVIOUR 4.5.
"""

from __future__ import annotations

from ipc.layout import EV_IRQ, EV_TIME, HART, HEADER
from vcpu_worker.native import native, prim

prim("zext32", "atomic_swap32")

MTIMECMP, MTIME = 0x4000, 0xBFF8
SERVED = 1  # index of the value read in HART.scratch (hart/mmio.py)
LOW = 0xFFFF_FFFF


@native("u64(u64, u64, u64, u64)")
def merge_half(old, off, size, value):
    """The 64-bit register `old` after a store of `size` 4 or 8 bytes at byte offset `off` (bits 2..0)."""
    if size == 8:
        return value
    if off & 4 != 0:
        return (old & LOW) | (value << 32)
    return (old & (LOW << 32)) | (value & LOW)


@native("u64(u64, u64, u64)")
def read_half(word, off, size):
    """What a load of 4 or 8 bytes at byte offset `off` of a 64-bit register gives."""
    if size == 8:
        return word
    return zext32(word >> ((off & 4) << 3))


@native("u64(HART, u64, u64, u64)")
def clint_msip(h, hart, write, value):
    """Read or write msip of `hart`, which exists."""
    other = HART(h.slots + hart * HART.size)
    if write == 0:
        h.scratch[SERVED] = other.msip
        return 1
    other.msip = value & 1
    if value & 1 != 0:
        raise_event(h, other, EV_IRQ)
    return 1


@native("u64(HART, u64)")
def mtime_write(h, value):
    """Set mtime: every hart's deadline moves."""
    g = HEADER(h.header)
    g.mtime_delta = value - time_raw(h)
    raise_event_all(h, EV_IRQ | EV_TIME)
    return 0


@native("u64(HART, u64, u64, u64, u64)")
def clint_access(h, off, size, write, value):
    """An aligned access of 4 or 8 bytes at `off` in the CLINT. 1 if served (value in scratch[1])."""
    g = HEADER(h.header)
    if off >> 3 == MTIME >> 3:
        if write == 0:
            h.scratch[SERVED] = read_half(time_ticks(h), off, size)
        else:
            mtime_write(h, merge_half(time_ticks(h), off, size, value))
        return 1
    if off >= MTIMECMP:
        hart = (off - MTIMECMP) >> 3
        if hart >= g.harts or off >= MTIME:
            return 0
        other = HART(h.slots + hart * HART.size)
        if write == 0:
            h.scratch[SERVED] = read_half(other.mtimecmp, off, size)
        else:
            other.mtimecmp = merge_half(other.mtimecmp, off, size, value)
            raise_event(h, other, EV_IRQ | EV_TIME)
        return 1
    if size == 4 and off >> 2 < g.harts:
        return clint_msip(h, off >> 2, write, value)
    return 0


@native("u64(HART, u64, u64, u64)")
def sswi_access(h, off, write, value):
    """An aligned 4-byte access at `off` in the SSWI. 1 if served (value in scratch[1]), else 0."""
    g = HEADER(h.header)
    hart = off >> 2
    if hart >= g.harts:
        return 0
    if write == 0:
        h.scratch[SERVED] = 0
    elif value & 1 != 0:
        request_ssip(h, h.slots + hart * HART.size)
    return 1


@native("u64(HART, HART)")
def request_ssip(h, other):
    """Make SSIP pending in `other`: it takes ssip_set over when it looks at its interrupts."""
    atomic_swap32(addr(other.ssip_set), 1)
    raise_event(h, other, EV_IRQ)
    return 0
