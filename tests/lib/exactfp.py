"""Exact floating point: what IEEE 754 and RISC-V say an operation gives, by integers of any size.

The oracle of the soft float tests, written from the standards and sharing nothing with `vcpu_worker.fp`:
a finite number is (-1)^sign * n * 2^e with integers n and e, the exact result is such a number as well
(or one between n and n + 1, `tail`), and is rounded once. No fixed widths, no sticky bits, no tricks.

    evaluate("f64_add", a, b, c, rm) -> (register value, flags)

Operands and results are values of f or x registers: singles are boxed, 32-bit integers sign-extended.
Source: IEEE 754-2008 (4.3, 5.4, 6, 7), 754-2019 9.6 (minimumNumber); RISC-V Unprivileged ISA, "F", "D".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

RNE, RTZ, RDN, RUP, RMM = range(5)
NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
ONES32 = 0xFFFF_FFFF
BOX = ONES32 << 32
WORD = (1 << 64) - 1

Result = tuple[int, int]  # bits, flags


def split(n: int, cut: int, sign: int, rm: int) -> tuple[int, bool]:
    """n / 2^cut as an integer under mode rm, and whether that is inexact. n is a magnitude."""
    if cut <= 0:
        return n << -cut, False
    whole = n >> cut
    rest = n - (whole << cut)
    if not rest:
        return whole, False
    if rm == RTZ:
        return whole, True
    if rm == RDN:
        return whole + sign, True
    if rm == RUP:
        return whole + 1 - sign, True
    half = 1 << (cut - 1)
    if rest > half or (rest == half and (rm == RMM or whole & 1)):
        return whole + 1, True
    return whole, True


@dataclass(frozen=True)
class Format:
    """A binary interchange format. p: bits of precision, the leading one included; emax: 1 - emin."""

    width: int
    p: int

    def __post_init__(self) -> None:
        emax = (1 << (self.width - self.p - 1)) - 1
        put = object.__setattr__
        put(self, "emin", 1 - emax)
        put(self, "qmin", 1 - emax - (self.p - 1))  # exponent of the smallest subnormal
        put(self, "sign_bit", 1 << (self.width - 1))
        put(self, "inf", (2 * emax + 1) << (self.p - 1))
        put(self, "quiet", 1 << (self.p - 2))
        put(self, "nan", (2 * emax + 1) << (self.p - 1) | 1 << (self.p - 2))

    emin: int = 0
    qmin: int = 0
    sign_bit: int = 0
    inf: int = 0
    quiet: int = 0
    nan: int = 0

    def number(self, v: int) -> tuple[int, int, int]:
        """Finite v as (sign, n, e); n is 0 for zeros."""
        sign, mag = (1, v - self.sign_bit) if v & self.sign_bit else (0, v)
        biased = mag >> (self.p - 1)
        if not biased:
            return sign, mag, self.qmin
        return sign, mag - ((biased - 1) << (self.p - 1)), self.qmin + biased - 1

    def is_nan(self, v: int) -> bool:
        return v & (self.sign_bit - 1) > self.inf

    def is_inf(self, v: int) -> bool:
        return v & (self.sign_bit - 1) == self.inf

    def nan_result(self, *operands: int) -> Result:
        """Canonical NaN; invalid if an operand signals."""
        for v in operands:
            if self.is_nan(v) and not v & self.quiet:
                return self.nan, NV
        return self.nan, 0

    def round(self, sign: int, n: int, e: int, rm: int, tail: bool = False) -> Result:
        """The number rounded; with `tail` it is a bit more than n * 2^e (n then has p + 2 bits or more)."""
        assert n > 0
        if tail:
            n, e = 4 * n + 1, e - 2
        top = self.sign_bit if sign else 0
        free = n.bit_length() + e - self.p  # exponent of the last place, were exponents unbounded
        q = max(free, self.qmin)
        m, inexact = split(n, q - e, sign, rm)
        flags = NX if inexact else 0
        if inexact and free < self.qmin:
            unbounded, _ = split(n, free - e, sign, rm)
            if unbounded.bit_length() + free <= self.emin:  # below 2^emin: tiny after rounding
                flags |= UF
        # m == 2^p needs no case: bits of the next exponent with a zero fraction
        bits = m + ((q - self.qmin) << (self.p - 1))
        if bits < self.inf:
            return top | bits, flags
        away = rm in (RNE, RMM) or rm == (RDN if sign else RUP)
        return top | (self.inf if away else self.inf - 1), OF | NX

    def total(self, x: tuple[int, int, int], y: tuple[int, int, int], rm: int) -> Result:
        """The sum of two finite numbers."""
        (sx, nx, ex), (sy, ny, ey) = x, y
        if not nx and not ny:
            return (self.sign_bit if (sx and sy) or (sx != sy and rm == RDN) else 0), 0
        if not nx:
            return self.round(sy, ny, ey, rm)
        if not ny:
            return self.round(sx, nx, ex, rm)
        e = min(ex, ey)
        nx <<= ex - e
        ny <<= ey - e
        n = (-nx if sx else nx) + (-ny if sy else ny)
        if n:
            return self.round(1 if n < 0 else 0, abs(n), e, rm)
        return (self.sign_bit if rm == RDN else 0), 0

    def add(self, a: int, b: int, c: int, rm: int) -> Result:
        """a + b."""
        if self.is_nan(a) or self.is_nan(b):
            return self.nan_result(a, b)
        if self.is_inf(a):
            return (self.nan, NV) if self.is_inf(b) and a != b else (a, 0)
        if self.is_inf(b):
            return b, 0
        return self.total(self.number(a), self.number(b), rm)

    def sub(self, a: int, b: int, c: int, rm: int) -> Result:
        """a - b."""
        return self.add(a, b ^ self.sign_bit, 0, rm)

    def mul(self, a: int, b: int, c: int, rm: int) -> Result:
        """a * b."""
        if self.is_nan(a) or self.is_nan(b):
            return self.nan_result(a, b)
        top = (a ^ b) & self.sign_bit
        if self.is_inf(a) or self.is_inf(b):
            zero = not a & (self.sign_bit - 1) or not b & (self.sign_bit - 1)
            return (self.nan, NV) if zero else (top | self.inf, 0)
        (_, na, ea), (_, nb, eb) = self.number(a), self.number(b)
        if not na or not nb:
            return top, 0
        return self.round(1 if top else 0, na * nb, ea + eb, rm)

    def div(self, a: int, b: int, c: int, rm: int) -> Result:
        """a / b."""
        if self.is_nan(a) or self.is_nan(b):
            return self.nan_result(a, b)
        top = (a ^ b) & self.sign_bit
        if self.is_inf(a):
            return (self.nan, NV) if self.is_inf(b) else (top | self.inf, 0)
        if self.is_inf(b):
            return top, 0
        (_, na, ea), (_, nb, eb) = self.number(a), self.number(b)
        if not nb:
            return (top | self.inf, DZ) if na else (self.nan, NV)
        if not na:
            return top, 0
        k = max(0, self.p + 3 + nb.bit_length() - na.bit_length())
        quotient, rest = divmod(na << k, nb)
        return self.round(1 if top else 0, quotient, ea - eb - k, rm, rest != 0)

    def sqrt(self, a: int, b: int, c: int, rm: int) -> Result:
        """Square root of a."""
        if self.is_nan(a):
            return self.nan_result(a)
        sign, n, e = self.number(a)
        if not n:
            return a, 0
        if sign:
            return self.nan, NV
        if a == self.inf:
            return a, 0
        k = max(0, 2 * (self.p + 3) - n.bit_length())
        k += (e - k) & 1
        root = math.isqrt(n << k)
        return self.round(0, root, (e - k) // 2, rm, root * root != n << k)

    def fma(self, a: int, b: int, c: int, rm: int) -> Result:
        """a * b + c."""
        mag = self.sign_bit - 1
        if (self.is_inf(a) and not b & mag) or (self.is_inf(b) and not a & mag):
            return self.nan, NV
        if self.is_nan(a) or self.is_nan(b) or self.is_nan(c):
            return self.nan_result(a, b, c)
        if self.is_inf(a) or self.is_inf(b):
            product = (a ^ b) & self.sign_bit | self.inf
            return (self.nan, NV) if self.is_inf(c) and c != product else (product, 0)
        if self.is_inf(c):
            return c, 0
        (sa, na, ea), (sb, nb, eb) = self.number(a), self.number(b)
        return self.total((sa ^ sb, na * nb, ea + eb), self.number(c), rm)

    def _order(self, a: int, b: int) -> int:
        """-1, 0, 1 as a is less than, equal to, greater than b; neither is a NaN."""

        def key(v: int) -> int:
            return self.sign_bit - v if v & self.sign_bit else v

        return (key(a) > key(b)) - (key(a) < key(b))

    def _pick(self, a: int, b: int, want: int) -> Result:
        _, flags = self.nan_result(a, b)
        if self.is_nan(a):
            return (self.nan if self.is_nan(b) else b), flags
        if self.is_nan(b):
            return a, flags
        order = self._order(a, b)
        if not order:  # zeros of either sign: -0 is the smaller
            return (a | b if want < 0 else a & b), 0
        return (a if order == want else b), 0

    def min(self, a: int, b: int, c: int, rm: int) -> Result:
        """minimumNumber."""
        return self._pick(a, b, -1)

    def max(self, a: int, b: int, c: int, rm: int) -> Result:
        """maximumNumber."""
        return self._pick(a, b, 1)

    def eq(self, a: int, b: int, c: int, rm: int) -> Result:
        """Quiet equality."""
        if self.is_nan(a) or self.is_nan(b):
            return 0, self.nan_result(a, b)[1]
        return int(self._order(a, b) == 0), 0

    def lt(self, a: int, b: int, c: int, rm: int) -> Result:
        """Signaling less than."""
        if self.is_nan(a) or self.is_nan(b):
            return 0, NV
        return int(self._order(a, b) < 0), 0

    def le(self, a: int, b: int, c: int, rm: int) -> Result:
        """Signaling less or equal."""
        if self.is_nan(a) or self.is_nan(b):
            return 0, NV
        return int(self._order(a, b) <= 0), 0

    def classify(self, a: int, b: int, c: int, rm: int) -> Result:
        """FCLASS mask."""
        if self.is_nan(a):
            return (1 << 9 if a & self.quiet else 1 << 8), 0
        sign, n, _ = self.number(a)
        if self.is_inf(a):
            return (1 << 0 if sign else 1 << 7), 0
        if not n:
            return (1 << 3 if sign else 1 << 4), 0
        if n < 1 << (self.p - 1):
            return (1 << 2 if sign else 1 << 5), 0
        return (1 << 1 if sign else 1 << 6), 0

    def to_int(self, a: int, low: int, high: int, rm: int) -> Result:
        """a as an integer in low..high, 64 bits sign-extended from the range's width."""
        if self.is_nan(a):
            return high, NV
        if self.is_inf(a):
            return (low if a & self.sign_bit else high), NV
        sign, n, e = self.number(a)
        m, inexact = split(n, -e, sign, rm)
        value = -m if sign else m
        if value < low:
            return low, NV
        if value > high:
            return high, NV
        return value, NX if inexact else 0

    def from_int(self, value: int, rm: int) -> Result:
        """The format's number for an integer."""
        return self.round(int(value < 0), abs(value), 0, rm) if value else (0, 0)

    def convert(self, a: int, to: Format, rm: int) -> Result:
        """a in another format."""
        if self.is_nan(a):
            return to.nan, self.nan_result(a)[1]
        sign, n, e = self.number(a)
        top = to.sign_bit if sign else 0
        if self.is_inf(a):
            return top | to.inf, 0
        return to.round(sign, n, e, rm) if n else (top, 0)


F32, F64 = Format(32, 24), Format(64, 53)
RANGES = {
    "i32": (-(1 << 31), (1 << 31) - 1), "u32": (0, ONES32),
    "i64": (-(1 << 63), (1 << 63) - 1), "u64": (0, WORD),
}  # fmt: skip
Operation = Callable[[int, int, int, int], Result]


def unbox(v: int) -> int:
    """The single in a register value."""
    return v & ONES32 if v >> 32 == ONES32 else F32.nan


def signed(v: int) -> int:
    """A register value as a signed integer."""
    return v - (1 << 64) if v >> 63 else v


def _to_int(fmt: Format, kind: str) -> Operation:
    low, high = RANGES[kind]

    def op(a: int, b: int, c: int, rm: int) -> Result:
        value, flags = fmt.to_int(a, low, high, rm)
        if kind == "u32" and value >> 31:
            value -= 1 << 32
        return value & WORD, flags

    return op


def _single(op: Operation, box: int) -> Operation:
    """An operation on singles as one on register values."""

    def boxed(a: int, b: int, c: int, rm: int) -> Result:
        bits, flags = op(unbox(a), unbox(b), unbox(c), rm)
        return bits | box, flags

    return boxed


def _operations() -> dict[str, Operation]:
    out: dict[str, Operation] = {}
    arithmetic = ("add", "sub", "mul", "div", "sqrt", "fma", "min", "max")
    for name in (*arithmetic, "eq", "lt", "le"):
        out[f"f64_{name}"] = getattr(F64, name)
        out[f"f32_{name}"] = _single(getattr(F32, name), BOX if name in arithmetic else 0)
    out["f64_class"] = F64.classify
    out["f32_class"] = _single(F32.classify, 0)
    for kind in RANGES:
        out[f"f64_to_{kind}"] = _to_int(F64, kind)
        out[f"f32_to_{kind}"] = _single(_to_int(F32, kind), 0)
    out["f64_from_i64"] = lambda a, b, c, rm: F64.from_int(signed(a), rm)
    out["f64_from_u64"] = lambda a, b, c, rm: F64.from_int(a, rm)
    out["f64_from_f32"] = _single(lambda a, b, c, rm: F32.convert(a, F64, rm), 0)

    def box(op: Operation) -> Operation:
        def boxed(a: int, b: int, c: int, rm: int) -> Result:
            bits, flags = op(a, b, c, rm)
            return bits | BOX, flags

        return boxed

    out["f32_from_i64"] = box(lambda a, b, c, rm: F32.from_int(signed(a), rm))
    out["f32_from_u64"] = box(lambda a, b, c, rm: F32.from_int(a, rm))
    out["f32_from_f64"] = box(lambda a, b, c, rm: F64.convert(a, F32, rm))
    return out


OPERATIONS: dict[str, Operation] = _operations()


def evaluate(op: str, a: int, b: int, c: int, rm: int) -> Result:
    """Register value and flags that operation `op` gives under mode rm (0..4)."""
    return OPERATIONS[op](a, b, c, rm)
