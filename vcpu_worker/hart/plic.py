"""PLIC: platform interrupts, in compiled code on words of the header.

State belongs to no process. pending and claimed are atomic words; priority, enable and threshold are
plain stores by the hart that accesses them. MEIP and SEIP are not stored: a hart asks `plic_claimable`
when its event word says so, therefore everything that may make a source claimable for a hart sets
EV_IRQ there. What can only take a source away sets nothing: levels are read when needed.

Rules
- contexts are hart * 2 + (0 M, 1 S); enable words are plic_enable[context * PLIC_WORDS + word];
- a claim owns its source's claimed bit *before* it takes the pending bit, so two harts never hold one
  source; one that finds nothing pending any more gives the bit back and tells the others;
- an access that is no register, or no 4-byte one, is not served here: the main loop logs and answers it.
Accepted as QEMU has it: bit 0 of an enable word can be written and read, source 0 never interrupts; a
source that is raised again while high is pending again; completion does not look at enables or lines.
Source: RISC-V PLIC 1.0.0, chapters 3-9; BEHAVIOUR 4.5.
"""

from __future__ import annotations

from ipc.layout import EV_IRQ, HART, HEADER, PLIC_SOURCES, PLIC_WORDS
from vcpu_worker.native import native, prim

prim("atomic_and32", "atomic_or32", "ctz64", "fence", "u64")

PRIORITY, PENDING, ENABLE, CONTEXT = 0x0, 0x1000, 0x2000, 0x20_0000
ENABLE_SHIFT, CONTEXT_SHIFT = 7, 12  # 0x80, 0x1000 bytes a context
THRESHOLD, CLAIM = 0x0, 0x4
MAX_PRIORITY = 7
U32 = 0xFFFF_FFFF
SERVED = 1  # index of the value read in HART.scratch (hart/mmio.py)


@native("u64(HEADER, u64, u64)")
def plic_candidates(g, context, word):
    """Sources 32 * word .. + 31 that are pending, enabled in `context` and not claimed: a bit each."""
    return g.plic_pending[word] & g.plic_enable[context * PLIC_WORDS + word] & (g.plic_claimed[word] ^ U32)


@native("u64(HART, u64)", export=True)
def plic_claimable(h, context):
    """1 if `context` has something to claim: its external interrupt is pending. Else 0."""
    g = HEADER(h.header)
    word = 0
    while word < PLIC_WORDS:
        bits = plic_candidates(g, context, word)
        while bits != 0:
            if g.plic_priority[word * 32 + ctz64(bits)] > g.plic_threshold[context]:
                return 1
            bits = bits & (bits - 1)
        word = word + 1
    return 0


@native("u64(HEADER, u64)")
def plic_best(g, context):
    """The source `context` would claim: highest priority above the threshold, then lowest number; or 0."""
    best = 0
    above = g.plic_threshold[context]
    word = 0
    while word < PLIC_WORDS:
        bits = plic_candidates(g, context, word)
        while bits != 0:
            source = word * 32 + ctz64(bits)
            if g.plic_priority[source] > above:
                best = source
                above = g.plic_priority[source]
            bits = bits & (bits - 1)
        word = word + 1
    return best


@native("u64(HEADER, u64, u64)")
def plic_enabled(g, hart, source):
    """1 if one of the two contexts of `hart` enables `source`."""
    at = hart * (2 * PLIC_WORDS) + (source >> 5)
    return (g.plic_enable[at] | g.plic_enable[at + PLIC_WORDS]) >> (source & 31) & 1


@native("u64(HART, u64)")
def plic_notify(h, source):
    """EV_IRQ for every hart that enables `source`, if it is pending."""
    g = HEADER(h.header)
    if g.plic_pending[source >> 5] >> (source & 31) & 1 == 0:
        return 0
    i = 0
    while i < g.harts:
        if plic_enabled(g, i, source) != 0:
            raise_event(h, h.slots + i * HART.size, EV_IRQ)
        i = i + 1
    return 0


@native("u64(HART, u64)")
def plic_release(h, source):
    """Clear the claimed bit of `source`; others may claim it now if it is pending."""
    g = HEADER(h.header)
    atomic_and32(addr(g.plic_claimed[source >> 5]), U32 ^ (1 << (source & 31)))
    fence()  # either this hart sees a pending bit set meanwhile, or its raiser's doorbell comes later
    plic_notify(h, source)
    return 0


@native("u64(HART, u64)")
def plic_claim(h, context):
    """Claim for `context`: the source, now claimed and no longer pending, or 0."""
    g = HEADER(h.header)
    while True:
        source = plic_best(g, context)
        if source == 0:
            return 0
        bit = 1 << (source & 31)
        if atomic_or32(addr(g.plic_claimed[source >> 5]), bit) & bit == 0:
            if atomic_and32(addr(g.plic_pending[source >> 5]), bit ^ U32) & bit != 0:
                return source
            # it was claimed, and completed, since plic_best looked; while the bit was ours, others may
            # have looked away from a source that is pending again
            plic_release(h, source)


@native("u64(HART, u64, u64, u64)")
def plic_context(h, off, write, value):
    """An access to a context's page, at `off` from the first one. 1 if it is a register."""
    g = HEADER(h.header)
    context = off >> CONTEXT_SHIFT
    reg = off & 0xFFF
    if context >= g.harts * 2:
        return 0
    if reg == THRESHOLD:
        if write == 0:
            h.scratch[SERVED] = g.plic_threshold[context]
        else:
            g.plic_threshold[context] = value & MAX_PRIORITY
            raise_event(h, h.slots + (context >> 1) * HART.size, EV_IRQ)
        return 1
    if reg == CLAIM:
        if write == 0:
            h.scratch[SERVED] = plic_claim(h, context)
        elif value < PLIC_SOURCES:
            plic_release(h, value)
        return 1
    return 0


@native("u64(HART, u64, u64, u64)")
def plic_access(h, off, write, value):
    """A 4-byte, aligned access at `off` in the PLIC. 1 if served (value read in scratch[1]), else 0."""
    g = HEADER(h.header)
    if off >= CONTEXT:
        return plic_context(h, off - CONTEXT, write, value)
    if off >= ENABLE:
        context = (off - ENABLE) >> ENABLE_SHIFT
        word = (off & 0x7F) >> 2
        if context >= g.harts * 2 or word >= PLIC_WORDS:
            return 0
        if write == 0:
            h.scratch[SERVED] = g.plic_enable[context * PLIC_WORDS + word]
        else:
            g.plic_enable[context * PLIC_WORDS + word] = value
            raise_event(h, h.slots + (context >> 1) * HART.size, EV_IRQ)
        return 1
    if off >= PENDING:
        word = (off - PENDING) >> 2
        if word >= PLIC_WORDS or write != 0:
            return 0
        h.scratch[SERVED] = g.plic_pending[word]
        return 1
    source = off >> 2
    if source >= PLIC_SOURCES:
        return 0
    if write == 0:
        h.scratch[SERVED] = g.plic_priority[source]
        return 1
    if source == 0:
        return 0
    g.plic_priority[source] = value & MAX_PRIORITY
    fence()  # pairs with plic_set_level's, behind its pending bit
    plic_notify(h, source)
    return 1


@native("u64(HEADER, u64, u64, u64)", export=True)
def plic_sleepers(g, slots, source, first):
    """Bit i: hart first + i enables `source` and sleeps. slots: host address of slot 0."""
    out = 0
    i = 0
    while i < 64 and first + i < g.harts:
        other = HART(slots + (first + i) * HART.size)
        if plic_enabled(g, first + i, source) != 0 and other.asleep != 0:
            out = out | (1 << i)
        i = i + 1
    return out


@native("u64(HEADER, u64, u64, u64)", export=True)
def plic_set_level(g, slots, source, level):
    """A device's process sets its line. slots: host address of slot 0.

    Level 1 makes the source pending (again, if it was high already) and sets EV_IRQ of every hart that
    enables it. The caller then rings each hart of the bitmap returned (harts 0..63; for more ask
    `plic_sleepers` with first = 64, 128, ...), or everybody. Sources 0 and above 95 do nothing.
    """
    if source == 0 or source >= PLIC_SOURCES:
        return 0
    g.plic_level[source] = u64(level != 0)
    if level == 0:
        return 0
    atomic_or32(addr(g.plic_pending[source >> 5]), 1 << (source & 31))
    fence()  # pairs with the accessing hart's, behind its store to enable or priority
    i = 0
    while i < g.harts:
        if plic_enabled(g, i, source) != 0:
            other = HART(slots + i * HART.size)
            atomic_or32(addr(other.event), EV_IRQ)
        i = i + 1
    fence()  # pairs with the sleeper's, between its store to asleep and its look at event
    return plic_sleepers(g, slots, source, 0)


@native("u64(HEADER)", export=True)
def plic_reset(g):
    """Reset, main loop only, all harts stopped: everything 0. Lines keep their level."""
    i = 0
    while i < PLIC_SOURCES:
        g.plic_priority[i] = 0
        i = i + 1
    i = 0
    while i < PLIC_WORDS:
        g.plic_pending[i] = 0
        g.plic_claimed[i] = 0
        i = i + 1
    i = 0
    while i < g.harts * 2:
        g.plic_threshold[i] = 0
        i = i + 1
    i = 0
    while i < g.harts * 2 * PLIC_WORDS:
        g.plic_enable[i] = 0
        i = i + 1
    return 0
