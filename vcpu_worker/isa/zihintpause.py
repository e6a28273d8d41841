"""Zihintpause: PAUSE, the fence with pred=W, succ=0 and nothing else.

Source: Unprivileged ISA 20240411, chapter 10.
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import relax


@insn("pause", "0000 0001 0000 00000 000 00000 0001111", ext="Zihintpause", inside="fence")
def pause():
    """A spin loop: let the other hardware thread run."""
    relax()
