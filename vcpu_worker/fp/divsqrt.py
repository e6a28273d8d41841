"""Division and square root: enough bits of the exact quotient or root, and whether anything is left.

Rule: no 128-bit division (the blob has no compiler library to call): the quotient has two digits of 32
bits, after Knuth, TAOCP volume 2, 4.3.1 D; the root is made bit by bit.
Source: IEEE 754-2008 sections 5.4.1 and 7.3; RISC-V Unprivileged ISA, "F".
"""

from vcpu_worker.fp.formats import BOX, DZ, EB32, EB64, FB32, FB64, RMM
from vcpu_worker.native import native

LOW32 = 0xFFFF_FFFF


@native("u64(u64, u64)")
def fp_quotient(n, d):
    """(n << 64) / d with bit 0 set if there is a remainder. n < d, d has bit 63 set."""
    d1 = d >> 32
    d0 = d & LOW32
    # first digit: an estimate from the divisor's high half is at most 2 too large
    q1 = udiv(n, d1)
    r = n - q1 * d1
    while q1 > LOW32 or q1 * d0 > r << 32:
        q1 = q1 - 1
        r = r + d1
        if r > LOW32:
            break
    n = (n << 32) - q1 * d
    q0 = udiv(n, d1)
    r = n - q0 * d1
    while q0 > LOW32 or q0 * d0 > r << 32:
        q0 = q0 - 1
        r = r + d1
        if r > LOW32:
            break
    return (q1 << 32) | q0 | u64((n << 32) != q0 * d)


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_div(h, a, b, rm, eb, fb):
    """a / b."""
    rm = fp_mode(h, rm)
    if rm > RMM:
        return illegal(h)
    emax = (1 << eb) - 1
    sign = (a ^ b) >> (eb + fb)
    if (a >> fb) & emax == emax or (b >> fb) & emax == emax:
        return fp_div_special(h, a, b, eb, fb)
    if fp_mag(b, eb, fb) == 0:
        if fp_mag(a, eb, fb) == 0:
            return fp_invalid(h, eb, fb)
        fp_raise(h, DZ)
        return (sign << (eb + fb)) | fp_inf(eb, fb)
    if fp_mag(a, eb, fb) == 0:
        return sign << (eb + fb)
    e = fp_exp(a, eb, fb) - fp_exp(b, eb, fb) + (emax >> 1)
    n = fp_sig(a, eb, fb)
    d = fp_sig(b, eb, fb)
    if n < d:
        e = e - 1
    else:
        n = n >> 1  # its low bit is zero
    return fp_round(h, sign, e, fp_quotient(n, d), rm, eb, fb)


@native("u64(HART, u64, u64, u64, u64)")
def fp_div_special(h, a, b, eb, fb):
    """a / b where one is an infinity or a NaN."""
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) != 0:
        return fp_quiet(h, a, b, eb, fb)
    sign = ((a ^ b) >> (eb + fb)) << (eb + fb)
    inf = fp_inf(eb, fb)
    if fp_mag(a, eb, fb) != inf:
        return sign
    if fp_mag(b, eb, fb) == inf:
        return fp_invalid(h, eb, fb)
    return sign | inf


@native("u64(HART, u64, u64, u64, u64)")
def fp_sqrt(h, a, rm, eb, fb):
    """Square root of a."""
    rm = fp_mode(h, rm)
    if rm > RMM:
        return illegal(h)
    if fp_is_nan(a, eb, fb) != 0:
        return fp_quiet(h, a, a, eb, fb)
    if fp_mag(a, eb, fb) == 0:
        return a
    if a >> (eb + fb) != 0:
        return fp_invalid(h, eb, fb)
    if a == fp_inf(eb, fb):
        return a
    bias = (1 << (eb - 1)) - 1
    e = fp_exp(a, eb, fb) - bias
    rest = fp_sig(a, eb, fb) >> (62 - fb)  # the point is below bit fb + 1
    if e & 1 != 0:
        rest = rest << 1
    # root * root + rest * 2^k is invariant; `twice` is 2 * root at the place of the next bit
    root = 0
    twice = 0
    step = 1 << (fb + 1)
    while step != 0:
        if twice + step <= rest:
            rest = rest - twice - step
            twice = twice + (step << 1)
            root = root + step
        rest = rest << 1
        step = step >> 1
    return fp_round(h, 0, sar(e, 1) + bias, (root << (62 - fb)) | u64(rest != 0), rm, eb, fb)


@native("u64(HART, u64, u64, u64)")
def f32_div(h, a, b, rm):
    """FDIV.S."""
    return fp_div(h, f32_unbox(a), f32_unbox(b), rm, EB32, FB32) | BOX


@native("u64(HART, u64, u64)")
def f32_sqrt(h, a, rm):
    """FSQRT.S."""
    return fp_sqrt(h, f32_unbox(a), rm, EB32, FB32) | BOX


@native("u64(HART, u64, u64, u64)")
def f64_div(h, a, b, rm):
    """FDIV.D."""
    return fp_div(h, a, b, rm, EB64, FB64)


@native("u64(HART, u64, u64)")
def f64_sqrt(h, a, rm):
    """FSQRT.D."""
    return fp_sqrt(h, a, rm, EB64, FB64)
