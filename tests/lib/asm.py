"""An assembler for test code: the registry's encoder, labels, and large constants.

    a = Asm(0x8000_0000); a("addi", rd=5, rs1=0, imm=1); a.label("again"); a.branch("bne", 5, 6, "again")
    a.code() -> bytes
Branches and jumps may name labels that come later; every instruction has four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from vcpu_worker.isa.insn import encode, load_all

ZERO = 0


class Asm:
    """Code that lies at `base`."""

    def __init__(self, base: int) -> None:
        load_all()
        self.base = base
        self.words: list[int | Callable[[], int]] = []
        self.labels: dict[str, int] = {}

    @property
    def here(self) -> int:
        """Address of the next instruction."""
        return self.base + 4 * len(self.words)

    def __call__(self, name: str, **operands: int) -> None:
        self.words.append(encode(name, **operands))

    def label(self, name: str) -> None:
        """The next instruction's address gets a name. Errors: ValueError if the name is taken."""
        if name in self.labels:
            raise ValueError(f"label {name} is there twice")
        self.labels[name] = self.here

    def branch(self, name: str, rs1: int, rs2: int, to: str) -> None:
        """A conditional branch to a label."""
        at = self.here
        self.words.append(lambda: encode(name, rs1=rs1, rs2=rs2, imm=self.labels[to] - at))

    def jump(self, to: str) -> None:
        """jal x0 to a label."""
        at = self.here
        self.words.append(lambda: encode("jal", rd=ZERO, imm=self.labels[to] - at))

    def li(self, rd: int, value: int) -> None:
        """A 64-bit constant."""
        value = (value & (1 << 64) - 1) - (1 << 64) * (value >> 63 & 1)
        if -2048 <= value < 2048:
            self("addi", rd=rd, rs1=ZERO, imm=value)
            return
        low = (value & 0xFFF) - (value << 1 & 0x1000)
        high = value - low >> 12
        if -(1 << 19) <= high < 1 << 19:
            self("lui", rd=rd, imm=high)
            if low:
                self("addiw", rd=rd, rs1=rd, imm=low)
            return
        self.li(rd, high)
        self("slli", rd=rd, rs1=rd, shamt=12)
        if low:
            self("addi", rd=rd, rs1=rd, imm=low)

    def code(self) -> bytes:
        """The bytes. Errors: KeyError naming a label that is nowhere."""
        done = [w if isinstance(w, int) else w() for w in self.words]
        return struct.pack(f"<{len(done)}I", *done)
