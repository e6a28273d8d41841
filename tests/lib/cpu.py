"""Single privileged instructions on a Bench hart, the way tests want to write them.

    cpu = Cpu(); cpu.write("mtvec", 0x8000_0100); cpu.read("mtvec"); cpu.at(Priv.U).do("mret") -> Trapped

Instructions go through fetch, decode and dispatch like any other: they are put at `cpu.pc` and stepped.
PMP entry 15 allows S and U everything.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.lib.hart import RAM_BASE, Bench, Hart
from vcpu_worker.csr import reg
from vcpu_worker.csr.bits import Priv
from vcpu_worker.isa.insn import encode

reg.load_all()
MASK64 = (1 << 64) - 1


@dataclass(frozen=True)
class Trapped:
    """An exception, and the mode it was taken to."""

    cause: int
    tval: int
    to: Priv = Priv.M


class Cpu:
    """One hart, in M-mode at reset."""

    def __init__(self, isa_ext: int | None = None, ram: int = 1 << 16) -> None:
        self.bench = Bench(ram=ram, isa_ext=isa_ext)
        self.hart: Hart = self.bench.harts[0]
        self.pc = RAM_BASE
        self.hart.mtimecmp = MASK64
        self.poke("pmpaddr15", MASK64)
        self.poke("pmpcfg2", 0x1F << 56)

    def poke(self, name: str, value: int) -> None:
        """A CSR as a debugger writes it."""
        self.hart.call("csr_poke", reg.NUMBERS[name], value & MASK64)

    def peek(self, name: str) -> int:
        """A CSR as a debugger reads it."""
        return self.hart.call("csr_peek", reg.NUMBERS[name])

    def do(self, name: str, **operands: int) -> Trapped | None:
        """One instruction in the present mode."""
        return self.word(encode(name, **operands))

    def word(self, word: int) -> Trapped | None:
        """The same for bits. After a trap, the mode and mstatus are put back; the trap CSRs keep theirs."""
        h = self.hart
        self.bench.put(self.pc, word)
        h.call("do_fence_i")
        h.pc = self.pc
        traps, priv, status = h.n_traps, h.priv, h.mstatus
        h.step()
        if h.n_traps == traps:
            return None
        to = Priv(h.priv)
        out = Trapped(h.mcause, h.mtval, to) if to == Priv.M else Trapped(h.scause, h.stval, to)
        assert (h.mepc if to == Priv.M else h.sepc) == self.pc
        h.mstatus = status
        self.at(Priv(priv))
        return out

    def at(self, priv: Priv) -> Cpu:
        """Go to a mode."""
        self.hart.priv = priv
        self.hart.call("fence_all")
        return self

    def write(self, csr: str | int, value: int) -> Trapped | None:
        """csrw."""
        self.hart.x[5] = value
        return self.do("csrrw", rd=0, rs1=5, csr=reg.NUMBERS[csr] if isinstance(csr, str) else csr)

    def read(self, csr: str | int) -> int | Trapped:
        """csrr."""
        trapped = self.do("csrrs", rd=6, rs1=0, csr=reg.NUMBERS[csr] if isinstance(csr, str) else csr)
        value: int = self.hart.x[6]
        return value if trapped is None else trapped
