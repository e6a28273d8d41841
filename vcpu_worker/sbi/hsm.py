"""SBI HSM: starting, stopping and suspending harts.

hsm_state moves by compare-and-swap. A starter claims STOPPED first, then writes address and opaque,
then says START_PENDING and rings: the target never reads half a request. A hart that stops goes back
to the ROM's x.sbi.boot and sleeps there. Suspension is WFI with a name: it ends when an enabled
interrupt is pending, also one that was pending before.
Source: SBI 2.0, chapter 9; order of checks and errors as OpenSBI (sbi_hsm.c).
"""

from __future__ import annotations

from ipc.layout import EV_IRQ, HART, HEADER, Exit, Fault
from ipc.sbi import Error, Hsm, Wait
from vcpu_worker.isa.sbi_rom import SBI_BOOT
from vcpu_worker.native import native, prim
from vcpu_worker.sbi.state import VALUE

prim("atomic_swap32", "cas32", "fence", "zext32")

NON_RETENTIVE_SHIFT = 31
PLATFORM_TYPES = 0x1000_0000
TYPE_MASK = 0x7FFF_FFFF


@native("u64(HART, u64, u64, u64)")
def hart_start(h, target, gpa, opaque):
    """Let a stopped hart enter S-mode at `gpa`."""
    g = HEADER(h.header)
    if target >= g.harts:
        return Error.INVALID_PARAM
    error = entry_error(h, gpa)
    if error != 0:
        return error
    other = HART(hart_slot(h, target))
    old = cas32(addr(other.hsm_state), Hsm.STOPPED, Hsm.CLAIMED)
    if old == Hsm.STOPPED:
        other.hsm_addr = gpa
        other.hsm_opaque = opaque
        atomic_swap32(addr(other.hsm_state), Hsm.START_PENDING)
        raise_event(h, other, EV_IRQ)
        return Error.SUCCESS
    if old == Hsm.STARTED:
        return Error.ALREADY_AVAILABLE
    return Error.INVALID_PARAM


@native("u64(HART)")
def hart_stop(h):
    """Stop this hart: back to the ROM, where it sleeps until it is started."""
    h.mie = 0  # what a stopped hart has enabled must not keep it awake
    fence()
    atomic_swap32(addr(h.hsm_state), Hsm.STOPPED)
    h.sbi_wait = Wait.NONE
    h.npc = SBI_BOOT
    h.fault = Fault.REFETCH
    return 0


@native("u64(HART, u64)")
def hart_status(h, target):
    """The HSM state of a hart, in scratch[VALUE]."""
    g = HEADER(h.header)
    if target >= g.harts:
        return Error.INVALID_PARAM
    other = HART(hart_slot(h, target))
    state = other.hsm_state
    if state == Hsm.CLAIMED:
        state = zext32(Hsm.START_PENDING)
    h.scratch[VALUE] = state
    return Error.SUCCESS


@native("u64(HART, u64, u64, u64)")
def hart_suspend(h, kind, gpa, opaque):
    """Suspend this hart until an enabled interrupt is pending; then return, or enter at `gpa`."""
    kind = zext32(kind)
    if kind & TYPE_MASK != 0:
        if kind & TYPE_MASK < PLATFORM_TYPES:
            return Error.INVALID_PARAM
        return Error.NOT_SUPPORTED
    if kind >> NON_RETENTIVE_SHIFT != 0:
        error = entry_error(h, gpa)
        if error != 0:
            return error
    if h.sbi_wait != Wait.SUSPEND:
        h.sbi_wait = Wait.SUSPEND
        atomic_swap32(addr(h.hsm_state), Hsm.SUSPENDED)
    if mip_now(h) & h.mie == 0:
        return leave_with(h, Exit.SLEEP)
    atomic_swap32(addr(h.hsm_state), Hsm.STARTED)
    if kind >> NON_RETENTIVE_SHIFT != 0:
        enter_supervisor(h, gpa, opaque)
    return Error.SUCCESS


@native("u64(HART, u64)")
def sbi_hsm(h, fid):
    """hart_start, hart_stop, hart_get_status, hart_suspend."""
    if fid == 0:
        return hart_start(h, h.x[10], h.x[11], h.x[12])
    if fid == 1:
        return hart_stop(h)
    if fid == 2:
        return hart_status(h, h.x[10])
    if fid == 3:
        return hart_suspend(h, h.x[10], h.x[11], h.x[12])
    return Error.NOT_SUPPORTED
