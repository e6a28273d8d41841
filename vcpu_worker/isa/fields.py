"""Instruction patterns as in the manual: which bits are fixed, which carry which operand.

A pattern lists an instruction most significant bit first, blank separated:
    0000011               literal bits
    rd rs1 rs2 rs3        register, 5 bits           rd' rs1' rs2'   x8..x15, 3 bits
    rm csr uimm           3, 12, 5 bits              aq rl           1 bit each
    pred succ fm          4 bits each
    imm[11:0] imm[4:1|11] bits of a signed immediate, as many groups as it takes
    uimm[5:3]             the same, unsigned         nzimm[..] nzuimm[..]   must not be zero
    shamt[5:0]            unsigned, an operand named shamt
    rd!=0 rd!=0,2         a register field that must not be one of these
All forms of imm[..] are one operand named `imm`. An immediate whose lowest bit is 12 (lui, auipc,
c.lui) counts in units of 4096: its operand is the value shifted right by 12. A static rounding mode of
5 or 6 is reserved, so `rm` excludes both.
Source: Unprivileged ISA, "RV32/64G Instruction Set Listings", "Base Instruction Formats", "C".
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

REGISTERS = ("rd", "rs1", "rs2", "rs3")
WIDTHS = {
    **dict.fromkeys(REGISTERS, 5),
    **dict.fromkeys(("rd'", "rs1'", "rs2'"), 3),
    "rm": 3, "csr": 12, "uimm": 5, "aq": 1, "rl": 1, "pred": 4, "succ": 4, "fm": 4,
}  # fmt: skip
RESERVED_RM = frozenset({5, 6})
UPPER_SHIFT = 12

_TOKEN = re.compile(r"(?P<name>[a-z]+[0-9]?'?)(?:\[(?P<bits>[0-9:|]+)\])?(?:!=(?P<bans>[0-9,]+))?")
_IMMEDIATES = {  # name in the pattern -> (operand, signed, must not be zero)
    "imm": ("imm", True, False),
    "uimm": ("imm", False, False),
    "nzimm": ("imm", True, True),
    "nzuimm": ("imm", False, True),
    "shamt": ("shamt", False, False),
}


class PatternError(ValueError):
    """A pattern that does not describe an instruction. The text names the token."""


@dataclass(frozen=True)
class Part:
    """`width` bits of an operand from bit `value_lo`, found in the instruction from bit `insn_lo`."""

    insn_lo: int
    value_lo: int
    width: int


@dataclass(frozen=True)
class Field:
    """One operand in an instruction word. `bans` are raw values that make the word another or none."""

    name: str
    parts: tuple[Part, ...]
    signed: bool = False
    compact: bool = False  # 3 bits, x8..x15
    bans: frozenset[int] = frozenset()

    @functools.cached_property
    def width(self) -> int:
        """Bits of the operand, those below the lowest encoded one included."""
        return max(p.value_lo + p.width for p in self.parts)

    @functools.cached_property
    def lowest(self) -> int:
        """The lowest encoded bit: operands are multiples of 1 << lowest."""
        return min(p.value_lo for p in self.parts)

    @functools.cached_property
    def shift(self) -> int:
        """By how much the operand is the encoded value shifted right (12 for lui and its kin)."""
        return UPPER_SHIFT if self.lowest == UPPER_SHIFT else 0

    @functools.cached_property
    def mask(self) -> int:
        """The instruction bits that carry this operand."""
        return sum(((1 << p.width) - 1) << p.insn_lo for p in self.parts)

    def raw(self, word: int) -> int:
        """The operand's encoded bits, in place, neither extended nor shifted."""
        return sum((word >> p.insn_lo & (1 << p.width) - 1) << p.value_lo for p in self.parts)

    def get(self, word: int) -> int | None:
        """The operand in `word`, or None if the word has a banned value here."""
        raw = self.raw(word)
        if raw in self.bans:
            return None
        if self.compact:
            return raw + 8
        if self.signed and raw >> self.width - 1:
            raw -= 1 << self.width
        return raw >> self.shift

    def limits(self) -> tuple[int, int]:
        """The smallest and greatest operand (banned values not considered)."""
        if self.compact:
            return 8, 15
        step = (1 << self.lowest) - (1 << self.shift) >> self.shift
        if self.signed:
            return -(1 << self.width - 1 - self.shift), (1 << self.width - 1 - self.shift) - 1 - step
        return 0, (1 << self.width - self.shift) - 1 - step

    def put(self, value: int) -> int:
        """Instruction bits that say `value`. Errors: ValueError for a value the field cannot hold."""
        low, high = self.limits()
        if self.signed and self.shift:
            high = 2 * high + 1  # as assemblers do: lui takes the 20 bits also unsigned
        if not low <= value <= high:
            raise ValueError(f"{self.name}={value} is outside {low}..{high}")
        raw = value - 8 if self.compact else value << self.shift
        if raw & (1 << self.lowest) - 1:
            raise ValueError(f"{self.name}={value} is not a multiple of {1 << self.lowest}")
        raw &= (1 << self.width) - 1
        if raw in self.bans:
            raise ValueError(f"{self.name}={value} is not allowed here")
        return sum((raw >> p.value_lo & (1 << p.width) - 1) << p.insn_lo for p in self.parts)


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern: `word & mask == match`, and the fields found in the other bits."""

    mask: int
    match: int
    length: int  # bytes
    fields: dict[str, Field]


def _groups(bits: str) -> list[tuple[int, int]]:
    """'12|10:5' -> [(12, 12), (10, 5)]."""
    out = []
    for group in bits.split("|"):
        high, _, low = group.partition(":")
        out.append((int(high), int(low or high)))
    return out


def parse(text: str) -> Pattern:
    """The meaning of a pattern. Errors: PatternError naming the token at fault."""
    total = sum(_bits(token) for token in text.split())
    if total not in (16, 32):
        raise PatternError(f"pattern {text!r} has {total} bits, not 16 or 32")
    at, mask, match = total, 0, 0
    fields: dict[str, Field] = {}
    for token in text.split():
        width = _bits(token)
        at -= width
        if set(token) <= {"0", "1"}:
            mask |= (1 << width) - 1 << at
            match |= int(token, 2) << at
            continue
        found = _TOKEN.fullmatch(token)
        assert found is not None  # _bits has checked it
        name, bits, bans = found["name"], found["bits"], found["bans"]
        banned = frozenset(int(b) for b in bans.split(",")) if bans else frozenset()
        if bits:
            operand, signed, nonzero = _IMMEDIATES[name]
            parts, top = [], at + width
            for high, low in _groups(bits):
                top -= high - low + 1
                parts.append(Part(top, low, high - low + 1))
            banned |= {0} if nonzero else set()
            old = fields.get(operand)
            if old is not None:
                if old.signed != signed or old.bans != banned:
                    raise PatternError(f"{token} differs in kind from the other groups of {operand}")
                parts = [*old.parts, *parts]
            fields[operand] = Field(operand, tuple(parts), signed, bans=banned)
        else:
            operand = name.removesuffix("'")
            if operand in fields:
                raise PatternError(f"{token} appears twice")
            if operand == "rm":
                banned |= RESERVED_RM
            fields[operand] = Field(operand, (Part(at, 0, width),), compact=name.endswith("'"), bans=banned)
    for field in fields.values():
        seen = 0
        for p in field.parts:
            mine = (1 << p.width) - 1 << p.value_lo
            if seen & mine:
                raise PatternError(f"{text!r}: {field.name} has a bit twice")
            seen |= mine
        if seen != (1 << field.width) - (1 << field.lowest):
            raise PatternError(f"{text!r}: {field.name} has a gap")
    return Pattern(mask, match, total // 8, fields)


def _bits(token: str) -> int:
    """How many instruction bits a token covers."""
    if set(token) <= {"0", "1"}:
        return len(token)
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise PatternError(f"{token!r} is not part of the pattern language")
    if found["bits"]:
        if found["name"] not in _IMMEDIATES or any(h < lo for h, lo in _groups(found["bits"])):
            raise PatternError(f"{token!r} is not an immediate")
        return sum(h - lo + 1 for h, lo in _groups(found["bits"]))
    if found["name"] not in WIDTHS:
        raise PatternError(f"{token!r} is not a field")
    return WIDTHS[found["name"]]
