"""Random programs on a hart of ours and on the naive models, for what Unicorn does not know.

The suite runs a few thousand instructions of each extension; `run("Zbb", 1_000_000, seed)` runs more.
"""

from __future__ import annotations

import random

import pytest

from tests.isa.models import MODELS, SIZES, Memory
from tests.isa.programs import Program
from tests.isa.runner import DATA, Ours, State, compare
from vcpu_worker.isa.ext import EXTENSIONS
from vcpu_worker.isa.insn import decode, load_all

SEED = 20240411
COUNT = 4000
GROUPS = ("Zba", "Zbb", "Zbs", "Zbc", "Zicond", "Zcb", "Zaamo", "Zabha")
LOADS, STORES, AMOS = 0x03, 0x23, 0x2F
ALL = sum(e.bit for e in EXTENSIONS)


class Model:
    """A `runner.Machine` of registers and the data area."""

    def __init__(self) -> None:
        self.program = Program([], [0] * 32, [0] * 32, b"")
        self.x = [0] * 32
        self.memory = Memory(DATA, b"")
        self.at = 0
        self.fcsr = 0

    def load(self, program: Program, base: int, frm: int) -> None:
        self.program, self.x, self.at, self.fcsr = program, list(program.x), 0, frm << 5
        self.memory = Memory(DATA, program.area)

    def run(self) -> None:
        while self.at < len(self.program.words):
            self.step()

    def step(self) -> int:
        found = decode(self.program.words[self.at][0])
        assert found is not None
        one, own = found
        v = one.expand(own)
        x, name = self.x, one.body.name
        first = x[v["rs1"]]
        second = v["shamt"] if "shamt" in v else v["imm"] if "imm" in v else x[v["rs2"]] if "rs2" in v else 0
        opcode = one.body.match & 127
        result = 0
        if opcode == LOADS:
            result = self.memory.load(name, first + v["imm"])
        elif opcode == STORES:
            self.memory.write(first + v["imm"], x[v["rs2"]], SIZES[name[1]])
        elif opcode == AMOS:
            result = self.memory.amo(name, first, second)
        else:
            result = MODELS[name](first, second)
        if v.get("rd", 0) != 0:
            x[v["rd"]] = result
        self.at += 1
        return self.at

    def state(self) -> State:
        return State(tuple(self.x), tuple(self.program.f), self.fcsr, bytes(self.memory.data))


def names_of(group: str) -> list[str]:
    """The instructions of an extension."""
    return [i.name for i in load_all().values() if i.ext == group]


def run(group: str, count: int, seed: int) -> int:
    """Compare `count` instructions of an extension; how many were run. AssertionError at a difference."""
    return compare(names_of(group), Model, count, seed, ours=Ours(isa_ext=ALL))


def test_every_instruction_of_these_extensions_has_a_model() -> None:
    for group in GROUPS[:5]:
        missing = [n for n in names_of(group) if n not in MODELS]
        assert not missing, f"{group}: no model of {missing}"


@pytest.mark.parametrize("group", GROUPS)
def test_random_programs_end_as_in_the_model(group: str) -> None:
    assert run(group, COUNT, SEED) >= COUNT


@pytest.mark.soak
@pytest.mark.parametrize("group", GROUPS)
def test_a_million_instructions_end_as_in_the_model(group: str) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    assert run(group, 1_000_000, seed) >= 1_000_000
