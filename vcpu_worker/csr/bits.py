"""Numbers of the privileged architecture: causes, interrupt bits, fields of CSRs, PTE bits.

Rule: declarations only; who needs one of these numbers imports it from here.
Source: RISC-V Privileged 1.13: mstatus 3.1.6, interrupts 3.1.9, mcause 3.1.15, menvcfg 3.1.18, pmpcfg
3.7.1, satp 4.1.11 and 4.4-4.6, Svnapot, Svpbmt; debug: trigger registers of Sdtrig 1.0.
"""

from __future__ import annotations

import enum


class Priv(enum.IntEnum):
    """Privilege modes as `HART.priv` and mstatus.MPP hold them."""

    U = 0
    S = 1
    M = 3


class Cause(enum.IntEnum):
    """Exception codes of mcause and scause."""

    FETCH_MISALIGNED = 0
    FETCH_ACCESS = 1
    ILLEGAL = 2
    BREAKPOINT = 3
    LOAD_MISALIGNED = 4
    LOAD_ACCESS = 5
    STORE_MISALIGNED = 6
    STORE_ACCESS = 7
    ECALL_U = 8  # 8 + privilege mode
    ECALL_S = 9
    ECALL_M = 11
    FETCH_PAGE = 12
    LOAD_PAGE = 13
    STORE_PAGE = 15


class Irq(enum.IntEnum):
    """Interrupt codes of mcause and scause, bit numbers of mip, mie, mideleg."""

    SSI = 1
    MSI = 3
    STI = 5
    MTI = 7
    SEI = 9
    MEI = 11


class Access(enum.IntEnum):
    """What a translation or a PMP check is for; an AMO and SC are stores, LR is a load."""

    FETCH = 0
    LOAD = 1
    STORE = 2


MIP_SSIP, MIP_MSIP = 1 << Irq.SSI, 1 << Irq.MSI
MIP_STIP, MIP_MTIP = 1 << Irq.STI, 1 << Irq.MTI
MIP_SEIP, MIP_MEIP = 1 << Irq.SEI, 1 << Irq.MEI
MIP_S = MIP_SSIP | MIP_STIP | MIP_SEIP
MIP_M = MIP_MSIP | MIP_MTIP | MIP_MEIP
INTERRUPT = 1 << 63  # of mcause, scause

# All exceptions that a mode below M can raise. Bit 11 (ecall from M) is read-only zero (3.1.8), those of
# the hypervisor extension and of landing pads do not occur here.
DELEGABLE = sum(1 << c for c in Cause if c != Cause.ECALL_M)

MSTATUS_SIE, MSTATUS_MIE, MSTATUS_SPIE, MSTATUS_MPIE = 1 << 1, 1 << 3, 1 << 5, 1 << 7
MSTATUS_SPP = 1 << 8
MPP_SHIFT = 11
MSTATUS_MPP = 3 << MPP_SHIFT
MSTATUS_FS = 3 << 13
MSTATUS_MPRV, MSTATUS_SUM, MSTATUS_MXR = 1 << 17, 1 << 18, 1 << 19
MSTATUS_TVM, MSTATUS_TW, MSTATUS_TSR = 1 << 20, 1 << 21, 1 << 22
MSTATUS_UXL64, MSTATUS_SXL64 = 2 << 32, 2 << 34
MSTATUS_UXL = 3 << 32
MSTATUS_SD = 1 << 63
SSTATUS_WRITABLE = MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR
SSTATUS_READABLE = SSTATUS_WRITABLE | MSTATUS_UXL

ENVCFG_FIOM = 1 << 0
ENVCFG_CBIE = 3 << 4
ENVCFG_CBIE_RESERVED = 2 << 4
ENVCFG_CBCFE = 1 << 6
ENVCFG_CBZE = 1 << 7
MENVCFG_ADUE = 1 << 61
MENVCFG_PBMTE = 1 << 62
MENVCFG_STCE = 1 << 63

COUNTER_CY, COUNTER_TM, COUNTER_IR = 1, 2, 4  # bits of the counter-enable and inhibit registers

PMP_R, PMP_W, PMP_X, PMP_L = 1, 2, 4, 0x80
PMP_A = 0x18
PMP_OFF, PMP_TOR, PMP_NA4, PMP_NAPOT = 0x00, 0x08, 0x10, 0x18
PMP_CFG_BITS = PMP_R | PMP_W | PMP_X | PMP_A | PMP_L
PMP_ADDR_BITS = (1 << 54) - 1  # of pmpaddr: bits 55:2 of an address

SATP_MODE_SHIFT = 60
SATP_ASID_SHIFT, SATP_ASID_BITS = 44, 0xFFFF
SATP_PPN = (1 << 44) - 1
SATP_BARE, SATP_SV39, SATP_SV48, SATP_SV57 = 0, 8, 9, 10

PTE_V, PTE_R, PTE_W, PTE_X, PTE_U, PTE_G, PTE_A, PTE_D = (1 << i for i in range(8))
PTE_PPN_SHIFT, PTE_PPN = 10, (1 << 44) - 1
PTE_RESERVED = 0x7F << 54
PTE_PBMT = 3 << 61
PTE_N = 1 << 63
