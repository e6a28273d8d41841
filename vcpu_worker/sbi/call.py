"""One trap into the built-in SBI: x.sbi.call at mtvec, in M-mode, as trap entry left it.

    ecall from S-mode  the SBI call a7.a6 with a0..a5; a0, a1 = error, value; mepc goes on behind it
    M-mode interrupts  software: SSIP (MSWI has no other meaning here); timer: STIP (without Sstc);
                       external: nobody asked for it, switched off
    anything else      back to S-mode as if it had been delegated (sbi_trap_redirect of OpenSBI)

mepc stays on the ecall until the call is complete. A call that must wait leaves the instruction, which
runs again: between its runs the hart is at an instruction boundary, in the ROM, with sbi_wait saying
how far it is. A trap from M-mode itself cannot happen and is fatal.
Source: SBI 2.0, chapter 3; DESIGN 5.
"""

from __future__ import annotations

from ipc.layout import HEADER, Exit
from ipc.sbi import LAST_LEGACY, Eid, Error, Wait
from vcpu_worker.isa.sbi_rom import SBI_TRAP
from vcpu_worker.native import native
from vcpu_worker.sbi.state import ENTERED, MPP, MPP_S, MPP_SHIFT, SIE, SPIE, SPP, SSIP, VALUE

PAGE_SHIFT = 12
MACHINE = 3
IRQ_SHIFT = 63
CAUSE_ECALL_S = 9
IRQ_M_SOFT, IRQ_M_TIMER = 3, 7
MEIE = 1 << 11
FATAL_SBI_TRAP = 0x5B1  # exit_arg[0]; then mcause, mepc, mtval


@native("u64(HART)")
def in_sbi_rom(h):
    """1 if the hart executes the stub: M-mode, in its page, on a machine with the built-in SBI."""
    g = HEADER(h.header)
    if g.builtin_sbi == 0 or h.priv != MACHINE or h.pc >> PAGE_SHIFT != SBI_TRAP >> PAGE_SHIFT:
        return 0
    return 1


@native("u64(HART, u64, u64)")
def sbi_redirect(h, cause, tval):
    """Let S-mode take this trap, at mepc, from the mode in MPP."""
    status = h.mstatus & ~(MPP | SPP | SPIE | SIE)
    if h.mstatus & MPP == MPP_S:
        status = status | SPP
    if h.mstatus & SIE != 0:
        status = status | SPIE
    h.mstatus = status | MPP_S
    h.sepc = h.mepc
    h.scause = cause
    h.stval = tval
    h.mepc = h.stvec & ~3
    return 0


@native("u64(HART, u64)")
def sbi_interrupt(h, number):
    """An M-mode interrupt."""
    if number == IRQ_M_SOFT:
        h.msip = 0
        h.mip_soft = h.mip_soft | SSIP
    elif number == IRQ_M_TIMER:
        sbi_timer_irq(h)
    else:
        h.mie = h.mie & ~MEIE
    return 0


@native("u64(HART, u64, u64)")
def sbi_dispatch(h, eid, fid):
    """The extension's answer: error, and scratch[VALUE]."""
    if eid <= LAST_LEGACY:
        return sbi_legacy(h, eid)
    if eid == Eid.TIME:
        return sbi_time(h, fid)
    if eid == Eid.IPI:
        return sbi_ipi(h, fid)
    if eid == Eid.RFENCE:
        return sbi_rfence(h, fid)
    if eid == Eid.BASE:
        return sbi_base(h, fid)
    if eid == Eid.HSM:
        return sbi_hsm(h, fid)
    if eid == Eid.DBCN:
        return sbi_dbcn(h, fid)
    if eid == Eid.SRST:
        return sbi_srst(h, fid)
    if eid == Eid.SUSP:
        return sbi_susp(h, fid)
    if eid == Eid.PMU:
        return sbi_pmu(h, fid)
    return Error.NOT_SUPPORTED


@native("u64(HART)")
def sbi_ecall(h):
    """An ecall from S-mode."""
    eid = h.x[17]
    h.scratch[VALUE] = 0
    h.scratch[ENTERED] = 0
    error = sbi_dispatch(h, eid, h.x[16])
    if h.fault != 0:
        return 0
    h.sbi_wait = Wait.NONE
    if h.scratch[ENTERED] != 0:
        return 0
    h.x[10] = error
    if eid > LAST_LEGACY:
        h.x[11] = h.scratch[VALUE]
    h.mepc = h.mepc + 4
    return 0


@native("u64(HART)", export=True)
def sbi_call(h):
    """x.sbi.call. Exported for tests."""
    if in_sbi_rom(h) == 0:
        return illegal(h)
    if h.mstatus >> MPP_SHIFT & 3 == MACHINE:
        h.exit_arg[0] = FATAL_SBI_TRAP
        h.exit_arg[1] = h.mcause
        h.exit_arg[2] = h.mepc
        h.exit_arg[3] = h.mtval
        return leave_with(h, Exit.FATAL)
    if h.mcause == CAUSE_ECALL_S:
        return sbi_ecall(h)
    if h.mcause >> IRQ_SHIFT != 0:
        return sbi_interrupt(h, h.mcause & 0xFF)
    return sbi_redirect(h, h.mcause, h.mtval)
