"""Conversions between formats and to and from integers.

Rule: a value outside the integer's range after rounding raises NV alone and gives the nearest end of the
range, NaN the upper end (RISC-V "F", table of conversions). 32-bit results are sign-extended, unsigned
ones too.
Source: RISC-V Unprivileged ISA, "F" and "D"; IEEE 754-2008 section 5.8.
"""

from vcpu_worker.fp.formats import BOX, EB32, EB64, FB32, FB64, NV, NX, RMM, RNE, TOP
from vcpu_worker.native import native

I32_MAX, U32_MAX = (1 << 31) - 1, (1 << 32) - 1
I64_MAX, U64_MAX = (1 << 63) - 1, (1 << 64) - 1


@native("u64(u64, u64, u64, u64)")
def fp_rounds_up(rm, sign, odd, rest):
    """1 if a magnitude goes up by one; rest: 64 bits of fraction behind it, odd: its last bit."""
    if rm == RNE:
        return u64(rest > TOP) | (u64(rest == TOP) & odd)
    if rm == RMM:
        return u64(rest >= TOP)
    return u64((rm ^ sign) == 3) & u64(rest != 0)  # RDN of a negative, RUP of a positive


@native("u64(HART, u64, u64, u64, u64, u64, u64)")
def fp_to_int(h, a, rm, positive, negative, eb, fb):
    """a as an integer whose magnitude is at most `positive`, or `negative` below zero."""
    rm = fp_mode(h, rm)
    if rm > RMM:
        return illegal(h)
    if fp_is_nan(a, eb, fb) != 0:
        fp_raise(h, NV)
        return positive
    sign = a >> (eb + fb)
    n = 0
    rest = 0
    if fp_mag(a, eb, fb) != 0:
        e = fp_exp(a, eb, fb) - ((1 << (eb - 1)) - 1)
        sig = fp_sig(a, eb, fb)
        if slt(e, -1):
            rest = 1  # less than a half
        elif slt(e, 0):
            rest = sig
        elif e < 63:
            n = sig >> (63 - e)
            rest = sig << (e + 1)
        elif e == 63:
            n = sig
        else:
            fp_raise(h, NV)
            if sign != 0:
                return 0 - negative
            return positive
    n = n + fp_rounds_up(rm, sign, n & 1, rest)
    if sign != 0:
        if n > negative:
            fp_raise(h, NV)
            return 0 - negative
    elif n > positive:
        fp_raise(h, NV)
        return positive
    if rest != 0:
        fp_raise(h, NX)
    if sign != 0:
        return 0 - n
    return n


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_from_int(h, sign, n, rm, eb, fb):
    """The integer of magnitude n."""
    rm = fp_mode(h, rm)
    if rm > RMM:
        return illegal(h)
    if n == 0:
        return 0
    k = clz64(n)
    return fp_round(h, sign, (1 << (eb - 1)) + 62 - k, n << k, rm, eb, fb)


@native("u64(HART, u64, u64, u64, u64, u64, u64)")
def fp_to_fp(h, a, rm, eb, fb, to_eb, to_fb):
    """a in another format."""
    rm = fp_mode(h, rm)
    if rm > RMM:
        return illegal(h)
    if fp_is_nan(a, eb, fb) != 0:
        fp_quiet(h, a, a, eb, fb)
        return fp_nan(to_eb, to_fb)
    sign = a >> (eb + fb)
    mag = fp_mag(a, eb, fb)
    if mag == 0:
        return sign << (to_eb + to_fb)
    if mag == fp_inf(eb, fb):
        return (sign << (to_eb + to_fb)) | fp_inf(to_eb, to_fb)
    e = fp_exp(a, eb, fb) - (1 << (eb - 1)) + (1 << (to_eb - 1))
    return fp_round(h, sign, e, fp_sig(a, eb, fb), rm, to_eb, to_fb)


@native("u64(HART, u64, u64)")
def f32_to_i32(h, a, rm):
    """FCVT.W.S."""
    return fp_to_int(h, f32_unbox(a), rm, I32_MAX, I32_MAX + 1, EB32, FB32)


@native("u64(HART, u64, u64)")
def f32_to_u32(h, a, rm):
    """FCVT.WU.S."""
    return sext32(fp_to_int(h, f32_unbox(a), rm, U32_MAX, 0, EB32, FB32))


@native("u64(HART, u64, u64)")
def f32_to_i64(h, a, rm):
    """FCVT.L.S."""
    return fp_to_int(h, f32_unbox(a), rm, I64_MAX, I64_MAX + 1, EB32, FB32)


@native("u64(HART, u64, u64)")
def f32_to_u64(h, a, rm):
    """FCVT.LU.S."""
    return fp_to_int(h, f32_unbox(a), rm, U64_MAX, 0, EB32, FB32)


@native("u64(HART, u64, u64)")
def f64_to_i32(h, a, rm):
    """FCVT.W.D."""
    return fp_to_int(h, a, rm, I32_MAX, I32_MAX + 1, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_to_u32(h, a, rm):
    """FCVT.WU.D."""
    return sext32(fp_to_int(h, a, rm, U32_MAX, 0, EB64, FB64))


@native("u64(HART, u64, u64)")
def f64_to_i64(h, a, rm):
    """FCVT.L.D."""
    return fp_to_int(h, a, rm, I64_MAX, I64_MAX + 1, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_to_u64(h, a, rm):
    """FCVT.LU.D."""
    return fp_to_int(h, a, rm, U64_MAX, 0, EB64, FB64)


@native("u64(HART, u64, u64)")
def f32_from_i64(h, v, rm):
    """FCVT.S.L; FCVT.S.W with a sign-extended word."""
    sign = v >> 63
    return fp_from_int(h, sign, (v ^ (0 - sign)) + sign, rm, EB32, FB32) | BOX


@native("u64(HART, u64, u64)")
def f32_from_u64(h, v, rm):
    """FCVT.S.LU; FCVT.S.WU with a zero-extended word."""
    return fp_from_int(h, 0, v, rm, EB32, FB32) | BOX


@native("u64(HART, u64, u64)")
def f64_from_i64(h, v, rm):
    """FCVT.D.L; FCVT.D.W with a sign-extended word."""
    sign = v >> 63
    return fp_from_int(h, sign, (v ^ (0 - sign)) + sign, rm, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_from_u64(h, v, rm):
    """FCVT.D.LU; FCVT.D.WU with a zero-extended word."""
    return fp_from_int(h, 0, v, rm, EB64, FB64)


@native("u64(HART, u64, u64)")
def f32_from_f64(h, a, rm):
    """FCVT.S.D."""
    return fp_to_fp(h, a, rm, EB64, FB64, EB32, FB32) | BOX


@native("u64(HART, u64, u64)")
def f64_from_f32(h, a, rm):
    """FCVT.D.S."""
    return fp_to_fp(h, f32_unbox(a), rm, EB32, FB32, EB64, FB64)
