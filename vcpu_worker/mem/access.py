"""Loads and stores that the inline TLB did not serve: TLB fill, misaligned accesses, MMIO.

Rules
- a TLB entry is made only for a page of memory that the present mode may access as a whole (PMP), and
  a store entry only when the PTE's D bit is set;
- an access that is not to memory fills the exit record and asks main from here (hart.roundtrip); where
  that does not do, it ends in Fault.EXIT, main's reply makes h.mmio_ready 1, the instruction runs again
  and takes the reply. One instruction makes at most one such
  access: misaligned ones to anything but memory are access faults.
Source: Privileged 1.13, 3.6.3 (misaligned), 4.3; causes 4..7.
"""

from __future__ import annotations

from ipc.layout import TLB_ENTRIES, Exit, Fault
from vcpu_worker.hart.roundtrip import AGAIN, DONE
from vcpu_worker.native import native

LOAD, STORE = 1, 2
LOAD_FAULT, STORE_FAULT = 5, 7
LOAD_MISALIGNED, STORE_MISALIGNED = 4, 6
PAGE = 4096


@native("u64(HART, u64, u64)")
def fill_load(h, va, host):
    """Remember that the page of va reads at host (which is va's own host address)."""
    e = addr(h.load_tlb[0]) + (((va >> 12) & (TLB_ENTRIES - 1)) << 4)
    st64(e + 8, host - va)
    st64(e, (va & ~0xFFF) | h.dctx)
    return 0


@native("u64(HART, u64, u64)")
def fill_store(h, va, host):
    """As fill_load, for stores."""
    e = addr(h.store_tlb[0]) + (((va >> 12) & (TLB_ENTRIES - 1)) << 4)
    st64(e + 8, host - va)
    st64(e, (va & ~0xFFF) | h.dctx)
    return 0


@native("u64(HART, u64, u64, u64, u64)")
def mmio(h, gpa, size, write, value):
    """An access outside memory. Returns the value read; or leaves (EXIT), or traps (TRAP, tval by caller)."""
    if h.mmio_ready != 0:
        h.mmio_ready = 0
        if h.mmio_error != 0:
            h.fault = Fault.TRAP
            return 0
        return h.mmio_reply
    if mmio_in_hart(h, gpa, size, write, value) != 0:
        return h.scratch[1]
    h.exit_gpa = gpa
    h.exit_size = size
    h.exit_write = write
    h.exit_value = value
    how = round_trip(h)
    if how == DONE:
        if h.mmio_error != 0:
            h.fault = Fault.TRAP
            return 0
        return h.mmio_reply
    h.exit_reason = Exit.MMIO
    if how == AGAIN:  # a remote fence came meanwhile: serve it, then take the reply
        h.mmio_ready = 1
        h.exit_reason = Exit.NONE
    h.fault = Fault.EXIT
    return 0


@native("u64(HART, u64, u64)")
def load_page(h, va, size):
    """Host address for a load of size bytes inside one page. 0: fault set, or h.scratch[2] = gpa + 1."""
    h.scratch[2] = 0
    gpa = translate(h, va, LOAD)
    if h.fault != 0:
        return 0
    priv = data_priv(h)
    whole = 1
    if h.pmp_active != 0:
        whole = pmp_page(h, gpa, LOAD, priv)
        if whole != 1 and pmp_check(h, gpa, size, LOAD, priv) == 0:
            return trap(h, LOAD_FAULT, va)
    p = ram_ptr(h, gpa, size, 0)
    if p == 0:
        h.scratch[2] = gpa + 1
        return 0
    if whole == 1 and ram_ptr(h, gpa & ~0xFFF, PAGE, 0) != 0:
        fill_load(h, va, p)
    return p


@native("u64(HART, u64, u64)")
def store_page(h, va, size):
    """As load_page, for stores."""
    h.scratch[2] = 0
    gpa = translate(h, va, STORE)
    if h.fault != 0:
        return 0
    priv = data_priv(h)
    whole = h.scratch[0]
    if h.pmp_active != 0:
        if pmp_page(h, gpa, STORE, priv) != 1:
            whole = 0
            if pmp_check(h, gpa, size, STORE, priv) == 0:
                return trap(h, STORE_FAULT, va)
    p = ram_ptr(h, gpa, size, 1)
    if p == 0:
        h.scratch[2] = gpa + 1
        return 0
    if whole == 1 and ram_ptr(h, gpa & ~0xFFF, PAGE, 1) != 0:
        fill_store(h, va, p)
    return p


@native("u64(u64, u64)")
def read_bytes(p, n):
    """n bytes (0..8) at host address p, little-endian."""
    value = 0
    i = 0
    while i < n:
        value |= ld8(p + i) << (8 * i)
        i += 1
    return value


@native("u64(u64, u64, u64)")
def write_bytes(p, n, value):
    """The low n bytes (0..8) of value to host address p."""
    i = 0
    while i < n:
        st8(p + i, (value >> (8 * i)) & 0xFF)
        i += 1
    return 0


@native("u64(u64, u64)")
def read_aligned(p, size):
    """One aligned access of 1, 2, 4 or 8 bytes."""
    if size == 8:
        return ld64(p)
    if size == 4:
        return ld32(p)
    if size == 2:
        return ld16(p)
    return ld8(p)


@native("u64(u64, u64, u64)")
def write_aligned(p, size, value):
    """One aligned access of 1, 2, 4 or 8 bytes."""
    if size == 8:
        st64(p, value)
    elif size == 4:
        st32(p, value)
    elif size == 2:
        st16(p, value)
    else:
        st8(p, value)
    return 0


@native("u64(u64, u64)")
def keep_low(value, size):
    """value cut to size bytes."""
    if size == 8:
        return value
    return value & ((1 << (8 * size)) - 1)


@native("u64(HART, u64, u64)")
def load_slow(h, va, size):
    """size bytes at va, zero-extended; h.fault says whether it ended otherwise."""
    first = PAGE - (va & 0xFFF)
    if (va & (size - 1)) == 0:
        p = load_page(h, va, size)
        if p != 0:
            return read_aligned(p, size)
        if h.fault != 0:
            return 0
        value = mmio(h, h.scratch[2] - 1, size, 0, 0)
        if h.fault == Fault.TRAP:
            return trap(h, LOAD_FAULT, va)
        return keep_low(value, size)
    if first >= size:
        p = load_page(h, va, size)
        if p != 0:
            return read_bytes(p, size)
        if h.fault == 0:
            trap(h, LOAD_FAULT, va)
        return 0
    p = load_page(h, va, first)
    q = 0
    at = va
    if p != 0:
        at = va + first
        q = load_page(h, at, size - first)
    if q == 0:
        if h.fault == 0:
            trap(h, LOAD_FAULT, at)
        return 0
    return read_bytes(p, first) | (read_bytes(q, size - first) << (8 * first))


@native("u64(HART, u64, u64, u64)")
def store_slow(h, va, value, size):
    """The low size bytes of value to va; h.fault says whether it ended otherwise. Nothing is half stored."""
    first = PAGE - (va & 0xFFF)
    if (va & (size - 1)) == 0:
        p = store_page(h, va, size)
        if p != 0:
            return write_aligned(p, size, value)
        if h.fault != 0:
            return 0
        mmio(h, h.scratch[2] - 1, size, 1, keep_low(value, size))
        if h.fault == Fault.TRAP:
            trap(h, STORE_FAULT, va)
        return 0
    if first >= size:
        p = store_page(h, va, size)
        if p != 0:
            return write_bytes(p, size, value)
        if h.fault == 0:
            trap(h, STORE_FAULT, va)
        return 0
    p = store_page(h, va, first)
    q = 0
    at = va
    if p != 0:
        at = va + first
        q = store_page(h, at, size - first)
    if q == 0:
        if h.fault == 0:
            trap(h, STORE_FAULT, at)
        return 0
    write_bytes(p, first, value)
    return write_bytes(q, size - first, value >> (8 * first))


@native("u64(HART, u64, u64)")
def amo_ptr(h, va, size):
    """Host address for an atomic of 4 or 8 bytes at va. Traps: 6 if misaligned, 7 if not memory."""
    if (va & (size - 1)) != 0:
        return trap(h, STORE_MISALIGNED, va)
    p = store_page(h, va, size)
    if p == 0 and h.fault == 0:
        return trap(h, STORE_FAULT, va)
    return p


@native("u64(HART)")
def flush_tlb(h):
    """Drop every data and fetch TLB entry."""
    e = addr(h.load_tlb[0])
    end = addr(h.store_tlb[0]) + TLB_ENTRIES * 16
    while e < end:
        st64(e, ~0)
        e += 16
    return flush_fetch(h)
