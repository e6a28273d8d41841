"""Unprivileged CSRs: floating-point control, counters and time.

Counters count retired instructions, cycles as well: a hart of ours has no other clock, and so a
program's counts do not depend on the host. While a counter is inhibited its delta is its value.
Source: Unprivileged ISA, "Zicsr", "F" (fcsr), "Zicntr", "Zihpm"; Privileged 3.1.10-3.1.12, 4.1.5.
"""

from __future__ import annotations

from vcpu_worker.csr.bits import COUNTER_CY, COUNTER_IR, MSTATUS_FS, Priv
from vcpu_worker.csr.reg import csr
from vcpu_worker.isa.ext import EXT_S
from vcpu_worker.native import native, prim

prim("u64")


@native("u64(HART, u64)")
def fp_on(h, n):
    """Floating-point CSRs are accessible while mstatus.FS is not Off."""
    return u64(h.fs_off == 0)


@native("u64(HART)")
def fp_dirty(h):
    """A write of a floating-point CSR makes mstatus.FS Dirty."""
    if (h.mstatus & MSTATUS_FS) != 0:
        h.mstatus = h.mstatus | MSTATUS_FS
    return 0


@native("u64(HART, u64, u64)")
def write_fflags(h, n, v):
    """Five flag bits."""
    h.fflags = v & 31
    return fp_dirty(h)


@native("u64(HART, u64, u64)")
def write_frm(h, n, v):
    """Three bits; 5 to 7 may be stored and make instructions with a dynamic rounding mode illegal."""
    h.frm = v & 7
    return fp_dirty(h)


@native("u64(HART, u64)")
def read_fcsr(h, n):
    """frm above fflags."""
    return (h.frm << 5) | h.fflags


@native("u64(HART, u64, u64)")
def write_fcsr(h, n, v):
    """Both parts; the reserved bits above them read as zero."""
    h.fflags = v & 31
    h.frm = (v >> 5) & 7
    return fp_dirty(h)


@native("u64(HART, u64)")
def counter_on(h, n):
    """Whether the counter-enable registers let the present mode read counter n & 31."""
    at = n & 31
    if h.priv != Priv.M and ((h.mcounteren >> at) & 1) == 0:
        return 0
    if h.priv == Priv.U and (h.isa_ext & EXT_S) != 0 and ((h.scounteren >> at) & 1) == 0:
        return 0
    return 1


@native("u64(HART)")
def retired(h):
    """Instructions retired before the present one."""
    return h.instret_base - h.bud


@native("u64(HART, u64)")
def read_cycle(h, n):
    """cycle and mcycle."""
    if (h.mcountinhibit & COUNTER_CY) != 0:
        return h.mcycle_delta
    return h.mcycle_delta + retired(h)


@native("u64(HART, u64)")
def read_instret(h, n):
    """instret and minstret."""
    if (h.mcountinhibit & COUNTER_IR) != 0:
        return h.minstret_delta
    return h.minstret_delta + retired(h)


@native("u64(HART, u64)")
def read_time(h, n):
    """mtime, in ticks."""
    return time_ticks(h)


csr(0x001, "fflags", field="fflags", write=write_fflags, requires="F", when=fp_on)
csr(0x002, "frm", field="frm", write=write_frm, requires="F", when=fp_on)
csr(0x003, "fcsr", read=read_fcsr, write=write_fcsr, requires="F", when=fp_on)
csr(0xC00, "cycle", read=read_cycle, requires="Zicntr", when=counter_on)
csr(0xC01, "time", read=read_time, requires="Zicntr", when=counter_on)
csr(0xC02, "instret", read=read_instret, requires="Zicntr", when=counter_on)
csr(0xC03, "hpmcounter{}", value=0, count=29, first=3, requires="Zihpm", when=counter_on)
