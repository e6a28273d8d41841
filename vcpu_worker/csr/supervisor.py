"""Supervisor-level CSRs.

sstatus, sie and sip are views of the machine's registers, sie and sip through mideleg. satp: a write
with a mode the hart lacks has no effect at all (4.1.11); ASIDs have 16 bits; with mode Bare the other
fields are stored as written, as QEMU 10 does (the specification leaves it open).
Source: RISC-V Privileged 1.13, 4.1; "Sstc" for stimecmp.
"""

from __future__ import annotations

from ipc.layout import Fault
from vcpu_worker.csr.bits import (
    COUNTER_TM,
    MIP_SSIP,
    MSTATUS_FS,
    MSTATUS_SD,
    MSTATUS_TVM,
    SATP_BARE,
    SATP_MODE_SHIFT,
    SATP_SV39,
    SATP_SV48,
    SATP_SV57,
    SSTATUS_READABLE,
    SSTATUS_WRITABLE,
    Priv,
)
from vcpu_worker.csr.machine import COUNTERS, align_epc, envcfg_mask, write_mie, write_mip, write_mstatus
from vcpu_worker.csr.reg import csr
from vcpu_worker.hart.context import update_ctx
from vcpu_worker.hart.interrupts import attend, mip_now, set_deadline, stce_on
from vcpu_worker.isa.ext import EXT_SV39, EXT_SV48, EXT_SV57
from vcpu_worker.native import native


@native("u64(HART, u64)")
def read_sstatus(h, n):
    """The supervisor's part of mstatus."""
    v = h.mstatus & SSTATUS_READABLE
    if (v & MSTATUS_FS) == MSTATUS_FS:
        v |= MSTATUS_SD
    return v


@native("u64(HART, u64, u64)")
def write_sstatus(h, n, v):
    """As a write of mstatus that changes only the supervisor's part."""
    return write_mstatus(h, n, (h.mstatus & ~SSTATUS_WRITABLE) | (v & SSTATUS_WRITABLE))


@native("u64(HART, u64)")
def read_sie(h, n):
    """Enables of delegated interrupts."""
    return h.mie & h.mideleg


@native("u64(HART, u64, u64)")
def write_sie(h, n, v):
    """Bits of delegated interrupts."""
    return write_mie(h, n, (h.mie & ~h.mideleg) | (v & h.mideleg))


@native("u64(HART, u64)")
def read_sip(h, n):
    """Delegated pending interrupts."""
    return mip_now(h) & h.mideleg


@native("u64(HART, u64, u64)")
def write_sip(h, n, v):
    """SSIP alone, if it is delegated; the other bits have owners elsewhere (4.1.3)."""
    mask = h.mideleg & MIP_SSIP
    return write_mip(h, n, (h.mip_soft & ~mask) | (v & mask))


@native("u64(HART, u64, u64)")
def write_stvec(h, n, v):
    """Base and mode 0 or 1."""
    if (v & 3) < 2:
        h.stvec = v
    return 0


@native("u64(HART, u64, u64)")
def write_sepc(h, n, v):
    """See machine.align_epc."""
    h.sepc = align_epc(h, v)
    return 0


@native("u64(HART, u64, u64)")
def write_senvcfg(h, n, v):
    """FIOM and the cache-block controls."""
    mask = envcfg_mask(h, v)
    h.senvcfg = (h.senvcfg & ~mask) | (v & mask)
    return 0


@native("u64(HART, u64)")
def satp_on(h, n):
    """mstatus.TVM takes satp from S-mode."""
    return u64(h.priv != Priv.S or (h.mstatus & MSTATUS_TVM) == 0)


@native("u64(HART, u64)")
def satp_mode_legal(h, mode):
    """1 if the hart has that translation mode."""
    if mode == SATP_SV39:
        return u64((h.isa_ext & EXT_SV39) != 0)
    if mode == SATP_SV48:
        return u64((h.isa_ext & EXT_SV48) != 0)
    if mode == SATP_SV57:
        return u64((h.isa_ext & EXT_SV57) != 0)
    return u64(mode == SATP_BARE)


@native("u64(HART, u64, u64)")
def write_satp(h, n, v):
    """A new address space; cached translations of the old one stay, under its own context number."""
    if v == h.satp or satp_mode_legal(h, v >> SATP_MODE_SHIFT) == 0:
        return 0
    h.satp = v
    update_ctx(h)
    h.fault = Fault.REFETCH
    return 0


@native("u64(HART, u64)")
def stimecmp_on(h, n):
    """Below M, stimecmp needs menvcfg.STCE and mcounteren.TM ("Sstc")."""
    if h.priv == Priv.M:
        return 1
    return u64(stce_on(h) != 0 and (h.mcounteren & COUNTER_TM) != 0)


@native("u64(HART, u64, u64)")
def write_stimecmp(h, n, v):
    """A comparison that holds already is pending at once."""
    h.stimecmp = v
    set_deadline(h)
    return attend(h)


csr(0x100, "sstatus", read=read_sstatus, write=write_sstatus, requires="S")
csr(0x104, "sie", read=read_sie, write=write_sie, requires="S")
csr(0x105, "stvec", field="stvec", write=write_stvec, requires="S")
csr(0x106, "scounteren", field="scounteren", mask=COUNTERS, requires="S")
csr(0x10A, "senvcfg", field="senvcfg", write=write_senvcfg, requires="S")
csr(0x140, "sscratch", field="sscratch", requires="S")
csr(0x141, "sepc", field="sepc", write=write_sepc, requires="S")
csr(0x142, "scause", field="scause", requires="S")
csr(0x143, "stval", field="stval", requires="S")
csr(0x144, "sip", read=read_sip, write=write_sip, requires="S")
csr(0x14D, "stimecmp", field="stimecmp", write=write_stimecmp, requires="Sstc", when=stimecmp_on)
csr(0x180, "satp", field="satp", write=write_satp, requires="S", when=satp_on)
