"""SBI TIME: the supervisor's timer.

With Sstc (menvcfg.STCE) it is stimecmp. Without, mtimecmp and STIP by hand: the M-mode timer interrupt
makes STIP pending and goes silent until the next set_timer, as OpenSBI does (sbi_timer.c).
Source: SBI 2.0, chapter 6; privileged 1.13, "Sstc".
"""

from __future__ import annotations

from ipc.layout import EV_IRQ, EV_TIME
from ipc.sbi import Error
from vcpu_worker.native import native
from vcpu_worker.sbi.state import MTIP, STIP

STCE_SHIFT = 63


@native("u64(HART, u64)")
def sbi_set_timer(h, when):
    """Interrupt at `when` ticks; a pending timer interrupt is cleared."""
    if h.menvcfg >> STCE_SHIFT != 0:
        h.stimecmp = when
    else:
        h.mip_soft = h.mip_soft & ~STIP
        h.mtimecmp = when
        h.mie = h.mie | MTIP
    set_deadline(h)
    raise_event(h, h, EV_IRQ | EV_TIME)
    return Error.SUCCESS


@native("u64(HART)")
def sbi_timer_irq(h):
    """The M-mode timer interrupt, without Sstc: hand it to S-mode."""
    h.mie = h.mie & ~MTIP
    h.mip_soft = h.mip_soft | STIP
    return 0


@native("u64(HART, u64)")
def sbi_time(h, fid):
    """set_timer."""
    if fid != 0:
        return Error.NOT_SUPPORTED
    return sbi_set_timer(h, h.x[10])
