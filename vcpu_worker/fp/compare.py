"""Comparisons, minimum and maximum.

Rule: none of them depends on a rounding mode. FEQ is quiet; FLT and FLE signal on every NaN.
Source: RISC-V "F" 2.2: FMIN and FMAX are minimumNumber and maximumNumber of IEEE 754-2019, with -0 < +0.
"""

from vcpu_worker.fp.formats import BOX, EB32, EB64, FB32, FB64, NV
from vcpu_worker.native import native


@native("u64(u64, u64, u64)")
def fp_key(a, eb, fb):
    """A word whose unsigned order is the order of numbers, -0 just below +0."""
    top = 1 << (eb + fb)
    if a >= top:
        return 2 * top - 1 - a
    return a | top


@native("u64(HART, u64, u64, u64, u64)")
def fp_eq(h, a, b, eb, fb):
    """1 if equal."""
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) != 0:
        fp_quiet(h, a, b, eb, fb)
        return 0
    return u64(a == b) | u64(fp_mag(a | b, eb, fb) == 0)


@native("u64(HART, u64, u64, u64, u64)")
def fp_lt(h, a, b, eb, fb):
    """1 if a is less."""
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) != 0:
        fp_raise(h, NV)
        return 0
    return u64(fp_key(a, eb, fb) < fp_key(b, eb, fb)) & u64(fp_mag(a | b, eb, fb) != 0)


@native("u64(HART, u64, u64, u64, u64)")
def fp_le(h, a, b, eb, fb):
    """1 if a is less or equal."""
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) != 0:
        fp_raise(h, NV)
        return 0
    return u64(fp_key(a, eb, fb) <= fp_key(b, eb, fb)) | u64(fp_mag(a | b, eb, fb) == 0)


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_pick(h, a, b, greater, eb, fb):
    """The smaller number of a and b (greater = 0) or the greater one (1); a NaN only if both are."""
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) != 0:
        nan = fp_quiet(h, a, b, eb, fb)
        if fp_is_nan(a, eb, fb) == 0:
            return a
        if fp_is_nan(b, eb, fb) == 0:
            return b
        return nan
    if u64(fp_key(a, eb, fb) < fp_key(b, eb, fb)) != greater:
        return a
    return b


@native("u64(HART, u64, u64)")
def f32_eq(h, a, b):
    """FEQ.S."""
    return fp_eq(h, f32_unbox(a), f32_unbox(b), EB32, FB32)


@native("u64(HART, u64, u64)")
def f32_lt(h, a, b):
    """FLT.S."""
    return fp_lt(h, f32_unbox(a), f32_unbox(b), EB32, FB32)


@native("u64(HART, u64, u64)")
def f32_le(h, a, b):
    """FLE.S."""
    return fp_le(h, f32_unbox(a), f32_unbox(b), EB32, FB32)


@native("u64(HART, u64, u64)")
def f32_min(h, a, b):
    """FMIN.S."""
    return fp_pick(h, f32_unbox(a), f32_unbox(b), 0, EB32, FB32) | BOX


@native("u64(HART, u64, u64)")
def f32_max(h, a, b):
    """FMAX.S."""
    return fp_pick(h, f32_unbox(a), f32_unbox(b), 1, EB32, FB32) | BOX


@native("u64(HART, u64, u64)")
def f64_eq(h, a, b):
    """FEQ.D."""
    return fp_eq(h, a, b, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_lt(h, a, b):
    """FLT.D."""
    return fp_lt(h, a, b, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_le(h, a, b):
    """FLE.D."""
    return fp_le(h, a, b, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_min(h, a, b):
    """FMIN.D."""
    return fp_pick(h, a, b, 0, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_max(h, a, b):
    """FMAX.D."""
    return fp_pick(h, a, b, 1, EB64, FB64)
