"""Zicond: conditional zero.

Source: Unprivileged ISA 20240411, chapter 12.
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import eq, select, x


@insn("czero.eqz", "0000111 rs2 rs1 101 rd 0110011", ext="Zicond")
def czero_eqz(rd, rs1, rs2):
    """0 if rs2 is zero, else rs1."""
    x[rd] = select(eq(x[rs2], 0), 0, x[rs1])


@insn("czero.nez", "0000111 rs2 rs1 111 rd 0110011", ext="Zicond")
def czero_nez(rd, rs1, rs2):
    """0 if rs2 is not zero, else rs1."""
    x[rd] = select(eq(x[rs2], 0), x[rs1], 0)
