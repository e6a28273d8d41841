"""Operands that find faults in floating point: a table of edges, and random ones of several kinds.

Rule: everything random comes from the generator that is passed in, so a seed repeats a run.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.lib.exactfp import BOX, F32, F64, Format

Draw = Callable[[Random], int]


def edges(fmt: Format) -> list[int]:
    """Bit patterns at the edges of a format, both signs."""
    fraction = fmt.p - 1
    ones = (1 << fraction) - 1
    bias = -fmt.emin + 1
    emax = 2 * bias + 1

    def at(e: int, f: int = 0) -> int:
        return (bias + e) << fraction | f

    out = [
        0, 1, 2, 3, ones >> 1, ones - 1, ones,  # zero, subnormals
        1 << (fraction - 1), 1 << fraction, (1 << fraction) + 1, (1 << fraction) | ones, 2 << fraction,
        at(bias, ones), at(bias, ones - 1), at(bias), at(bias - 1, ones),  # largest normal numbers
        emax << fraction,  # infinity
        emax << fraction | 1 << (fraction - 1), emax << fraction | ones,  # quiet NaNs
        emax << fraction | 1, emax << fraction | ones >> 1,  # signaling NaNs
        at(0), at(0, 1), at(-1, ones), at(-1), at(-1, 1), at(-2, ones),  # around 1 and a half
        at(0, 1 << (fraction - 1)), at(1), at(1, 1 << (fraction - 2)), at(1, ones),  # 1.5, 2, 2.5, almost 4
        at(fmt.emin // 2), at(fmt.emin // 2 + 1, ones), at(bias // 2, ones),  # products near the ends
        at(fraction), at(fraction, 1), at(fraction + 1), at(fraction + 2), at(fraction - 1, 1),  # integers
        at(-fraction - 1), at(-fraction - 1, 1), at(-fraction - 2, ones), at(-fraction),  # half a last place
    ]  # fmt: skip
    for bits in (31, 32, 63, 64):  # around the limits of integers
        out += [at(bits), at(bits, 1), at(bits - 1, ones), at(bits - 1, ones - 1)]
        if bits < fraction:  # 2^bits - 1/2 and its neighbours, 2^bits + 1/2
            half = 1 << (fraction - bits)
            low = ones - half + 1
            out += [at(bits - 1, low | v) for v in (0, half >> 1, half >> 2, (half >> 1) + 1)]
            out += [at(bits, half >> 1), at(bits, (half >> 1) + 1)]
    return [v | s for v in dict.fromkeys(out) for s in (0, fmt.sign_bit)]


EDGES64 = edges(F64)
EDGES32 = [v | BOX for v in edges(F32)] + [0, 0x3F80_0000, BOX - (1 << 32) | 0x3F80_0000, 1 << 63]
# a double that is near a single's edge: halfway, overflow, underflow
NEAR_SINGLE = [
    (1023 + e) << 52 | f | s
    for e in (-150, -149, -148, -127, -126, 0, 127, 128)
    for f in (0, 1, (1 << 28) - 1, 1 << 28, (1 << 28) + 1, (1 << 52) - (1 << 29), (1 << 52) - (1 << 28),
              (1 << 52) - (1 << 28) - 1, (1 << 52) - 1, 3 << 28, 1 << 51, (1 << 51) + 1)
    for s in (0, 1 << 63)
]  # fmt: skip


def few(fmt: Format) -> list[int]:
    """Edges few enough to be taken three at a time."""
    one, fraction = fmt.inf >> 1 & -(1 << (fmt.p - 1)), fmt.p - 1
    some = [0, 1, (1 << fraction) - 1, 1 << fraction, one - 1, one, one + 1, fmt.inf - 1, fmt.inf]
    return [v | s for v in some for s in (0, fmt.sign_bit)] + [fmt.nan, fmt.inf + 1]


FEW64 = few(F64)
FEW32 = [v | BOX for v in few(F32)] + [0x3F80_0000]


def far_products(fmt: Format) -> list[tuple[int, int, int]]:
    """Operands of a fused multiply-add whose exact result is a tie, but for a bit far below it.

    (2^k + 1) * (4^k - 2^k + 1) = 8^k + 1 and (2^k - 1) * (4^k + 2^k + 1) = 8^k - 1.
    """
    bias = 1 - fmt.emin

    def number(n: int, e: int = 0) -> int:
        """n * 2^e, n of at most p bits."""
        e += n.bit_length() - 1
        return (bias + e) << (fmt.p - 1) | n << fmt.p - n.bit_length() & (1 << (fmt.p - 1)) - 1

    out = []
    for k in range(fmt.p // 4, (fmt.p - 1) // 2 + 1):
        plus, minus = (2**k + 1, 4**k - 2**k + 1), (2**k - 1, 4**k + 2**k + 1)
        for a, b in [plus] + [minus] * (2 * k + 1 <= fmt.p):
            for shift in (-1, 0, 1, 2):  # 0: the product is half of the addend's last place, and a bit
                for odd in (0, 1):
                    c = number((1 << (fmt.p - 1)) + odd, 3 * k + 1 + shift)
                    out += [
                        (number(a), number(b) | s, c | t)
                        for s in (0, fmt.sign_bit)
                        for t in (0, fmt.sign_bit)
                    ]
    return out


INTEGERS = sorted(
    {
        ((1 << k) + d) * s & (1 << 64) - 1
        for k in (0, 1, 22, 23, 24, 25, 31, 32, 39, 40, 51, 52, 53, 54, 62, 63)
        for d in (-2, -1, 0, 1, 2)
        for s in (1, -1)
    }
    | {(1 << 64) - (1 << k) + d & (1 << 64) - 1 for k in (10, 11, 39, 40) for d in (-1, 0, 1)}
)


def draw(fmt: Format) -> Draw:
    """Random numbers of a format: all bits random, exponents close, few bits set, edges."""
    fraction = fmt.p - 1
    ones = (1 << fraction) - 1
    bias = -fmt.emin + 1
    table = edges(fmt)

    def any_bits(r: Random) -> int:
        return r.getrandbits(fmt.width)

    def close(r: Random) -> int:
        return (
            r.getrandbits(1) << (fmt.width - 1)
            | (bias - 4 + r.getrandbits(3)) << fraction
            | r.getrandbits(fraction)
        )

    def near_places(r: Random) -> int:
        e = bias + r.randrange(-fraction - 3, fraction + 3)
        low = r.getrandbits(fraction) & -(1 << r.randrange(fraction + 1))
        return r.getrandbits(1) << (fmt.width - 1) | e << fraction | low

    def few_bits(r: Random) -> int:
        v = 0
        for _ in range(r.randrange(1, 5)):
            v ^= 1 << r.randrange(fmt.width)
        return v ^ r.choice((0, 0, bias << fraction, ones, bias << fraction | ones))

    def small(r: Random) -> int:
        return r.getrandbits(1) << (fmt.width - 1) | r.getrandbits(r.randrange(1, fmt.width - 1))

    kinds: tuple[Draw, ...] = (any_bits, close, near_places, few_bits, small, lambda r: r.choice(table))
    return lambda r: kinds[r.randrange(6)](r)


_single = draw(F32)


def draw_single(r: Random) -> int:
    """A random single in a register; one of 64 is badly boxed."""
    v = _single(r)
    return v | BOX if r.getrandbits(6) else v | r.getrandbits(32) << 32


draw_double: Draw = draw(F64)


def draw_integer(r: Random) -> int:
    """A random register value: of any length, either sign, or near a power of two."""
    kind = r.getrandbits(2)
    if kind == 0:
        return r.getrandbits(64)
    if kind == 1:
        return r.choice(INTEGERS)
    n = r.getrandbits(r.randrange(1, 65))
    return n if kind == 2 else -n & (1 << 64) - 1


def source_of(op: str) -> tuple[list[int], Draw]:
    """Edges and random operands for an operation of `vcpu_worker.fp.check`."""
    if op.endswith(("from_i64", "from_u64")):
        return INTEGERS, draw_integer
    if op == "f32_from_f64":
        return EDGES64 + NEAR_SINGLE, draw_double
    if op.startswith("f32_") or op == "f64_from_f32":
        return EDGES32, draw_single
    return EDGES64, draw_double
