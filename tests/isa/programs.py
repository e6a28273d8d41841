"""Random straight programs of chosen instructions, for comparing a hart with an oracle.

A program is a list of instruction words that runs from its first to behind its last word whatever the
registers hold: jumps go forward over a filler, memory is touched only around three registers that no
instruction writes, atomics are aligned there. Everything follows from the random generator given.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from vcpu_worker.isa.fields import Field
from vcpu_worker.isa.insn import INTEGER, Insn, encode, load_all

SP, S0, S1 = 2, 8, 9
BASES = (SP, S0, S1)
AREA = 8192  # bytes of data; the base registers point to the middle, at a multiple of 8
WRITABLE = tuple(r for r in range(32) if r not in BASES)
_LOAD_STORE = (0x03, 0x07, 0x23, 0x27)

SPECIAL_WORDS = (
    0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF,
    0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_7FFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0x8000_0000_0000_0001,
    0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFE, 0x0102_0408_1020_4080, 0x00FF_00FF_00FF_00FF,
)  # fmt: skip


def random_value(rng: random.Random) -> int:
    """A register value: special, small, a word, sparse, or any."""
    kind = rng.randrange(8)
    if kind < 2:
        return rng.choice(SPECIAL_WORDS)
    if kind == 2:
        return rng.randrange(-70, 70) & 0xFFFF_FFFF_FFFF_FFFF
    if kind == 3:
        value = rng.getrandbits(32)
        return value | (0xFFFF_FFFF_0000_0000 if value >> 31 else 0)
    if kind == 4:
        return 1 << rng.randrange(64)
    if kind == 5:
        return rng.getrandbits(64) & rng.getrandbits(64) & rng.getrandbits(64)
    return rng.getrandbits(64)


def random_single(rng: random.Random) -> int:
    """Bits of a single: special, near the ends of the range, or any."""
    kind = rng.randrange(6)
    if kind == 0:
        low = rng.choice((0, 1, 0x7F_FFFF, 0x80_0000, 0x3F80_0000, 0x7F7F_FFFF, 0x7F80_0000, 0x7FC0_0000,
                          0x7F80_0001, 0x4F00_0000, 0x5F00_0000, 0x4EFF_FFFF))  # fmt: skip
        return low | rng.getrandbits(1) << 31
    if kind == 1:  # numbers of like size, so that sums cancel and products stay in range
        return rng.getrandbits(1) << 31 | rng.randrange(120, 135) << 23 | rng.getrandbits(23)
    if kind == 2:  # subnormal
        return rng.getrandbits(1) << 31 | rng.getrandbits(rng.randrange(1, 24))
    if kind == 3:  # few digits: exact results and ties
        return rng.getrandbits(1) << 31 | rng.randrange(110, 145) << 23 | rng.getrandbits(3) << 20
    return rng.getrandbits(32)


def random_double(rng: random.Random) -> int:
    """Bits of a double, as random_single."""
    kind = rng.randrange(6)
    if kind == 0:
        low = rng.choice((0, 1, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000, 0x3FF0_0000_0000_0000,
                          0x7FEF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000, 0x7FF8_0000_0000_0000,
                          0x7FF0_0000_0000_0001, 0x41E0_0000_0000_0000, 0x43E0_0000_0000_0000,
                          0x47EF_FFFF_F000_0000))  # fmt: skip
        return low | rng.getrandbits(1) << 63
    if kind == 1:
        return rng.getrandbits(1) << 63 | rng.randrange(1015, 1035) << 52 | rng.getrandbits(52)
    if kind == 2:
        return rng.getrandbits(1) << 63 | rng.getrandbits(rng.randrange(1, 53))
    if kind == 3:
        return rng.getrandbits(1) << 63 | rng.randrange(1000, 1060) << 52 | rng.getrandbits(3) << 49
    return rng.getrandbits(64)


BOX = 0xFFFF_FFFF_0000_0000


@dataclass
class Program:
    """Instruction words with their lengths, and the state to begin with (registers 0..31)."""

    words: list[tuple[int, int]]
    x: list[int]
    f: list[int]
    area: bytes
    code: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.code = b"".join(w.to_bytes(n, "little") for w, n in self.words)


class Recipe:
    """How to make random words of one instruction that keep to the rules of the module's first lines.

    For each operand a list of the bits that say its values; immediates also come as any bits at all.
    """

    def __init__(self, one: Insn) -> None:
        self.match = one.match
        self.choices: list[list[int]] = []
        self.any_bits = 0
        self.imm: Field | None = None
        self.jump = one.body.fields.get("imm") is not None and one.body.fields["imm"].lowest == 1
        opcode = one.body.match & 127
        memory = opcode in _LOAD_STORE or opcode == 0x2F or one.body.name.startswith("cbo.")
        for f in one.fields.values():
            low, high = f.limits()
            if f.name == "imm" and self.jump:
                values: list[int] = [one.length + 4]
            elif f.name == "imm":
                self.imm = f
                step = 1 << f.lowest - f.shift
                near = [n * step for n in range(-16, 17) if low <= n * step <= high]
                values = [n for n in [*near, low, high, high - step] if n << f.shift not in f.bans]
            elif f.name == "rd":
                integer = one.register_class["rd"] == INTEGER
                values = [r for r in range(low, high + 1) if not integer or r in WRITABLE]
            elif f.name == "rs1" and memory:
                values = [r for r in BASES if low <= r <= high]
            elif f.name == "rm":
                values = [0, 1, 2, 3, 4, 7, 7, 7]
            else:
                values = list(range(low, high + 1))
            self.choices.append([f.put(v) for v in values if v not in f.bans or f.name == "imm"])

    def word(self, rng: random.Random) -> int:
        """A random word of the instruction."""
        word = self.match
        for values in self.choices:
            word |= values[int(rng.random() * len(values))]
        if self.imm is not None and rng.random() < 0.6:
            word = word & ~self.imm.mask | rng.getrandbits(32) & self.imm.mask
            if self.imm.raw(word) in self.imm.bans:
                word |= 1 << self.imm.parts[0].insn_lo
        return word


class Generator:
    """Programs of the instructions of `names`.

    float_source: gives the value of an f register; the default is a boxed single or a double.
    """

    def __init__(self, names: list[str], float_source: Callable[[random.Random], int] | None = None) -> None:
        insns = load_all()
        self.insns = [insns[n] for n in names]
        self.recipes = {n: Recipe(insns[n]) for n in names}
        self._filler = Recipe(insns["addi"])
        self.float_source = float_source or self._float

    @staticmethod
    def _float(rng: random.Random) -> int:
        return BOX | random_single(rng) if rng.random() < 0.5 else random_double(rng)

    def program(self, rng: random.Random, length: int, area_address: int) -> Program:
        """About `length` instructions (groups are not cut)."""
        words: list[tuple[int, int]] = []
        while len(words) < length:
            words += self.group(rng.choice(self.insns), rng)
        x = [0] + [random_value(rng) for _ in range(31)]
        for r in BASES:
            x[r] = area_address + AREA // 2 + 8 * rng.randrange(-64, 64)
        f = [self.float_source(rng) for _ in range(32)]
        return Program(words, x, f, rng.randbytes(AREA))

    def group(self, one: Insn, rng: random.Random) -> list[tuple[int, int]]:
        """The instruction with what it needs around it."""
        name = one.body.name
        if name in ("lr.w", "lr.d", "sc.w", "sc.d"):
            return self._reservation(name[-1], rng)
        if name == "jalr":
            filler = (self._filler.word(rng), 4)
            through = rng.choice([r for r in WRITABLE if r not in (0, 1)])
            base = rng.randrange(-4, 5) * 4
            start = [(encode("auipc", rd=through, imm=0), 4)]
            if one.length == 2:
                # the register must hold the target itself: 4 (auipc) + 4 (addi) + 2 + 4 (filler)
                start.append((encode("addi", rd=through, rs1=through, imm=14), 4))
                return [*start, (encode(one.name, rs1=through), 2), filler]
            start.append((encode("addi", rd=through, rs1=through, imm=base), 4))
            rd = rng.choice((*WRITABLE, through))
            return [*start, (encode("jalr", rd=rd, rs1=through, imm=16 - base), 4), filler]
        recipe = self.recipes[one.name]
        if one.source.get("rd") == SP:  # c.addi16sp: and back
            imm = 16 * rng.choice([n for n in range(-31, 32) if n])
            return [(encode(one.name, imm=n), one.length) for n in (imm, -imm)]
        if recipe.jump:
            return [(recipe.word(rng), one.length), (self._filler.word(rng), 4)]
        return [(recipe.word(rng), one.length)]

    def _reservation(self, width: str, rng: random.Random) -> list[tuple[int, int]]:
        """LR, now and then something between, SC; now and then a second SC, or another address."""
        base = rng.choice(BASES)
        out = [self._atomic(f"lr.{width}", base, rng)]
        if rng.random() < 0.3:
            out.append((encode("addi", rd=rng.choice(WRITABLE), rs1=rng.randrange(32), imm=1), 4))
        if rng.random() < 0.2:  # a store to the word: whether SC then fails depends on its value alone
            out.append((encode("sw" if width == "w" else "sd", rs1=base, rs2=rng.randrange(32), imm=0), 4))
        other = base if rng.random() < 0.8 else rng.choice(BASES)
        out.append(self._atomic(f"sc.{width}", other, rng))
        if rng.random() < 0.3:
            out.append(self._atomic(f"sc.{width}", base, rng))
        return out

    @staticmethod
    def _atomic(name: str, base: int, rng: random.Random) -> tuple[int, int]:
        v = {"rd": rng.choice(WRITABLE), "rs1": base, "aq": rng.getrandbits(1), "rl": rng.getrandbits(1)}
        if name.startswith("sc"):
            v["rs2"] = rng.randrange(32)
        return encode(name, **v), 4
