"""Translation for debuggers: where an address leads, without an access and without a trace of it.

As the walk of `mem.walk` for a load, with three differences that a debugger needs (the first two as QEMU
10's): SUM counts as set; A and D bits are neither asked for nor set; a page that may only be executed can
be read. PMP is asked for PTEs alone. Nothing of the hart changes, so that it also works on a copy of a
slot.
Source: Privileged 1.13, 4.3.2.
"""

from __future__ import annotations

from vcpu_worker.csr.bits import (
    PTE_N,
    PTE_PPN,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_U,
    PTE_X,
    SATP_BARE,
    SATP_MODE_SHIFT,
    SATP_PPN,
    SATP_SV39,
    Access,
    Priv,
)
from vcpu_worker.hart.context import NAPOT_SHIFT, data_priv
from vcpu_worker.mem.pmp import pmp_check
from vcpu_worker.mem.region import ram_ptr
from vcpu_worker.mem.walk import PAGE_SHIFT, SV39_LEVELS, VPN_BITS, pte_valid
from vcpu_worker.native import native

NOWHERE = 0xFFFF_FFFF_FFFF_FFFF  # no gpa: the last byte of 64 bits is no memory


@native("u64(HART, u64)", export=True)
def probe(h, va):
    """The gpa of va for data, in the mode that loads are made as; NOWHERE if there is none."""
    priv = data_priv(h)
    mode = h.satp >> SATP_MODE_SHIFT
    if priv == Priv.M or mode == SATP_BARE:
        return va
    depth = mode - SATP_SV39 + SV39_LEVELS
    spare = 64 - PAGE_SHIFT - VPN_BITS * depth
    if sar(va << spare, spare) != va:
        return NOWHERE
    table = (h.satp & SATP_PPN) << PAGE_SHIFT
    level = depth - 1
    while True:
        shift = PAGE_SHIFT + VPN_BITS * level
        at = table + (((va >> shift) & 511) << 3)
        host = ram_ptr(h, at, 8, 0)
        if host == 0 or pmp_check(h, at, 8, Access.LOAD, Priv.S) == 0:
            return NOWHERE
        pte = ld64(host)
        if pte_valid(h, pte, level) == 0:
            return NOWHERE
        ppn = (pte >> PTE_PPN_SHIFT) & PTE_PPN
        if (pte & (PTE_R | PTE_X)) != 0:
            if (pte & PTE_U) == 0 and priv == Priv.U:
                return NOWHERE
            if (pte & PTE_N) != 0:
                shift = NAPOT_SHIFT
            inside = (1 << shift) - 1
            return ((ppn << PAGE_SHIFT) & ~inside) | (va & inside)
        if level == 0:
            return NOWHERE
        table = ppn << PAGE_SHIFT
        level -= 1
