"""Instruction fetch: decoded pages, the fetch TLB, and decoding on first use.

A decoded page holds one 8-byte record for each halfword of a 4 KiB guest page (so rec / 4 moves as pc
does), a sentinel record behind the last, what it was made from (guest page, epoch) and a copy of the
page's bytes. A zero record is op 0, "decode me". Records are made from the copy alone.

Validity: FENCE.I bumps h.code_epoch and drops the fetch TLB; a page entered with an older epoch is
compared with its copy, and only records of bytes that changed are made anew. A page of guest memory is
thus decoded once and kept over any number of fences, address spaces and modes.
Measured: comparing a page costs some 60 ns; a Linux boot does 41 087 FENCE.I.
Source: Unprivileged ISA, "Zifencei"; Privileged 4.2.1.
"""

from __future__ import annotations

from ipc.layout import EV_TRACE, FETCH_ENTRIES, HEADER, TRACE_ASM
from vcpu_worker.native import native

OP_DECODE, OP_ILLEGAL, OP_GOTO, OP_CROSS, OP_BREAK = 0, 1, 2, 3, 4

RECORDS = 2048
PAGE_EPOCH = 16400  # u64, behind 2048 records and the sentinel
PAGE_HOST = 16408  # u64: host address of the guest page
PAGE_SLOT = 16416  # u64: address of the page's entry in page_map
PAGE_COPY = 16448  # 4096 bytes
PAGE_BYTES = 4096
PAGE_STRIDE = 20544  # bytes of a decoded page in the arena

FETCH_FAULT = 1
FETCH = 0
FAR = 0x10000  # a page offset that no branch can be near to


@native("u64(HART)")
def flush_fetch(h):
    """Drop every fetch TLB entry."""
    e = addr(h.fetch_tlb[0])
    end = e + FETCH_ENTRIES * 32
    while e < end:
        st64(e, ~0)
        e += 32
    return 0


@native("u64(HART)", export=True)
def doubt_code(h):
    """Memory was changed behind a stopped hart's back: pages are compared before their next use."""
    h.code_epoch = h.code_epoch + 1
    return flush_fetch(h)


@native("u64(HART, u64)")
def forget_page(h, page):
    """Nothing refers to this decoded page any more, so that its place can be used again."""
    e = addr(h.fetch_tlb[0])
    end = e + FETCH_ENTRIES * 32
    while e < end:
        if ld64(e + 8) == page:
            st64(e, ~0)
        e += 32
    st32(ld64(page + PAGE_SLOT), 0)
    return 0


@native("u64(u64)")
def renew(page):
    """Take a new copy of a decoded page and make records of changed bytes anew."""
    host = ld64(page + PAGE_HOST)
    i = 0
    while i < 4096:
        new = ld64(host + i)
        if new != ld64(page + PAGE_COPY + i):
            st64(page + PAGE_COPY + i, new)
            rec = page + 4 * i
            st64(rec, 0)
            st64(rec + 8, 0)
            st64(rec + 16, 0)
            st64(rec + 24, 0)
            if i != 0:
                # A 4-byte instruction may begin in the halfword before, and a pair that ends with it up to
                # two halfwords earlier. Those keep their operands: they may be a pair's second themselves.
                st64(rec - 8, 0)
                st64(rec - 16, ld64(rec - 16) & ~0xFFFF)
                st64(rec - 24, ld64(rec - 24) & ~0xFFFF)
        i += 8
    return 0


@native("u64(HART, u64, u64)")
def page_for(h, gpa, host):
    """The decoded page of the guest page at gpa (host address `host`), made or renewed if need be."""
    slot = h.page_map + 4 * page_index(h, gpa)
    n = ld32(slot)
    if n != 0:
        page = h.arena + (n - 1) * PAGE_STRIDE
        if ld64(page + PAGE_EPOCH) != h.code_epoch:
            if page_equal(page + PAGE_COPY, host) == 0:
                renew(page)
            st64(page + PAGE_EPOCH, h.code_epoch)
        return page
    n = urem(h.arena_used, h.arena_pages)
    page = h.arena + n * PAGE_STRIDE
    if h.arena_used >= h.arena_pages:
        forget_page(h, page)  # the oldest: the arena is a ring
    h.arena_used += 1
    st32(slot, n + 1)
    st64(page + PAGE_SLOT, slot)
    h.n_pages += 1
    page_zero(page)
    page_zero(page + 4096)
    page_zero(page + 8192)
    page_zero(page + 12288)
    st64(page + 8 * RECORDS, OP_GOTO)
    st64(page + PAGE_HOST, host)
    st64(page + PAGE_EPOCH, h.code_epoch)
    page_copy(page + PAGE_COPY, host)
    return page


@native("u64(HART, u64)")
def fetch_slow(h, va):
    """A fetch TLB entry's address for va, filled; 0: h.fault is set."""
    gpa = translate(h, va, FETCH)
    if h.fault != 0:
        return break_or_fault(h, va)
    whole = 1
    if h.pmp_active != 0:
        whole = pmp_page(h, gpa, FETCH, h.priv)
        if whole == 0:
            trap(h, FETCH_FAULT, va)
            return break_or_fault(h, va)
        if whole == 2:
            if is_break(h, va) != 0:
                return stop_at_break(h)
            return fetch_one(h, va)
    host = ram_ptr(h, gpa & ~0xFFF, 4096, 0)
    if host == 0:
        trap(h, FETCH_FAULT, va)
        return break_or_fault(h, va)
    page = page_for(h, gpa, host)
    e = addr(h.fetch_tlb[0]) + (((va >> 12) & (FETCH_ENTRIES - 1)) << 5)
    st64(e + 8, page)
    st64(e + 16, (va & ~0xFFF) - (page >> 2))
    st64(e, (va & ~0xFFF) | h.fctx)
    return e


@native("u64(HART, u64)")
def fetch_half(h, va):
    """The halfword at va, as an instruction fetch; h.fault if there is none."""
    gpa = translate(h, va, FETCH)
    if h.fault != 0:
        return 0
    if h.pmp_active != 0:
        if pmp_check(h, gpa, 2, FETCH, h.priv) == 0:
            return trap(h, FETCH_FAULT, va)
    p = ram_ptr(h, gpa, 2, 0)
    if p == 0:
        return trap(h, FETCH_FAULT, va)
    return ld16(p)


@native("u64(HART, u64)")
def fetch_word(h, va):
    """The instruction's bits at va, two or four bytes, halfword by halfword; h.fault if it cannot be had.

    A fault on the second half has that half's address as tval, pc stays at the first (Privileged 3.1.16).
    """
    low = fetch_half(h, va)
    if h.fault != 0 or (low & 3) != 3:
        return low
    high = fetch_half(h, va + 2)
    return low | (high << 16)


@native("u64(HART, u64)")
def fetch_one(h, va):
    """Decode the one instruction at va into h.scratch_rec; an entry's address, or 0 with h.fault.

    For an instruction that crosses into the next page, and for pages that PMP cuts.
    """
    word = fetch_word(h, va)
    if h.fault != 0:
        return 0
    rec = addr(h.scratch_rec[0])
    if (word & 3) != 3:
        st64(rec, decode16(h, word, FAR))
    else:
        st64(rec, decode32(h, word, FAR))
    st64(rec + 8, OP_GOTO)
    st64(rec + 16, OP_GOTO)
    e = addr(h.scratch_rec[4])
    st64(e, ~0)
    st64(e + 8, rec - ((va & 0xFFE) << 2))
    st64(e + 16, va - (rec >> 2))
    return e


@native("u64(HART, u64, u64)")
def decode_at(h, rec, va):
    """Make the record of the instruction at va, in place, from its page's copy."""
    off = va & 0xFFF
    page = rec - (off << 2)
    g = HEADER(h.header)
    if (g.trace & TRACE_ASM) != 0 and (h.event & EV_TRACE) == 0:
        h.trace_pc = va
        h.trace_priv = h.priv
        h.trace_code = page + PAGE_COPY + off
        atomic_or32(addr(h.event), EV_TRACE)
    word = decode_in(h, page, off)
    if may_break(h, off) != 0:
        st64(rec, (word & ~0xFFFF) | OP_BREAK)
        return 0
    st64(rec, word)
    size = insn_size(page, off)
    after = off + size
    if after < PAGE_BYTES:
        # a pair runs as one op that takes its second operands from the second's record: that must be
        # there, as "decode me" if nobody has come to it yet
        other = rec + (size << 2)
        next_word = ld64(other)
        if next_word == 0:
            next_word = decode_in(h, page, after)
            st64(other, next_word & ~0xFFFF)
            second = next_word & 0xFFFF
        elif (next_word & 0xFFFF) == OP_DECODE:
            second = decode_in(h, page, after) & 0xFFFF
        else:
            second = single_op(h, next_word & 0xFFFF)
        if may_break(h, after) != 0:
            second = OP_BREAK
        both = pair_op(h, word & 0xFFFF, second)
        if both != 0:
            st64(rec, (word & ~0xFFFF) | both)
    return 0


@native("u64(u64, u64)")
def insn_size(page, off):
    """2 or 4: bytes of the instruction at `off` in a decoded page's copy."""
    if (ld16(page + PAGE_COPY + off) & 3) != 3:
        return 2
    return 4


@native("u64(HART, u64, u64)")
def decode_in(h, page, off):
    """The record of the instruction at `off` in a decoded page."""
    low = ld16(page + PAGE_COPY + off)
    if (low & 3) != 3:
        return decode16(h, low, off)
    if off == 0xFFE:
        return OP_CROSS
    return decode32(h, low | (ld16(page + PAGE_COPY + off + 2) << 16), off)


@native("u64(HART)")
def insn_bits(h):
    """The bits of the instruction at h.pc, for mtval of an illegal instruction; 0 if they cannot be read."""
    word = fetch_word(h, h.pc)
    if h.fault != 0:
        h.fault = 0
        return 0
    return word
