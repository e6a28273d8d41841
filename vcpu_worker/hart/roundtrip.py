"""An MMIO round trip without leaving compiled code: ask the main loop, wait for its reply.

    hart: store the request; fence; ring main unless it is awake; spin a little; sleep on the bell
    main: look at all requests before it sleeps (main_may_sleep); serve; ring the bell, always

Rules
- the hart spins only while there is a processor to spare, and for less than a wake-up costs;
- while it sleeps it is not "in guest": remote fences do not wait for it. One that was asked for meanwhile
  must be done before the next instruction, so the reply is kept for a second run (mmio_ready);
- woken for anything but the reply, it leaves with Exit.MMIO: the worker goes on with the same request.
Measured: see the bench's MMIO row. Pairs with emu.workers.handlers and vcpu_worker.exits.round_trip.
"""

from __future__ import annotations

from ipc.layout import EV_MSG, HEADER, Exit
from vcpu_worker.native import native, prim

prim("cpu_relax", "fence", "fence_acquire", "icall4", "zext32")

SPINS = 300  # pauses of some 40 ns
LEFT, DONE, AGAIN = 0, 1, 2


@native("u64(HART, u64)")
def spin_for_reply(h, seq):
    """1 if main has answered within a short time."""
    g = HEADER(h.header)
    if g.runnable >= g.host_cpus:
        return 0
    i = 0
    while i < SPINS:
        if h.mmio_done == seq:
            return 1
        cpu_relax()
        i += 1
    return 0


@native("u64(HART)")
def round_trip(h):
    """Ask main for the access in the exit record. DONE: the reply is in the slot; AGAIN: it is, but run the
    instruction again with mmio_ready; LEFT: leave with Exit.MMIO, the request is under way."""
    g = HEADER(h.header)
    if g.exact != 0:
        return LEFT
    seq = zext32(h.mmio_seq + 1)
    h.exit_reason = Exit.MMIO
    fence()
    h.mmio_seq = seq
    wake_main(h)
    if spin_for_reply(h, seq) != 0:
        fence_acquire()
        h.n_mmio += 1
        return DONE
    h.in_guest = 0
    # looked at first: the ring of a message may have been heard together with that of the last reply
    while h.mmio_done != seq and h.event & EV_MSG == 0:
        icall4(h.os_read, h.bell_fd, addr(h.os_buf[3]), 8, 0)
        fence()
    h.in_guest = 1
    fence()
    if h.mmio_done != seq:
        return LEFT
    h.n_mmio += 1
    if h.flush_want != h.flush_done:
        return AGAIN
    return DONE
