"""Guest time in compiled code: the header's seqlock and the host's monotonic clock.

Guest time (ns) = clock_offset + host CLOCK_MONOTONIC while clock_enabled, else clock_offset itself.
mtime (ticks) = guest time * mtime_freq / 10^9, rounded down, + mtime_delta.

Rules
- the host clock is read between the two looks at clock_seq: a hart that sees the clock enabled cannot
  return a time later than the one main froze;
- the writer's side is `clock_store` (hart/sleep.py), for the main loop alone;
- one second is counted apart from its fraction, so that no product needs 128 bits: exact for every
  mtime_freq below 1.8e10 Hz.
Source: BEHAVIOUR 4.5 (mtime), DESIGN 3 "Time".
"""

from __future__ import annotations

from ipc.layout import HEADER
from ipc.sbi import Hsm
from vcpu_worker.native import native, prim

prim("icall4", "udiv", "urem", "fence_acquire", "cpu_relax")

CLOCK_MONOTONIC = 1
NS_PER_S = 1_000_000_000
NEVER = 0xFFFF_FFFF_FFFF_FFFF
LONGEST_TICKS = 1 << 33  # times NS_PER_S stays below 2**64


@native("u64(HART)")
def host_ns(h):
    """Host CLOCK_MONOTONIC, ns. Uses os_buf[0..1] as a timespec (two 64-bit words on 64-bit hosts)."""
    icall4(h.os_clock_gettime, CLOCK_MONOTONIC, addr(h.os_buf[0]), 0, 0)
    return h.os_buf[0] * NS_PER_S + h.os_buf[1]


@native("u64(HART)")
def time_ns(h):
    """Guest time, ns."""
    g = HEADER(h.header)
    while True:
        seq = g.clock_seq
        fence_acquire()
        now = g.clock_offset
        if g.clock_enabled != 0:
            now = now + host_ns(h)
        fence_acquire()
        if seq & 1 == 0 and g.clock_seq == seq:
            return now
        cpu_relax()


@native("u64(u64, u64)")
def ns_to_ticks(ns, freq):
    """Ticks of `freq` Hz in `ns`, rounded down."""
    return udiv(ns, NS_PER_S) * freq + udiv(urem(ns, NS_PER_S) * freq, NS_PER_S)


@native("u64(HART)")
def time_raw(h):
    """mtime without mtime_delta, ticks."""
    g = HEADER(h.header)
    return ns_to_ticks(time_ns(h), g.mtime_freq)


@native("u64(HART)", export=True)
def time_ticks(h):
    """mtime, ticks: what rdtime and the CLINT's mtime register give."""
    g = HEADER(h.header)
    return time_raw(h) + g.mtime_delta


@native("u64(HART)", export=True)
def deadline_ns(h):
    """Host ns until h.deadline (set_deadline), rounded up; 0: it is past; all ones: none, or time stands.

    A deadline far away is given in parts: the sleeper asks again.
    """
    g = HEADER(h.header)
    if h.deadline == NEVER or g.clock_enabled == 0 or h.hsm_state == Hsm.STOPPED:
        return NEVER
    now = time_ticks(h)
    if now >= h.deadline:
        return 0
    left = h.deadline - now
    if left > LONGEST_TICKS:
        left = LONGEST_TICKS
    return udiv(left * NS_PER_S + g.mtime_freq - 1, g.mtime_freq)
