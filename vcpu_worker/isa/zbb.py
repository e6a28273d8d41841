"""Zbb: basic bit manipulation.

Source: Unprivileged ISA 20240411, chapter 29 ("B"), section "Zbb".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import (
    bswap64,
    clz64,
    ctz64,
    popcnt64,
    select,
    sext8,
    sext16,
    sext32,
    shl,
    shr,
    slt,
    ult,
    x,
    zext16,
    zext32,
)


@insn("andn", "0100000 rs2 rs1 111 rd 0110011", ext="Zbb")
def andn(rd, rs1, rs2):
    """rs1 and not rs2."""
    x[rd] = x[rs1] & ~x[rs2]


@insn("orn", "0100000 rs2 rs1 110 rd 0110011", ext="Zbb")
def orn(rd, rs1, rs2):
    """rs1 or not rs2."""
    x[rd] = x[rs1] | ~x[rs2]


@insn("xnor", "0100000 rs2 rs1 100 rd 0110011", ext="Zbb")
def xnor(rd, rs1, rs2):
    """Not (rs1 xor rs2)."""
    x[rd] = ~(x[rs1] ^ x[rs2])


@insn("clz", "0110000 00000 rs1 001 rd 0010011", ext="Zbb")
def clz(rd, rs1):
    """Leading zeros; 64 of 0."""
    x[rd] = clz64(x[rs1])


@insn("clzw", "0110000 00000 rs1 001 rd 0011011", ext="Zbb")
def clzw(rd, rs1):
    """Leading zeros of the low word; 32 of 0."""
    x[rd] = clz64(zext32(x[rs1])) - 32


@insn("ctz", "0110000 00001 rs1 001 rd 0010011", ext="Zbb")
def ctz(rd, rs1):
    """Trailing zeros; 64 of 0."""
    x[rd] = ctz64(x[rs1])


@insn("ctzw", "0110000 00001 rs1 001 rd 0011011", ext="Zbb")
def ctzw(rd, rs1):
    """Trailing zeros of the low word; 32 of 0."""
    x[rd] = ctz64(x[rs1] | 1 << 32)


@insn("cpop", "0110000 00010 rs1 001 rd 0010011", ext="Zbb")
def cpop(rd, rs1):
    """Number of ones."""
    x[rd] = popcnt64(x[rs1])


@insn("cpopw", "0110000 00010 rs1 001 rd 0011011", ext="Zbb")
def cpopw(rd, rs1):
    """Number of ones in the low word."""
    x[rd] = popcnt64(zext32(x[rs1]))


@insn("max", "0000101 rs2 rs1 110 rd 0110011", ext="Zbb")
def max_(rd, rs1, rs2):
    """Greater, signed."""
    a, b = x[rs1], x[rs2]
    x[rd] = select(slt(a, b), b, a)


@insn("maxu", "0000101 rs2 rs1 111 rd 0110011", ext="Zbb")
def maxu(rd, rs1, rs2):
    """Greater, unsigned."""
    a, b = x[rs1], x[rs2]
    x[rd] = select(ult(a, b), b, a)


@insn("min", "0000101 rs2 rs1 100 rd 0110011", ext="Zbb")
def min_(rd, rs1, rs2):
    """Lesser, signed."""
    a, b = x[rs1], x[rs2]
    x[rd] = select(slt(a, b), a, b)


@insn("minu", "0000101 rs2 rs1 101 rd 0110011", ext="Zbb")
def minu(rd, rs1, rs2):
    """Lesser, unsigned."""
    a, b = x[rs1], x[rs2]
    x[rd] = select(ult(a, b), a, b)


@insn("sext.b", "0110000 00100 rs1 001 rd 0010011", ext="Zbb")
def sext_b(rd, rs1):
    """Low byte, sign-extended."""
    x[rd] = sext8(x[rs1])


@insn("sext.h", "0110000 00101 rs1 001 rd 0010011", ext="Zbb")
def sext_h(rd, rs1):
    """Low halfword, sign-extended."""
    x[rd] = sext16(x[rs1])


@insn("zext.h", "0000100 00000 rs1 100 rd 0111011", ext="Zbb")
def zext_h(rd, rs1):
    """Low halfword, zero-extended."""
    x[rd] = zext16(x[rs1])


# shl and shr take their count modulo 64, so -n is 64 - n, and a rotation by 0 is a | a
@insn("rol", "0110000 rs2 rs1 001 rd 0110011", ext="Zbb")
def rol(rd, rs1, rs2):
    """Rotate left by rs2 modulo 64."""
    a, n = x[rs1], x[rs2]
    x[rd] = shl(a, n) | shr(a, 0 - n)


@insn("ror", "0110000 rs2 rs1 101 rd 0110011", ext="Zbb")
def ror(rd, rs1, rs2):
    """Rotate right by rs2 modulo 64."""
    a, n = x[rs1], x[rs2]
    x[rd] = shr(a, n) | shl(a, 0 - n)


@insn("rori", "011000 shamt[5:0] rs1 101 rd 0010011", ext="Zbb")
def rori(rd, rs1, imm):
    """Rotate right by a constant."""
    a = x[rs1]
    x[rd] = shr(a, imm) | shl(a, 0 - imm)


@insn("rolw", "0110000 rs2 rs1 001 rd 0111011", ext="Zbb")
def rolw(rd, rs1, rs2):
    """Low word rotated left by rs2 modulo 32, sign-extended."""
    a, n = zext32(x[rs1]), x[rs2] & 31
    x[rd] = sext32(shl(a, n) | shr(a, 32 - n))


@insn("rorw", "0110000 rs2 rs1 101 rd 0111011", ext="Zbb")
def rorw(rd, rs1, rs2):
    """Low word rotated right by rs2 modulo 32, sign-extended."""
    a, n = zext32(x[rs1]), x[rs2] & 31
    x[rd] = sext32(shr(a, n) | shl(a, 32 - n))


@insn("roriw", "0110000 shamt[4:0] rs1 101 rd 0011011", ext="Zbb")
def roriw(rd, rs1, imm):
    """Low word rotated right by a constant, sign-extended."""
    a = zext32(x[rs1])
    x[rd] = sext32(shr(a, imm) | shl(a, 32 - imm))


LOW_SEVEN = 0x7F7F_7F7F_7F7F_7F7F
TOP_BIT = 0x8080_8080_8080_8080


@insn("orc.b", "001010000111 rs1 101 rd 0010011", ext="Zbb")
def orc_b(rd, rs1):
    """Each byte 0xff if any of its bits is set, else 0."""
    a = x[rs1]
    # the addition carries into a byte's top bit if one of the seven below is set, and never beyond
    ones = shr(((a & LOW_SEVEN) + LOW_SEVEN | a) & TOP_BIT, 7)
    x[rd] = shl(ones, 8) - ones


@insn("rev8", "011010111000 rs1 101 rd 0010011", ext="Zbb")
def rev8(rd, rs1):
    """Bytes in reverse order."""
    x[rd] = bswap64(x[rs1])
