"""SBI SUSP: suspend to RAM, by the main loop. Offered when header.sbi_flags says so.

All other harts must be STOPPED. A kernel takes its processors down and calls us as soon as they have said
goodbye, which is before their hart_stop: a hart whose process gets no processor meanwhile is late. So we give
them PATIENCE_NS of guest time before the answer is DENIED.

After main's answer the hart leaves once more (EVENT), so that a stop that main asked for before it
answered is seen before the next instruction, which is at the resume address.
Source: SBI 2.0, chapter 13. OpenSBI says NOT_SUPPORTED for platform-specific types, the specification
INVALID_PARAM for those that nobody has implemented.
"""

from __future__ import annotations

from ipc.layout import HART, HEADER, Exit
from ipc.sbi import Eid, Error, Hsm, Wait
from vcpu_worker.native import native, prim

prim("zext32")

SUSPEND_TO_RAM = 0
PATIENCE_NS = 100_000_000


@native("u64(HART)")
def others_stopped(h):
    """1 if every hart but this one is STOPPED."""
    g = HEADER(h.header)
    i = 0
    while i < g.harts:
        other = HART(hart_slot(h, i))
        if other != h and other.hsm_state != Hsm.STOPPED:
            return 0
        i = i + 1
    return 1


@native("u64(HART)")
def await_others(h):
    """Some hart runs: leave, to look again, until it has been for too long."""
    now = time_ns(h)
    if h.sbi_wait != Wait.OTHERS:
        h.sbi_wait = Wait.OTHERS
        h.sbi_arg[0] = now + PATIENCE_NS
    if now >= h.sbi_arg[0]:
        return Error.DENIED
    return leave_with(h, Exit.EVENT)


@native("u64(HART, u64)")
def sbi_susp(h, fid):
    """system_suspend."""
    if fid != 0 or sbi_offered(h, Eid.SUSP) == 0:
        return Error.NOT_SUPPORTED
    if h.sbi_wait == Wait.RESUME:
        enter_supervisor(h, h.x[11], h.x[12])
        return Error.SUCCESS
    kind = zext32(h.x[10])
    if kind != SUSPEND_TO_RAM:
        return Error.INVALID_PARAM
    error = entry_error(h, h.x[11])
    if error != 0:
        return error
    if others_stopped(h) == 0:
        return await_others(h)
    error = ask_main(h, Eid.SUSP, 0, kind, h.x[11])
    if h.fault != 0 or error != 0:
        return error
    h.sbi_wait = Wait.RESUME
    return leave_with(h, Exit.EVENT)
