"""Zabha: atomic memory operations on bytes and halfwords; as Zaamo, the old value sign-extended.

Source: Unprivileged ISA 20240411, chapter "Zabha".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import amo, sext8, sext16, x


@insn("amoswap.b", "00001 aq rl rs2 rs1 000 rd 0101111", ext="Zabha")
def amoswap_b(rd, rs1, rs2):
    """Exchange."""
    x[rd] = sext8(amo("swap", x[rs1], x[rs2], 1))


@insn("amoswap.h", "00001 aq rl rs2 rs1 001 rd 0101111", ext="Zabha")
def amoswap_h(rd, rs1, rs2):
    """Exchange."""
    x[rd] = sext16(amo("swap", x[rs1], x[rs2], 2))


@insn("amoadd.b", "00000 aq rl rs2 rs1 000 rd 0101111", ext="Zabha")
def amoadd_b(rd, rs1, rs2):
    """Sum."""
    x[rd] = sext8(amo("add", x[rs1], x[rs2], 1))


@insn("amoadd.h", "00000 aq rl rs2 rs1 001 rd 0101111", ext="Zabha")
def amoadd_h(rd, rs1, rs2):
    """Sum."""
    x[rd] = sext16(amo("add", x[rs1], x[rs2], 2))


@insn("amoxor.b", "00100 aq rl rs2 rs1 000 rd 0101111", ext="Zabha")
def amoxor_b(rd, rs1, rs2):
    """Exclusive or."""
    x[rd] = sext8(amo("xor", x[rs1], x[rs2], 1))


@insn("amoxor.h", "00100 aq rl rs2 rs1 001 rd 0101111", ext="Zabha")
def amoxor_h(rd, rs1, rs2):
    """Exclusive or."""
    x[rd] = sext16(amo("xor", x[rs1], x[rs2], 2))


@insn("amoand.b", "01100 aq rl rs2 rs1 000 rd 0101111", ext="Zabha")
def amoand_b(rd, rs1, rs2):
    """And."""
    x[rd] = sext8(amo("and", x[rs1], x[rs2], 1))


@insn("amoand.h", "01100 aq rl rs2 rs1 001 rd 0101111", ext="Zabha")
def amoand_h(rd, rs1, rs2):
    """And."""
    x[rd] = sext16(amo("and", x[rs1], x[rs2], 2))


@insn("amoor.b", "01000 aq rl rs2 rs1 000 rd 0101111", ext="Zabha")
def amoor_b(rd, rs1, rs2):
    """Or."""
    x[rd] = sext8(amo("or", x[rs1], x[rs2], 1))


@insn("amoor.h", "01000 aq rl rs2 rs1 001 rd 0101111", ext="Zabha")
def amoor_h(rd, rs1, rs2):
    """Or."""
    x[rd] = sext16(amo("or", x[rs1], x[rs2], 2))


@insn("amomin.b", "10000 aq rl rs2 rs1 000 rd 0101111", ext="Zabha")
def amomin_b(rd, rs1, rs2):
    """Lesser, signed."""
    x[rd] = sext8(amo("min", x[rs1], x[rs2], 1))


@insn("amomin.h", "10000 aq rl rs2 rs1 001 rd 0101111", ext="Zabha")
def amomin_h(rd, rs1, rs2):
    """Lesser, signed."""
    x[rd] = sext16(amo("min", x[rs1], x[rs2], 2))


@insn("amomax.b", "10100 aq rl rs2 rs1 000 rd 0101111", ext="Zabha")
def amomax_b(rd, rs1, rs2):
    """Greater, signed."""
    x[rd] = sext8(amo("max", x[rs1], x[rs2], 1))


@insn("amomax.h", "10100 aq rl rs2 rs1 001 rd 0101111", ext="Zabha")
def amomax_h(rd, rs1, rs2):
    """Greater, signed."""
    x[rd] = sext16(amo("max", x[rs1], x[rs2], 2))


@insn("amominu.b", "11000 aq rl rs2 rs1 000 rd 0101111", ext="Zabha")
def amominu_b(rd, rs1, rs2):
    """Lesser, unsigned."""
    x[rd] = sext8(amo("umin", x[rs1], x[rs2], 1))


@insn("amominu.h", "11000 aq rl rs2 rs1 001 rd 0101111", ext="Zabha")
def amominu_h(rd, rs1, rs2):
    """Lesser, unsigned."""
    x[rd] = sext16(amo("umin", x[rs1], x[rs2], 2))


@insn("amomaxu.b", "11100 aq rl rs2 rs1 000 rd 0101111", ext="Zabha")
def amomaxu_b(rd, rs1, rs2):
    """Greater, unsigned."""
    x[rd] = sext8(amo("umax", x[rs1], x[rs2], 1))


@insn("amomaxu.h", "11100 aq rl rs2 rs1 001 rd 0101111", ext="Zabha")
def amomaxu_h(rd, rs1, rs2):
    """Greater, unsigned."""
    x[rd] = sext16(amo("umax", x[rs1], x[rs2], 2))
