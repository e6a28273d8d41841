"""Interrupts: what is pending, which one to take, until when a hart may sleep.

Levels live where their source writes them (CLINT words, PLIC state, mip_soft, stimecmp); nothing caches
mip, it is computed when looked at. Only the clock costs: it is read if a timer's bit is asked for.
Source: RISC-V Privileged 1.13, 3.1.6.1, 3.1.8, 3.1.9, 4.1.3; "Sstc".
"""

from __future__ import annotations

from ipc.layout import Fault
from vcpu_worker.csr.bits import (
    MENVCFG_STCE,
    MIP_M,
    MIP_MEIP,
    MIP_MSIP,
    MIP_MTIP,
    MIP_S,
    MIP_SEIP,
    MIP_SSIP,
    MIP_STIP,
    MSTATUS_MIE,
    MSTATUS_SIE,
    Irq,
    Priv,
)
from vcpu_worker.isa.ext import EXT_SSTC
from vcpu_worker.native import native

NEVER = 0xFFFF_FFFF_FFFF_FFFF


@native("u64(HART)")
def stce_on(h):
    """1 if stimecmp drives STIP. Without Sstc, menvcfg.STCE cannot be set."""
    return u64((h.isa_ext & EXT_SSTC) != 0 and (h.menvcfg & MENVCFG_STCE) != 0)


@native("u64(HART)")
def take_ssip(h):
    """Fold other harts' requests for SSIP into mip_soft. Pairs with the swap-in of SSWI and SBI IPIs."""
    if h.ssip_set != 0:
        atomic_swap32(addr(h.ssip_set), 0)
        h.mip_soft = h.mip_soft | MIP_SSIP
    return 0


@native("u64(HART, u64)")
def levels(h, want):
    """The bits of mip that are in `want`."""
    take_ssip(h)
    bits = h.mip_soft
    timer_bits = want & MIP_MTIP
    if stce_on(h) != 0:
        bits &= ~MIP_STIP
        timer_bits = want & (MIP_MTIP | MIP_STIP)
    if timer_bits != 0:
        now = time_ticks(h)
        if now >= h.mtimecmp:
            bits |= MIP_MTIP
        if (timer_bits & MIP_STIP) != 0 and now >= h.stimecmp:
            bits |= MIP_STIP
    if (h.msip & 1) != 0:
        bits |= MIP_MSIP
    if (want & MIP_MEIP) != 0 and plic_claimable(h, h.hartid * 2) != 0:
        bits |= MIP_MEIP
    if (want & MIP_SEIP) != 0 and plic_claimable(h, h.hartid * 2 + 1) != 0:
        bits |= MIP_SEIP
    return bits & want


@native("u64(HART)", export=True)
def mip_now(h):
    """The whole of mip."""
    return levels(h, MIP_M | MIP_S)


@native("u64(HART, HART)", export=True)
def intc_lines(h, other):
    """The levels that CLINT and PLIC drive into hart `other` now, at their bits of mip: MSIP MTIP SEIP MEIP.

    h: who asks, as for intc_access; its own record for the clock, so that nothing of `other` is written.
    """
    bits = 0
    if (other.msip & 1) != 0:
        bits |= MIP_MSIP
    if time_ticks(h) >= other.mtimecmp:
        bits |= MIP_MTIP
    if plic_claimable(h, other.hartid * 2) != 0:
        bits |= MIP_MEIP
    if plic_claimable(h, other.hartid * 2 + 1) != 0:
        bits |= MIP_SEIP
    return bits


@native("u64(u64)")
def first_irq(bits):
    """The code of the pending interrupt with the highest priority: MEI MSI MTI SEI SSI STI. bits not 0."""
    if (bits & MIP_MEIP) != 0:
        return Irq.MEI
    if (bits & MIP_MSIP) != 0:
        return Irq.MSI
    if (bits & MIP_MTIP) != 0:
        return Irq.MTI
    if (bits & MIP_SEIP) != 0:
        return Irq.SEI
    if (bits & MIP_SSIP) != 0:
        return Irq.SSI
    return Irq.STI


@native("u64(HART)", export=True)
def pending_irq(h):
    """Code + 1 of the interrupt to take now, or 0. Those for M-mode come before delegated ones."""
    enabled = h.mie
    if enabled == 0:
        return 0
    to_m = 0
    to_s = 0
    if h.priv != Priv.M or (h.mstatus & MSTATUS_MIE) != 0:
        to_m = enabled & ~h.mideleg
    if h.priv == Priv.U or (h.priv == Priv.S and (h.mstatus & MSTATUS_SIE) != 0):
        to_s = enabled & h.mideleg
    if (to_m | to_s) == 0:
        return 0
    ready = levels(h, to_m | to_s)
    if (ready & to_m) != 0:
        return first_irq(ready & to_m) + 1
    if ready != 0:
        return first_irq(ready) + 1
    return 0


@native("u64(HART)")
def attend(h):
    """After a change of enables or levels by an instruction: let the hart look at its events at once."""
    if pending_irq(h) != 0:
        h.fault = Fault.REFETCH
    return 0


@native("u64(HART)", export=True)
def set_deadline(h):
    """h.deadline: when, in ticks, a timer that is enabled in mie becomes pending.

    A timer that mie does not enable wakes nobody: firmware leaves passed compare values behind, which
    would keep an idle hart awake for ever.
    """
    at = NEVER
    if (h.mie & MIP_MTIP) != 0:
        at = h.mtimecmp
    if (h.mie & MIP_STIP) != 0 and stce_on(h) != 0 and h.stimecmp < at:
        at = h.stimecmp
    h.deadline = at
    return 0
