"""Translation contexts: what tells the soft TLBs' entries of one mode and address space from another's.

A TLB tag is the page's address, with bits 3..11 a context: number << 3 | mode << 9. Every value of satp
in use has a number (1..63); number 0 is for accesses without translation. The mode is what permissions
depend on: U or S, SUM and MXR for data. So a change of mode, of MPRV, SUM or MXR, or a return to an
address space seen before flushes nothing, and SFENCE.VMA for everything is a new number.

Rules
- a number is not given out twice without a flush_tlb between: entries of a forgotten number are dead;
- the number belongs to satp as a whole (mode, ASID, PPN), so a new root table never sees entries of an
  old one. Entries of global pages are kept once a context; the architecture allows that.
- no context is 0, so that zeroed TLBs hold no entry of any;
- a TLB entry is 4 KiB. One SFENCE.VMA address drops one entry, unless a superpage or NAPOT page may have
  been entered there: then everything goes, because other parts of it may be cached (4.2.1). A Bloom
  filter in `large_seen` says so; kernels change single pages far from their superpages.
Source: RISC-V Privileged 1.13, 4.1.11, 4.2.1, 4.3.
"""

from __future__ import annotations

from ipc.layout import FETCH_ENTRIES, SATP_SLOTS, TLB_ENTRIES
from vcpu_worker.csr.bits import (
    MPP_SHIFT,
    MSTATUS_FS,
    MSTATUS_MPP,
    MSTATUS_MPRV,
    MSTATUS_MXR,
    MSTATUS_SUM,
    PMP_A,
    SATP_ASID_BITS,
    SATP_ASID_SHIFT,
    SATP_MODE_SHIFT,
    Priv,
)
from vcpu_worker.native import native

NUMBER_SHIFT = 3
LAST_NUMBER = 63
MODE_SUM, MODE_MXR, MODE_U = 1 << 9, 2 << 9, 4 << 9
BARE_M, BARE_S = 1 << 9, 2 << 9  # with number 0: without translation as M, as S or U (PMP differs)
PMP_ANY = PMP_A * 0x0101_0101_0101_0101
NAPOT_SHIFT, MEGA_SHIFT, LARGEST_SHIFT, LEVEL_BITS = 16, 21, 48, 9  # sizes of pages above 4 KiB


@native("u64(HART)")
def data_priv(h):
    """The mode that loads and stores are made as: MPP under MPRV (3.1.6.3), which only M-mode has set."""
    if h.priv == Priv.M and (h.mstatus & MSTATUS_MPRV) != 0:
        return (h.mstatus & MSTATUS_MPP) >> MPP_SHIFT
    return h.priv


@native("u64(HART)")
def forget_contexts(h):
    """All cached translations become unreachable. update_ctx must follow."""
    i = 0
    while i < SATP_SLOTS:
        h.ctx_satp[i] = 0
        i += 1
    i = 0
    while i < 8:
        h.large_seen[i] = 0
        i += 1
    return 0


@native("u64(HART, u64)")
def forget_asid(h, asid):
    """The same for one address space identifier."""
    i = 0
    while i < SATP_SLOTS:
        if ((h.ctx_satp[i] >> SATP_ASID_SHIFT) & SATP_ASID_BITS) == asid:
            h.ctx_satp[i] = 0
        i += 1
    return 0


@native("u64(HART)")
def satp_context(h):
    """The context number of the present satp, a new one if it has none."""
    satp = h.satp
    n = h.ctx_next
    i = 0
    while i < SATP_SLOTS:
        if h.ctx_satp[i] == satp:
            return h.ctx_num[i]
        i += 1
    if n == 0 or n > LAST_NUMBER:
        flush_tlb(h)
        forget_contexts(h)
        n = 1
    h.ctx_next = n + 1
    i = n & (SATP_SLOTS - 1)
    h.ctx_satp[i] = satp
    h.ctx_num[i] = n
    return n


@native("u64(HART)", export=True)
def update_ctx(h):
    """Derive dctx, fctx, fs_off and pmp_active from the mode, mstatus, satp and the PMP entries.

    To be called after each change of one of them, and before a worker's first guest instruction.
    """
    status = h.mstatus
    h.fs_off = u64((status & MSTATUS_FS) == 0)
    priv = h.priv
    data = data_priv(h)
    translated = (h.satp >> SATP_MODE_SHIFT) != 0
    number = 0
    if translated and (priv != Priv.M or data != Priv.M):
        number = satp_context(h)
        h.ctx_cur = number
    number = number << NUMBER_SHIFT
    if priv == Priv.M:
        h.fctx = BARE_M
    elif not translated:
        h.fctx = BARE_S
    elif priv == Priv.U:
        h.fctx = number | MODE_U
    else:
        h.fctx = number
    if data == Priv.M:
        h.dctx = BARE_M
    elif not translated:
        h.dctx = BARE_S
    else:
        mode = 0
        if data == Priv.U:
            mode = MODE_U
        elif (status & MSTATUS_SUM) != 0:
            mode = MODE_SUM
        if (status & MSTATUS_MXR) != 0:
            mode |= MODE_MXR
        h.dctx = number | mode
    # S and U fail without a matching entry (3.7.1.1), so they ask PMP also while every entry is off
    entries = ld64(addr(h.pmpcfg[0])) | ld64(addr(h.pmpcfg[8]))
    h.pmp_active = u64((entries & PMP_ANY) != 0 or priv != Priv.M or data != Priv.M)
    return 0


@native("u64(u64, u64)")
def large_bit(va, shift):
    """Which of the filter's 512 bits stands for the page of size 1 << shift at va."""
    return (((va >> shift) + shift) * 0x9E37_79B9_7F4A_7C15) >> 55


@native("u64(HART, u64, u64)")
def mark_large(h, va, shift):
    """Note that a part of the page of size 1 << shift at va is entered into a TLB."""
    at = large_bit(va, shift)
    h.large_seen[at >> 6] = h.large_seen[at >> 6] | (1 << (at & 63))
    return 0


@native("u64(HART, u64, u64)")
def is_marked(h, va, shift):
    """1 if mark_large may have been called for that page."""
    at = large_bit(va, shift)
    return (h.large_seen[at >> 6] >> (at & 63)) & 1


@native("u64(HART, u64)")
def in_large(h, va):
    """1 if va may lie in a superpage or NAPOT page that the TLBs hold parts of."""
    seen = is_marked(h, va, NAPOT_SHIFT)
    shift = MEGA_SHIFT
    while shift <= LARGEST_SHIFT:
        seen |= is_marked(h, va, shift)
        shift += LEVEL_BITS
    return seen


@native("u64(HART, u64)")
def drop_page(h, va):
    """Drop the TLB entries that could be of va's page, in any context (they are direct-mapped)."""
    index = va >> 12
    st64(addr(h.load_tlb[0]) + ((index & (TLB_ENTRIES - 1)) << 4), ~0)
    st64(addr(h.store_tlb[0]) + ((index & (TLB_ENTRIES - 1)) << 4), ~0)
    st64(addr(h.fetch_tlb[0]) + ((index & (FETCH_ENTRIES - 1)) << 5), ~0)
    return 0
