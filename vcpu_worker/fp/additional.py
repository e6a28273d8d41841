"""Zfa's own operations: constants, rounding to an integer in the format, quiet order, modular conversion.

Source: RISC-V Unprivileged ISA, chapter "Zfa"; IEEE 754-2019 for minimum, maximum, roundToIntegral.
"""

from vcpu_worker.fp.formats import BOX, EB32, EB64, FB32, FB64, NV, NX, RMM, TOP
from vcpu_worker.native import native

BIAS64 = 1023

# the 32 constants of FLI in order (-1, least normal, 2^-16 ... infinity, NaN): the upper 16 bits of each,
# below which all are zero; four a word, the first lowest
D0, D1 = 0x3F00_3EF0_0010_BFF0, 0x3FC0_3FB0_3F80_3F70
D2, D3 = 0x3FDC_3FD8_3FD4_3FD0, 0x3FEC_3FE8_3FE4_3FE0
D4, D5 = 0x3FFC_3FF8_3FF4_3FF0, 0x4010_4008_4004_4000
D6, D7 = 0x4070_4060_4030_4020, 0x7FF8_7FF0_40F0_40E0
S0, S1 = 0x3800_3780_0080_BF80, 0x3E00_3D80_3C00_3B80
S2, S3 = 0x3EE0_3EC0_3EA0_3E80, 0x3F60_3F40_3F20_3F00
S4, S5 = 0x3FE0_3FC0_3FA0_3F80, 0x4080_4040_4020_4000
S6, S7 = 0x4380_4300_4180_4100, 0x7FC0_7F80_4780_4700


@native("u64(u64)")
def f64_constant(n):
    """FLI.D of 0..31."""
    k = n >> 2
    w = D7
    if k == 0:
        w = D0
    elif k == 1:
        w = D1
    elif k == 2:
        w = D2
    elif k == 3:
        w = D3
    elif k == 4:
        w = D4
    elif k == 5:
        w = D5
    elif k == 6:
        w = D6
    return ((w >> ((n & 3) << 4)) & 0xFFFF) << 48


@native("u64(u64)")
def f32_constant(n):
    """FLI.S of 0..31, boxed."""
    k = n >> 2
    w = S7
    if k == 0:
        w = S0
    elif k == 1:
        w = S1
    elif k == 2:
        w = S2
    elif k == 3:
        w = S3
    elif k == 4:
        w = S4
    elif k == 5:
        w = S5
    elif k == 6:
        w = S6
    return (((w >> ((n & 3) << 4)) & 0xFFFF) << 16) | BOX


@native("u64(HART, u64, u64, u64, u64)")
def fp_round_integral(h, a, rm, eb, fb):
    """a rounded to an integer of the same format; h.scratch[0] = 1 if that changed it."""
    h.scratch[0] = 0
    rm = fp_mode(h, rm)
    if rm > RMM:
        return illegal(h)
    if fp_is_nan(a, eb, fb) != 0:
        return fp_quiet(h, a, a, eb, fb)
    bias = (1 << (eb - 1)) - 1
    mag = fp_mag(a, eb, fb)
    sign = a >> (eb + fb)
    e = mag >> fb
    if mag == 0 or e >= bias + fb:
        return a
    if e < bias:
        # below 1: the fraction behind the point, which is the significand itself from one half on
        rest = 1
        if e == bias - 1:
            rest = (a << (63 - fb)) | TOP
        h.scratch[0] = 1
        one = bias << fb
        return (sign << (eb + fb)) | select(fp_rounds_up(rm, sign, 0, rest) != 0, one, 0)
    cut = fb - (e - bias)
    low = mag & ((1 << cut) - 1)
    h.scratch[0] = u64(low != 0)
    # of 1.x the integer's last bit is the hidden one; there the exponent's last bit, the bias's, is 1 too
    up = fp_rounds_up(rm, sign, (mag >> cut) & 1, low << (64 - cut))
    return (sign << (eb + fb)) | (mag - low + (up << cut))


@native("u64(HART, u64, u64)")
def f64_round(h, a, rm):
    """FROUND.D."""
    return fp_round_integral(h, a, rm, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_roundnx(h, a, rm):
    """FROUNDNX.D."""
    r = fp_round_integral(h, a, rm, EB64, FB64)
    if h.scratch[0] != 0:
        fp_raise(h, NX)
    return r


@native("u64(HART, u64, u64)")
def f32_round(h, a, rm):
    """FROUND.S."""
    return fp_round_integral(h, f32_unbox(a), rm, EB32, FB32) | BOX


@native("u64(HART, u64, u64)")
def f32_roundnx(h, a, rm):
    """FROUNDNX.S."""
    r = fp_round_integral(h, f32_unbox(a), rm, EB32, FB32)
    if h.scratch[0] != 0:
        fp_raise(h, NX)
    return r | BOX


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_extreme(h, a, b, greater, eb, fb):
    """As fp_pick, but a NaN if either is one."""
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) != 0:
        return fp_quiet(h, a, b, eb, fb)
    return fp_pick(h, a, b, greater, eb, fb)


@native("u64(HART, u64, u64)")
def f64_minm(h, a, b):
    """FMINM.D."""
    return fp_extreme(h, a, b, 0, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_maxm(h, a, b):
    """FMAXM.D."""
    return fp_extreme(h, a, b, 1, EB64, FB64)


@native("u64(HART, u64, u64)")
def f32_minm(h, a, b):
    """FMINM.S."""
    return fp_extreme(h, f32_unbox(a), f32_unbox(b), 0, EB32, FB32) | BOX


@native("u64(HART, u64, u64)")
def f32_maxm(h, a, b):
    """FMAXM.S."""
    return fp_extreme(h, f32_unbox(a), f32_unbox(b), 1, EB32, FB32) | BOX


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_order_quiet(h, a, b, equal, eb, fb):
    """1 if a is less than b, or (equal = 1) equal to it; NV only for a signaling NaN."""
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) != 0:
        fp_quiet(h, a, b, eb, fb)
        return 0
    if equal != 0:
        return fp_le(h, a, b, eb, fb)
    return fp_lt(h, a, b, eb, fb)


@native("u64(HART, u64, u64)")
def f64_leq(h, a, b):
    """FLEQ.D."""
    return fp_order_quiet(h, a, b, 1, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_ltq(h, a, b):
    """FLTQ.D."""
    return fp_order_quiet(h, a, b, 0, EB64, FB64)


@native("u64(HART, u64, u64)")
def f32_leq(h, a, b):
    """FLEQ.S."""
    return fp_order_quiet(h, f32_unbox(a), f32_unbox(b), 1, EB32, FB32)


@native("u64(HART, u64, u64)")
def f32_ltq(h, a, b):
    """FLTQ.S."""
    return fp_order_quiet(h, f32_unbox(a), f32_unbox(b), 0, EB32, FB32)


@native("u64(HART, u64)")
def f64_to_i32_modular(h, a):
    """FCVTMOD.W.D: truncated, modulo 2**32, sign-extended; NaN and infinity give 0.

    Flags are those of FCVT.W.D with RTZ.
    """
    mag = fp_mag(a, EB64, FB64)
    e = mag >> FB64
    if e == 2047:
        fp_raise(h, NV)
        return 0
    if e < BIAS64:
        if mag != 0:
            fp_raise(h, NX)
        return 0
    k = e - BIAS64  # |a| = significand * 2**(k - 63), its leading one at bit 63
    sig = fp_sig(a, EB64, FB64)
    n = 0
    inexact = 0
    if k < 63:
        n = sig >> (63 - k)
        inexact = u64((sig << (k + 1)) != 0)
    elif k < 63 + 64:
        n = sig << (k - 63)
    sign = a >> 63
    if k > 31 or n > 0x7FFF_FFFF + sign:
        fp_raise(h, NV)
    elif inexact != 0:
        fp_raise(h, NX)
    return sext32(select(sign != 0, 0 - n, n))
