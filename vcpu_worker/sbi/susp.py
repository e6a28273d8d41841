"""SBI SUSP: suspend to RAM, by the main loop. Offered when header.sbi_flags says so.

After main's answer the hart leaves once more (EVENT), so that a stop that main asked for before it
answered is seen before the next instruction, which is at the resume address.
Source: SBI 2.0, chapter 13; errors as OpenSBI (sbi_system.c).
"""

from __future__ import annotations

from ipc.layout import HART, HEADER, Exit
from ipc.sbi import Eid, Error, Hsm, Wait
from vcpu_worker.native import native, prim

prim("zext32")

PLATFORM_TYPES = 0x8000_0000


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


@native("u64(HART, u64)")
def sbi_susp(h, fid):
    """system_suspend."""
    if fid != 0 or sbi_offered(h, Eid.SUSP) == 0:
        return Error.NOT_SUPPORTED
    if h.sbi_wait == Wait.RESUME:
        enter_supervisor(h, h.x[11], h.x[12])
        return Error.SUCCESS
    kind = zext32(h.x[10])
    if kind >= PLATFORM_TYPES:
        return Error.NOT_SUPPORTED
    if kind != 0:
        return Error.INVALID_PARAM
    error = entry_error(h, h.x[11])
    if error == 0 and others_stopped(h) == 0:
        error = Error.DENIED
    if error == 0:
        error = ask_main(h, Eid.SUSP, 0, kind, h.x[11])
    if h.fault != 0 or error != 0:
        return error
    h.sbi_wait = Wait.RESUME
    return leave_with(h, Exit.EVENT)
