"""Running programs of `programs` on a hart of ours and on an oracle, and saying where they first differ.

A machine here is anything with `load(program)`, `run()`, `step()` and `state()`; states are compared as
wholes, and only when they differ is the program run again, instruction by instruction.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ipc.layout import Exit
from tests.isa.programs import AREA, Generator, Program
from tests.lib.hart import RAM_BASE, Bench
from vcpu_worker.isa.insn import decode, disassemble, encode

LAUNCH = RAM_BASE  # fence.i; mret
CODE_PAGE = RAM_BASE + 0x4000  # programs begin before it, so that some cross into it
DATA = RAM_BASE + 0x8000
FS = 3 << 13
MPP_M = 3 << 11
FCSR_FIELDS = 5


@dataclass(frozen=True)
class State:
    """What is compared: registers, fcsr, the data area."""

    x: tuple[int, ...]
    f: tuple[int, ...]
    fcsr: int
    area: bytes


class Machine(Protocol):
    """Something that runs a program from its first word to behind its last."""

    def load(self, program: Program, base: int, frm: int) -> None:
        """Put the program at base; registers, area and frm as it says, no flags raised."""

    def run(self) -> None:
        """From the first word to behind the last."""

    def step(self) -> int:
        """One instruction; the pc behind it."""

    def state(self) -> State:
        """As things are."""


class Ours:
    """A hart of the engine, in M-mode, addresses untranslated."""

    def __init__(self, isa_ext: int | None = None) -> None:
        self.bench = Bench(harts=1, ram=1 << 20, isa_ext=isa_ext)
        self.hart = self.bench.harts[0]
        self.bench.put(LAUNCH, encode("fence.i"), encode("mret"))
        self.end = 0
        x, f = self.hart.view.struct.offset("x"), self.hart.view.struct.offset("f")
        raw = self.bench.buf[self.hart.view.base :]
        self._x = raw[x : x + 32 * 8].cast("Q")
        self._f = raw[f : f + 32 * 8].cast("Q")

    def load(self, program: Program, base: int, frm: int) -> None:
        bench, h = self.bench, self.hart
        off = base - RAM_BASE
        code = program.code + encode("wfi").to_bytes(4, "little")
        bench.ram[off : off + len(code)] = code
        off = DATA - RAM_BASE
        bench.ram[off : off + AREA] = program.area
        for i in range(32):
            self._x[i] = program.x[i]
            self._f[i] = program.f[i]
        h.fflags, h.frm, h.lr_addr = 0, frm, 0
        h.mstatus = FS | MPP_M
        h.mepc, h.pc = base, LAUNCH
        self.end = base + len(program.code)

    def launch(self) -> None:
        """fence.i and mret to the program's first word."""
        for _ in range(2):
            self.hart.step()

    def run(self) -> None:
        reason = self.hart.call("run")
        # wfi with nothing pending leaves; anything else is a trap that should not be
        if reason != Exit.SLEEP or self.hart.pc != self.end + 4:
            h = self.hart
            raise AssertionError(
                f"left with {Exit(reason).name} at {h.pc:#x}, not behind {self.end:#x}: mcause"
                f" {h.mcause:#x} mepc {h.mepc:#x} mtval {h.mtval:#x}"
            )

    def retired(self) -> int:
        """Instructions retired since reset."""
        h = self.hart
        count: int = h.instret_base - h.bud & 0xFFFF_FFFF_FFFF_FFFF
        return count

    def step(self) -> int:
        self.hart.step()
        pc: int = self.hart.pc
        return pc

    def state(self) -> State:
        off = DATA - RAM_BASE
        h = self.hart
        return State(
            tuple(self._x), tuple(self._f), h.frm << FCSR_FIELDS | h.fflags,
            bytes(self.bench.ram[off : off + AREA]),
        )  # fmt: skip


def differences(a: State, b: State) -> list[str]:
    """Where two states differ, as text."""
    out = [
        f"x{i}: ours {p:#x}, theirs {q:#x}" for i, (p, q) in enumerate(zip(a.x, b.x, strict=True)) if p != q
    ]
    out += [
        f"f{i}: ours {p:#x}, theirs {q:#x}" for i, (p, q) in enumerate(zip(a.f, b.f, strict=True)) if p != q
    ]
    if a.fcsr != b.fcsr:
        out.append(f"fcsr: ours {a.fcsr:#x}, theirs {b.fcsr:#x}")
    if a.area != b.area:
        at = next(i for i in range(AREA) if a.area[i] != b.area[i])
        out.append(f"area[{at:#x}]: ours {a.area[at : at + 8].hex()}, theirs {b.area[at : at + 8].hex()}")
    return out


def explain(ours: Ours, theirs: Machine, program: Program, base: int, frm: int) -> str:
    """The first instruction after which the machines differ."""
    ours.load(program, base, frm)
    theirs.load(program, base, frm)
    ours.launch()
    for _ in range(len(program.words)):
        pc, before = ours.hart.pc, ours.state()
        if pc == ours.end:
            break
        off = pc - base
        word = int.from_bytes(program.code[off : off + 4], "little")
        ours.step()
        theirs.step()
        found = differences(ours.state(), theirs.state())
        if found:
            decoded = decode(word)
            name, v = (decoded[0].name, decoded[1]) if decoded else ("?", {})
            sources = ", ".join(
                f"{r}: x{v[r]}={before.x[v[r]]:#x} f{v[r]}={before.f[v[r]]:#x}"
                for r in ("rs1", "rs2", "rs3", "rd")
                if r in v
            )
            at = f"{name} ({disassemble(word, pc)}, {word:#x}) at {pc:#x}"
            return f"{at} with {sources}, frm {frm}: {'; '.join(found)}"
    return "they differ run as a whole and not instruction by instruction"


def compare(
    names: list[str],
    oracle: Callable[[], Machine],
    count: int,
    seed: int,
    float_source: Callable[[random.Random], int] | None = None,
    length: int = 64,
    ours: Ours | None = None,
) -> int:
    """Run programs of the instructions `names` until `count` instructions are done; how many were.

    Errors: AssertionError at the first difference, with the seed of the program.
    """
    generator = Generator(names, float_source)
    ours, theirs = ours or Ours(), oracle()
    done = number = 0
    while done < count:
        rng = random.Random(f"{seed}/{number}")
        program = generator.program(rng, length, DATA)
        base = CODE_PAGE - 2 * rng.randrange(0, 2 * length)
        frm = rng.randrange(5)
        ours.load(program, base, frm)
        theirs.load(program, base, frm)
        ours.run()
        theirs.run()
        a, b = ours.state(), theirs.state()
        if a != b:
            raise AssertionError(f"seed {seed}/{number}: {explain(ours, theirs, program, base, frm)}")
        done += len(program.words)
        number += 1
    return done
