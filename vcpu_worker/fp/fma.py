"""Fused multiply-add: a * b + c rounded once, in 128 bits.

Rule: infinity times zero raises NV even if c is a quiet NaN (RISC-V "F", fused multiply-add; IEEE 754-2008
section 7.2 leaves it open). Signs of product and addend are the caller's: the four instructions flip a
and c.
"""

from vcpu_worker.fp.formats import BOX, EB32, EB64, FB32, FB64, RMM
from vcpu_worker.native import native


@native("u64(HART, u64, u64, u64, u64, u64, u64)")
def fp_fma(h, a, b, c, rm, eb, fb):
    """a * b + c."""
    rm = fp_mode(h, rm)
    if rm > RMM:
        return illegal(h)
    emax = (1 << eb) - 1
    if (a >> fb) & emax == emax or (b >> fb) & emax == emax or (c >> fb) & emax == emax:
        return fp_fma_special(h, a, b, c, eb, fb)
    sp = (a ^ b) >> (eb + fb)
    sc = c >> (eb + fb)
    if fp_mag(a, eb, fb) == 0 or fp_mag(b, eb, fb) == 0:
        if fp_mag(c, eb, fb) != 0:
            return c
        return fp_zero_sum(sp, sc, rm, eb, fb)
    # 128-bit words with the point below bit 126: one bit of room for a carry. The product of two
    # significands loses nothing by the shift, its low bits are zero in both formats.
    ma = fp_sig(a, eb, fb)
    mb = fp_sig(b, eb, fb)
    hi = mulhu(ma, mb)
    lo = ((ma * mb) >> 1) | (hi << 63)
    hi = hi >> 1
    e = fp_exp(a, eb, fb) + fp_exp(b, eb, fb) - (emax >> 1) + 1
    sign = sp
    if fp_mag(c, eb, fb) != 0:
        hc = fp_sig(c, eb, fb) >> 1
        lc = 0
        xc = fp_exp(c, eb, fb)
        # The word of the smaller exponent moves right. One sticky bit stands for what it loses: it loses
        # nothing nearer than 21 places, and that far apart at most one leading bit cancels, so that the
        # place of rounding is bit 72 or above.
        if slt(e, xc):
            n = xc - e
            e = xc
            if n < 64:
                lo = (lo >> n) | (hi << (64 - n)) | u64(lo << (64 - n) != 0)
                hi = hi >> n
            else:  # c alone has a last place here; any small number stands for the product
                lo = 1
                hi = 0
        elif e != xc:
            n = e - xc
            if n < 64:
                lc = hc << (64 - n)
                hc = hc >> n
            else:
                lc = fp_jam(hc, n - 64)
                hc = 0
        if sp == sc:
            lo = lo + lc
            hi = hi + hc + u64(lo < lc)
        elif hi > hc or (hi == hc and lo >= lc):
            hi = hi - hc - u64(lo < lc)
            lo = lo - lc
        else:
            hi = hc - hi - u64(lc < lo)
            lo = lc - lo
            sign = sc
        if hi == 0:
            if lo == 0:
                return fp_zero_sum(sp, sc, rm, eb, fb)
            hi = lo
            lo = 0
            e = e - 64
    n = clz64(hi)
    if n != 0:
        hi = (hi << n) | (lo >> (64 - n))
        lo = lo << n
    return fp_round(h, sign, e + 1 - n, hi | u64(lo != 0), rm, eb, fb)


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_fma_special(h, a, b, c, eb, fb):
    """a * b + c where one is an infinity or a NaN."""
    inf = fp_inf(eb, fb)
    ma = fp_mag(a, eb, fb)
    mb = fp_mag(b, eb, fb)
    if (ma == inf and mb == 0) or (ma == 0 and mb == inf):
        return fp_invalid(h, eb, fb)
    if fp_is_nan(a, eb, fb) | fp_is_nan(b, eb, fb) | fp_is_nan(c, eb, fb) != 0:
        fp_quiet(h, a, b, eb, fb)
        return fp_quiet(h, c, c, eb, fb)
    if ma == inf or mb == inf:
        sign = (a ^ b) >> (eb + fb)
        return fp_add_special(h, (sign << (eb + fb)) | inf, c, eb, fb)
    return c


@native("u64(HART, u64, u64, u64, u64)")
def f32_fma(h, a, b, c, rm):
    """FMADD.S; a flipped sign of a or c makes the other three (it leaves the box of a value alone)."""
    return fp_fma(h, f32_unbox(a), f32_unbox(b), f32_unbox(c), rm, EB32, FB32) | BOX


@native("u64(HART, u64, u64, u64, u64)")
def f64_fma(h, a, b, c, rm):
    """FMADD.D; a flipped sign of a or c makes the other three."""
    return fp_fma(h, a, b, c, rm, EB64, FB64)
