"""Binary formats: field widths, flags and modes of IEEE 754, NaN boxing, and the parts of a number.

Why soft float: RISC-V asks for five rounding modes, exact flags, tininess after rounding and canonical
NaNs on every host; integers give the same answer everywhere.
Rules: a format is a pair (eb, fb) = bits of exponent and fraction, (8, 23) or (11, 52). Cores named fp_*
take it as their last two parameters and are written once for both; f32_* and f64_* are what instructions
call. A core's operands have no bits above the format; f32_* box and unbox.
Source: RISC-V Unprivileged ISA, "F" and "D" chapters; IEEE 754-2008.
"""

from vcpu_worker.native import native

EB32, FB32 = 8, 23
EB64, FB64 = 11, 52

RNE, RTZ, RDN, RUP, RMM, DYN = 0, 1, 2, 3, 4, 7
NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16

NAN32 = 0x7FC0_0000
BOX = 0xFFFF_FFFF_0000_0000
TOP = 1 << 63


@native("u64(u64)")
def f32_unbox(v):
    """The single in register value v; a value that is not boxed reads as the canonical NaN."""
    if v >= BOX:
        return v & 0xFFFF_FFFF
    return NAN32


@native("u64(HART, u64)")
def fp_mode(h, rm):
    """The rounding mode that field rm asks for. Above RMM: reserved, the instruction is illegal."""
    if rm == DYN:
        return h.frm
    return rm


@native("u64(HART, u64)")
def fp_raise(h, flags):
    """Accrue exception flags. Returns 0."""
    h.fflags = h.fflags | flags
    return 0


@native("u64(u64, u64)")
def fp_nan(eb, fb):
    """The canonical NaN: positive, quiet, no payload. Source: "NaN Generation and Propagation"."""
    return ((1 << (eb + 1)) - 1) << (fb - 1)


@native("u64(HART, u64, u64)")
def fp_invalid(h, eb, fb):
    """Raise NV; the result of an invalid operation."""
    h.fflags = h.fflags | NV
    return fp_nan(eb, fb)


@native("u64(u64, u64, u64)")
def fp_mag(a, eb, fb):
    """a without its sign. Ordered as an integer it is ordered as a number; NaNs are above infinity."""
    return a & ((1 << (eb + fb)) - 1)


@native("u64(u64, u64)")
def fp_inf(eb, fb):
    """Positive infinity."""
    return ((1 << eb) - 1) << fb


@native("u64(u64, u64, u64)")
def fp_is_nan(a, eb, fb):
    """1 if a is a NaN."""
    return u64(fp_mag(a, eb, fb) > fp_inf(eb, fb))


@native("u64(u64, u64, u64)")
def fp_is_snan(a, eb, fb):
    """1 if a is a signaling NaN: its top fraction bit is clear."""
    # one step below the canonical NaN and up to infinity: exactly the NaNs without the quiet bit
    mag = fp_mag(a, eb, fb)
    return u64(mag > fp_inf(eb, fb)) & u64(mag < fp_nan(eb, fb))


@native("u64(u64, u64, u64)")
def fp_exp(a, eb, fb):
    """Biased exponent of finite a != 0 once normalized: of a subnormal it is below 1, wrapping below 0."""
    e = (a >> fb) & ((1 << eb) - 1)
    if e != 0:
        return e
    return 64 - fb - clz64(a & ((1 << fb) - 1))


@native("u64(u64, u64, u64)")
def fp_sig(a, eb, fb):
    """Significand of finite a != 0, normalized: the leading one is bit 63."""
    if (a >> fb) & ((1 << eb) - 1) != 0:
        return (a << (63 - fb)) | TOP
    m = a & ((1 << fb) - 1)
    return m << (clz64(m) & 63)


@native("u64(u64, u64)")
def fp_jam(m, n):
    """m >> n for any n; bit 0 of the result is also set if a one was shifted out ("sticky")."""
    if n == 0:
        return m
    if n < 64:
        return (m >> n) | u64((m << (64 - n)) != 0)
    return u64(m != 0)
