"""M: multiplication and division. The products alone are Zmmul.

Rule: division never traps. By zero: quotient all ones, remainder the dividend; the most negative number
by -1: quotient the dividend, remainder 0. So the divisor is made harmless before the operation.
Source: Unprivileged ISA 20240411, chapter 13 ("M"), table "Semantics for division by zero and overflow".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import eq, sdiv, select, sext32, srem, udiv, urem, x, zext32
from vcpu_worker.isa.vocab import mulh as high_signed
from vcpu_worker.isa.vocab import mulhsu as high_mixed
from vcpu_worker.isa.vocab import mulhu as high_unsigned

MOST_NEGATIVE = 1 << 63


@insn("mul", "0000001 rs2 rs1 000 rd 0110011", ext="Zmmul")
def mul(rd, rs1, rs2):
    """Low 64 bits of the product."""
    x[rd] = x[rs1] * x[rs2]


@insn("mulh", "0000001 rs2 rs1 001 rd 0110011", ext="Zmmul")
def mulh(rd, rs1, rs2):
    """High 64 bits of the product, signed by signed."""
    x[rd] = high_signed(x[rs1], x[rs2])


@insn("mulhsu", "0000001 rs2 rs1 010 rd 0110011", ext="Zmmul")
def mulhsu(rd, rs1, rs2):
    """High 64 bits of the product, signed rs1 by unsigned rs2."""
    x[rd] = high_mixed(x[rs1], x[rs2])


@insn("mulhu", "0000001 rs2 rs1 011 rd 0110011", ext="Zmmul")
def mulhu(rd, rs1, rs2):
    """High 64 bits of the product, unsigned by unsigned."""
    x[rd] = high_unsigned(x[rs1], x[rs2])


@insn("mulw", "0000001 rs2 rs1 000 rd 0111011", ext="Zmmul")
def mulw(rd, rs1, rs2):
    """Low 32 bits of the product, sign-extended."""
    x[rd] = sext32(x[rs1] * x[rs2])


@insn("div", "0000001 rs2 rs1 100 rd 0110011", ext="M")
def div(rd, rs1, rs2):
    """Quotient, signed, rounded towards zero."""
    a, b = x[rs1], x[rs2]
    zero = eq(b, 0)
    over = eq(a, MOST_NEGATIVE) & eq(b, -1)
    x[rd] = select(zero, -1, sdiv(a, select(zero | over, 1, b)))


@insn("divu", "0000001 rs2 rs1 101 rd 0110011", ext="M")
def divu(rd, rs1, rs2):
    """Quotient, unsigned."""
    a, b = x[rs1], x[rs2]
    zero = eq(b, 0)
    x[rd] = select(zero, -1, udiv(a, select(zero, 1, b)))


@insn("rem", "0000001 rs2 rs1 110 rd 0110011", ext="M")
def rem(rd, rs1, rs2):
    """Remainder, of the dividend's sign."""
    a, b = x[rs1], x[rs2]
    zero = eq(b, 0)
    over = eq(a, MOST_NEGATIVE) & eq(b, -1)
    x[rd] = select(zero, a, srem(a, select(zero | over, 1, b)))


@insn("remu", "0000001 rs2 rs1 111 rd 0110011", ext="M")
def remu(rd, rs1, rs2):
    """Remainder, unsigned."""
    a, b = x[rs1], x[rs2]
    zero = eq(b, 0)
    x[rd] = select(zero, a, urem(a, select(zero, 1, b)))


# the words are divided as 64-bit numbers, where -2**31 by -1 does not overflow
@insn("divw", "0000001 rs2 rs1 100 rd 0111011", ext="M")
def divw(rd, rs1, rs2):
    """Quotient of the low words, signed, sign-extended."""
    b = sext32(x[rs2])
    zero = eq(b, 0)
    x[rd] = select(zero, -1, sext32(sdiv(sext32(x[rs1]), select(zero, 1, b))))


@insn("divuw", "0000001 rs2 rs1 101 rd 0111011", ext="M")
def divuw(rd, rs1, rs2):
    """Quotient of the low words, unsigned, sign-extended."""
    b = zext32(x[rs2])
    zero = eq(b, 0)
    x[rd] = select(zero, -1, sext32(udiv(zext32(x[rs1]), select(zero, 1, b))))


@insn("remw", "0000001 rs2 rs1 110 rd 0111011", ext="M")
def remw(rd, rs1, rs2):
    """Remainder of the low words, signed, sign-extended."""
    a, b = sext32(x[rs1]), sext32(x[rs2])
    zero = eq(b, 0)
    x[rd] = select(zero, a, srem(a, select(zero, 1, b)))


@insn("remuw", "0000001 rs2 rs1 111 rd 0111011", ext="M")
def remuw(rd, rs1, rs2):
    """Remainder of the low words, unsigned, sign-extended."""
    a, b = zext32(x[rs1]), zext32(x[rs2])
    zero = eq(b, 0)
    x[rd] = sext32(select(zero, a, urem(a, select(zero, 1, b))))
