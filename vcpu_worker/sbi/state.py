"""What the SBI extensions share: machine state bits, hart masks, entry into S-mode, calls for the main loop.

Conventions of the extensions: a native takes the hart (and the function number, a6), finds a0..a5 in
x[10..15] unchanged, returns the error, and puts a value into scratch[VALUE]. When it sets h.fault the
call is not over: the instruction leaves, runs again later, and the extension finds by sbi_wait how far
it had come. scratch[ENTERED] = 1: the hart goes elsewhere, a0 and a1 are no result.

Source: SBI 2.0, chapters 3 and 9; privileged 1.13, 3.1.6 (mstatus).
"""

from __future__ import annotations

from ipc.layout import HART, HEADER, Exit, Fault
from ipc.sbi import Error, Hsm, Wait
from vcpu_worker.native import native, prim

prim("clz64", "sext32")

# indices of HART.scratch; the natives of memory and CSRs use the low ones
VALUE, ENTERED = 8, 9

SIE, SPIE, SPP, MPIE, MPP, FS, MPRV = 1 << 1, 1 << 5, 1 << 8, 1 << 7, 3 << 11, 3 << 13, 1 << 17
MPP_SHIFT, MPP_S = 11, 1 << 11
SSIP, STIP, MTIP = 1 << 1, 1 << 5, 1 << 7
ALL_HARTS = 0xFFFF_FFFF_FFFF_FFFF


@native("u64(u64, u64, u64)")
def in_hart_mask(mask, base, hart):
    """1 if {hart_mask, hart_mask_base} names `hart`."""
    if base == ALL_HARTS:
        return 1
    if hart < base or hart - base > 63:
        return 0
    return mask >> (hart - base) & 1


@native("u64(HART, u64, u64)")
def hart_mask_error(h, mask, base):
    """INVALID_PARAM if the mask names a hart that does not exist, else SUCCESS."""
    g = HEADER(h.header)
    if base == ALL_HARTS or mask == 0:
        return Error.SUCCESS
    if base >= g.harts or base + (63 - clz64(mask)) >= g.harts:
        return Error.INVALID_PARAM
    return Error.SUCCESS


@native("u64(HART)")
def takes_interrupts(other):
    """1 if HSM says the hart can be interrupted. IPIs to others are dropped, as OpenSBI does."""
    if other.hsm_state == Hsm.STARTED or other.hsm_state == Hsm.SUSPENDED:
        return 1
    return 0


@native("u64(HART, u64)")
def entry_error(h, gpa):
    """INVALID_ADDRESS unless S-mode can begin to execute at guest physical address `gpa`."""
    if gpa & 1 != 0 or ram_ptr(h, gpa, 2, 0) == 0:
        return Error.INVALID_ADDRESS
    return Error.SUCCESS


@native("u64(HART, u64, u64)")
def enter_supervisor(h, gpa, opaque):
    """Let the mret behind this instruction enter S-mode at `gpa`: a0 = hartid, a1 = opaque, bare, SIE off.

    stvec, sscratch and sie as OpenSBI leaves them (sbi_hart_switch_mode).
    """
    h.x[10] = h.hartid
    h.x[11] = opaque
    h.mepc = gpa
    h.stvec = gpa & ~3
    h.sscratch = 0
    h.mie = 0
    h.satp = 0
    h.mstatus = (h.mstatus & ~(SIE | MPIE | MPP | MPRV)) | MPP_S
    h.sbi_wait = Wait.NONE
    h.scratch[ENTERED] = 1
    set_deadline(h)
    flush_tlb(h)
    update_ctx(h)
    return 0


@native("u64(HART, u64)")
def leave_with(h, reason):
    """Leave the instruction, to run it again: exit_reason = reason."""
    h.exit_reason = reason
    h.fault = Fault.EXIT
    return 0


@native("u64(HART, u64, u64, u64, u64)")
def ask_main(h, eid, fid, a0, a1):
    """The main loop's answer: error returned, value in scratch[VALUE]. Without one yet: leaves to ask."""
    if h.mmio_ready != 0:
        h.mmio_ready = 0
        h.scratch[VALUE] = h.mmio_reply
        return sext32(h.mmio_error)
    h.exit_arg[0] = eid
    h.exit_arg[1] = fid
    h.exit_arg[2] = a0
    h.exit_arg[3] = a1
    h.exit_arg[4] = h.x[12]
    h.exit_arg[5] = h.x[13]
    h.exit_arg[6] = h.x[14]
    h.exit_arg[7] = h.x[15]
    return leave_with(h, Exit.SBI)


@native("u64(HART, u64)")
def hart_slot(h, i):
    """The slot of hart number i, which exists."""
    return h.slots + i * HART.size
