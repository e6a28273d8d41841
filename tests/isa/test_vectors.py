"""Rows of vectors/*.csv, each with its source, run on a hart one instruction at a time."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.lib.hart import RAM_BASE, Bench, Hart
from vcpu_worker.isa.ext import EXTENSIONS
from vcpu_worker.isa.insn import decode, disassemble, encode, load_all

VECTORS = Path(__file__).parent.parent / "vectors"
INSNS = load_all()
MEMORY = RAM_BASE + 0x2000
RD, RS1, RS2 = 10, 11, 12


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a file, at least one, each with a source."""
    with open(VECTORS / name, newline="", encoding="utf-8") as f:
        found = list(csv.DictReader(f))
    assert found
    assert all(r["source"] for r in found)
    return found


@pytest.fixture(scope="module")
def hart() -> Hart:
    return Bench(isa_ext=sum(e.bit for e in EXTENSIONS)).harts[0]


def step(h: Hart, word: int) -> None:
    """One instruction at the start of RAM; it must not trap."""
    h.bench.put(RAM_BASE, word)
    h.call("do_fence_i")
    h.fault = 0
    h.pc = RAM_BASE
    h.step()
    assert h.pc == RAM_BASE + 4, f"{disassemble(word)} trapped: cause {h.mcause}"


def number(text: str) -> int:
    return int(text, 0)


@pytest.mark.parametrize(
    "row", rows("m.csv") + rows("b.csv"), ids=lambda r: f"{r['name']}-{r['rs1']}-{r['rs2']}"
)
def test_a_computation_gives_the_result_of_the_row(hart: Hart, row: dict[str, str]) -> None:
    fields = INSNS[row["name"]].fields
    a, b = number(row["rs1"]), number(row["rs2"])
    operands = {"rd": RD, "rs1": RS1}
    if "rs2" in fields:
        operands["rs2"] = RS2
    if "shamt" in fields:
        operands["shamt"] = b
    hart.x[RD], hart.x[RS1], hart.x[RS2] = 0xDEAD, a, b
    step(hart, encode(row["name"], **operands))
    assert hart.x[RD] == number(row["result"]), row["source"]
    assert (hart.x[RS1], hart.x[RS2]) == (a, b)
    # the same with rd one of the sources, and with x0 as rd
    for rd in (RS1, RS2, 0):
        hart.x[RS1], hart.x[RS2] = a, b
        step(hart, encode(row["name"], **{**operands, "rd": rd}))
        assert hart.x[rd] == (number(row["result"]) if rd else 0)


@pytest.mark.parametrize("row", rows("a.csv"), ids=lambda r: f"{r['name']}-{r['memory']}-{r['rs2']}")
def test_an_atomic_gives_the_memory_and_rd_of_the_row(hart: Hart, row: dict[str, str]) -> None:
    for aq, rl in ((0, 0), (0, 1), (1, 0), (1, 1)):
        hart.bench.put(MEMORY, number(row["memory"]), size=8)
        hart.x[RD], hart.x[RS1], hart.x[RS2] = 0xDEAD, MEMORY, number(row["rs2"])
        step(hart, encode(row["name"], rd=RD, rs1=RS1, rs2=RS2, aq=aq, rl=rl))
        assert hart.x[RD] == number(row["rd"]), row["source"]
        assert hart.bench.get(MEMORY) == number(row["after"]), row["source"]


@pytest.mark.parametrize("row", rows("c.csv"), ids=lambda r: r["word"])
def test_a_compressed_word_stands_for_what_the_row_says(row: dict[str, str]) -> None:
    word = number(row["word"])
    assert disassemble(word) == row["expansion"], row["source"]
    found = decode(word)
    assert found is not None
    assert found[0].length == 2
    assert found[0].base is not None


def test_every_compressed_instruction_has_a_row() -> None:
    seen = {found[0].name for row in rows("c.csv") if (found := decode(number(row["word"])))}
    missing = [i.name for i in INSNS.values() if i.ext in ("Zca", "Zcd", "Zcb") and i.name not in seen]
    assert not missing


@pytest.mark.parametrize(
    ("name", "exts"), [("m.csv", "M Zmmul"), ("b.csv", "Zba Zbb Zbs Zbc Zicond"), ("a.csv", "Zaamo")]
)
def test_every_instruction_has_a_row(name: str, exts: str) -> None:
    seen = {row["name"] for row in rows(name)}
    missing = [i.name for i in INSNS.values() if i.ext in exts.split() and i.name not in seen]
    assert not missing
