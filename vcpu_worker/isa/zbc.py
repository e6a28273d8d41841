"""Zbc: carry-less multiplication, bit by bit (no host instruction is portable).

Source: Unprivileged ISA 20240411, chapter "B", section "Zbc".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import call, shr, x
from vcpu_worker.native import native


@native("u64(u64, u64)")
def carryless_low(a, b):
    """Bits 63..0 of the carry-less product."""
    out = 0
    while b != 0:
        if b & 1 != 0:
            out ^= a
        a = a << 1
        b = b >> 1
    return out


@native("u64(u64, u64)")
def carryless_mid(a, b):
    """Bits 126..63 of the carry-less product."""
    out = 0
    while b != 0:
        if b >> 63 != 0:
            out ^= a
        a = a >> 1
        b = b << 1
    return out


@insn("clmul", "0000101 rs2 rs1 001 rd 0110011", ext="Zbc")
def clmul(rd, rs1, rs2):
    """Low half of the carry-less product."""
    x[rd] = call("carryless_low", x[rs1], x[rs2])


@insn("clmulh", "0000101 rs2 rs1 011 rd 0110011", ext="Zbc")
def clmulh(rd, rs1, rs2):
    """Bits 127..64 of the carry-less product (the topmost is always 0)."""
    x[rd] = shr(call("carryless_mid", x[rs1], x[rs2]), 1)


@insn("clmulr", "0000101 rs2 rs1 010 rd 0110011", ext="Zbc")
def clmulr(rd, rs1, rs2):
    """Bits 126..63 of the carry-less product."""
    x[rd] = call("carryless_mid", x[rs1], x[rs2])
