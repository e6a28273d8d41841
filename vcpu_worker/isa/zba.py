"""Zba: address generation.

Source: Unprivileged ISA 20240411, chapter 29 ("B"), section "Zba".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import shl, x, zext32


@insn("add.uw", "0000100 rs2 rs1 000 rd 0111011", ext="Zba")
def add_uw(rd, rs1, rs2):
    """rs2 plus the low word of rs1, zero-extended."""
    x[rd] = x[rs2] + zext32(x[rs1])


@insn("sh1add", "0010000 rs2 rs1 010 rd 0110011", ext="Zba")
def sh1add(rd, rs1, rs2):
    """rs2 + rs1 * 2."""
    x[rd] = x[rs2] + shl(x[rs1], 1)


@insn("sh2add", "0010000 rs2 rs1 100 rd 0110011", ext="Zba")
def sh2add(rd, rs1, rs2):
    """rs2 + rs1 * 4."""
    x[rd] = x[rs2] + shl(x[rs1], 2)


@insn("sh3add", "0010000 rs2 rs1 110 rd 0110011", ext="Zba")
def sh3add(rd, rs1, rs2):
    """rs2 + rs1 * 8."""
    x[rd] = x[rs2] + shl(x[rs1], 3)


@insn("sh1add.uw", "0010000 rs2 rs1 010 rd 0111011", ext="Zba")
def sh1add_uw(rd, rs1, rs2):
    """rs2 + (low word of rs1) * 2."""
    x[rd] = x[rs2] + shl(zext32(x[rs1]), 1)


@insn("sh2add.uw", "0010000 rs2 rs1 100 rd 0111011", ext="Zba")
def sh2add_uw(rd, rs1, rs2):
    """rs2 + (low word of rs1) * 4."""
    x[rd] = x[rs2] + shl(zext32(x[rs1]), 2)


@insn("sh3add.uw", "0010000 rs2 rs1 110 rd 0111011", ext="Zba")
def sh3add_uw(rd, rs1, rs2):
    """rs2 + (low word of rs1) * 8."""
    x[rd] = x[rs2] + shl(zext32(x[rs1]), 3)


@insn("slli.uw", "000010 shamt[5:0] rs1 001 rd 0011011", ext="Zba")
def slli_uw(rd, rs1, imm):
    """Low word of rs1, zero-extended, shifted left."""
    x[rd] = shl(zext32(x[rs1]), imm)
