"""SBI SRST: shutdown and reboot of the machine, by the main loop.

The call does not return: once main has taken the request the hart sleeps where it is until the reset.
Source: SBI 2.0, chapter 10; errors as OpenSBI (sbi_ecall_srst.c).
"""

from __future__ import annotations

from ipc.layout import Exit
from ipc.sbi import Eid, Error, Wait
from vcpu_worker.native import native

WARM_REBOOT, SYSTEM_FAILURE = 2, 1


@native("u64(HART, u64, u64)")
def system_reset(h, kind, reason):
    """Ask for a reset of this kind; leaves until it comes."""
    if h.sbi_wait != Wait.GONE:
        error = ask_main(h, Eid.SRST, 0, kind, reason)
        if h.fault != 0 or error != 0:
            return error
        h.sbi_wait = Wait.GONE
        h.mie = 0  # nothing but the reset ends this sleep
    return leave_with(h, Exit.SLEEP)


@native("u64(HART, u64)")
def sbi_srst(h, fid):
    """system_reset."""
    if fid != 0:
        return Error.NOT_SUPPORTED
    if h.x[10] > WARM_REBOOT or h.x[11] > SYSTEM_FAILURE:
        return Error.INVALID_PARAM
    return system_reset(h, h.x[10], h.x[11])
