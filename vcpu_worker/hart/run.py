"""The hart's outer loop in compiled code: entry, events at block ends, exact budgets, leaving.

Rules
- on entry the hart says "in guest", fences, then serves flushes asked for meanwhile: a remote fence's
  caller need wait only for harts that say so (pairs with sbi.rfence);
- h.instret_base - h.bud is the retired count whenever h.bud is in memory; refills move both;
- an instruction that waits for main's reply (h.mmio_ready) runs before any interrupt is looked at.
Source: DESIGN laws 6 and 7, section 3.
"""

from __future__ import annotations

from ipc.layout import EV_MSG, EV_TRACE, HEADER, TRACE_ASM, TRACE_INT, Exit, Fault
from vcpu_worker.mem.decode import MAX_OPS
from vcpu_worker.native import native

CAUSE_ILLEGAL = 2
SLICE_NS = 100_000
SLICE_NS_HALF = SLICE_NS // 2
SLICE_MIN, SLICE_MAX = 2_000, 400_000
ONE_BY_ONE = 8 * MAX_OPS  # from the handler table to the one where a pair's op does its first half
STORM = 1024  # about 0.1 ms; a trap in a trap handler's first instruction is rare, three in a row a bug
STRAIGHT = 4096  # more than the instructions a hart can run between two looks at its budget


@native("u64(HART, u64)")
def set_budget(h, n):
    """bud = n, the retired count unchanged."""
    h.instret_base += n - h.bud
    h.bud = n
    return 0


@native("u64(HART)")
def serve_flush(h):
    """Do the flushes that other harts have asked for."""
    want = h.flush_want
    if want != h.flush_done:
        flush_tlb(h)
        h.code_epoch += 1
        fence()
        h.flush_done = want
    return 0


@native("u64(HART)")
def new_slice(h):
    """Refill the budget for about SLICE_NS of host time, by the speed of the last slice."""
    now = host_ns(h)
    took = now - h.slice_ns
    h.slice_ns = now
    n = h.slice
    if took < SLICE_NS_HALF and n < SLICE_MAX:
        n += n >> 2
    elif took > SLICE_NS * 2 and n > SLICE_MIN:
        n -= n >> 2
    h.slice = n
    return set_budget(h, n)


@native("u64(HART)")
def hart_poll(h):
    """Serve events at h.pc, with pc and bud in the slot. 0: go on at h.pc; 1: leave with exit_reason."""
    if h.mode_step != 0:
        h.exit_reason = Exit.STEP
        return 1
    ev = 0
    if h.event != 0:
        ev = atomic_swap32(addr(h.event), 0)
    serve_flush(h)
    if slt(h.bud, 1):
        if h.exact_run != 0:
            h.exit_reason = Exit.BUDGET
            if (ev & EV_MSG) != 0:
                atomic_or32(addr(h.event), EV_MSG)
            return 1
        new_slice(h)
    if (ev & EV_MSG) != 0:
        h.exit_reason = Exit.EVENT
        return 1
    irq = pending_irq(h)
    told = 0
    if irq != 0:
        epc = h.pc
        interrupt_enter(h, irq - 1)
        told = tell_trap(h, (1 << 63) | (irq - 1), epc, 0)
    if (ev & EV_TRACE) != 0:
        h.trace_ready |= TRACE_ASM
        h.exit_reason = Exit.TRACE
        told = 1
    return told


@native("u64(HART, u64, u64, u64)")
def tell_trap(h, cause, epc, tval):
    """Note a trap for the log, if there is one. 1: leave with Exit.TRACE."""
    g = HEADER(h.header)
    if (g.trace & TRACE_INT) == 0:
        return 0
    h.trace_cause = cause
    h.trace_epc = epc
    h.trace_tval = tval
    h.trace_ready |= TRACE_INT
    h.exit_reason = Exit.TRACE
    return 1


@native("u64(HART)")
def trap_storm(h):
    """1 if STORM traps, this one the last, have been taken without a retired instruction between."""
    retired = h.instret_base - h.bud
    if retired != h.storm_at:
        h.storm_at = retired
        h.storm = 0
    h.storm += 1
    return u64(h.storm >= STORM)


@native("u64(HART)")
def leave(h):
    """End an instruction whose native set h.fault; pc and bud are in the slot. As hart_poll."""
    fault = h.fault
    h.fault = 0
    if fault == Fault.TRAP:
        if h.trap_cause == CAUSE_ILLEGAL and h.trap_tval == 0:
            h.trap_tval = insn_bits(h)
        epc = h.pc
        h.mmio_ready = 0  # a reply is for the instruction at pc, which has ended otherwise
        trap_enter(h)
        if h.exact_run == 0:
            # a guest that traps for ever still comes to its polls
            h.bud -= 1
            h.instret_base -= 1
        if h.mode_step != 0:
            h.exit_reason = Exit.STEP
            return 1
        if tell_trap(h, h.trap_cause, epc, h.trap_tval) != 0:
            return 1
        if h.exact_run != 0 and trap_storm(h) != 0:
            h.exit_reason = Exit.STORM
            return 1
        if h.event != 0 or slt(h.bud, 1):
            return hart_poll(h)
        return 0
    if fault == Fault.EXIT:
        return 1
    h.pc = h.npc
    h.bud -= 1
    if fault == Fault.LEAVE:
        return 1
    if h.mode_step != 0:
        h.exit_reason = Exit.STEP
        return 1
    return hart_poll(h)


@native("u64(HART)")
def enter_guest(h):
    """Say "in guest" before the first guest instruction."""
    h.in_guest = 1
    fence()
    serve_flush(h)
    g = HEADER(h.header)
    if g.break_version != h.break_seen:
        apply_breaks(h)
    h.exit_reason = Exit.NONE
    h.fault = 0
    return 0


@native("u64(HART)", export=True)
def run(h):
    """Run the hart until something is for Python. Returns an Exit; h.pc is at an instruction boundary."""
    enter_guest(h)
    h.mode_step = 0
    h.exact_run = 0
    h.slice_ns = host_ns(h)
    if slt(h.bud, 1):
        set_budget(h, h.slice)
    left = 0
    if h.mmio_ready == 0:
        left = hart_poll(h)
    if left == 0:
        enter_code(h)
    h.last_exit = h.exit_reason
    fence()
    h.in_guest = 0
    return h.exit_reason


@native("u64(HART, u64)", export=True)
def run_exact(h, n):
    """As run, but at most n instructions retire; Exit.BUDGET when exactly n did. Interrupts at exact counts
    are the caller's business: events are looked at on entry and at block ends.

    Exit.STORM: the guest has taken STORM traps and retired nothing between them, which may go on for ever.
    It comes at the same place for the same inputs; the caller calls again for what is left of n.
    """
    enter_guest(h)
    h.mode_step = 0
    h.exact_run = 1
    h.storm = 0
    target = h.instret_base - h.bud + n
    set_budget(h, n)
    left = 0
    if h.mmio_ready == 0 and n != 0:
        left = hart_poll(h)
    while left == 0:
        remaining = target - (h.instret_base - h.bud)
        if remaining == 0:
            h.exit_reason = Exit.BUDGET
            left = 1
        elif remaining > STRAIGHT:
            set_budget(h, remaining - STRAIGHT)
            enter_code(h)
            if h.exit_reason != Exit.BUDGET:
                left = 1
        else:
            set_budget(h, remaining)
            left = step_code(h)
    h.exact_run = 0
    fence()
    h.in_guest = 0
    return h.exit_reason


@native("u64(HART)")
def step_code(h):
    """One instruction at h.pc, or the trap it takes. 1: leave."""
    h.exit_reason = Exit.STEP
    e = fetch_slow(h, h.pc)
    if e == 0:
        return leave(h)
    h.dispatch += ONE_BY_ONE
    step1(h, e)
    h.dispatch -= ONE_BY_ONE
    if h.exit_reason == Exit.STEP or h.exit_reason == Exit.BUDGET:
        return 0
    return 1


@native("u64(HART)", export=True)
def run_step(h):
    """One instruction, or the trap it takes, without a look at events. Returns an Exit (STEP when done)."""
    enter_guest(h)
    h.mode_step = 1
    h.exact_run = 0
    set_budget(h, 1 << 20)
    step_code(h)
    h.mode_step = 0
    fence()
    h.in_guest = 0
    return h.exit_reason
