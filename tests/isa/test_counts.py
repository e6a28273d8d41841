"""Instruction counts are exact, and a run may end after any number of instructions (DESIGN law 7)."""

from __future__ import annotations

import random

import pytest

from ipc.layout import Exit
from tests.isa.programs import Generator, Program
from tests.isa.runner import CODE_PAGE, DATA, Ours
from vcpu_worker.isa.insn import load_all

SEED = 20240411
LAUNCH_AND_WFI = 3  # fence.i, mret, and the wfi behind the program
MIXED = [
    i.name
    for i in load_all().values()
    if i.ext in ("I", "M", "Zmmul", "Zaamo", "Zalrsc", "Zca")
    and i.name not in ("ecall", "ebreak", "c.ebreak", "mret", "wfi")
    and i.match & 127 != 0x0B
]
STRAIGHT = [n for n in MIXED if "c.j" not in n and not n.startswith(("b", "j", "c.b"))]


def programs(names: list[str], count: int) -> list[tuple[Program, int]]:
    """Random programs with where they begin."""
    generator = Generator(names)
    out = []
    for number in range(count):
        rng = random.Random(f"{SEED}/{number}")
        out.append((generator.program(rng, 64, DATA), CODE_PAGE - 2 * rng.randrange(128)))
    return out


@pytest.fixture(scope="module")
def ours() -> Ours:
    return Ours()


def test_a_straight_program_retires_each_of_its_instructions(ours: Ours) -> None:
    for program, base in programs(STRAIGHT, 50):
        ours.load(program, base, 0)
        before = ours.retired()
        ours.run()
        assert ours.retired() - before == len(program.words) + LAUNCH_AND_WFI


def test_a_program_in_single_steps_ends_as_in_one_run(ours: Ours) -> None:
    for program, base in programs(MIXED, 50):
        ours.load(program, base, 0)
        before = ours.retired()
        ours.run()
        whole, count = ours.state(), ours.retired() - before
        ours.load(program, base, 0)
        before = ours.retired()
        for n in range(1, count):
            assert ours.hart.step() == Exit.STEP
            assert ours.retired() - before == n
        assert ours.hart.pc == ours.end
        assert ours.state() == whole


def test_a_program_in_runs_of_random_length_ends_as_in_one_run(ours: Ours) -> None:
    for number, (program, base) in enumerate(programs(MIXED, 100)):
        rng = random.Random(f"{SEED}/pieces/{number}")
        ours.load(program, base, 0)
        before = ours.retired()
        ours.run()
        whole, left = ours.state(), ours.retired() - before - 1
        ours.load(program, base, 0)
        while left:
            n = min(left, rng.choice((0, 1, 2, 3, rng.randrange(20))))
            before = ours.retired()
            assert ours.hart.run_exact(n) == Exit.BUDGET
            assert ours.retired() - before == n
            left -= n
        assert ours.hart.pc == ours.end
        assert ours.state() == whole
