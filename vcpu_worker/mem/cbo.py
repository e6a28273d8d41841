"""Cache-block operations: who may, and CBO.ZERO.

Rule: a right is given by menvcfg below M and by senvcfg too in U; a fault reports the value of rs1, not
the start of the block, and is a store fault even where reading would do.
Source: Unprivileged ISA 20240411, chapter 19 ("CMO"), sections "Software interface" and "Traps".
"""

from __future__ import annotations

from ipc.layout import TLB_ENTRIES
from vcpu_worker.native import native

BLOCK = 64
CBIE, CBCFE, CBZE = 3 << 4, 1 << 6, 1 << 7  # fields of menvcfg and senvcfg
ACCESS_LOAD, ACCESS_STORE = 1, 2
STORE_ACCESS, LOAD_PAGE, STORE_PAGE = 7, 13, 15
PRIV_U, PRIV_M = 0, 3


@native("u64(HART, u64)")
def cbo_allowed(h, field):
    """1 if a field of menvcfg and senvcfg is not zero for the present privilege; else traps, 0."""
    if h.priv != PRIV_M and h.menvcfg & field == 0:
        return illegal(h)
    if h.priv == PRIV_U and h.senvcfg & field == 0:
        return illegal(h)
    return 1


@native("u64(HART, u64)")
def cbo_manage(h, va):
    """Whether the block may be read or written: if not, a store fault. Nothing else to do."""
    gpa = translate(h, va, ACCESS_LOAD)
    if h.fault != 0:
        # a page that can be written can be read, so the fault of the load decides
        if h.trap_cause == LOAD_PAGE:
            return trap(h, STORE_PAGE, va)
        return trap(h, STORE_ACCESS, va)
    if h.pmp_active != 0:
        base = gpa & ~(BLOCK - 1)
        priv = data_priv(h)
        if pmp_check(h, base, BLOCK, ACCESS_LOAD, priv) == 0:
            if pmp_check(h, base, BLOCK, ACCESS_STORE, priv) == 0:
                return trap(h, STORE_ACCESS, va)
    return 0


@native("u64(HART, u64)")
def cbo_clean(h, va):
    """CBO.CLEAN and CBO.FLUSH."""
    if cbo_allowed(h, CBCFE) == 0:
        return 0
    return cbo_manage(h, va)


@native("u64(HART, u64)")
def cbo_inval(h, va):
    """CBO.INVAL."""
    if cbo_allowed(h, CBIE) == 0:
        return 0
    return cbo_manage(h, va)


@native("u64(HART, u64)")
def cbo_zero(h, va):
    """CBO.ZERO: eight zero doublewords; outside RAM a store access fault."""
    if cbo_allowed(h, CBZE) == 0:
        return 0
    e = addr(h.store_tlb[0]) + (((va >> 12) & (TLB_ENTRIES - 1)) << 4)
    at = 0
    if ld64(e) == (va & ~0xFFF) | h.dctx:
        at = va + ld64(e + 8)
    else:
        at = store_page(h, va, 1)
        if at == 0:
            if h.fault == 0:
                trap(h, STORE_ACCESS, va)
            return 0
        if h.pmp_active != 0:
            gpa = translate(h, va, ACCESS_STORE)
            if pmp_check(h, gpa & ~(BLOCK - 1), BLOCK, ACCESS_STORE, data_priv(h)) == 0:
                return trap(h, STORE_ACCESS, va)
    at = at & ~(BLOCK - 1)  # regions begin at multiples of a page, in the guest and here
    i = 0
    while i < BLOCK:
        st64(at + i, 0)
        i += 8
    return 0
