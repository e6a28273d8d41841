"""The calls of SBI 0.1, which OpenSBI still offers. They return one word, in a0; a1 is kept.

The hart mask is a virtual address of the caller's, read with its rights; a fault there is the caller's
fault at the ecall. Address 0 means all harts. Harts that do not exist are passed over.
Source: SBI 2.0, chapter 5; OpenSBI's sbi_ecall_legacy.c.
"""

from __future__ import annotations

from ipc.layout import Fault
from ipc.sbi import Eid, Error, Wait
from vcpu_worker.native import native, prim
from vcpu_worker.sbi.state import ALL_HARTS, ENTERED, MPRV, SSIP, VALUE

prim("atomic_swap32", "ld8", "u64")

LOAD = 1
LOAD_FAULT = 5


@native("u64(HART, u64)")
def load_as_caller(h, va):
    """The 8 bytes at `va` with the rights of the mode that made the call; h.fault is set if it cannot."""
    h.mstatus = h.mstatus | MPRV  # data accesses with the privilege in MPP (privileged 3.1.6.3)
    value = 0
    i = 0
    while i < 8 and h.fault == 0:
        gpa = translate(h, va + i, LOAD)
        if h.fault == 0:
            p = ram_ptr(h, gpa, 1, 0)
            if p == 0 or pmp_check(h, gpa, 1, LOAD, data_priv(h)) == 0:
                trap(h, LOAD_FAULT, va + i)
            else:
                value = value | (ld8(p) << (8 * i))
        i = i + 1
    h.mstatus = h.mstatus & ~MPRV
    return value


@native("u64(HART)")
def legacy_mask(h):
    """The caller's hart mask, h.sbi_arg[1], with its base in h.sbi_arg[2]. 0: its fault was redirected."""
    if h.sbi_wait == Wait.FENCE:
        return 1  # read when the call began; memory may have changed since
    h.sbi_arg[1] = 0
    h.sbi_arg[2] = ALL_HARTS
    if h.x[10] != 0:
        mask = load_as_caller(h, h.x[10])
        if h.fault == Fault.TRAP:
            h.fault = 0
            sbi_redirect(h, h.trap_cause, h.trap_tval)
            h.scratch[ENTERED] = 1
            return 0
        h.sbi_arg[1] = mask
        h.sbi_arg[2] = 0
    return 1


@native("u64(HART, u64)")
def sbi_legacy(h, eid):
    """A call of SBI 0.1 by its number, 0..8; what a0 becomes."""
    if eid == Eid.SET_TIMER:
        return sbi_set_timer(h, h.x[10])
    if eid == Eid.CONSOLE_PUTCHAR:
        ask_main(h, Eid.DBCN, 2, h.x[10] & 0xFF, 0)
        return Error.SUCCESS
    if eid == Eid.CONSOLE_GETCHAR:
        ask_main(h, Eid.CONSOLE_GETCHAR, 0, 0, 0)
        return h.scratch[VALUE]
    if eid == Eid.CLEAR_IPI:
        pending = atomic_swap32(addr(h.ssip_set), 0) | (h.mip_soft & SSIP)
        h.mip_soft = h.mip_soft & ~SSIP
        return u64(pending != 0)
    if eid == Eid.SHUTDOWN:
        return system_reset(h, 0, 0)
    if legacy_mask(h) == 0:
        return 0
    if eid == Eid.SEND_IPI:
        return send_ipis(h, h.sbi_arg[1], h.sbi_arg[2])
    return remote_fence(h, h.sbi_arg[1], h.sbi_arg[2], u64(eid == Eid.REMOTE_FENCE_I))
