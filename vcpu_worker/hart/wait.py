"""WFI and WRS: giving the host processor back.

Rules
- WFI ends when mip & mie is not 0, whatever the global enables say; it may also end for no reason
  (any event does it), which the architecture allows and guests loop for;
- before a hart sleeps it spins for a short while, if the host has a processor to spare: waking a sleeper
  costs two system calls and more. In serial mode (exact) nothing spins: other harts wait for the token;
- publishing "asleep" and looking at the levels again is the worker's part (DESIGN 3).
Source: RISC-V Privileged 1.13, 3.3.3 and 3.1.6.5 (TW); "Zawrs".
"""

from __future__ import annotations

from ipc.layout import HEADER, REGIONS, Exit, Fault
from vcpu_worker.csr.bits import MSTATUS_TW, Priv
from vcpu_worker.hart.interrupts import levels, set_deadline
from vcpu_worker.hart.trap import illegal
from vcpu_worker.isa.ext import EXT_S
from vcpu_worker.native import native

# Pauses before a WFI sleeps: about 10 us on hosts whose pause takes 40 ns, less than a wake-up costs.
# Chosen, not measured: the IPI bench decides.
WFI_PAUSES = 256
WRS_PAUSES, WRS_PAUSES_SHORT = 64, 16


@native("u64(HART)")
def spin_for_event(h):
    """Wait a bounded time for an event. 1: there is one."""
    g = HEADER(h.header)
    if g.exact != 0 or g.runnable > g.host_cpus:
        return 0
    i = 0
    while i < WFI_PAUSES:
        if h.event != 0:
            return 1
        cpu_relax()
        i += 1
    return 0


@native("u64(HART)", export=True)
def do_wfi(h):
    """WFI. It retires: with REFETCH to look at what is pending, or with LEAVE for the worker to sleep.

    Traps: illegal instruction below M under TW, and in U-mode if there is an S-mode (as QEMU 10).
    """
    if h.priv == Priv.U and (h.isa_ext & EXT_S) != 0:
        return illegal(h)
    if h.priv != Priv.M and (h.mstatus & MSTATUS_TW) != 0:
        return illegal(h)
    h.fault = Fault.REFETCH
    if levels(h, h.mie) != 0 or h.event != 0:
        return 0
    if spin_for_event(h) != 0 or levels(h, h.mie) != 0:
        return 0
    set_deadline(h)
    h.exit_reason = Exit.SLEEP
    h.fault = Fault.LEAVE
    return 0


@native("u64(HART, u64)")
def is_memory(h, at):
    """1 if a host address is inside a region: lr_addr may be from another worker's mapping."""
    g = HEADER(h.header)
    i = 0
    while i < REGIONS:
        if at - h.region_host[i] < g.region_size[i]:
            return 1
        i += 1
    return 0


@native("u64(HART, u64)", export=True)
def do_wrs(h, short):
    """Wait until the reserved word changes, an event comes, or a bounded time is over (shorter for WRS.STO).

    WRS.NTO as well ends after that time, so that TW has nothing to trap.
    """
    at = h.lr_addr
    g = HEADER(h.header)
    if at == 0 or g.exact != 0 or is_memory(h, at) == 0:
        return 0
    left = WRS_PAUSES
    if short != 0:
        left = WRS_PAUSES_SHORT
    while left != 0 and h.event == 0:
        value = ld32(at)
        was = h.lr_value & 0xFFFF_FFFF
        if h.lr_width == 8:
            value = ld64(at)
            was = h.lr_value
        if value != was:
            return 0
        cpu_relax()
        left -= 1
    return 0
