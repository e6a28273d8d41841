"""Zalrsc: load-reserved and store-conditional.

Rule: semantics are in `mem.atomics`; SC is a compare-exchange against the value LR saw.
Traps: LR: load address misaligned, load access or page fault. SC: store/AMO address misaligned, store
access or page fault, whether or not a reservation is held; rd keeps its value.
Source: Unprivileged ISA 20240411, chapter 14 ("A"), section "Zalrsc".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import hcall, sext32, x


@insn("lr.w", "00010 aq rl 00000 rs1 010 rd 0101111", ext="Zalrsc")
def lr_w(rd, rs1, imm):
    """Word, sign-extended, and a reservation of it. imm is aq * 2 + rl."""
    x[rd] = sext32(hcall("lr", x[rs1], 4, imm))


@insn("lr.d", "00010 aq rl 00000 rs1 011 rd 0101111", ext="Zalrsc")
def lr_d(rd, rs1, imm):
    """Doubleword, and a reservation of it. imm is aq * 2 + rl."""
    x[rd] = hcall("lr", x[rs1], 8, imm)


@insn("sc.w", "00011 aq rl rs2 rs1 010 rd 0101111", ext="Zalrsc")
def sc_w(rd, rs1, rs2):
    """0 if the word was stored, 1 if not."""
    x[rd] = hcall("sc", x[rs1], x[rs2], 4)


@insn("sc.d", "00011 aq rl rs2 rs1 011 rd 0101111", ext="Zalrsc")
def sc_d(rd, rs1, rs2):
    """0 if the doubleword was stored, 1 if not."""
    x[rd] = hcall("sc", x[rs1], x[rs2], 8)
