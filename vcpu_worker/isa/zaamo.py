"""Zaamo: atomic memory operations. Old value to rd, result of old value and rs2 to memory, in one step.

Rule: each is sequentially consistent, which covers every combination of aq and rl. A word result is
sign-extended. The address must be naturally aligned.
Traps: store/AMO address misaligned, access fault or page fault; rd and memory keep their values.
Source: Unprivileged ISA 20240411, chapter 14 ("A"), section "Zaamo".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import amo, sext32, x


@insn("amoswap.w", "00001 aq rl rs2 rs1 010 rd 0101111", ext="Zaamo")
def amoswap_w(rd, rs1, rs2):
    """Exchange."""
    x[rd] = sext32(amo("swap", x[rs1], x[rs2], 4))


@insn("amoswap.d", "00001 aq rl rs2 rs1 011 rd 0101111", ext="Zaamo")
def amoswap_d(rd, rs1, rs2):
    """Exchange."""
    x[rd] = amo("swap", x[rs1], x[rs2], 8)


@insn("amoadd.w", "00000 aq rl rs2 rs1 010 rd 0101111", ext="Zaamo")
def amoadd_w(rd, rs1, rs2):
    """Sum."""
    x[rd] = sext32(amo("add", x[rs1], x[rs2], 4))


@insn("amoadd.d", "00000 aq rl rs2 rs1 011 rd 0101111", ext="Zaamo")
def amoadd_d(rd, rs1, rs2):
    """Sum."""
    x[rd] = amo("add", x[rs1], x[rs2], 8)


@insn("amoxor.w", "00100 aq rl rs2 rs1 010 rd 0101111", ext="Zaamo")
def amoxor_w(rd, rs1, rs2):
    """Exclusive or."""
    x[rd] = sext32(amo("xor", x[rs1], x[rs2], 4))


@insn("amoxor.d", "00100 aq rl rs2 rs1 011 rd 0101111", ext="Zaamo")
def amoxor_d(rd, rs1, rs2):
    """Exclusive or."""
    x[rd] = amo("xor", x[rs1], x[rs2], 8)


@insn("amoand.w", "01100 aq rl rs2 rs1 010 rd 0101111", ext="Zaamo")
def amoand_w(rd, rs1, rs2):
    """And."""
    x[rd] = sext32(amo("and", x[rs1], x[rs2], 4))


@insn("amoand.d", "01100 aq rl rs2 rs1 011 rd 0101111", ext="Zaamo")
def amoand_d(rd, rs1, rs2):
    """And."""
    x[rd] = amo("and", x[rs1], x[rs2], 8)


@insn("amoor.w", "01000 aq rl rs2 rs1 010 rd 0101111", ext="Zaamo")
def amoor_w(rd, rs1, rs2):
    """Or."""
    x[rd] = sext32(amo("or", x[rs1], x[rs2], 4))


@insn("amoor.d", "01000 aq rl rs2 rs1 011 rd 0101111", ext="Zaamo")
def amoor_d(rd, rs1, rs2):
    """Or."""
    x[rd] = amo("or", x[rs1], x[rs2], 8)


@insn("amomin.w", "10000 aq rl rs2 rs1 010 rd 0101111", ext="Zaamo")
def amomin_w(rd, rs1, rs2):
    """Lesser, signed."""
    x[rd] = sext32(amo("min", x[rs1], x[rs2], 4))


@insn("amomin.d", "10000 aq rl rs2 rs1 011 rd 0101111", ext="Zaamo")
def amomin_d(rd, rs1, rs2):
    """Lesser, signed."""
    x[rd] = amo("min", x[rs1], x[rs2], 8)


@insn("amomax.w", "10100 aq rl rs2 rs1 010 rd 0101111", ext="Zaamo")
def amomax_w(rd, rs1, rs2):
    """Greater, signed."""
    x[rd] = sext32(amo("max", x[rs1], x[rs2], 4))


@insn("amomax.d", "10100 aq rl rs2 rs1 011 rd 0101111", ext="Zaamo")
def amomax_d(rd, rs1, rs2):
    """Greater, signed."""
    x[rd] = amo("max", x[rs1], x[rs2], 8)


@insn("amominu.w", "11000 aq rl rs2 rs1 010 rd 0101111", ext="Zaamo")
def amominu_w(rd, rs1, rs2):
    """Lesser, unsigned."""
    x[rd] = sext32(amo("umin", x[rs1], x[rs2], 4))


@insn("amominu.d", "11000 aq rl rs2 rs1 011 rd 0101111", ext="Zaamo")
def amominu_d(rd, rs1, rs2):
    """Lesser, unsigned."""
    x[rd] = amo("umin", x[rs1], x[rs2], 8)


@insn("amomaxu.w", "11100 aq rl rs2 rs1 010 rd 0101111", ext="Zaamo")
def amomaxu_w(rd, rs1, rs2):
    """Greater, unsigned."""
    x[rd] = sext32(amo("umax", x[rs1], x[rs2], 4))


@insn("amomaxu.d", "11100 aq rl rs2 rs1 011 rd 0101111", ext="Zaamo")
def amomaxu_d(rd, rs1, rs2):
    """Greater, unsigned."""
    x[rd] = amo("umax", x[rs1], x[rs2], 8)
