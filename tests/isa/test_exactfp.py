"""The floating-point oracle against other judges: the host's arithmetic, and exact fractions.

The host has no round-to-nearest-max-magnitude and Python no fused multiply-add on all our versions; for
those the judges are `fractions` and its correctly rounded conversion to float.
"""

from __future__ import annotations

import ctypes
import math
import operator
import platform
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from random import Random

import pytest

from tests.lib.exactfp import BOX, DZ, F32, F64, NV, NX, OF, RDN, RMM, RNE, RTZ, RUP, UF, Format, evaluate
from tests.lib.fpoperands import EDGES64, draw, draw_integer

SEED = 754
COUNT = 2000
# <fenv.h> of x86-64; tininess is detected after rounding there, as RISC-V wants (not so on aarch64)
HOST_MODES = {RNE: 0, RDN: 0x400, RUP: 0x800, RTZ: 0xC00}
HOST_FLAGS = {1: NV, 4: DZ, 8: OF, 0x10: UF, 0x20: NX}
x86_only = pytest.mark.skipif(platform.machine() != "x86_64", reason="fenv numbers are known for x86-64")
OPERATORS: dict[str, Callable[[float, float], float]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "sqrt": lambda a, b: math.sqrt(a),
}  # fmt: skip


def double(bits: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value


def bits_of(value: float) -> int:
    if math.isnan(value):
        return F64.nan
    bits: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return bits


def exact(fmt: Format, v: int) -> Fraction:
    sign, n, e = fmt.number(v)
    return Fraction(-n if sign else n) * Fraction(2) ** e


def finite(fmt: Format, v: int) -> bool:
    return not fmt.is_nan(v) and not fmt.is_inf(v)


def python_raises(op: str, a: float, b: float) -> bool:
    """Where Python's operator raises an exception and the host's does not."""
    return (op == "div" and b == 0) or (op == "sqrt" and (a < 0))


def pairs(count: int) -> list[tuple[int, int]]:
    r, any_double = Random(SEED), draw(F64)
    few = EDGES64[::3]
    return [(a, b) for a in few for b in few] + [(any_double(r), any_double(r)) for _ in range(count)]


@contextmanager
def host_rounding(mode: int) -> Iterator[ctypes.CDLL]:
    """Host arithmetic under another rounding mode, Python's own included: keep the body small."""
    libm = ctypes.CDLL(None)
    assert libm.fesetround(HOST_MODES[mode]) == 0
    try:
        yield libm
    finally:
        libm.fesetround(HOST_MODES[RNE])


@pytest.mark.parametrize("op", OPERATORS)
def test_doubles_round_as_the_host_does(op: str) -> None:
    for a, b in pairs(COUNT):
        x, y = double(a), double(b)
        if not python_raises(op, x, y):
            assert evaluate(f"f64_{op}", a, b, 0, RNE)[0] == bits_of(OPERATORS[op](x, y)), (hex(a), hex(b))


@x86_only
@pytest.mark.parametrize("mode", HOST_MODES)
@pytest.mark.parametrize("op", OPERATORS)
def test_doubles_and_flags_are_the_host_s_in_every_mode_it_has(op: str, mode: int) -> None:
    sets = [(a, b) for a, b in pairs(COUNT) if not python_raises(op, double(a), double(b))]
    got = []
    with host_rounding(mode) as libm:
        clear, test, func = libm.feclearexcept, libm.fetestexcept, OPERATORS[op]
        for a, b in sets:
            x, y = double(a), double(b)
            clear(0x3F)
            value = func(x, y)
            got.append((value, test(0x3D)))  # all but the denormal-operand bit
    for (a, b), (value, host) in zip(sets, got, strict=True):
        flags = sum(ours for theirs, ours in HOST_FLAGS.items() if host & theirs)
        assert evaluate(f"f64_{op}", a, b, 0, mode) == (bits_of(value), flags), (hex(a), hex(b))


@pytest.mark.parametrize("op", OPERATORS)
def test_singles_round_as_the_host_does(op: str) -> None:
    """By way of doubles: 53 bits are enough for a second rounding to 24 to be harmless."""
    r, any_single = Random(SEED), draw(F32)
    for _ in range(COUNT):
        a, b = any_single(r), any_single(r)
        x, y = (struct.unpack("<f", struct.pack("<I", v))[0] for v in (a, b))
        got = evaluate(f"f32_{op}", a | BOX, b | BOX, 0, RNE)[0]
        if python_raises(op, x, y):
            continue
        value = OPERATORS[op](x, y)
        if math.isnan(value):
            want = F32.nan
        else:
            try:
                want = struct.unpack("<I", struct.pack("<f", value))[0]
            except OverflowError:  # struct refuses what rounds to infinity
                want = F32.inf | (F32.sign_bit if value < 0 else 0)
        assert got == want | BOX, (hex(a), hex(b))


def test_fused_multiply_add_rounds_the_exact_fraction() -> None:
    r, any_double = Random(SEED), draw(F64)
    done = 0
    while done < COUNT:
        a, b, c = any_double(r), any_double(r), any_double(r)
        if not r.getrandbits(2):
            c = bits_of(-(double(a) * double(b))) + r.randrange(-2, 3) & (1 << 64) - 1
        if not (finite(F64, a) and finite(F64, b) and finite(F64, c)):
            continue
        done += 1
        value = exact(F64, a) * exact(F64, b) + exact(F64, c)
        got, flags = evaluate("f64_fma", a, b, c, RNE)
        try:
            want = bits_of(float(value))
        except OverflowError:
            want = F64.inf | (F64.sign_bit if value < 0 else 0)
        assert got == want or (not value and not got & (F64.sign_bit - 1)), (hex(a), hex(b), hex(c))
        assert bool(flags & NX) == (not finite(F64, got) or exact(F64, got) != value)


@pytest.mark.parametrize("op", ["add", "mul", "div", "fma"])
@pytest.mark.parametrize("fmt", [F32, F64], ids=["f32", "f64"])
def test_modes_enclose_the_exact_fraction(fmt: Format, op: str) -> None:
    """RDN <= exact <= RUP, neighbours; RTZ, RNE and RMM are the one of the two that their name says."""
    r, any_number = Random(SEED), draw(fmt)
    name, box = (f"f32_{op}", BOX) if fmt is F32 else (f"f64_{op}", 0)
    done = 0
    while done < COUNT:
        a, b, c = (any_number(r) for _ in range(3))
        if not all(finite(fmt, v) for v in (a, b, c)) or (op == "div" and not b & (fmt.sign_bit - 1)):
            continue
        x, y, z = (exact(fmt, v) for v in (a, b, c))
        value = {"add": x + y, "mul": x * y, "div": x / y if y else x, "fma": x * y + z}[op]
        by_mode = [evaluate(name, a | box, b | box, c | box, rm)[0] - box for rm in range(5)]
        down, up = by_mode[RDN], by_mode[RUP]
        if not all(finite(fmt, v) for v in by_mode) or not value:
            continue
        done += 1
        low, high = exact(fmt, down), exact(fmt, up)
        where = (name, hex(a), hex(b), hex(c))
        assert low <= value <= high, where
        if low == high:
            assert len(set(by_mode)) == 1, where
            continue
        # neighbours: their magnitudes differ by one as integers, across zero by the smallest number
        mags = [v & (fmt.sign_bit - 1) for v in (down, up)]
        assert abs(mags[0] - mags[1]) == 1, where
        inner, outer = (down, up) if value > 0 else (up, down)
        assert by_mode[RTZ] == inner, where
        middle = (low + high) / 2
        if value == middle:
            assert by_mode[RMM] == outer, where
            assert by_mode[RNE] == (inner if not inner & 1 else outer), where
        else:
            nearest = up if value > middle else down
            assert by_mode[RNE] == by_mode[RMM] == nearest, where


def test_integers_convert_as_python_rounds_them() -> None:
    r, any_double = Random(SEED), draw(F64)
    judges: dict[int, Callable[[Fraction], int]] = {
        RNE: round,
        RTZ: math.trunc,
        RDN: math.floor,
        RUP: math.ceil,
        RMM: lambda v: int(math.copysign(1, v)) * math.floor(abs(v) + Fraction(1, 2)),
    }
    for _ in range(COUNT):
        a = any_double(r)
        if not finite(F64, a):
            continue
        value = exact(F64, a)
        for rm, judge in judges.items():
            want = judge(value)
            got, flags = evaluate("f64_to_i64", a, 0, 0, rm)
            if -(1 << 63) <= want < 1 << 63:
                assert (got, flags) == (want & (1 << 64) - 1, 0 if want == value else NX), hex(a)
            else:
                assert (got, flags) == ((1 << 63) - (want > 0), NV), hex(a)
    for _ in range(COUNT):
        n = draw_integer(r)
        assert evaluate("f64_from_u64", n, 0, 0, RNE)[0] == bits_of(float(n))
        signed = n - (1 << 64) if n >> 63 else n
        assert evaluate("f64_from_i64", n, 0, 0, RNE)[0] == bits_of(float(signed))
