"""Physical memory protection: 16 entries of 4-byte granularity, their checks and their CSRs.

Decisions where the specification leaves freedom, each as QEMU 10 does: a pmpcfg byte with the reserved
combination R=0, W=1 leaves its entry unchanged; all modes A are there, NA4 too; an access that an entry
covers only in part fails in any mode.
Source: RISC-V Privileged 1.13, 3.7.
"""

from __future__ import annotations

from ipc.layout import PMP_ENTRIES, Fault
from vcpu_worker.csr.bits import (
    PMP_A,
    PMP_ADDR_BITS,
    PMP_CFG_BITS,
    PMP_L,
    PMP_NA4,
    PMP_OFF,
    PMP_R,
    PMP_TOR,
    PMP_W,
    PMP_X,
    Access,
    Priv,
)
from vcpu_worker.hart.context import update_ctx
from vcpu_worker.native import native

NONE, WHOLE, PART = 0, 1, 2  # how much of a range an entry covers
PAGE_LAST = 4095


@native("u64(HART, u64, u64, u64)")
def pmp_cover(h, i, first, last):
    """How much of the bytes first..last entry i matches: NONE, WHOLE or PART."""
    mode = h.pmpcfg[i] & PMP_A
    if mode == PMP_OFF:
        return NONE
    top = h.pmpaddr[i]
    if mode == PMP_TOR:
        base = 0
        if i != 0:
            base = h.pmpaddr[i - 1] << 2
        end = top << 2
        if base >= end:
            return NONE
        end -= 1
    elif mode == PMP_NA4:
        base = top << 2
        end = base | 3
    else:
        ones = top ^ (top + 1)  # NAPOT: the trailing ones and the zero above them
        base = (top & ~ones) << 2
        end = base | (ones << 2) | 3
    if first > end or last < base:
        return NONE
    if first >= base and last <= end:
        return WHOLE
    return PART


@native("u64(HART, u64, u64, u64)")
def pmp_permits(h, i, access, priv):
    """Whether entry i, which matches, allows the access. M-mode is bound by locked entries only."""
    config = h.pmpcfg[i]
    if priv == Priv.M and (config & PMP_L) == 0:
        return 1
    need = PMP_X
    if access == Access.LOAD:
        need = PMP_R
    elif access == Access.STORE:
        need = PMP_W
    return u64((config & need) != 0)


@native("u64(HART, u64, u64, u64, u64)")
def pmp_range(h, first, last, access, priv):
    """The lowest entry that matches any of first..last decides: 0 denied, 1 allowed, 2 it covers a part."""
    i = 0
    while i < PMP_ENTRIES:
        cover = pmp_cover(h, i, first, last)
        if cover == WHOLE:
            return pmp_permits(h, i, access, priv)
        if cover == PART:
            return 2
        i += 1
    return u64(priv == Priv.M)


@native("u64(HART, u64, u64, u64, u64)", export=True)
def pmp_check(h, gpa, size, access, priv):
    """1 if PMP allows an access of size bytes (1..8) at gpa in mode priv, 0 if not."""
    last = gpa + (size - 1)
    if last < gpa:
        return u64(priv == Priv.M)  # around the end of 64 bits: beyond every entry, and no memory
    return u64(pmp_range(h, gpa, last, access, priv) == 1)


@native("u64(HART, u64, u64, u64)", export=True)
def pmp_page(h, gpa, access, priv):
    """For the whole 4 KiB page of gpa: 0 denied, 1 allowed, 2 mixed (ask pmp_check for each access)."""
    first = gpa & ~PAGE_LAST
    return pmp_range(h, first, first | PAGE_LAST, access, priv)


@native("u64(HART)")
def pmp_changed(h):
    """Entries of the TLBs were made by the old rules."""
    flush_tlb(h)
    h.fault = Fault.REFETCH
    return update_ctx(h)


@native("u64(HART, u64)")
def read_pmpcfg(h, n):
    """Eight entries' bytes, pmpcfg0 or pmpcfg2."""
    return ld64(addr(h.pmpcfg[0]) + ((n - 0x3A0) << 2))


@native("u64(HART, u64, u64)")
def write_pmpcfg(h, n, v):
    """Each byte by itself: locked entries and reserved combinations stay as they are."""
    i = (n - 0x3A0) << 2
    changed = 0
    left = v
    end = i + 8
    while i < end:
        old = h.pmpcfg[i]
        new = left & PMP_CFG_BITS
        if (old & PMP_L) == 0 and (new & (PMP_R | PMP_W)) != PMP_W and old != new:
            h.pmpcfg[i] = new
            changed = 1
        left = left >> 8
        i += 1
    if changed != 0:
        pmp_changed(h)
    return 0


@native("u64(HART, u64, u64)")
def write_pmpaddr(h, n, v):
    """Unless the entry is locked, or the next one is locked and takes this address as its lower end."""
    i = n - 0x3B0
    if (h.pmpcfg[i] & PMP_L) != 0:
        return 0
    if i + 1 < PMP_ENTRIES:
        after = h.pmpcfg[i + 1]
        if (after & PMP_L) != 0 and (after & PMP_A) == PMP_TOR:
            return 0
    new = v & PMP_ADDR_BITS
    if new != h.pmpaddr[i]:
        h.pmpaddr[i] = new
        pmp_changed(h)
    return 0
