"""The two instructions of the built-in SBI's ROM stub. Illegal everywhere else; see isa/sbi_rom.py."""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import *


@insn("x.sbi.boot", "000000000000 00000 000 00000 0001011", ext="I")
def x_sbi_boot():
    """Wait until this hart is to start, then leave M-mode as firmware does; the mret behind it enters.

    Traps: illegal instruction outside the stub. Leaves (sleep) while HSM says the hart is stopped.
    """
    system("sbi_boot")


@insn("x.sbi.call", "000000000001 00000 000 00000 0001011", ext="I")
def x_sbi_call():
    """Handle the trap that led to mtvec. It runs again until an SBI call is complete.

    Traps: illegal instruction outside the stub. Leaves for the main loop's answer, to sleep, to wait.
    """
    system("sbi_call")
