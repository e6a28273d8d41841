"""Load-reserved and store-conditional.

A reservation is the host address, the width and the value that LR saw (HART.lr_*); a store-conditional
of the same width to the same place is a compare-exchange with that value. Reservations are by host
address, so two virtual addresses of one word are the same word.

Accepted deviation: SC succeeds if another hart changed the word and changed it back (DESIGN section 2).
Source: Unprivileged ISA 20240411, chapter 14, "Zalrsc"; exception causes from Privileged ISA, mcause.
"""

from __future__ import annotations

from ipc.layout import TLB_ENTRIES
from vcpu_worker.native import native

LOAD_MISALIGNED, LOAD_ACCESS, STORE_MISALIGNED = 4, 5, 6


@native("u64(HART, u64, u64, u64)")
def lr(h, va, size, order):
    """The value at va, zero-extended, and a reservation of it. order: aq * 2 + rl.

    Only rights to read are needed, so this does not take the store path of AMOs.
    Traps: load address misaligned, load access fault (also outside RAM and ROM), load page fault.
    """
    if va & (size - 1) != 0:
        return trap(h, LOAD_MISALIGNED, va)
    e = addr(h.load_tlb[0]) + (((va >> 12) & (TLB_ENTRIES - 1)) << 4)
    at = 0
    if ld64(e) == (va & ~0xFFF) | h.dctx:
        at = va + ld64(e + 8)
    else:
        at = load_page(h, va, size)
        if at == 0:
            if h.fault == 0:
                trap(h, LOAD_ACCESS, va)
            return 0
    if order & 1 != 0:
        # rl: earlier stores before this load, which not even x86 keeps without a fence
        fence()
    value = 0
    if size == 8:
        value = ld64(at)
    else:
        value = ld32(at)
    if order & 2 != 0:
        fence_acquire()
    h.lr_addr = at
    h.lr_value = value
    h.lr_width = size
    return value


@native("u64(HART, u64, u64, u64)")
def sc(h, va, value, size):
    """0 if value was stored to va, 1 if not. The reservation is gone in either case.

    Traps: store/AMO address misaligned, access fault, page fault, whether or not it would have stored.
    """
    if va & (size - 1) != 0:
        return trap(h, STORE_MISALIGNED, va)
    e = addr(h.store_tlb[0]) + (((va >> 12) & (TLB_ENTRIES - 1)) << 4)
    at = 0
    if ld64(e) == (va & ~0xFFF) | h.dctx:
        at = va + ld64(e + 8)
    else:
        at = amo_ptr(h, va, size)
        if at == 0:
            return 0
    reserved = h.lr_addr
    h.lr_addr = 0
    if at != reserved or h.lr_width != size:
        return 1
    old = 0
    if size == 8:
        old = cas64(at, h.lr_value, value)
    else:
        old = cas32(at, h.lr_value, value)
    return u64(old != h.lr_value)
