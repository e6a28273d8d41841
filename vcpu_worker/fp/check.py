"""Entry points for tests: one operation, or many, called from Python on a bare hart slot.

Rule: the numbers are those of OPERATIONS; instructions do not come here.
"""

from vcpu_worker.native import native

# the position in this list is the number fp_test and fp_batch know an operation by
OPERATIONS = (
    "f32_add", "f32_sub", "f32_mul", "f32_div", "f32_sqrt", "f32_fma", "f32_min", "f32_max",
    "f32_eq", "f32_lt", "f32_le", "f32_class", "f32_to_i32", "f32_to_u32", "f32_to_i64", "f32_to_u64",
    "f64_add", "f64_sub", "f64_mul", "f64_div", "f64_sqrt", "f64_fma", "f64_min", "f64_max",
    "f64_eq", "f64_lt", "f64_le", "f64_class", "f64_to_i32", "f64_to_u32", "f64_to_i64", "f64_to_u64",
    "f32_from_i64", "f32_from_u64", "f64_from_i64", "f64_from_u64", "f32_from_f64", "f64_from_f32",
)  # fmt: skip


@native("u64(HART, u64, u64, u64, u64, u64)", export=True)
def fp_test(h, op, a, b, c, rm):
    """The result of operation `op` on register values; flags are accrued in h.fflags."""
    if op < 16:
        return fp_test_single(h, op, a, b, c, rm)
    if op < 32:
        return fp_test_double(h, op - 16, a, b, c, rm)
    if op == 32:
        return f32_from_i64(h, a, rm)
    if op == 33:
        return f32_from_u64(h, a, rm)
    if op == 34:
        return f64_from_i64(h, a, rm)
    if op == 35:
        return f64_from_u64(h, a, rm)
    if op == 36:
        return f32_from_f64(h, a, rm)
    return f64_from_f32(h, a, rm)


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_test_single(h, op, a, b, c, rm):
    """fp_test for the operations on single precision."""
    if op == 0:
        return f32_add(h, a, b, rm)
    if op == 1:
        return f32_sub(h, a, b, rm)
    if op == 2:
        return f32_mul(h, a, b, rm)
    if op == 3:
        return f32_div(h, a, b, rm)
    if op == 4:
        return f32_sqrt(h, a, rm)
    if op == 5:
        return f32_fma(h, a, b, c, rm)
    if op == 6:
        return f32_min(h, a, b)
    if op == 7:
        return f32_max(h, a, b)
    if op == 8:
        return f32_eq(h, a, b)
    if op == 9:
        return f32_lt(h, a, b)
    if op == 10:
        return f32_le(h, a, b)
    if op == 11:
        return f32_class(a)
    if op == 12:
        return f32_to_i32(h, a, rm)
    if op == 13:
        return f32_to_u32(h, a, rm)
    if op == 14:
        return f32_to_i64(h, a, rm)
    return f32_to_u64(h, a, rm)


@native("u64(HART, u64, u64, u64, u64, u64)")
def fp_test_double(h, op, a, b, c, rm):
    """fp_test for the operations on double precision."""
    if op == 0:
        return f64_add(h, a, b, rm)
    if op == 1:
        return f64_sub(h, a, b, rm)
    if op == 2:
        return f64_mul(h, a, b, rm)
    if op == 3:
        return f64_div(h, a, b, rm)
    if op == 4:
        return f64_sqrt(h, a, rm)
    if op == 5:
        return f64_fma(h, a, b, c, rm)
    if op == 6:
        return f64_min(h, a, b)
    if op == 7:
        return f64_max(h, a, b)
    if op == 8:
        return f64_eq(h, a, b)
    if op == 9:
        return f64_lt(h, a, b)
    if op == 10:
        return f64_le(h, a, b)
    if op == 11:
        return f64_class(a)
    if op == 12:
        return f64_to_i32(h, a, rm)
    if op == 13:
        return f64_to_u32(h, a, rm)
    if op == 14:
        return f64_to_i64(h, a, rm)
    return f64_to_u64(h, a, rm)


@native("u64(HART, u64, u64, u64, u64, u64)", export=True)
def fp_batch(h, op, rm, count, source, target):
    """fp_test on `count` operand sets: (a, b, c) words at source, (result, flags) words at target.

    Bit 8 of a flags word: the operation ended with a fault (a reserved rounding mode). Returns 0.
    """
    while count != 0:
        h.fflags = 0
        st64(target, fp_test(h, op, ld64(source), ld64(source + 8), ld64(source + 16), rm))
        st64(target + 8, h.fflags | (h.fault << 8))
        h.fault = 0
        source = source + 24
        target = target + 16
        count = count - 1
    return 0
