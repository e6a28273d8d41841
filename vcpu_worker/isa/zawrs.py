"""Zawrs: wait on a reservation set.

Source: Unprivileged ISA 20240411, chapter 16.
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import system


@insn("wrs.nto", "000000001101 00000 000 00000 1110011", ext="Zawrs")
def wrs_nto():
    """Wait until the reserved word may have changed or an interrupt pends. May return early."""
    system("do_wrs", 0)


@insn("wrs.sto", "000000011101 00000 000 00000 1110011", ext="Zawrs")
def wrs_sto():
    """The same, for a short time."""
    system("do_wrs", 1)
