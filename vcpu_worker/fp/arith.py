"""Addition, subtraction and multiplication.

Rule: NaN and infinity leave early; zeros and subnormals take part like any number.
Source: IEEE 754-2008 sections 5.4, 6 and 7; RISC-V Unprivileged ISA, "F".
"""

from vcpu_worker.fp.formats import BOX, EB32, EB64, FB32, FB64, RDN, RMM, TOP
from vcpu_worker.native import native


@native("u64(u64, u64, u64, u64, u64)")
def fp_zero_sum(sa, sb, rm, eb, fb):
    """Exact zero from a sum of terms with signs sa and sb. Source: IEEE 754-2008 section 6.3."""
    if sa == sb:
        return sa << (eb + fb)
    return u64(rm == RDN) << (eb + fb)


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_add(h, a, b, rm, eb, fb):
    """a + b."""
    rm = fp_mode(h, rm)
    if rm > RMM:
        return illegal(h)
    emax = (1 << eb) - 1
    xa = (a >> fb) & emax
    xb = (b >> fb) & emax
    if xa == emax or xb == emax:
        return fp_add_special(h, a, b, eb, fb)
    # leading ones in bit 62: room for the carry above, ten bits or more for the sticky bit below
    implicit = 1 << fb
    ma = a & (implicit - 1)
    mb = b & (implicit - 1)
    if xa != 0:
        ma = ma | implicit
    else:
        xa = 1
    if xb != 0:
        mb = mb | implicit
    else:
        xb = 1
    ma = ma << (62 - fb)
    mb = mb << (62 - fb)
    sa = a >> (eb + fb)
    sb = b >> (eb + fb)
    sign = sa
    if xa >= xb:
        mb = fp_jam(mb, xa - xb)
        e = xa
    else:
        ma = fp_jam(ma, xb - xa)
        e = xb
    if sa == sb:
        m = ma + mb
    elif ma >= mb:
        m = ma - mb
    else:
        m = mb - ma
        sign = sb
    if m == 0:
        return fp_zero_sum(sa, sb, rm, eb, fb)
    n = clz64(m)
    return fp_round(h, sign, e + 1 - n, m << n, rm, eb, fb)


@native("u64(HART, u64, u64, u64, u64)")
def fp_add_special(h, a, b, eb, fb):
    """a + b where one is an infinity or a NaN."""
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) != 0:
        return fp_quiet(h, a, b, eb, fb)
    inf = fp_inf(eb, fb)
    if fp_mag(a, eb, fb) != inf:
        return b
    if fp_mag(b, eb, fb) == inf and a != b:
        return fp_invalid(h, eb, fb)
    return a


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_mul(h, a, b, rm, eb, fb):
    """a * b."""
    rm = fp_mode(h, rm)
    if rm > RMM:
        return illegal(h)
    emax = (1 << eb) - 1
    sign = (a ^ b) >> (eb + fb)
    if (a >> fb) & emax == emax or (b >> fb) & emax == emax:
        return fp_mul_special(h, a, b, eb, fb)
    if fp_mag(a, eb, fb) == 0 or fp_mag(b, eb, fb) == 0:
        return sign << (eb + fb)
    e = fp_exp(a, eb, fb) + fp_exp(b, eb, fb) - (emax >> 1)
    ma = fp_sig(a, eb, fb)
    mb = fp_sig(b, eb, fb)
    hi = mulhu(ma, mb)
    lo = ma * mb
    if hi >= TOP:
        e = e + 1
    else:
        hi = (hi << 1) | (lo >> 63)
    return fp_round(h, sign, e, hi | u64(lo != 0), rm, eb, fb)


@native("u64(HART, u64, u64, u64, u64)")
def fp_mul_special(h, a, b, eb, fb):
    """a * b where one is an infinity or a NaN."""
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) != 0:
        return fp_quiet(h, a, b, eb, fb)
    if fp_mag(a, eb, fb) == 0 or fp_mag(b, eb, fb) == 0:
        return fp_invalid(h, eb, fb)
    return (((a ^ b) >> (eb + fb)) << (eb + fb)) | fp_inf(eb, fb)


@native("u64(HART, u64, u64, u64)")
def f32_add(h, a, b, rm):
    """FADD.S."""
    return fp_add(h, f32_unbox(a), f32_unbox(b), rm, EB32, FB32) | BOX


@native("u64(HART, u64, u64, u64)")
def f32_sub(h, a, b, rm):
    """FSUB.S."""
    return fp_add(h, f32_unbox(a), f32_unbox(b) ^ (1 << 31), rm, EB32, FB32) | BOX


@native("u64(HART, u64, u64, u64)")
def f32_mul(h, a, b, rm):
    """FMUL.S."""
    return fp_mul(h, f32_unbox(a), f32_unbox(b), rm, EB32, FB32) | BOX


@native("u64(HART, u64, u64, u64)")
def f64_add(h, a, b, rm):
    """FADD.D."""
    return fp_add(h, a, b, rm, EB64, FB64)


@native("u64(HART, u64, u64, u64)")
def f64_sub(h, a, b, rm):
    """FSUB.D."""
    return fp_add(h, a, b ^ (1 << 63), rm, EB64, FB64)


@native("u64(HART, u64, u64, u64)")
def f64_mul(h, a, b, rm):
    """FMUL.D."""
    return fp_mul(h, a, b, rm, EB64, FB64)
