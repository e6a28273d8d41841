"""Machine-level CSRs.

Decisions where the specification leaves freedom (WARL), each as QEMU 10's rv64 does unless said:
- identification registers read zero ("not implemented"); misa ignores writes;
- mstatus: MPP keeps its value when 2 is written; UXL and SXL are 64 bit, read-only (QEMU stores 1);
- mtvec: a write with a reserved mode is ignored, the base has no alignment beyond 4 bytes;
- medeleg: what cannot occur below M is read-only zero (QEMU stores the hypervisor's causes too);
- mie, mip, mideleg: only the six standard interrupts (QEMU's mie stores bits 13 and above);
- event counters 3 to 31 exist, read-only zero; their counter-enable bits are writable;
- menvcfg.CBIE keeps its value when 2 is written.
Absent, hence trapping: mseccfg, mstatush and other RV32 halves, Smstateen, AIA, Sscofpmf, Smrnmi.
Source: RISC-V Privileged 1.13, 3.1.
"""

from __future__ import annotations

from vcpu_worker.csr.bits import (
    COUNTER_CY,
    COUNTER_IR,
    DELEGABLE,
    ENVCFG_CBCFE,
    ENVCFG_CBIE,
    ENVCFG_CBIE_RESERVED,
    ENVCFG_CBZE,
    ENVCFG_FIOM,
    MENVCFG_ADUE,
    MENVCFG_PBMTE,
    MENVCFG_STCE,
    MIP_M,
    MIP_S,
    MIP_SEIP,
    MIP_SSIP,
    MIP_STIP,
    MPP_SHIFT,
    MSTATUS_FS,
    MSTATUS_MIE,
    MSTATUS_MPIE,
    MSTATUS_MPP,
    MSTATUS_MPRV,
    MSTATUS_MXR,
    MSTATUS_SD,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SPP,
    MSTATUS_SUM,
    MSTATUS_TSR,
    MSTATUS_TVM,
    MSTATUS_TW,
    Priv,
)
from vcpu_worker.csr.reg import csr
from vcpu_worker.csr.user import read_cycle, read_instret, retired
from vcpu_worker.hart.context import forget_contexts, update_ctx
from vcpu_worker.hart.interrupts import attend, mip_now, set_deadline, stce_on, take_ssip
from vcpu_worker.isa.ext import (
    EXT_F,
    EXT_S,
    EXT_SSTC,
    EXT_SVADU,
    EXT_SVPBMT,
    EXT_U,
    EXT_ZCA,
    EXT_ZICBOM,
    EXT_ZICBOZ,
)
from vcpu_worker.mem.pmp import read_pmpcfg, write_pmpaddr, write_pmpcfg
from vcpu_worker.native import native

ALWAYS_WRITABLE = MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP
NEEDS_U = MSTATUS_MPRV | MSTATUS_TW
NEEDS_S = (
    MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM | MSTATUS_TSR
)  # fmt: skip
CTX_BITS = MSTATUS_MPP | MSTATUS_FS | MSTATUS_MPRV | MSTATUS_SUM | MSTATUS_MXR  # what update_ctx looks at
COUNTERS = 0xFFFF_FFFF
INHIBITABLE = COUNTER_CY | COUNTER_IR


@native("u64(HART, u64, u64)")
def write_ignored(h, n, v):
    """For registers whose whole content is fixed."""
    return 0


@native("u64(HART, u64)")
def read_mstatus(h, n):
    """The stored word and SD, which summarises FS."""
    if (h.mstatus & MSTATUS_FS) == MSTATUS_FS:
        return h.mstatus | MSTATUS_SD
    return h.mstatus


@native("u64(HART, u64)")
def legal_mpp(h, mpp):
    """1 if the hart has that privilege mode."""
    if mpp == Priv.M:
        return 1
    if mpp == Priv.S:
        return u64((h.isa_ext & EXT_S) != 0)
    return u64(mpp == Priv.U and (h.isa_ext & EXT_U) != 0)


@native("u64(HART, u64, u64)")
def write_mstatus(h, n, v):
    """Legalise, then let translation contexts and pending interrupts follow."""
    mask = ALWAYS_WRITABLE
    if (h.isa_ext & EXT_U) != 0:
        mask |= NEEDS_U
    if (h.isa_ext & EXT_S) != 0:
        mask |= NEEDS_S
    if (h.isa_ext & EXT_F) != 0:
        mask |= MSTATUS_FS
    if legal_mpp(h, (v & MSTATUS_MPP) >> MPP_SHIFT) == 0:
        mask &= ~MSTATUS_MPP
    old = h.mstatus
    new = (old & ~mask) | (v & mask)
    h.mstatus = new
    if ((old ^ new) & CTX_BITS) != 0:
        update_ctx(h)
    return attend(h)


@native("u64(HART, u64, u64)")
def write_mideleg(h, n, v):
    """Delegation of the three supervisor interrupts; the machine's own stay in M."""
    h.mideleg = v & MIP_S
    return attend(h)


@native("u64(HART, u64, u64)")
def write_mie(h, n, v):
    """Enables. The deadline follows: a timer that is not enabled wakes nobody."""
    mask = MIP_M
    if (h.isa_ext & EXT_S) != 0:
        mask |= MIP_S
    h.mie = v & mask
    set_deadline(h)
    return attend(h)


@native("u64(HART, u64)")
def read_mip(h, n):
    """All pending bits; SEIP is the software bit or the PLIC's."""
    return mip_now(h)


@native("u64(HART, u64, u64)")
def write_mip(h, n, v):
    """SSIP, SEIP's software bit, and STIP while stimecmp does not own it (Sstc)."""
    take_ssip(h)
    mask = 0
    if (h.isa_ext & EXT_S) != 0:
        mask = MIP_SSIP | MIP_SEIP
        if stce_on(h) == 0:
            mask |= MIP_STIP
    h.mip_soft = (h.mip_soft & ~mask) | (v & mask)
    return attend(h)


@native("u64(HART, u64, u64)")
def rmw_base(h, n, old):
    """What CSRRS and CSRRC change: `old`, but of mip.SEIP the software bit alone (3.1.9)."""
    if n == 0x344:
        return (old & ~MIP_SEIP) | (h.mip_soft & MIP_SEIP)
    return old


@native("u64(HART, u64, u64)")
def write_mtvec(h, n, v):
    """Base and mode 0 or 1."""
    if (v & 3) < 2:
        h.mtvec = v
    return 0


@native("u64(HART, u64)")
def align_epc(h, v):
    """xepc holds addresses that can be a pc: even, or multiples of 4 without C (3.1.14)."""
    if (h.isa_ext & EXT_ZCA) != 0:
        return v & ~1
    return v & ~3


@native("u64(HART, u64, u64)")
def write_mepc(h, n, v):
    """See align_epc."""
    h.mepc = align_epc(h, v)
    return 0


@native("u64(HART, u64)")
def envcfg_mask(h, v):
    """Bits of both xenvcfg that value v may change: FIOM and what cache-block extensions use."""
    mask = ENVCFG_FIOM
    if (h.isa_ext & EXT_ZICBOM) != 0:
        mask |= ENVCFG_CBCFE
        if (v & ENVCFG_CBIE) != ENVCFG_CBIE_RESERVED:
            mask |= ENVCFG_CBIE
    if (h.isa_ext & EXT_ZICBOZ) != 0:
        mask |= ENVCFG_CBZE
    return mask


@native("u64(HART, u64, u64)")
def write_menvcfg(h, n, v):
    """A change of ADUE or PBMTE changes translation, one of STCE gives STIP a new owner.

    STIP then starts clear for software, which the specification leaves open ("Sstc").
    """
    mask = envcfg_mask(h, v)
    if (h.isa_ext & EXT_SVADU) != 0:
        mask |= MENVCFG_ADUE
    if (h.isa_ext & EXT_SVPBMT) != 0:
        mask |= MENVCFG_PBMTE
    if (h.isa_ext & EXT_SSTC) != 0:
        mask |= MENVCFG_STCE
    old = h.menvcfg
    h.menvcfg = (old & ~mask) | (v & mask)
    if ((old ^ h.menvcfg) & (MENVCFG_ADUE | MENVCFG_PBMTE)) != 0:
        forget_contexts(h)
        update_ctx(h)
    if ((old ^ h.menvcfg) & MENVCFG_STCE) != 0:
        h.mip_soft = h.mip_soft & ~MIP_STIP
    set_deadline(h)
    return attend(h)


@native("u64(HART, u64, u64)")
def write_mcycle(h, n, v):
    """The write takes the place of this instruction's own count: the next one reads v (3.1.10)."""
    if (h.mcountinhibit & COUNTER_CY) != 0:
        h.mcycle_delta = v
    else:
        h.mcycle_delta = v - (retired(h) + 1)
    return 0


@native("u64(HART, u64, u64)")
def write_minstret(h, n, v):
    """As write_mcycle."""
    if (h.mcountinhibit & COUNTER_IR) != 0:
        h.minstret_delta = v
    else:
        h.minstret_delta = v - (retired(h) + 1)
    return 0


@native("u64(HART, u64, u64)")
def write_mcountinhibit(h, n, v):
    """CY and IR. A counter stops behind this instruction and goes on behind this instruction."""
    now = retired(h) + 1
    new = v & INHIBITABLE
    changed = new ^ h.mcountinhibit
    if (changed & COUNTER_CY) != 0:
        if (new & COUNTER_CY) != 0:
            h.mcycle_delta = h.mcycle_delta + now
        else:
            h.mcycle_delta = h.mcycle_delta - now
    if (changed & COUNTER_IR) != 0:
        if (new & COUNTER_IR) != 0:
            h.minstret_delta = h.minstret_delta + now
        else:
            h.minstret_delta = h.minstret_delta - now
    h.mcountinhibit = new
    return 0


csr(0xF11, "mvendorid", value=0)
csr(0xF12, "marchid", value=0)
csr(0xF13, "mimpid", value=0)
csr(0xF14, "mhartid", field="hartid")
csr(0xF15, "mconfigptr", value=0)

csr(0x300, "mstatus", read=read_mstatus, write=write_mstatus)
csr(0x301, "misa", field="misa", write=write_ignored)
csr(0x302, "medeleg", field="medeleg", mask=DELEGABLE, requires="S")
csr(0x303, "mideleg", field="mideleg", write=write_mideleg, requires="S")
csr(0x304, "mie", field="mie", write=write_mie)
csr(0x305, "mtvec", field="mtvec", write=write_mtvec)
csr(0x306, "mcounteren", field="mcounteren", mask=COUNTERS, requires="U")
csr(0x30A, "menvcfg", field="menvcfg", write=write_menvcfg, requires="U")
csr(0x320, "mcountinhibit", field="mcountinhibit", write=write_mcountinhibit)
csr(0x323, "mhpmevent{}", value=0, count=29, first=3)

csr(0x340, "mscratch", field="mscratch")
csr(0x341, "mepc", field="mepc", write=write_mepc)
csr(0x342, "mcause", field="mcause")
csr(0x343, "mtval", field="mtval")
csr(0x344, "mip", read=read_mip, write=write_mip)

csr(0x3A0, "pmpcfg0", read=read_pmpcfg, write=write_pmpcfg)
csr(0x3A2, "pmpcfg2", read=read_pmpcfg, write=write_pmpcfg)
csr(0x3B0, "pmpaddr{}", field="pmpaddr", write=write_pmpaddr, count=16)

csr(0xB00, "mcycle", read=read_cycle, write=write_mcycle)
csr(0xB02, "minstret", read=read_instret, write=write_minstret)
csr(0xB03, "mhpmcounter{}", value=0, count=29, first=3)
