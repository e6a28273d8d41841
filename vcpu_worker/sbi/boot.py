"""A hart's way from reset, or from HSM STOPPED, into S-mode: x.sbi.boot in the ROM.

The lowest hart is the boot hart: reset makes it START_PENDING at the kernel with the device tree as
opaque; the others are STOPPED and sleep here until hart_start.

What S-mode finds: pmp0 = everything RWX; medeleg = all but ecalls from S and M; mideleg = 0x222; all
counters readable in S, cycle, time and instret in U; menvcfg = STCE, PBMTE, CBZE, CBCFE, CBIE (invalidate)
and ADUE as far as the hart has them; mstatus clear but for FS = Dirty, f and fcsr 0, if there is floating
point; mie, satp, sscratch 0; stvec = the entry; a0 = hartid, a1 = opaque. FS, stvec, counters, menvcfg
and the inhibited mhpmcounters are what OpenSBI leaves (sbi_hart.c). It differs in medeleg, where OpenSBI
takes illegal instructions, misaligned and access faults itself to hand them on or emulate what this hart
does in hardware; and in PMP, where OpenSBI hides its own memory and there is none of ours to hide.
Source: DESIGN 5; SBI 2.0, chapter 9 (state of a started hart).
"""

from __future__ import annotations

from ipc.layout import HEADER, Exit, Fault
from ipc.sbi import Hsm, Wait
from vcpu_worker.isa.ext import EXT_F, EXT_SSTC, EXT_SVADU, EXT_SVPBMT, EXT_ZICBOM, EXT_ZICBOZ
from vcpu_worker.isa.sbi_rom import SBI_TRAP
from vcpu_worker.native import native, prim
from vcpu_worker.sbi.state import FS

prim("atomic_swap32", "fence")

MEDELEG = 0xB1FF  # causes 0-8, 12, 13, 15
MIDELEG = 0x222  # SSIP, STIP, SEIP
SCOUNTEREN = 0b111  # CY, TM, IR
CSR_SCOUNTEREN, CSR_MCOUNTEREN, CSR_MENVCFG, CSR_MCOUNTINHIBIT = 0x106, 0x306, 0x30A, 0x320
CSR_MSTATUS, CSR_MEDELEG, CSR_MIDELEG, CSR_PMPCFG0, CSR_PMPADDR0 = 0x300, 0x302, 0x303, 0x3A0, 0x3B0
ALL_COUNTERS, HPM_COUNTERS = 0xFFFF_FFFF, 0xFFFF_FFF8
PMP_NAPOT_RWX = 0x1F
PMP_EVERYTHING = (1 << 54) - 1
CBIE_INVALIDATE, CBCFE, CBZE = 3 << 4, 1 << 6, 1 << 7
ADUE, PBMTE, STCE = 1 << 61, 1 << 62, 1 << 63


@native("u64(HART)")
def sbi_menvcfg(h):
    """menvcfg for S-mode: what the hart has, switched on."""
    value = 0
    if h.isa_ext & EXT_SSTC != 0:
        value = value | STCE
    if h.isa_ext & EXT_SVPBMT != 0:
        value = value | PBMTE
    if h.isa_ext & EXT_SVADU != 0:
        value = value | ADUE
    if h.isa_ext & EXT_ZICBOM != 0:
        value = value | CBCFE | CBIE_INVALIDATE
    if h.isa_ext & EXT_ZICBOZ != 0:
        value = value | CBZE
    return value


@native("u64(HART)")
def machine_state(h):
    """M-mode's registers as the firmware sets them, through their WARL rules."""
    csr_poke(h, CSR_MSTATUS, 0)
    csr_poke(h, CSR_PMPADDR0, PMP_EVERYTHING)
    csr_poke(h, CSR_PMPCFG0, PMP_NAPOT_RWX)
    csr_poke(h, CSR_MEDELEG, MEDELEG)
    csr_poke(h, CSR_MIDELEG, MIDELEG)
    csr_poke(h, CSR_MCOUNTEREN, ALL_COUNTERS)
    csr_poke(h, CSR_SCOUNTEREN, SCOUNTEREN)
    csr_poke(h, CSR_MCOUNTINHIBIT, HPM_COUNTERS)
    csr_poke(h, CSR_MENVCFG, sbi_menvcfg(h))
    h.mtvec = SBI_TRAP
    h.mip_soft = 0
    h.mtimecmp = ~0
    h.stimecmp = ~0
    h.lr_addr = 0
    return 0


@native("u64(HART)")
def float_state(h):
    """Floating point on and clear, if there is any."""
    if h.isa_ext & EXT_F == 0:
        return 0
    h.mstatus = h.mstatus | FS
    h.fflags = 0
    h.frm = 0
    i = 0
    while i < 32:
        h.f[i] = 0
        i = i + 1
    return 0


@native("u64(HART)", export=True)
def sbi_boot(h):
    """x.sbi.boot. Exported for tests."""
    if in_sbi_rom(h) == 0:
        return illegal(h)
    if h.hsm_state != Hsm.START_PENDING:
        return leave_with(h, Exit.SLEEP)
    fence()  # hsm_addr and hsm_opaque were written before START_PENDING
    machine_state(h)
    float_state(h)
    enter_supervisor(h, h.hsm_addr, h.hsm_opaque)
    atomic_swap32(addr(h.ssip_set), 0)
    atomic_swap32(addr(h.hsm_state), Hsm.STARTED)
    h.fault = Fault.REFETCH
    return 0


@native("u64(HART)", export=True)
def sbi_reset_hart(h):
    """Part of a hart's reset: what HSM says of it. Without the built-in SBI: STARTED, and unused."""
    g = HEADER(h.header)
    h.sbi_wait = Wait.NONE
    state = Hsm.STARTED
    if g.builtin_sbi != 0:
        state = Hsm.STOPPED
        if h.hartid == 0:
            state = Hsm.START_PENDING
            h.hsm_addr = g.sbi_kernel
            h.hsm_opaque = g.sbi_fdt
    atomic_swap32(addr(h.hsm_state), state)
    return 0
