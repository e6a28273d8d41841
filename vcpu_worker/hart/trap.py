"""Traps: how they are raised, taken and returned from.

Decisions where the specification leaves freedom, each as QEMU 10 does:
- ebreak writes its own address to xtval; ecall and interrupts write 0;
- illegal instructions write their bits (hart.run fills them in: tval 0 with cause 2 means "not yet");
- vectored mode adds 4 * cause to a base of any 4-byte alignment.
The reservation of LR ends with every trap and trap return: an SC never succeeds across one.
Source: RISC-V Privileged 1.13, 3.1.6.1, 3.1.7, 3.1.8, 3.1.16, 3.3.2, 4.1.9.
"""

from __future__ import annotations

from ipc.layout import Fault
from vcpu_worker.csr.bits import (
    INTERRUPT,
    MPP_SHIFT,
    MSTATUS_MIE,
    MSTATUS_MPIE,
    MSTATUS_MPP,
    MSTATUS_MPRV,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SPP,
    MSTATUS_TSR,
    Cause,
    Priv,
)
from vcpu_worker.hart.context import update_ctx
from vcpu_worker.isa.ext import EXT_U
from vcpu_worker.native import native

PREVIOUS = 4  # xPIE is this many bits above xIE
SPP_SHIFT = 8


@native("u64(HART, u64, u64)")
def trap(h, cause, tval):
    """The present instruction traps. Returns 0, for `return trap(...)`."""
    h.fault = Fault.TRAP
    h.trap_cause = cause
    h.trap_tval = tval
    return 0


@native("u64(HART)")
def illegal(h):
    """The present instruction is illegal; its bits become xtval on the way to the handler."""
    return trap(h, Cause.ILLEGAL, 0)


@native("u64(HART, u64, u64)")
def enter_s(h, cause, tval):
    """Go to the supervisor's handler with h.pc as sepc."""
    status = h.mstatus
    kept = status & ~(MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE)
    h.mstatus = kept | ((status & MSTATUS_SIE) << PREVIOUS) | (h.priv << SPP_SHIFT)
    h.sepc = h.pc
    h.scause = cause
    h.stval = tval
    h.priv = Priv.S
    h.pc = h.stvec & ~3
    if (cause & INTERRUPT) != 0 and (h.stvec & 1) != 0:
        h.pc = h.pc + ((cause & 63) << 2)
    return 0


@native("u64(HART, u64, u64)")
def enter_m(h, cause, tval):
    """Go to the machine's handler with h.pc as mepc."""
    status = h.mstatus
    kept = status & ~(MSTATUS_MPP | MSTATUS_MPIE | MSTATUS_MIE)
    h.mstatus = kept | ((status & MSTATUS_MIE) << PREVIOUS) | (h.priv << MPP_SHIFT)
    h.mepc = h.pc
    h.mcause = cause
    h.mtval = tval
    h.priv = Priv.M
    h.pc = h.mtvec & ~3
    if (cause & INTERRUPT) != 0 and (h.mtvec & 1) != 0:
        h.pc = h.pc + ((cause & 63) << 2)
    return 0


@native("u64(HART)", export=True)
def trap_enter(h):
    """Take the exception that trap() noted, at h.pc."""
    cause = h.trap_cause
    h.n_traps = h.n_traps + 1
    h.lr_addr = 0
    if h.priv != Priv.M and ((h.medeleg >> cause) & 1) != 0:
        enter_s(h, cause, h.trap_tval)
    else:
        enter_m(h, cause, h.trap_tval)
    return update_ctx(h)


@native("u64(HART, u64)", export=True)
def interrupt_enter(h, irq):
    """Take interrupt `irq`, which pending_irq has found to be takable, at h.pc."""
    h.n_irqs = h.n_irqs + 1
    h.lr_addr = 0
    if h.priv != Priv.M and ((h.mideleg >> irq) & 1) != 0:
        enter_s(h, INTERRUPT | irq, 0)
    else:
        enter_m(h, INTERRUPT | irq, 0)
    return update_ctx(h)


@native("u64(HART, u64)")
def return_to(h, priv):
    """The common end of xRET: the mode, MPRV (cleared below M), reservation, contexts."""
    if priv != Priv.M:
        h.mstatus = h.mstatus & ~MSTATUS_MPRV
    h.priv = priv
    h.lr_addr = 0
    h.fault = Fault.REFETCH
    return update_ctx(h)


@native("u64(HART)", export=True)
def do_mret(h):
    """MRET."""
    if h.priv != Priv.M:
        return illegal(h)
    status = h.mstatus
    kept = status & ~(MSTATUS_MPP | MSTATUS_MIE)
    least = 0  # MPP becomes the least privileged mode there is
    if (h.isa_ext & EXT_U) == 0:
        least = MSTATUS_MPP
    h.mstatus = kept | ((status & MSTATUS_MPIE) >> PREVIOUS) | MSTATUS_MPIE | least
    h.npc = h.mepc
    return return_to(h, (status & MSTATUS_MPP) >> MPP_SHIFT)


@native("u64(HART)", export=True)
def do_sret(h):
    """SRET: from S unless mstatus.TSR forbids it, and from M."""
    if h.priv == Priv.U or (h.priv == Priv.S and (h.mstatus & MSTATUS_TSR) != 0):
        return illegal(h)
    status = h.mstatus
    kept = status & ~(MSTATUS_SPP | MSTATUS_SIE)
    h.mstatus = kept | ((status & MSTATUS_SPIE) >> PREVIOUS) | MSTATUS_SPIE
    h.npc = h.sepc
    return return_to(h, (status & MSTATUS_SPP) >> SPP_SHIFT)


@native("u64(HART)", export=True)
def do_ecall(h):
    """ECALL: the cause tells the mode it came from."""
    return trap(h, Cause.ECALL_U + h.priv, 0)


@native("u64(HART)", export=True)
def do_ebreak(h):
    """EBREAK and C.EBREAK. h.pc is theirs (`system`)."""
    return trap(h, Cause.BREAKPOINT, h.pc)
