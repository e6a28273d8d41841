"""Decoder and disassembler against capstone, which knows RV64GC.

Every 16-bit word and many 32-bit ones. Differences are listed with their reasons; a reason that no
longer explains anything fails.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import capstone

from tests.isa.words import HALVES, WORDS, random_word
from vcpu_worker.isa.disasm import F_NAMES, X_NAMES
from vcpu_worker.isa.insn import Insn, decode, disassemble

SEED = 20240411


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
    Excuse("capstone 5 does not know Zcb", lambda w, i, t: i is not None and i.ext == "Zcb" and t is None),
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
        lambda w, i, t: (
            i is None
            and t
            in (
                "uret",
                "dret",
                "hfence.gvma",
                "hfence.bvma",
                "hfence.vvma",
                "sfence.inval.ir",
                "sfence.w.inval",
            )
        ),
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
    names = [(X_NAMES if one.register_class[r] == "x" else F_NAMES)[v[r]] for r in order if r in one.fields]
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
            registers, _ = _tokens(other[1])
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
