"""MMIO that a hart serves itself: rungs 2, 3 and 5 of the ladder (DESIGN 3).

In order: CLINT, SSWI and PLIC by their windows in the header; *shadowed reads* (the device publishes
what a read gives, and withdraws it when a read would change something); *posted writes* (into this
hart's ring, drained by the main loop before it serves any synchronous access). Everything else, and
what these do not know, is a round trip to the main loop: mmio_in_hart returns 0.

Rules
- size is 1, 2, 4 or 8; an access that is not naturally aligned is not served;
- a shadow is {gpa, value, sizes}: gpa is read before and after value, main withdraws it by gpa = 0 and
  gives a slot to one register for good;
- a full ring is a synchronous exit: main drains it before it serves that.
Source: DESIGN 3 "MMIO has a ladder".
"""

from __future__ import annotations

from ipc.layout import HEADER, RING_SLOTS, SHADOWS
from vcpu_worker.native import native, prim

prim("fence", "fence_acquire", "fence_release", "icall4", "zext32")

SERVED = 1  # index of the value read in HART.scratch


@native("u64(HART, u64, u64)")
def shadow_read(h, gpa, size):
    """1 if a shadow serves a read of `size` bytes at `gpa` (value in scratch[1]), else 0."""
    g = HEADER(h.header)
    i = 0
    while i < SHADOWS:
        if g.shadow_gpa[i] == gpa and gpa != 0 and g.shadow_sizes[i] & size != 0:
            fence_acquire()
            value = g.shadow_value[i]
            fence_acquire()
            if g.shadow_gpa[i] == gpa:
                h.scratch[SERVED] = value
                return 1
        i = i + 1
    return 0


@native("u64(HART, u64, u64, u64)")
def ring_put(h, gpa, size, value):
    """Post a write: 1, or 0 if this hart's ring is full.

    The ticket keeps the order between harts: a write that another hart's write has been seen to follow
    has the smaller one.
    """
    g = HEADER(h.header)
    head = h.ring_head
    if zext32(head - h.ring_tail) >= RING_SLOTS:
        return 0
    fence_acquire()  # the slot was read before ring_tail passed it
    at = head & (RING_SLOTS - 1)
    h.ring_ticket[at] = atomic_add64(addr(g.posted_tickets), 1)
    h.ring_gpa[at] = gpa
    h.ring_value[at] = value
    h.ring_size[at] = size
    fence_release()
    h.ring_head = zext32(head + 1)
    return 1


@native("u64(HART)")
def wake_main(h):
    """Wake the main loop unless it has said that it will look at all rings before it sleeps."""
    g = HEADER(h.header)
    fence()  # between ring_head and main_awake; main: store main_awake = 0, ring, look at the rings
    if g.main_awake == 0:
        h.os_buf[2] = 1
        icall4(h.os_write, h.main_fd, addr(h.os_buf[2]), 8, 0)
    return 0


@native("u64(HART, u64, u64, u64)")
def posted_write(h, gpa, size, value):
    """1 if a write of `size` bytes at `gpa` may be posted and the ring took it, else 0."""
    g = HEADER(h.header)
    i = 0
    while i < SHADOWS:
        if g.posted_gpa[i] == gpa and gpa != 0:
            if ring_put(h, gpa, size, value) == 0:
                return 0
            wake_main(h)
            return 1
        i = i + 1
    return 0


@native("u64(HART, u64, u64, u64, u64)", export=True)
def intc_access(h, gpa, size, write, value):
    """An access to CLINT, SSWI or PLIC: 1 if served (value read in scratch[1], zero-extended); 0 if no such
    register is there, or not of that size.

    h: the slot of the hart that does it. The main loop, which does it for qtest, monitor and gdb, has a HART
    record of its own instead (emu.hw.intc.inhart), with header, slots, os_* and kick_* filled.
    """
    g = HEADER(h.header)
    if gpa & (size - 1) != 0:
        return 0
    if gpa - g.clint_base < g.clint_size:
        if size < 4:
            return 0
        return clint_access(h, gpa - g.clint_base, size, write, value)
    if gpa - g.plic_base < g.plic_size:
        if size != 4:
            return 0
        return plic_access(h, gpa - g.plic_base, write, value)
    if gpa - g.sswi_base < g.sswi_size:
        if size != 4:
            return 0
        return sswi_access(h, gpa - g.sswi_base, write, value)
    return 0


@native("u64(HART, u64, u64, u64, u64)", export=True)
def mmio_in_hart(h, gpa, size, write, value):
    """Serve a hart's access that is not RAM, if it can: 1 (value read in scratch[1], zero-extended), or 0."""
    if gpa & (size - 1) != 0:
        return 0
    if intc_access(h, gpa, size, write, value) != 0:
        return 1
    if write == 0:
        return shadow_read(h, gpa, size)
    return posted_write(h, gpa, size, value)
