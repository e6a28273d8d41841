"""D: double precision.

Rules: as in `rv_f`; a double fills its register.
Source: Unprivileged ISA 20240411, chapter 21, version 2.2.
"""

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import call, dirty_fp, f, hcall, load, regnum, require_fp, sext32, store, x, zext32

SIGN = -1 << 63  # signed: words of traces are


@insn("fld", "imm[11:0] rs1 011 rd 0000111", ext="D")
def fld(rd, rs1, imm):
    """Doubleword. Traps: access or page fault; rd keeps its value."""
    require_fp()
    f[rd] = load(x[rs1] + imm, 8)
    dirty_fp()


@insn("fsd", "imm[11:5] rs2 rs1 011 imm[4:0] 0100111", ext="D")
def fsd(rs1, rs2, imm):
    """The register. Traps: access or page fault."""
    require_fp()
    store(x[rs1] + imm, f[rs2], 8)


@insn("fadd.d", "0000001 rs2 rs1 rm rd 1010011", ext="D")
def fadd_d(rd, rs1, rs2, rm):
    """Sum."""
    require_fp()
    f[rd] = hcall("f64_add", f[rs1], f[rs2], regnum(rm))
    dirty_fp()


@insn("fsub.d", "0000101 rs2 rs1 rm rd 1010011", ext="D")
def fsub_d(rd, rs1, rs2, rm):
    """Difference."""
    require_fp()
    f[rd] = hcall("f64_sub", f[rs1], f[rs2], regnum(rm))
    dirty_fp()


@insn("fmul.d", "0001001 rs2 rs1 rm rd 1010011", ext="D")
def fmul_d(rd, rs1, rs2, rm):
    """Product."""
    require_fp()
    f[rd] = hcall("f64_mul", f[rs1], f[rs2], regnum(rm))
    dirty_fp()


@insn("fdiv.d", "0001101 rs2 rs1 rm rd 1010011", ext="D")
def fdiv_d(rd, rs1, rs2, rm):
    """Quotient."""
    require_fp()
    f[rd] = hcall("f64_div", f[rs1], f[rs2], regnum(rm))
    dirty_fp()


@insn("fsqrt.d", "0101101 00000 rs1 rm rd 1010011", ext="D")
def fsqrt_d(rd, rs1, rm):
    """Square root."""
    require_fp()
    f[rd] = hcall("f64_sqrt", f[rs1], regnum(rm))
    dirty_fp()


@insn("fmadd.d", "rs3 01 rs2 rs1 rm rd 1000011", ext="D")
def fmadd_d(rd, rs1, rs2, rs3, rm):
    """rs1 * rs2 + rs3, rounded once."""
    require_fp()
    f[rd] = hcall("f64_fma", f[rs1], f[rs2], f[rs3], regnum(rm))
    dirty_fp()


@insn("fmsub.d", "rs3 01 rs2 rs1 rm rd 1000111", ext="D")
def fmsub_d(rd, rs1, rs2, rs3, rm):
    """rs1 * rs2 - rs3, rounded once."""
    require_fp()
    f[rd] = hcall("f64_fma", f[rs1], f[rs2], f[rs3] ^ SIGN, regnum(rm))
    dirty_fp()


@insn("fnmsub.d", "rs3 01 rs2 rs1 rm rd 1001011", ext="D")
def fnmsub_d(rd, rs1, rs2, rs3, rm):
    """-(rs1 * rs2) + rs3, rounded once."""
    require_fp()
    f[rd] = hcall("f64_fma", f[rs1] ^ SIGN, f[rs2], f[rs3], regnum(rm))
    dirty_fp()


@insn("fnmadd.d", "rs3 01 rs2 rs1 rm rd 1001111", ext="D")
def fnmadd_d(rd, rs1, rs2, rs3, rm):
    """-(rs1 * rs2) - rs3, rounded once."""
    require_fp()
    f[rd] = hcall("f64_fma", f[rs1] ^ SIGN, f[rs2], f[rs3] ^ SIGN, regnum(rm))
    dirty_fp()


@insn("fsgnj.d", "0010001 rs2 rs1 000 rd 1010011", ext="D")
def fsgnj_d(rd, rs1, rs2):
    """rs1 with the sign of rs2; fmv.d is fsgnj.d rd, rs, rs."""
    require_fp()
    f[rd] = (f[rs1] & ~SIGN) | (f[rs2] & SIGN)
    dirty_fp()


@insn("fsgnjn.d", "0010001 rs2 rs1 001 rd 1010011", ext="D")
def fsgnjn_d(rd, rs1, rs2):
    """rs1 with the opposite of the sign of rs2."""
    require_fp()
    f[rd] = (f[rs1] & ~SIGN) | (~f[rs2] & SIGN)
    dirty_fp()


@insn("fsgnjx.d", "0010001 rs2 rs1 010 rd 1010011", ext="D")
def fsgnjx_d(rd, rs1, rs2):
    """rs1 with the signs multiplied."""
    require_fp()
    f[rd] = f[rs1] ^ (f[rs2] & SIGN)
    dirty_fp()


@insn("fmin.d", "0010101 rs2 rs1 000 rd 1010011", ext="D")
def fmin_d(rd, rs1, rs2):
    """The smaller one; a NaN only if both are; -0 is below +0."""
    require_fp()
    f[rd] = hcall("f64_min", f[rs1], f[rs2])
    dirty_fp()


@insn("fmax.d", "0010101 rs2 rs1 001 rd 1010011", ext="D")
def fmax_d(rd, rs1, rs2):
    """The greater one; a NaN only if both are; -0 is below +0."""
    require_fp()
    f[rd] = hcall("f64_max", f[rs1], f[rs2])
    dirty_fp()


@insn("feq.d", "1010001 rs2 rs1 010 rd 1010011", ext="D")
def feq_d(rd, rs1, rs2):
    """1 if equal; NV only for a signaling NaN."""
    require_fp()
    x[rd] = hcall("f64_eq", f[rs1], f[rs2])
    dirty_fp()


@insn("flt.d", "1010001 rs2 rs1 001 rd 1010011", ext="D")
def flt_d(rd, rs1, rs2):
    """1 if less; NV for any NaN."""
    require_fp()
    x[rd] = hcall("f64_lt", f[rs1], f[rs2])
    dirty_fp()


@insn("fle.d", "1010001 rs2 rs1 000 rd 1010011", ext="D")
def fle_d(rd, rs1, rs2):
    """1 if less or equal; NV for any NaN."""
    require_fp()
    x[rd] = hcall("f64_le", f[rs1], f[rs2])
    dirty_fp()


@insn("fclass.d", "1110001 00000 rs1 001 rd 1010011", ext="D")
def fclass_d(rd, rs1):
    """The kind of number, one bit of ten."""
    require_fp()
    x[rd] = call("f64_class", f[rs1])


@insn("fcvt.w.d", "1100001 00000 rs1 rm rd 1010011", ext="D")
def fcvt_w_d(rd, rs1, rm):
    """Signed word; the nearest end of its range, and NV, if outside."""
    require_fp()
    x[rd] = hcall("f64_to_i32", f[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.wu.d", "1100001 00001 rs1 rm rd 1010011", ext="D")
def fcvt_wu_d(rd, rs1, rm):
    """Unsigned word, sign-extended like every word; the nearest end of its range, and NV, if outside."""
    require_fp()
    x[rd] = hcall("f64_to_u32", f[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.l.d", "1100001 00010 rs1 rm rd 1010011", ext="D")
def fcvt_l_d(rd, rs1, rm):
    """Signed doubleword; the nearest end of its range, and NV, if outside."""
    require_fp()
    x[rd] = hcall("f64_to_i64", f[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.lu.d", "1100001 00011 rs1 rm rd 1010011", ext="D")
def fcvt_lu_d(rd, rs1, rm):
    """Unsigned doubleword; the nearest end of its range, and NV, if outside."""
    require_fp()
    x[rd] = hcall("f64_to_u64", f[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.d.w", "1101001 00000 rs1 rm rd 1010011", ext="D")
def fcvt_d_w(rd, rs1, rm):
    """From a signed word. Exact, but rm must be valid."""
    require_fp()
    f[rd] = hcall("f64_from_i64", sext32(x[rs1]), regnum(rm))
    dirty_fp()


@insn("fcvt.d.wu", "1101001 00001 rs1 rm rd 1010011", ext="D")
def fcvt_d_wu(rd, rs1, rm):
    """From an unsigned word. Exact, but rm must be valid."""
    require_fp()
    f[rd] = hcall("f64_from_u64", zext32(x[rs1]), regnum(rm))
    dirty_fp()


@insn("fcvt.d.l", "1101001 00010 rs1 rm rd 1010011", ext="D")
def fcvt_d_l(rd, rs1, rm):
    """From a signed doubleword."""
    require_fp()
    f[rd] = hcall("f64_from_i64", x[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.d.lu", "1101001 00011 rs1 rm rd 1010011", ext="D")
def fcvt_d_lu(rd, rs1, rm):
    """From an unsigned doubleword."""
    require_fp()
    f[rd] = hcall("f64_from_u64", x[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.s.d", "0100000 00001 rs1 rm rd 1010011", ext="D")
def fcvt_s_d(rd, rs1, rm):
    """To single precision."""
    require_fp()
    f[rd] = hcall("f32_from_f64", f[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.d.s", "0100001 00000 rs1 rm rd 1010011", ext="D")
def fcvt_d_s(rd, rs1, rm):
    """From single precision. Exact, but rm must be valid."""
    require_fp()
    f[rd] = hcall("f64_from_f32", f[rs1], regnum(rm))
    dirty_fp()


@insn("fmv.x.d", "1110001 00000 rs1 000 rd 1010011", ext="D")
def fmv_x_d(rd, rs1):
    """Bits to an integer register."""
    require_fp()
    x[rd] = f[rs1]


@insn("fmv.d.x", "1111001 00000 rs1 000 rd 1010011", ext="D")
def fmv_d_x(rd, rs1):
    """Bits from an integer register."""
    require_fp()
    f[rd] = x[rs1]
    dirty_fp()
