"""Zifencei: FENCE.I.

Source: Unprivileged ISA 20240411, chapter 6.
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import system


@insn("fence.i", "imm[11:0] rs1 001 rd 0001111", ext="Zifencei")
def fence_i():
    """Later fetches of this hart see its earlier stores. imm, rs1 and rd are ignored, as asked."""
    system("do_fence_i")
