"""NaN handling and FCLASS.

Source: RISC-V Unprivileged ISA, "F": "NaN Generation and Propagation", "Single-Precision Floating-Point
Classify Instruction".
"""

from vcpu_worker.fp.formats import EB32, EB64, FB32, FB64, NV
from vcpu_worker.native import native


@native("u64(HART, u64, u64, u64, u64)")
def fp_quiet(h, a, b, eb, fb):
    """The result for operands of which one is a NaN: canonical; NV if one of them signals."""
    if fp_is_snan(a, eb, fb) | fp_is_snan(b, eb, fb) != 0:
        fp_raise(h, NV)
    return fp_nan(eb, fb)


@native("u64(u64, u64, u64)")
def fp_class(a, eb, fb):
    """One bit: 0 -inf, 1 -normal, 2 -subnormal, 3 -0, 4 +0, ... 7 +inf, 8 signaling, 9 quiet NaN."""
    mag = fp_mag(a, eb, fb)
    inf = fp_inf(eb, fb)
    if mag > inf:
        if fp_is_snan(a, eb, fb) != 0:
            return 1 << 8
        return 1 << 9
    if mag == inf:
        n = 7
    elif mag >= 1 << fb:
        n = 6
    elif mag != 0:
        n = 5
    else:
        n = 4
    if a != mag:
        n = 7 - n
    return 1 << n


@native("u64(u64)")
def f32_class(a):
    """FCLASS.S."""
    return fp_class(f32_unbox(a), EB32, FB32)


@native("u64(u64)")
def f64_class(a):
    """FCLASS.D."""
    return fp_class(a, EB64, FB64)
