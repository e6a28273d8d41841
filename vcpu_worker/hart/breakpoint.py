"""Breakpoints of a debugger: addresses in the header at which a hart leaves before the instruction.

    main, all harts stopped: break_gva, break_count, break_map, break_version; then a resume
    hart, on entry:          forgets the records at offsets that break_map has gained or lost
    decoding:                a record at a marked offset gets op "break", whatever page it is in
    op "break":              pc in break_gva? leave with Exit.DEBUG; else the instruction itself

A decoded page is of a guest *physical* page, a breakpoint of a virtual address: marks are therefore of
offsets in a page, which both have in common, and the address is compared when the record is reached.
Without breakpoints nothing of this runs: no record has that op, and the map is looked at by decoding alone.

Rules
- a marked record is never part of a pair;
- nothing retires; pc is the breakpoint's. A single step heeds no breakpoint, which is how one is passed;
- where nothing can be fetched the breakpoint still comes first, as in QEMU (mem.fetch.fetch_slow).
Source: DESIGN laws 3 and 6; BEHAVIOUR 8.
"""

from __future__ import annotations

from ipc.layout import HEADER, PAGE_HALVES, Exit, Fault
from vcpu_worker.mem.fetch import PAGE_STRIDE
from vcpu_worker.native import native, prim

prim("ctz64")

MAP_WORDS = PAGE_HALVES // 64


@native("u64(HART, u64)")
def may_break(h, off):
    """1 if some breakpoint has this offset in its page."""
    g = HEADER(h.header)
    half = off >> 1
    return (g.break_map[half >> 6] >> (half & 63)) & 1


@native("u64(HART, u64)")
def is_break(h, va):
    """1 if the hart must stop before the instruction at va."""
    g = HEADER(h.header)
    if h.mode_step != 0:
        return 0
    i = 0
    while i < g.break_count:
        if g.break_gva[i] == va:
            return 1
        i += 1
    return 0


@native("u64(HART)")
def stop_at_break(h):
    """Leave with Exit.DEBUG. Returns 0."""
    h.exit_reason = Exit.DEBUG
    h.fault = Fault.EXIT
    return 0


@native("u64(HART, u64)")
def break_or_fault(h, va):
    """The fetch at va has failed, which is noted; a breakpoint there comes first. Returns 0."""
    if is_break(h, va) != 0:
        return stop_at_break(h)
    return 0


@native("u64(HART, u64, u64)")
def break_at(h, rec, va):
    """At a marked record: the op of its own instruction, or 0 if the hart stops there."""
    if is_break(h, va) != 0:
        return stop_at_break(h)
    off = va & 0xFFF
    return decode_in(h, rec - (off << 2), off) & 0xFFFF


@native("u64(HART, u64)")
def forget_offset(h, off):
    """Every decoded page: the record at `off` is to be made anew, and pairs that end with it."""
    left = h.arena_used
    if left > h.arena_pages:
        left = h.arena_pages
    rec = h.arena + (off << 2)
    while left != 0:
        st64(rec, 0)
        # its predecessors keep their operands: they may be a pair's second themselves
        if off >= 2:
            st64(rec - 8, ld64(rec - 8) & ~0xFFFF)
        if off >= 4:
            st64(rec - 16, ld64(rec - 16) & ~0xFFFF)
        rec += PAGE_STRIDE
        left -= 1
    return 0


@native("u64(HART)")
def apply_breaks(h):
    """Let the decoded pages follow a change of the breakpoints."""
    g = HEADER(h.header)
    w = 0
    while w < MAP_WORDS:
        now = g.break_map[w]
        changed = now ^ h.break_had[w]
        while changed != 0:
            forget_offset(h, ((w << 6) | ctz64(changed)) << 1)
            changed &= changed - 1
        h.break_had[w] = now
        w += 1
    h.break_seen = g.break_version
    return 0
