"""Random programs on a hart of ours and on Unicorn (QEMU 5's translator), for what Unicorn knows.

The suite runs a few thousand instructions of each extension; `run("M", 1_000_000, seed)` runs more.
What Unicorn does differently is not generated, each for a reason written below.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import unicorn
from unicorn import riscv_const as reg

from tests.isa.programs import AREA, BOX, Program, random_double, random_single
from tests.isa.runner import DATA, State, compare
from tests.lib.hart import RAM_BASE
from vcpu_worker.isa.insn import load_all

SEED = 20240411
COUNT = 4000
MSTATUS_FS = 3 << 13

_X = [reg.UC_RISCV_REG_X0 + i for i in range(32)]
_F = [reg.UC_RISCV_REG_F0 + i for i in range(32)]


class Unicorn:
    """A `runner.Machine`. `box` corrects what Unicorn does not box."""

    def __init__(self, box: Callable[[int], int] | None = None) -> None:
        self.box = box or int
        self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
        self.uc.mem_map(RAM_BASE, 1 << 20)
        self.uc.reg_write(reg.UC_RISCV_REG_MSTATUS, MSTATUS_FS)
        self.start = self.end = 0

    def load(self, program: Program, base: int, frm: int) -> None:
        uc = self.uc
        uc.mem_write(DATA, program.area)
        uc.mem_write(base, program.code)
        # what lies behind the end too: Unicorn tests for its end only when it translates
        uc.ctl_remove_cache(base, base + len(program.code) + 256)
        uc.reg_write_batch([*zip(_X + _F, program.x + program.f, strict=True)])
        uc.reg_write(reg.UC_RISCV_REG_FCSR, frm << 5)
        uc.reg_write(reg.UC_RISCV_REG_PC, base)
        self.start, self.end = base, base + len(program.code)

    def run(self) -> None:
        self.uc.emu_start(self.start, self.end)

    def step(self) -> int:
        pc = self.uc.reg_read(reg.UC_RISCV_REG_PC)
        self.uc.emu_start(pc, self.end, count=1)
        after: int = self.uc.reg_read(reg.UC_RISCV_REG_PC)
        return after

    def state(self) -> State:
        values = self.uc.reg_read_batch(_X + _F)
        f = tuple(self.box(v) for v in values[32:])
        fcsr = self.uc.reg_read(reg.UC_RISCV_REG_FCSR)
        return State(tuple(values[:32]), f, fcsr, bytes(self.uc.mem_read(DATA, AREA)))


@dataclass(frozen=True)
class Group:
    """Instructions of `exts` (or `only` some) on f registers from `floats`, `length` in a program."""

    exts: tuple[str, ...]
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    floats: Callable[[random.Random], int] | None = None
    box: Callable[[int], int] | None = None
    length: int = 64


def boxed(rng: random.Random) -> int:
    """A boxed single."""
    return BOX | random_single(rng)


def quiet_single(rng: random.Random) -> int:
    """A boxed single that is no signalling NaN."""
    v = random_single(rng)
    return BOX | v | (1 << 22 if v >> 23 & 0xFF == 0xFF and v & 0x7F_FFFF else 0)


def quiet_double(rng: random.Random) -> int:
    """A double that is no signalling NaN."""
    v = random_double(rng)
    return v | (1 << 51 if v >> 52 & 0x7FF == 0x7FF and v & (1 << 52) - 1 else 0)


def upper_double(rng: random.Random) -> int:
    """A double whose upper half is not zero."""
    v = random_double(rng)
    return v if v >> 32 else v | 1 << 32


def box_all(v: int) -> int:
    """Where every f register holds a single."""
    return v | BOX


def box_zero(v: int) -> int:
    """Where no other value has an upper half of zeros."""
    return v if v >> 32 else v | BOX


GROUPS: dict[str, Group] = {
    "I": Group(("I",), without=("ecall", "ebreak", "mret", "wfi", "x.sbi.boot", "x.sbi.call")),
    "M": Group(("M", "Zmmul")),
    "A": Group(("Zaamo", "Zalrsc")),
    "C": Group(("Zca", "Zcd"), without=("c.ebreak",)),
    # Unicorn does not box the results of fmin, fmax, fmv.w.x, fused multiply-adds and fcvt.s.d, and does
    # not test operands for it; its fmin and fmax are those of F before 2.2: other for signalling NaNs
    "F": Group(("F",), without=("fmin.s", "fmax.s"), floats=boxed, box=box_all),
    "D": Group(("D",), without=("fcvt.d.s", "fcvt.s.d", "fmin.d", "fmax.d"), floats=random_double),
    "fcvt.d.s": Group(("D",), only=("fcvt.d.s",), floats=boxed, length=1),
    "fcvt.s.d": Group(("D",), only=("fcvt.s.d",), floats=upper_double, box=box_zero, length=1),
    "fmin.s": Group(("F",), only=("fmin.s", "fmax.s"), floats=quiet_single, box=box_all),
    "fmin.d": Group(("D",), only=("fmin.d", "fmax.d"), floats=quiet_double),
}


def names_of(group: Group) -> list[str]:
    """The instructions of a group."""
    return [
        i.name
        for i in load_all().values()
        if i.ext in group.exts and i.name not in group.without and (not group.only or i.name in group.only)
    ]


def run(name: str, count: int, seed: int) -> int:
    """Compare `count` instructions of a group; how many were run. AssertionError at a difference."""
    g = GROUPS[name]
    return compare(names_of(g), lambda: Unicorn(g.box), count, seed, g.floats, g.length)


@pytest.mark.parametrize("group", GROUPS)
def test_random_programs_end_as_on_unicorn(group: str) -> None:
    count = COUNT if GROUPS[group].length > 1 else COUNT // 8
    assert run(group, count, SEED) >= count


@pytest.mark.soak
@pytest.mark.parametrize("group", GROUPS)
def test_a_million_instructions_end_as_on_unicorn(group: str) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    count = 1_000_000 if GROUPS[group].length > 1 else 125_000
    assert run(group, count, seed) >= count
