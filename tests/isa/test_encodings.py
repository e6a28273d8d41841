"""The instruction registry against itself: disjoint encodings, encoder, decoder, disassembler, errors."""

from __future__ import annotations

import random
import re

import pytest

from tests.isa.words import HALVES, INSNS, WORDS, random_word
from vcpu_worker.isa import fields, insn
from vcpu_worker.isa.insn import Insn, compressed, decode, disassemble, encode

SEED = 20240411


def test_no_two_32_bit_encodings_overlap_unless_declared_inside() -> None:
    for i, a in enumerate(WORDS):
        for b in WORDS[i + 1 :]:
            if (a.match ^ b.match) & a.mask & b.mask:
                continue
            small, large = (a, b) if a.inside == b.name else (b, a)
            assert small.inside == large.name, f"{a.name} ({a.where}) overlaps {b.name} ({b.where})"
            assert small.mask & large.mask == large.mask, f"{small.name} is not within {large.name}"


def test_what_is_inside_another_instruction_does_overlap_it() -> None:
    for one in WORDS:
        if one.inside is not None:
            assert (one.match ^ INSNS[one.inside].match) & INSNS[one.inside].mask == 0, one.name


def test_each_16_bit_word_is_at_most_one_instruction() -> None:
    halves = [i for i in INSNS.values() if i.length == 2]
    for word in HALVES:
        found = [i.name for i in halves if i.get(word) is not None]
        assert len(found) <= 1, f"{word:#06x} is {found}"


@pytest.mark.parametrize("one", INSNS.values(), ids=lambda i: i.name)
def test_decode_then_encode_gives_the_word_back(one: Insn) -> None:
    rng = random.Random(f"{SEED}{one.name}")
    seen = 0
    for _ in range(200):
        word = random_word(one, rng)
        if one.get(word) is None:
            continue
        found = decode(word)
        assert found is not None
        if found[0].inside == one.name:
            continue
        assert found[0] is one
        assert encode(one.name, **found[1]) == word
        assert disassemble(word, 0x8000_0000)
        seen += 1
    assert seen > 50


@pytest.mark.parametrize("one", INSNS.values(), ids=lambda i: i.name)
def test_operands_outside_their_range_are_refused(one: Insn) -> None:
    greatest = {f.name: f.limits()[1] for f in one.fields.values()}
    for f in one.fields.values():
        low, high = f.limits()
        for bad in (low - 1, high * 2 + 2, low - (1 << 40), 1 << 40):
            with pytest.raises(ValueError, match=f.name):
                encode(one.name, **{**greatest, f.name: bad})


def test_a_misaligned_immediate_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 2"):
        encode("beq", rs1=0, rs2=0, imm=3)
    with pytest.raises(ValueError, match="multiple of 16"):
        encode("c.addi16sp", imm=8)


def test_a_missing_or_unknown_operand_is_refused() -> None:
    with pytest.raises(ValueError, match="addi needs imm"):
        encode("addi", rd=1, rs1=2)
    with pytest.raises(ValueError, match="addi has no operand rs2"):
        encode("addi", rd=1, rs1=2, imm=0, rs2=3)


def test_reserved_encodings_do_not_decode() -> None:
    reserved = {
        0x0000: "all zeros: defined illegal",
        0x0004 & ~0x1FE0: "c.addi4spn with immediate 0",
        0x2001: "c.addiw x0",
        0x6101: "c.addi16sp with immediate 0",
        0x6081: "c.lui with immediate 0 (c.mop.1 of Zcmop)",
        0x8002: "c.jr x0",
        0x4002: "c.lwsp x0",
        0x6002: "c.ldsp x0",
        0x9000: "quadrant 0, funct3 100, not in Zcb",
        0x9C79: "quadrant 1, funct3 100, not in Zcb",
        0xFFFFFFFF: "all ones: defined illegal",
        encode("fadd.s", rd=1, rs1=2, rs2=3) & ~0x7000 | 0x5000: "static rounding mode 5",
        encode("fmadd.d", rd=1, rs1=2, rs2=3, rs3=4) & ~0x7000 | 0x6000: "static rounding mode 6",
        0x0200_101B: "slliw with bit 5 of shamt",
        0x0000_001F: "48-bit and longer encodings",
    }
    for word, why in reserved.items():
        assert decode(word) is None, f"{word:#x} decodes although {why}"


def test_a_name_declared_twice_fails_naming_both_places() -> None:
    with pytest.raises(ValueError, match=r"c\.nop declared twice: vcpu_worker\.isa\.zca:\d+ and .*:\d+"):
        compressed("c.nop", "000 imm[5] 00000 imm[4:0] 01", expands="addi")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("0000000 rs2 rs1 000 rd 011001", "has 31 bits"),
        ("0000000 rs2 rs1 000 rd rx", "'rx' is not a field"),
        ("0000000 rs2 rs1 000 rd 01_0011", "not part of the pattern language"),
        ("imm[10:0] imm[0] rs1 000 rd 0010011", "has a bit twice"),
        ("imm[12:2|0] rs1 000 rd 0010011", "has a gap"),
        ("imm[12|10:5] rs2 rs1 000 uimm[4:1|11] 1100011", "differs in kind"),
        ("0000000 rs1 rs1 000 rd 0110011", "rs1 appears twice"),
    ],
)
def test_a_bad_pattern_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(fields.PatternError, match=re.escape(why)):
        fields.parse(pattern)


def test_a_body_names_only_operands_its_pattern_has() -> None:
    with pytest.raises(ValueError, match="the pattern has no rs3"):

        @insn.insn("test.bad", "0000000 rs2 rs1 000 rd 0110011", ext="I")
        def bad(rd: int, rs3: int) -> None:
            pass


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (encode("addi", rd=10, rs1=2, imm=16), "addi a0,sp,16"),
        (encode("lw", rd=15, rs1=8, imm=8), "lw a5,8(s0)"),
        (encode("beq", rs1=10, rs2=11, imm=16), "beq a0,a1,80000010"),
        (encode("amoadd.w", rd=10, rs1=12, rs2=11, aq=1), "amoadd.w.aq a0,a1,(a2)"),
        (encode("c.addi4spn", rd=10, imm=16), "addi a0,sp,16"),
        (encode("fence", pred=3, succ=2), "fence rw,r"),
        (encode("csrrs", rd=10, rs1=0, csr=0x300), "csrr a0,mstatus"),
        (encode("csrrs", rd=10, rs1=11, csr=0x8FF), "csrrs a0,0x8ff,a1"),
        (encode("fmadd.d", rd=1, rs1=2, rs2=3, rs3=4, rm=1), "fmadd.d ft1,ft2,ft3,ft4,rtz"),
        (0x0000, ".2byte 0x0000"),
        (0xFFFFFFFF, ".4byte 0xffffffff"),
    ],
)
def test_disassembly_reads_as_objdump_prints_it(word: int, text: str) -> None:
    assert disassemble(word, 0x8000_0000) == text
