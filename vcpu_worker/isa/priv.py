"""Instructions of the privileged architecture, and the environment calls of the base set.

The work is in natives of vcpu_worker.hart (trap, wait, fence), which look at the mode themselves.
Source: RISC-V Privileged 1.13, 3.3, 4.2, "Svinval"; Unprivileged ISA, "ECALL and EBREAK".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import regnum, system, x


@insn("ecall", "000000000000 00000 000 00000 1110011", ext="I")
def ecall():
    """Traps: environment call from the present mode; does not retire."""
    system("do_ecall")


@insn("ebreak", "000000000001 00000 000 00000 1110011", ext="I")
def ebreak():
    """Traps: breakpoint; does not retire."""
    system("do_ebreak")


@insn("sret", "0001000 00010 00000 000 00000 1110011", ext="S")
def sret():
    """Traps: illegal instruction in U-mode, and in S-mode under TSR."""
    system("do_sret")


@insn("mret", "0011000 00010 00000 000 00000 1110011", ext="I")
def mret():
    """Traps: illegal instruction below M."""
    system("do_mret")


@insn("wfi", "0001000 00101 00000 000 00000 1110011", ext="I")
def wfi():
    """Traps: illegal instruction in U-mode, and below M under TW."""
    system("do_wfi")


@insn("sfence.vma", "0001001 rs2 rs1 000 00000 1110011", ext="S")
def sfence_vma(rs1, rs2):
    """Translations of address rs1 (x0: all) in address space rs2 (x0: all)."""
    system("do_sfence_vma", x[rs1], x[rs2], regnum(rs1), regnum(rs2))


@insn("sinval.vma", "0001011 rs2 rs1 000 00000 1110011", ext="Svinval")
def sinval_vma(rs1, rs2):
    """As sfence.vma; the orderings before and after it are instructions of their own."""
    system("do_sfence_vma", x[rs1], x[rs2], regnum(rs1), regnum(rs2))


@insn("sfence.w.inval", "0001100 00000 00000 000 00000 1110011", ext="Svinval")
def sfence_w_inval():
    """Orders earlier stores before later sinval.vma."""
    system("do_sfence_order")


@insn("sfence.inval.ir", "0001100 00001 00000 000 00000 1110011", ext="Svinval")
def sfence_inval_ir():
    """Orders earlier sinval.vma before later accesses."""
    system("do_sfence_order")
