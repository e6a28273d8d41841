"""Fences of translation and of instruction fetch.

A fence drops at least what it names; what may be kept beyond that is said in hart.context. Stores before
the fence are ordered before later page walks by a full host fence: another hart's walker may be meant.
Source: RISC-V Privileged 1.13, 3.1.6.5 (TVM), 4.2.1, "Svinval"; Unprivileged ISA, "Zifencei".
"""

from __future__ import annotations

from ipc.layout import Fault
from vcpu_worker.csr.bits import MSTATUS_TVM, SATP_ASID_BITS, Priv
from vcpu_worker.hart.context import drop_page, forget_asid, forget_contexts, in_large, update_ctx
from vcpu_worker.hart.trap import illegal
from vcpu_worker.mem.fetch import flush_fetch
from vcpu_worker.native import native


@native("u64(HART)", export=True)
def fence_all(h):
    """What SFENCE.VMA x0, x0 does, for this hart's own translations: also for remote fences."""
    fence()
    forget_contexts(h)
    return update_ctx(h)


@native("u64(HART, u64, u64, u64, u64)", export=True)
def do_sfence_vma(h, va, asid, va_reg, asid_reg):
    """SFENCE.VMA and SINVAL.VMA. va_reg, asid_reg: register numbers, 0 for "all".

    Traps: illegal instruction in U-mode, and in S-mode under TVM.
    """
    if h.priv == Priv.U or (h.priv == Priv.S and (h.mstatus & MSTATUS_TVM) != 0):
        return illegal(h)
    fence()
    if va_reg != 0:
        # the ASID would only spare the same page's entry of another space
        if in_large(h, va) != 0:
            forget_contexts(h)
        else:
            drop_page(h, va)
    elif asid_reg != 0:
        forget_asid(h, asid & SATP_ASID_BITS)
    else:
        forget_contexts(h)
    h.fault = Fault.REFETCH
    return update_ctx(h)


@native("u64(HART)", export=True)
def do_sfence_order(h):
    """SFENCE.W.INVAL and SFENCE.INVAL.IR: SINVAL.VMA has done the work. TVM does not apply."""
    if h.priv == Priv.U:
        return illegal(h)
    fence()
    return 0


@native("u64(HART)", export=True)
def do_fence_i(h):
    """FENCE.I: decoded pages are compared with memory before their next use (mem.fetch)."""
    h.code_epoch = h.code_epoch + 1
    h.fault = Fault.REFETCH
    return flush_fetch(h)
