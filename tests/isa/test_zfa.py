"""Zfa against models in exact fractions."""

from __future__ import annotations

import math
import random
import struct
from fractions import Fraction

import pytest

from tests.isa.programs import BOX, random_double, random_single
from tests.lib.hart import RAM_BASE, Bench, Hart
from vcpu_worker.isa.ext import EXTENSIONS
from vcpu_worker.isa.insn import encode

SEED = 20240411
COUNT = 400
RD, RS1, RS2 = 10, 11, 12
NX, NV = 1, 16
RNE, RTZ, RDN, RUP, RMM = range(5)
NAN = {"s": BOX | 0x7FC0_0000, "d": 0x7FF8_0000_0000_0000}
FLI = [
    -1.0, None, 2**-16, 2**-15, 2**-8, 2**-7, 0.0625, 0.125,
    0.25, 0.3125, 0.375, 0.4375, 0.5, 0.625, 0.75, 0.875,
    1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 8.0, 16.0, 128.0, 256.0, 2.0**15, 2.0**16, math.inf, None,
]  # fmt: skip


def value(bits: int, width: str) -> float:
    """The number of these bits; every single is a double."""
    if width == "s":
        return float(struct.unpack("<f", struct.pack("<I", bits & 0xFFFF_FFFF))[0])
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def bits(number: float, width: str) -> int:
    """The bits of a number that the format has."""
    if width == "s":
        return BOX | int(struct.unpack("<I", struct.pack("<f", number))[0])
    return int(struct.unpack("<Q", struct.pack("<d", number))[0])


def signals(a: int, width: str) -> bool:
    """Whether the bits are a signalling NaN."""
    return math.isnan(value(a, width)) and not a >> (22 if width == "s" else 51) & 1


def integral(v: Fraction, rm: int) -> int:
    """v rounded to an integer."""
    down = math.floor(v)
    rest = v - down
    if rm == RDN or rest == 0:
        return down
    if rm == RUP:
        return down + 1
    if rm == RTZ:
        return down if v > 0 else down + 1
    if rest != Fraction(1, 2):
        return down + (rest > Fraction(1, 2))
    if rm == RNE:
        return down + down % 2
    return down + (v > 0)  # RMM: ties away from zero


@pytest.fixture(scope="module")
def hart() -> Hart:
    return Bench(isa_ext=sum(e.bit for e in EXTENSIONS)).harts[0]


def step(h: Hart, word: int) -> int:
    """One instruction; the flags it raised."""
    if h.bench.get(RAM_BASE, 4) != word:
        h.bench.put(RAM_BASE, word)
        h.call("do_fence_i")
        h.fault = 0
    h.mstatus, h.fs_off, h.fflags = 3 << 13, 0, 0
    h.pc = RAM_BASE
    h.step()
    assert h.pc == RAM_BASE + 4, f"trapped: cause {h.mcause}"
    flags: int = h.fflags
    return flags


def draw(rng: random.Random, width: str) -> int:
    """Bits of an operand."""
    return BOX | random_single(rng) if width == "s" else random_double(rng)


def pairs(width: str) -> list[tuple[int, int]]:
    """Operands for two-operand instructions, some of them equal, or equal but for the sign."""
    rng = random.Random(f"{SEED}{width}")
    top = 1 << (31 if width == "s" else 63)
    out = []
    for _ in range(COUNT):
        a, b = draw(rng, width), draw(rng, width)
        out.append((a, rng.choice((a, a ^ top, b, b, b))))
    return out


@pytest.mark.parametrize("width", ["s", "d"])
def test_fli_loads_its_table(hart: Hart, width: str) -> None:
    for n, number in enumerate(FLI):
        step(hart, encode(f"fli.{width}", rd=RD, rs1=n))
        if number is None:
            want = NAN[width] if n == 31 else bits(2.0 ** (-126 if width == "s" else -1022), width)
        else:
            want = bits(number, width)
        assert hart.f[RD] == want, n


@pytest.mark.parametrize("width", ["s", "d"])
@pytest.mark.parametrize("name", ["fround", "froundnx"])
def test_rounding_to_an_integer(hart: Hart, name: str, width: str) -> None:
    rng = random.Random(f"{SEED}{name}{width}")
    halves = [bits(n / 2, width) for n in range(-9, 10)]
    for rm in range(5):
        word = encode(f"{name}.{width}", rd=RD, rs1=RS1, rm=rm)
        for a in [*halves, *(draw(rng, width) for _ in range(COUNT))]:
            hart.f[RS1] = a
            flags = step(hart, word)
            v = value(a, width)
            if math.isnan(v):
                want, raised = NAN[width], NV if signals(a, width) else 0
            elif math.isinf(v) or v == 0:
                want, raised = a, 0
            else:
                n = integral(Fraction(v), rm)
                want = bits(math.copysign(abs(n), v), width)
                raised = NX if name == "froundnx" and n != Fraction(v) else 0
            assert (hart.f[RD], flags) == (want, raised), f"{a:#x} rm {rm}"


@pytest.mark.parametrize("width", ["s", "d"])
@pytest.mark.parametrize("name", ["fminm", "fmaxm"])
def test_extremes_give_nan_if_either_is_one(hart: Hart, name: str, width: str) -> None:
    word = encode(f"{name}.{width}", rd=RD, rs1=RS1, rs2=RS2)
    for a, b in pairs(width):
        hart.f[RS1], hart.f[RS2] = a, b
        flags = step(hart, word)
        v, w = value(a, width), value(b, width)
        if math.isnan(v) or math.isnan(w):
            want = NAN[width]
        else:
            # -0 is below +0
            first = (v, math.copysign(1, v)) < (w, math.copysign(1, w))
            want = a if first == (name == "fminm") else b
        raised = NV if signals(a, width) or signals(b, width) else 0
        assert (hart.f[RD], flags) == (want, raised), f"{a:#x} {b:#x}"


@pytest.mark.parametrize("width", ["s", "d"])
@pytest.mark.parametrize("name", ["fleq", "fltq"])
def test_quiet_order(hart: Hart, name: str, width: str) -> None:
    word = encode(f"{name}.{width}", rd=RD, rs1=RS1, rs2=RS2)
    for a, b in pairs(width):
        hart.f[RS1], hart.f[RS2] = a, b
        flags = step(hart, word)
        v, w = value(a, width), value(b, width)
        want = v <= w if name == "fleq" else v < w  # Python's comparisons with NaN are false
        raised = NV if signals(a, width) or signals(b, width) else 0
        assert (hart.x[RD], flags) == (want, raised), f"{a:#x} {b:#x}"


def test_modular_conversion(hart: Hart) -> None:
    rng = random.Random(SEED)
    word = encode("fcvtmod.w.d", rd=RD, rs1=RS1)
    edges = [s * (2.0**31 + d) for s in (1, -1) for d in (-1.5, -1, -0.5, 0, 0.5, 1, 1.5)]
    edges += [s * 2.0**k * 1.75 for s in (1, -1) for k in range(-2, 130)]
    for a in [*(bits(e, "d") for e in edges), *(random_double(rng) for _ in range(4 * COUNT))]:
        hart.f[RS1] = a
        flags = step(hart, word)
        v = value(a, "d")
        if math.isnan(v) or math.isinf(v):
            want, raised = 0, NV
        else:
            n = math.trunc(v)
            low = n % 2**32
            want = (low - 2**32 if low >> 31 else low) % 2**64
            raised = 0 if n == v else NX
            if not -(2**31) <= n < 2**31:
                raised = NV
        assert (hart.x[RD], flags) == (want, raised), f"{a:#x}"
