"""Harts ring harts: the event word, and a Kick message for one that sleeps.

    caller:  store the level; atomic or into event; fence; if asleep: kick
    sleeper: asleep = 1; fence; look at the levels (event, wanted, mip & mie); sleep

One of the two sees the other, so no wake-up is lost. A hart in compiled code needs no more than the
event word; one that is in Python but not asleep looks at it before its next guest instruction.

At most one Kick is unread per target: kick_sent is swapped to 1 by the sender and cleared by the
target *each time it has woken, for whatever reason, before it looks at its levels again*. A send that
fails (a full mailbox has a message that wakes the target anyway; a dead peer is main's business)
takes its mark back, so that the next doorbell tries again.
Source: DESIGN law 3, section 3 "IPIs and kicks".
"""

from __future__ import annotations

from ipc.layout import HART, HEADER
from vcpu_worker.native import native, prim

prim("atomic_or32", "atomic_swap32", "fence", "icall4", "slt", "udiv")

FLAGS = 0x40 | 0x4000  # MSG_DONTWAIT, MSG_NOSIGNAL


@native("u64(HART, u64)")
def kick_hart(h, target):
    """Send this hart's Kick to hart number `target`, unless one is unread there. Never blocks."""
    g = HEADER(h.header)
    other = HART(h.slots + target * HART.size)
    if atomic_swap32(addr(other.kick_sent), 1) == 0:
        sent = icall4(h.os_send, g.kick_fd[target], addr(h.kick_msg[0]), h.kick_len, FLAGS)
        if slt(sent, 0):
            other.kick_sent = 0
    return 0


@native("u64(HART, HART, u64)")
def raise_event(h, other, bits):
    """Set EV_* bits of `other` (a slot of the control object) and wake it if it sleeps.

    The level that `bits` announces is stored before the call; the atomic or orders it.
    """
    atomic_or32(addr(other.event), bits)
    fence()  # pairs with the sleeper's, between its store to asleep and its look at event
    if other.asleep != 0:
        kick_hart(h, udiv(other - h.slots, HART.size))
    return 0


@native("u64(HART, u64)")
def raise_event_all(h, bits):
    """raise_event for every hart of the machine."""
    g = HEADER(h.header)
    i = 0
    while i < g.harts:
        raise_event(h, h.slots + i * HART.size, bits)
        i = i + 1
    return 0
