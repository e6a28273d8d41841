"""Rounding: the one place where an exact result becomes a number of a format, with its flags.

Rule: every operation hands over sign, biased exponent (wrapping, so any integer) and a significand with
its leading one in bit 63, exact but for bit 0, which is set if anything below it was lost ("sticky").
At least two bits are below the last place of either format, so one rounding here is the only rounding.
Source: IEEE 754-2008 sections 4.3 and 7; RISC-V "F": underflow is detected after rounding.
"""

from vcpu_worker.fp.formats import NX, OF, RMM, RNE, RTZ, UF
from vcpu_worker.native import native


@native("u64(u64, u64, u64, u64)")
def fp_increment(rm, sign, odd, bits):
    """What to add to the `bits` dropped bits so that the carry out of them rounds. odd: last kept bit."""
    half = 1 << (bits - 1)
    if rm == RNE:
        return half - 1 + odd
    if rm == RMM:
        return half
    if (rm ^ sign) == 3:  # RDN (2) of a negative, RUP (3) of a positive: away from zero
        return (1 << bits) - 1
    return 0


@native("u64(HART, u64, u64, u64, u64, u64, u64)")
def fp_round(h, sign, e, sig, rm, eb, fb):
    """The number sign, e, sig rounded once; raises NX, OF, UF. sig has bit 63 set."""
    bits = 63 - fb
    emax = (1 << eb) - 1
    if e - 1 < emax - 1:
        top = sig >> bits
        low = sig & ((1 << bits) - 1)
        # top holds the implicit one, hence e - 1; a carry out of the fraction lands in the exponent
        out = ((e - 1) << fb) + top + ((low + fp_increment(rm, sign, top & 1, bits)) >> bits)
        if out < emax << fb:
            if low != 0:
                fp_raise(h, NX)
            return (sign << (eb + fb)) | out
        return fp_overflow(h, sign, rm, eb, fb)
    if slt(e, 1):
        return fp_round_tiny(h, sign, e, sig, rm, eb, fb)
    return fp_overflow(h, sign, rm, eb, fb)


@native("u64(HART, u64, u64, u64, u64, u64, u64)")
def fp_round_tiny(h, sign, e, sig, rm, eb, fb):
    """fp_round for e below 1: a subnormal, zero, or the smallest normal number after rounding up."""
    bits = 63 - fb
    mask = (1 << bits) - 1
    flags = NX | UF
    if e == 0:
        # tininess after rounding: not tiny if a result of unbounded exponent had rounded up to it
        top = sig >> bits
        if (top + (((sig & mask) + fp_increment(rm, sign, top & 1, bits)) >> bits)) >> (fb + 1) != 0:
            flags = NX
    sig = fp_jam(sig, 1 - e)
    top = sig >> bits
    low = sig & mask
    if low != 0:
        fp_raise(h, flags)
    return (sign << (eb + fb)) | (top + ((low + fp_increment(rm, sign, top & 1, bits)) >> bits))


@native("u64(HART, u64, u64, u64, u64)")
def fp_overflow(h, sign, rm, eb, fb):
    """The result beyond the largest number: infinity, or that number if the mode rounds towards zero."""
    fp_raise(h, OF | NX)
    out = fp_inf(eb, fb)
    if rm == RTZ or (rm ^ sign) == 2:  # RDN of a positive, RUP of a negative
        out = out - 1
    return (sign << (eb + fb)) | out
