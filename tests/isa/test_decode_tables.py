"""The decode tables, as the compiled decoder reads them, against the registry's own decoder."""

from __future__ import annotations

import random

import pytest

from tests.isa.words import HALVES, INSNS, WORDS, random_word
from tests.lib.hart import Bench, Hart
from vcpu_worker.codegen import decode as tables
from vcpu_worker.isa import ext
from vcpu_worker.isa.insn import encode
from vcpu_worker.mem import decode as lay

SEED = 20240411
ALL = sum(e.bit for e in ext.EXTENSIONS)
IMAC = ext.bits_of(("I", "M", "A", "C", "Zicsr", "Zifencei", "S", "U"))
HARTS = {"everything": ALL, "rv64": ext.RV64_DEFAULT, "IMAC": IMAC, "I": ext.EXT_I}
FAR = 1 << 16  # an offset near which no page is


def bench_hart(isa_ext: int) -> Hart:
    """A hart with these extensions."""
    return Bench(isa_ext=isa_ext).harts[0]


@pytest.mark.parametrize("isa", HARTS)
def test_every_16_bit_word_gives_the_record_the_registry_says(isa: str) -> None:
    h = bench_hart(HARTS[isa])
    rng = random.Random(SEED)
    for word in HALVES:
        off = rng.choice((0, 2, 4094, 2 * rng.randrange(2048)))
        want = tables.record(word, off, HARTS[isa])
        assert h.call("decode16", word, off) == want, f"{word:#06x} at {off:#x}"


@pytest.mark.parametrize("isa", HARTS)
def test_random_32_bit_words_give_the_record_the_registry_says(isa: str) -> None:
    h = bench_hart(HARTS[isa])
    rng = random.Random(SEED)
    words = [rng.getrandbits(32) | 3 for _ in range(10_000)]
    for one in WORDS:
        for _ in range(60):
            word = random_word(one, rng)
            words.append(word ^ 1 << rng.randrange(2, 32) if rng.random() < 0.1 else word)
    for word in words:
        off = rng.choice((0, 4092, 4094, 2 * rng.randrange(2048)))
        want = tables.record(word, off, HARTS[isa])
        assert h.call("decode32", word, off) == want, f"{word:#010x} at {off:#x}"


def test_a_branch_out_of_its_page_is_far() -> None:
    h = bench_hart(ALL)
    for name, operands in (
        ("beq", {"rs1": 1, "rs2": 2}),
        ("jal", {"rd": 1}),
        ("c.j", {}),
        ("c.beqz", {"rs1": 8}),
    ):
        decode = "decode16" if name.startswith("c.") else "decode32"
        for off, imm, near in ((0, -2, False), (2, -2, True), (4000, 94, True), (4000, 96, False)):
            word = encode(name, imm=imm, **operands)
            op = h.call(decode, word, off) & 0xFFFF
            assert tables.ops()[op - lay.FIRST_OP].near == near, f"{name} by {imm} at {off}"
        op = h.call(decode, encode(name, imm=4, **operands), FAR) & 0xFFFF
        assert not tables.ops()[op - lay.FIRST_OP].near


def test_a_hart_without_an_extension_finds_its_instructions_illegal_or_hints() -> None:
    rng = random.Random(SEED)
    h = bench_hart(ext.EXT_I)
    for one in INSNS.values():
        if one.ext == "I":
            continue
        word = next(w for w in iter(lambda: random_word(one, rng), None) if one.get(w) is not None)  # noqa: B023
        op = h.call("decode16" if one.length == 2 else "decode32", word, 0) & 0xFFFF
        if one.inside is None:
            assert op == lay.OP_ILLEGAL, one.name
        else:
            assert tables.ops()[op - lay.FIRST_OP].name == one.inside


def test_op_numbers_depend_on_names_alone() -> None:
    assert list(tables.ops()) == sorted(tables.ops())
    assert tables.tables() == tables.tables()
