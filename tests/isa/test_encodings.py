"""Encodings against each other, against capstone and against an assembler.

Oracles: capstone (knows RV64GC) for every 16-bit word and many 32-bit ones; LLVM's assembler (in the
ziglang package) for everything else. Differences are listed with their reasons; a reason that no longer
explains anything fails.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import capstone
import pytest
from elftools.elf.elffile import ELFFile

from vcpu_worker.isa import fields, insn
from vcpu_worker.isa.disasm import F_NAMES, X_NAMES
from vcpu_worker.isa.insn import Insn, compressed, decode, disassemble, encode, load_all

SEED = 20240411
INSNS = load_all()
WORDS = [i for i in INSNS.values() if i.length == 4]
HALVES = [w for w in range(1 << 16) if w & 3 != 3]


def random_word(one: Insn, rng: random.Random) -> int:
    """A word with this instruction's fixed bits; now and then a field of it is all zero or all ones."""
    word = one.match | rng.getrandbits(8 * one.length) & ~one.mask
    for f in one.fields.values():
        kind = rng.random()
        if kind < 0.1:
            word &= ~f.mask
        elif kind < 0.2:
            word |= f.mask
    return word


# -- the registry against itself ----------------------------------------------------------------------


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
        0x8000: "quadrant 0, funct3 100 without Zcb",
        0x9C41: "quadrant 1, funct3 100, reserved on RV64",
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


# -- capstone -----------------------------------------------------------------------------------------


@dataclass
class Excuse:
    """A known difference to an oracle: when it applies, why it is right. `used` counts what it explained."""

    why: str
    applies: Callable[[int, Insn | None, str | None], bool]
    used: int = 0


def _name(one: Insn | None) -> str:
    return one.name if one is not None else ""


def _hint16(word: int, one: Insn | None, theirs: str | None) -> bool:
    if one is None or theirs is not None:
        return False
    return (one.name in ("c.li", "c.lui", "c.mv", "c.add", "c.slli") and word >> 7 & 31 == 0) or (
        one.name == "c.nop" and word >> 2 != 0
    )


EXCUSES_16 = [
    Excuse("hints with rd=x0 and c.nop with an immediate run as their base instruction", _hint16),
    Excuse(
        "c.lui with immediate 0 is reserved (Zcmop has c.mop.n there)",
        lambda w, i, t: i is None and t == "c.lui" and w & 0x107C == 0,
    ),
    Excuse("the all-zero word is defined illegal; capstone calls it c.unimp", lambda w, i, t: w == 0),
]

_KNOWN_TO_CAPSTONE = {"I", "M", "Zmmul", "Zaamo", "Zalrsc", "F", "D", "Zicsr", "Zifencei", "S", "U"}
_WIDENING = ("fcvt.d.s", "fcvt.d.w", "fcvt.d.wu")

EXCUSES_32 = [
    Excuse(
        "extensions that capstone 5 does not know (the assembler test covers them)",
        lambda w, i, t: i is not None and i.ext not in _KNOWN_TO_CAPSTONE and t in (None, "ori", "fence"),
    ),
    Excuse(
        "fence ignores fm, rs1 and rd, fence.i all its fields; capstone wants zeros",
        lambda w, i, t: _name(i) in ("fence", "fence.i") and t is None,
    ),
    Excuse(
        "rm of an exact conversion is an ordinary rm field; capstone wants 0",
        lambda w, i, t: _name(i) in _WIDENING and t is None,
    ),
    Excuse(
        "custom-0: the built-in firmware's own two instructions",
        lambda w, i, t: i is not None and w & 127 == 0x0B and t is None,
    ),
    Excuse(
        "instructions of privilege levels and extensions that no hart of ours has",
        lambda w, i, t: i is None
        and t in ("uret", "dret", "hfence.gvma", "hfence.bvma", "hfence.vvma", "sfence.inval.ir", "sfence.w.inval"),
    ),
]


def _explained(excuses: list[Excuse], word: int, one: Insn | None, theirs: str | None) -> bool:
    for e in excuses:
        if e.applies(word, one, theirs):
            e.used += 1
            return True
    return False


def _capstone() -> Callable[[int, int], tuple[str, str] | None]:
    md = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV64 | capstone.CS_MODE_RISCVC)

    def one(word: int, size: int) -> tuple[str, str] | None:
        for _, _, mnemonic, operands in md.disasm_lite(word.to_bytes(size, "little"), 0):
            return mnemonic, operands
        return None

    return one


def _tokens(operands: str) -> tuple[list[str], list[int]]:
    """Register names and numbers of an operand text, each in order."""
    registers, numbers = [], []
    for token in re.findall(r"-?0x[0-9a-f]+|-?\b[0-9]+\b|[a-z][a-z0-9]*", operands):
        if token in X_NAMES or token in F_NAMES:
            registers.append(token)
        elif token[0] in "-0123456789":
            numbers.append(int(token, 0))
    return registers, numbers


def _own_tokens(one: Insn, v: dict[str, int]) -> tuple[list[str], list[int]]:
    """The operands of a compressed instruction as its own assembly text has them."""
    order = ("rs2", "rs1") if one.body.name in ("sw", "sd", "fsd") else ("rd", "rs1", "rs2")
    names = [
        (X_NAMES if one.register_class[r] == "x" else F_NAMES)[v[r]] for r in order if r in one.fields
    ]
    if one.source.get("rs1") == 2:
        names.append("sp")
    return names, [v[n] for n in ("imm", "shamt") if n in v]


def test_every_16_bit_word_is_what_capstone_says() -> None:
    theirs = _capstone()
    wrong = []
    for word in HALVES:
        found, other = decode(word), theirs(word, 2)
        one = found[0] if found else None
        if (one is None) != (other is None):
            if not _explained(EXCUSES_16, word, one, other[0] if other else None):
                wrong.append(f"{word:#06x}: {_name(one)} and {other}")
            continue
        if found is None or other is None:
            continue
        mnemonic, operands = other
        if found[0].name == "c.nop":
            operands = str(found[1]["imm"])  # capstone prints no operand
        registers, numbers = _own_tokens(*found)
        if found[0].name == "c.lui":
            numbers = [n & 0xFFFFF for n in numbers]
        if (mnemonic, _tokens(operands)) != (found[0].name, (registers, numbers)):
            wrong.append(f"{word:#06x}: {found[0].name} {registers} {numbers} and {other}")
    assert not wrong, f"{len(wrong)} words differ, among them {wrong[:10]}"
    for e in EXCUSES_16:
        assert e.used, f"the excuse {e.why!r} explains nothing"


def _plain(text: str) -> str:
    """Text with numbers in decimal and no blanks behind commas."""
    text = re.sub(r"-?0x[0-9a-f]+", lambda m: str(int(m[0], 16)), text)
    return text.replace(", ", ",").replace(".+", "").replace(".-", "-").strip()


# how capstone prints some things, as objdump prints them
_REPHRASE = [
    (r"^jalr (\w+),(\w+),(-?\d+)$", r"jalr \1,\3(\2)"),
    (r"^jalr zero,(-?\d+\(\w+\))$", r"jr \1"),
    (r"^jalr ra,(-?\d+\(\w+\))$", r"jalr \1"),
    (r"^addi (\w+),zero,(-?\d+)$", r"li \1,\2"),
    (r"^mv (\w+),zero$", r"li \1,0"),
    (r"^add (\w+),zero,(\w+)$", r"mv \1,\2"),
]


def _same_text(ours: str, theirs: str) -> bool:
    ours, theirs = _plain(ours), _plain(theirs)
    for pattern, to in _REPHRASE:
        theirs = re.sub(pattern, to, theirs)
    # capstone leaves out rm of exact conversions
    return ours == theirs or (ours.startswith("fcvt.d.") and re.sub(r",(r\w\w|dyn)$", "", ours) == theirs)


def test_random_32_bit_words_are_what_capstone_says() -> None:
    theirs = _capstone()
    rng = random.Random(SEED)
    words = [rng.getrandbits(32) | 3 for _ in range(20_000)]
    for one in WORDS:
        for _ in range(100):
            word = random_word(one, rng)
            words.append(word ^ 1 << rng.randrange(2, 32) if rng.random() < 0.1 else word)
    wrong = []
    for word in words:
        found, other = decode(word), theirs(word, 4)
        one_or_none = found[0] if found else None
        mnemonic = other[0] if other else None
        if _explained(EXCUSES_32, word, one_or_none, mnemonic):
            continue
        if found is None or other is None:
            if found or other:
                wrong.append(f"{word:#010x}: {_name(one_or_none)} and {other}")
        elif "csr" in found[0].fields:
            registers, numbers = _tokens(other[1])
            v = found[1]
            expected = [X_NAMES[v[r]] for r in ("rd", "rs1") if r in v]
            # aliases leave out x0
            if [r for r in registers if r != "zero"] != [r for r in expected if r != "zero"]:
                wrong.append(f"{word:#010x}: {disassemble(word)} and {other}")
        elif not _same_text(disassemble(word), " ".join(other)):
            wrong.append(f"{word:#010x}: {disassemble(word)} and {' '.join(other)}")
    assert not wrong, f"{len(wrong)} words differ, among them {wrong[:10]}"
    # privileged encodings are rare among random words
    for e in EXCUSES_32[:4]:
        assert e.used, f"the excuse {e.why!r} explains nothing"


# -- an assembler -------------------------------------------------------------------------------------

_MARCH = (
    "generic_rv64+m+a+f+d+c+zba+zbb+zbs+zbc+zicond+zicbom+zicboz+zicbop+zawrs+zihintpause+zifencei"
    "+zcb+zfa+zacas+svinval"
)


def test_an_assembler_makes_the_same_words_of_our_disassembly(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    lines, words = [], []
    for one in INSNS.values():
        if one.ext == "Sdtrig" or one.match & 127 == 0x0B:  # custom-0 is ours alone
            continue
        for _ in range(6):
            word = random_word(one, rng)
            found = decode(word)
            if found is None or found[0] is not one:
                continue
            if "csr" in found[1]:
                word = encode(one.name, **{**found[1], "csr": 0x340})
            elif one.used != frozenset(one.fields):  # ignored fields have no assembly: zeros then
                used = {n: v for n, v in found[1].items() if n in one.used or n in ("aq", "rl", "rm")}
                word = encode(one.name, **used)
            lines.append((".option rvc\n" if one.length == 2 else ".option norvc\n") + disassemble(word))
            words.append(word)
    (tmp_path / "a.s").write_text("\n".join(lines) + "\n")
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", "-c", "-target", "riscv64-freestanding-none",
         f"-mcpu={_MARCH}", "a.s", "-o", "a.o"],
        cwd=tmp_path, check=True, env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "cache"),
                                       "ZIG_LOCAL_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    with open(tmp_path / "a.o", "rb") as f:
        data = ELFFile(f).get_section_by_name(".text").data()
    at = 0
    for word, line in zip(words, lines, strict=True):
        size = 4 if data[at] & 3 == 3 else 2
        made = int.from_bytes(data[at : at + size], "little")
        at += size
        mine, theirs = decode(word), decode(made)
        assert mine is not None and theirs is not None, f"{line}: {word:#x}, assembled as {made:#x}"
        # the assembler chooses lengths as it likes: the same instruction with the same operands
        assert mine[0].body is theirs[0].body, f"{line}: {word:#x}, assembled as {made:#x}"
        a, b = mine[0].expand(mine[1]), theirs[0].expand(theirs[1])
        if mine[0].length == 4 and size == 4:
            assert word == made, f"{line}: {word:#x}, assembled as {made:#x}"
        elif mine[0].name == "c.mv" and size == 2:
            assert word == made
        else:
            assert a == b, f"{line}: {word:#x}, assembled as {made:#x}"
    assert at == len(data)
