"""Address translation: the walk of Sv39, Sv48 and Sv57 page tables.

Decisions where the specification leaves freedom:
- all bits reserved for standard use fault, D, A and U of non-leaf PTEs among them (as QEMU 10);
- the accessed and dirty bits are set by hardware under Svadu with menvcfg.ADUE, and on a hart that has
  neither Svadu nor Svade; they are set by one compare-and-swap on the PTE in memory, and a PTE that has
  changed meanwhile is read and judged again. Nothing else is written, D never for a load;
- page tables lie in main memory; a PTE elsewhere is an access fault of the original access's type.
PMP is asked for each PTE as a load of S-mode, and as a store before a PTE is updated.
Source: RISC-V Privileged 1.13, 4.3.2 and 4.4-4.6, "Svadu", "Svpbmt", "Svnapot"; 3.1.6.3 for MPRV.
"""

from __future__ import annotations

from vcpu_worker.csr.bits import (
    MENVCFG_ADUE,
    MENVCFG_PBMTE,
    MSTATUS_MXR,
    MSTATUS_SUM,
    PTE_A,
    PTE_D,
    PTE_N,
    PTE_PBMT,
    PTE_PPN,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_RESERVED,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_BARE,
    SATP_MODE_SHIFT,
    SATP_PPN,
    SATP_SV39,
    Access,
    Cause,
    Priv,
)
from vcpu_worker.hart.context import NAPOT_SHIFT, data_priv, mark_large
from vcpu_worker.hart.trap import trap
from vcpu_worker.isa.ext import EXT_SVADE, EXT_SVADU, EXT_SVNAPOT
from vcpu_worker.mem.pmp import pmp_check
from vcpu_worker.mem.region import ram_ptr
from vcpu_worker.native import native

PAGE_SHIFT, VPN_BITS = 12, 9
SV39_LEVELS = 3  # each mode after Sv39 has one more
NAPOT_MASK, NAPOT_64K = 15, 8  # of ppn: the one NAPOT size
FORBIDDEN_IN_POINTERS = PTE_D | PTE_A | PTE_U | PTE_N | PTE_PBMT


@native("u64(HART, u64, u64)")
def page_fault(h, va, access):
    """Page fault of the access's type."""
    cause = Cause.FETCH_PAGE + access
    if access == Access.STORE:
        cause = Cause.STORE_PAGE
    return trap(h, cause, va)


@native("u64(HART, u64, u64)")
def access_fault(h, va, access):
    """Access fault of the access's type."""
    cause = Cause.FETCH_ACCESS
    if access == Access.LOAD:
        cause = Cause.LOAD_ACCESS
    elif access == Access.STORE:
        cause = Cause.STORE_ACCESS
    return trap(h, cause, va)


@native("u64(HART, u64, u64)")
def pte_valid(h, pte, level):
    """1 if a PTE found at `level` (0: last) is valid and has no reserved encoding."""
    if (pte & PTE_V) == 0 or (pte & (PTE_R | PTE_W)) == PTE_W or (pte & PTE_RESERVED) != 0:
        return 0
    if (pte & (PTE_R | PTE_X)) == 0:
        return u64((pte & FORBIDDEN_IN_POINTERS) == 0)
    kind = pte & PTE_PBMT
    if kind != 0 and ((h.menvcfg & MENVCFG_PBMTE) == 0 or kind == PTE_PBMT):
        return 0
    ppn = (pte >> PTE_PPN_SHIFT) & PTE_PPN
    if level != 0:
        return u64((pte & PTE_N) == 0 and (ppn & ((1 << (VPN_BITS * level)) - 1)) == 0)
    if (pte & PTE_N) != 0:
        return u64((h.isa_ext & EXT_SVNAPOT) != 0 and (ppn & NAPOT_MASK) == NAPOT_64K)
    return 1


@native("u64(HART, u64, u64, u64)")
def pte_permits(h, pte, access, priv):
    """1 if a leaf PTE allows the access in that mode, A and D aside."""
    if (pte & PTE_U) == 0:
        if priv == Priv.U:
            return 0
    elif priv == Priv.S and (access == Access.FETCH or (h.mstatus & MSTATUS_SUM) == 0):
        return 0
    if access == Access.FETCH:
        return u64((pte & PTE_X) != 0)
    if access == Access.STORE:
        return u64((pte & PTE_W) != 0)
    if (h.mstatus & MSTATUS_MXR) != 0:
        return u64((pte & (PTE_R | PTE_X)) != 0)
    return u64((pte & PTE_R) != 0)


@native("u64(HART)")
def sets_ad(h):
    """1 if the walk sets A and D itself, 0 if it faults where they are missing."""
    if (h.isa_ext & EXT_SVADU) != 0:
        return u64((h.menvcfg & MENVCFG_ADUE) != 0)
    return u64((h.isa_ext & EXT_SVADE) == 0)


@native("u64(HART, u64, u64, u64, u64)")
def walk(h, va, access, priv, depth):
    """The gpa that the tables of satp give va, or 0 with TRAP noted. depth: number of levels."""
    spare = 64 - PAGE_SHIFT - VPN_BITS * depth
    if sar(va << spare, spare) != va:
        return page_fault(h, va, access)
    table = (h.satp & SATP_PPN) << PAGE_SHIFT
    level = depth - 1
    while True:
        shift = PAGE_SHIFT + VPN_BITS * level
        at = table + (((va >> shift) & 511) << 3)
        if pmp_check(h, at, 8, Access.LOAD, Priv.S) == 0:
            return access_fault(h, va, access)
        host = ram_ptr(h, at, 8, 0)
        if host == 0:
            return access_fault(h, va, access)
        pte = ld64(host)
        if pte_valid(h, pte, level) == 0:
            return page_fault(h, va, access)
        ppn = (pte >> PTE_PPN_SHIFT) & PTE_PPN
        if (pte & (PTE_R | PTE_X)) == 0:
            if level == 0:
                return page_fault(h, va, access)
            table = ppn << PAGE_SHIFT
            level -= 1
        else:
            if pte_permits(h, pte, access, priv) == 0:
                return page_fault(h, va, access)
            marked = pte | PTE_A
            if access == Access.STORE:
                marked |= PTE_D
            done = 1
            if marked != pte:
                if sets_ad(h) == 0:
                    return page_fault(h, va, access)
                if pmp_check(h, at, 8, Access.STORE, Priv.S) == 0 or ram_ptr(h, at, 8, 1) == 0:
                    return access_fault(h, va, access)
                if cas64(host, pte, marked) != pte:
                    done = 0  # somebody changed it: the same PTE again, from its validity on
            if done != 0:
                if (pte & PTE_N) != 0:
                    shift = NAPOT_SHIFT
                if shift != PAGE_SHIFT:
                    mark_large(h, va, shift)
                h.scratch[0] = u64((marked & PTE_W) != 0 and (marked & PTE_D) != 0)
                inside = (1 << shift) - 1
                return ((ppn << PAGE_SHIFT) & ~inside) | (va & inside)


@native("u64(HART, u64, u64)", export=True)
def translate(h, va, access):
    """The gpa of va for an Access, in the mode it is made as; 0 with TRAP noted if there is none.

    h.scratch[0]: 1 if later stores to the page need no new walk (bare, or writable and dirty).
    """
    h.scratch[0] = 1
    priv = h.priv
    if access != Access.FETCH:
        priv = data_priv(h)
    mode = h.satp >> SATP_MODE_SHIFT
    if priv == Priv.M or mode == SATP_BARE:
        return va
    h.scratch[0] = 0
    h.n_walks = h.n_walks + 1
    return walk(h, va, access, priv, mode - SATP_SV39 + SV39_LEVELS)
