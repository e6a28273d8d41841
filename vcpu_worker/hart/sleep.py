"""Going to sleep, and the few words that Python processes cannot touch safely themselves.

A sleeper: store asleep; fence; look at every level; sleep only if none is set. A raiser: store its
level; fence; load asleep; kick if set. One of the two sees the other (DESIGN law 3).
Pairs with hart.doorbell.raise_event and hart.plic.plic_set_level; `post_event` is the main loop's.

Rule: while HSM says STOPPED interrupts do not wake a hart, only its events do (a start sets one).
The deadline (mtime ticks) is made anew before each sleep, and cannot change during one: who writes a
sleeper's mtimecmp sets its event.
Source: Privileged 3.3.3 (WFI), SBI 2.0 chapter 9.
"""

from __future__ import annotations

from ipc import layout
from ipc.sbi import Hsm
from vcpu_worker.native import native, prim

prim("fence", "atomic_add32", "atomic_or32", "atomic_swap32", "u64", "udiv")

HART_SIZE = layout.HART.size
MINUS_ONE = 0xFFFF_FFFF
NEVER = 0xFFFF_FFFF_FFFF_FFFF
NS = 1_000_000_000
LONGEST_TICKS = 1 << 33  # times NS stays below 2**64; a longer sleep is slept in parts


@native("u64(HART)")
def must_wake(h):
    """1 if a level is set that ends a sleep; the caller has fenced."""
    if h.event != 0 or h.flush_want != h.flush_done:
        return 1
    if h.hsm_state == Hsm.STOPPED:
        return 0
    if h.hsm_state == Hsm.START_PENDING:
        return 1
    if levels(h, h.mie) != 0:
        return 1
    return 0


@native("u64(HART)", export=True)
def prepare_sleep(h):
    """Say "asleep", then look at the levels. 1: the hart may sleep, end_sleep follows; 0: do not."""
    h.asleep = 1
    fence()
    if must_wake(h) != 0:
        h.asleep = 0
        return 0
    set_deadline(h)
    g = HEADER(h.header)
    atomic_add32(addr(g.runnable), MINUS_ONE)
    return 1


@native("u64(HART)", export=True)
def sleep_over(h):
    """1 if a sleeping hart must wake. Called after kick_sent was cleared: the fence stands between."""
    fence()
    return must_wake(h)


@native("u64(HART)", export=True)
def end_sleep(h):
    """Take "asleep" back; the next look at events is made at once, with the time."""
    h.asleep = 0
    g = HEADER(h.header)
    atomic_add32(addr(g.runnable), 1)
    atomic_or32(addr(h.event), layout.EV_IRQ | layout.EV_TIME)
    return 0


@native("u64(HART)", export=True)
def sleep_ns(h):
    """Host ns until h.deadline, rounded up; 0: it has passed; all ones: there is none, or time stands."""
    g = HEADER(h.header)
    if h.deadline == NEVER or g.clock_enabled == 0:
        return NEVER
    now = time_ticks(h)
    if now >= h.deadline:
        return 0
    left = h.deadline - now
    if left > LONGEST_TICKS:
        left = LONGEST_TICKS
    return udiv(left * NS + g.mtime_freq - 1, g.mtime_freq)


@native("u64(HART, u64)", export=True)
def post_event(h, bits):
    """For the main loop: set event bits of a hart. 1: it sleeps and the caller must send it a Kick."""
    atomic_or32(addr(h.event), bits)
    fence()
    if h.asleep == 0:
        return 0
    if atomic_swap32(addr(h.kick_sent), 1) != 0:
        return 0
    return 1


@native("u64(HART)")
def may_begin(h):
    """1 if main may begin an access this hart waits for: as Vcpu.may_begin."""
    if h.mmio_seq == h.mmio_done or h.exit_reason != layout.Exit.MMIO:
        return 0
    runs = h.wanted == layout.Want.RUN or h.wanted == layout.Want.STEP
    return u64(runs and h.acked_gen == h.wanted_gen)


@native("u64(HEADER, u64)", export=True)
def main_may_sleep(g, slots):
    """For the main loop, before it sleeps: 1 if no ring has an entry and no hart waits for a reply that main
    may begin, and main_awake is 0 by then.

    Pairs with hart.mmio.wake_main: store ring_head or mmio_seq; fence; load main_awake. Requests of
    Exit.SBI are not looked at: their worker rings always, and not all are answered at once.
    """
    g.main_awake = 0
    fence()
    i = 0
    while i < g.harts:
        h = HART(slots + i * HART_SIZE)
        if h.ring_head != h.ring_tail or may_begin(h) != 0:
            g.main_awake = 1
            return 0
        i += 1
    return 1
