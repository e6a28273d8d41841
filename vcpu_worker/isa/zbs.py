"""Zbs: single bits. The bit number is taken modulo 64.

Source: Unprivileged ISA 20240411, chapter 29 ("B"), section "Zbs".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import const, shl, shr, x


@insn("bclr", "0100100 rs2 rs1 001 rd 0110011", ext="Zbs")
def bclr(rd, rs1, rs2):
    """Clear bit rs2."""
    x[rd] = x[rs1] & ~shl(const(1), x[rs2])


@insn("bclri", "010010 shamt[5:0] rs1 001 rd 0010011", ext="Zbs")
def bclri(rd, rs1, imm):
    """Clear a bit."""
    x[rd] = x[rs1] & ~shl(const(1), imm)


@insn("bext", "0100100 rs2 rs1 101 rd 0110011", ext="Zbs")
def bext(rd, rs1, rs2):
    """Bit rs2, as 0 or 1."""
    x[rd] = shr(x[rs1], x[rs2]) & 1


@insn("bexti", "010010 shamt[5:0] rs1 101 rd 0010011", ext="Zbs")
def bexti(rd, rs1, imm):
    """A bit, as 0 or 1."""
    x[rd] = shr(x[rs1], imm) & 1


@insn("binv", "0110100 rs2 rs1 001 rd 0110011", ext="Zbs")
def binv(rd, rs1, rs2):
    """Invert bit rs2."""
    x[rd] = x[rs1] ^ shl(const(1), x[rs2])


@insn("binvi", "011010 shamt[5:0] rs1 001 rd 0010011", ext="Zbs")
def binvi(rd, rs1, imm):
    """Invert a bit."""
    x[rd] = x[rs1] ^ shl(const(1), imm)


@insn("bset", "0010100 rs2 rs1 001 rd 0110011", ext="Zbs")
def bset(rd, rs1, rs2):
    """Set bit rs2."""
    x[rd] = x[rs1] | shl(const(1), x[rs2])


@insn("bseti", "001010 shamt[5:0] rs1 001 rd 0010011", ext="Zbs")
def bseti(rd, rs1, imm):
    """Set a bit."""
    x[rd] = x[rs1] | shl(const(1), imm)
