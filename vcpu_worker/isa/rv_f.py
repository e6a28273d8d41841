"""F: single precision.

Rules
- a single lives boxed in its register (upper half all ones); natives read a badly boxed one as the
  canonical NaN, transfers (FSW, FMV.X.W) take the low half as it is;
- the natives resolve rm, raise flags in fcsr and end in an illegal instruction for a reserved frm; the
  reserved static modes 5 and 6 do not decode;
- what writes an f register or may raise a flag makes mstatus.FS dirty.
Source: Unprivileged ISA 20240411, chapter 20, version 2.2.
"""

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import (
    call,
    dirty_fp,
    eq,
    f,
    hcall,
    load,
    regnum,
    require_fp,
    select,
    sext32,
    shr,
    store,
    x,
    zext32,
)

BOX = -1 << 32  # signed: words of traces are
SIGN = 1 << 31
NAN = 0x7FC0_0000


def unboxed(v):
    """The single in a register value (as natives read it), upper half zero."""
    return select(eq(shr(v, 32), 0xFFFF_FFFF), zext32(v), NAN)


@insn("flw", "imm[11:0] rs1 010 rd 0000111", ext="F")
def flw(rd, rs1, imm):
    """Word, boxed. Traps: access or page fault; rd keeps its value."""
    require_fp()
    f[rd] = load(x[rs1] + imm, 4) | BOX
    dirty_fp()


@insn("fsw", "imm[11:5] rs2 rs1 010 imm[4:0] 0100111", ext="F")
def fsw(rs1, rs2, imm):
    """Low word of the register, boxed or not. Traps: access or page fault."""
    require_fp()
    store(x[rs1] + imm, f[rs2], 4)


@insn("fadd.s", "0000000 rs2 rs1 rm rd 1010011", ext="F")
def fadd_s(rd, rs1, rs2, rm):
    """Sum."""
    require_fp()
    f[rd] = hcall("f32_add", f[rs1], f[rs2], regnum(rm))
    dirty_fp()


@insn("fsub.s", "0000100 rs2 rs1 rm rd 1010011", ext="F")
def fsub_s(rd, rs1, rs2, rm):
    """Difference."""
    require_fp()
    f[rd] = hcall("f32_sub", f[rs1], f[rs2], regnum(rm))
    dirty_fp()


@insn("fmul.s", "0001000 rs2 rs1 rm rd 1010011", ext="F")
def fmul_s(rd, rs1, rs2, rm):
    """Product."""
    require_fp()
    f[rd] = hcall("f32_mul", f[rs1], f[rs2], regnum(rm))
    dirty_fp()


@insn("fdiv.s", "0001100 rs2 rs1 rm rd 1010011", ext="F")
def fdiv_s(rd, rs1, rs2, rm):
    """Quotient."""
    require_fp()
    f[rd] = hcall("f32_div", f[rs1], f[rs2], regnum(rm))
    dirty_fp()


@insn("fsqrt.s", "0101100 00000 rs1 rm rd 1010011", ext="F")
def fsqrt_s(rd, rs1, rm):
    """Square root."""
    require_fp()
    f[rd] = hcall("f32_sqrt", f[rs1], regnum(rm))
    dirty_fp()


@insn("fmadd.s", "rs3 00 rs2 rs1 rm rd 1000011", ext="F")
def fmadd_s(rd, rs1, rs2, rs3, rm):
    """rs1 * rs2 + rs3, rounded once."""
    require_fp()
    f[rd] = hcall("f32_fma", f[rs1], f[rs2], f[rs3], regnum(rm))
    dirty_fp()


@insn("fmsub.s", "rs3 00 rs2 rs1 rm rd 1000111", ext="F")
def fmsub_s(rd, rs1, rs2, rs3, rm):
    """rs1 * rs2 - rs3, rounded once."""
    require_fp()
    f[rd] = hcall("f32_fma", f[rs1], f[rs2], f[rs3] ^ SIGN, regnum(rm))
    dirty_fp()


@insn("fnmsub.s", "rs3 00 rs2 rs1 rm rd 1001011", ext="F")
def fnmsub_s(rd, rs1, rs2, rs3, rm):
    """-(rs1 * rs2) + rs3, rounded once."""
    require_fp()
    f[rd] = hcall("f32_fma", f[rs1] ^ SIGN, f[rs2], f[rs3], regnum(rm))
    dirty_fp()


@insn("fnmadd.s", "rs3 00 rs2 rs1 rm rd 1001111", ext="F")
def fnmadd_s(rd, rs1, rs2, rs3, rm):
    """-(rs1 * rs2) - rs3, rounded once."""
    require_fp()
    f[rd] = hcall("f32_fma", f[rs1] ^ SIGN, f[rs2], f[rs3] ^ SIGN, regnum(rm))
    dirty_fp()


@insn("fsgnj.s", "0010000 rs2 rs1 000 rd 1010011", ext="F")
def fsgnj_s(rd, rs1, rs2):
    """rs1 with the sign of rs2; fmv.s is fsgnj.s rd, rs, rs."""
    require_fp()
    a, b = unboxed(f[rs1]), unboxed(f[rs2])
    f[rd] = (a & ~SIGN) | (b & SIGN) | BOX
    dirty_fp()


@insn("fsgnjn.s", "0010000 rs2 rs1 001 rd 1010011", ext="F")
def fsgnjn_s(rd, rs1, rs2):
    """rs1 with the opposite of the sign of rs2."""
    require_fp()
    a, b = unboxed(f[rs1]), unboxed(f[rs2])
    f[rd] = (a & ~SIGN) | (~b & SIGN) | BOX
    dirty_fp()


@insn("fsgnjx.s", "0010000 rs2 rs1 010 rd 1010011", ext="F")
def fsgnjx_s(rd, rs1, rs2):
    """rs1 with the signs multiplied."""
    require_fp()
    a, b = unboxed(f[rs1]), unboxed(f[rs2])
    f[rd] = a ^ (b & SIGN) | BOX
    dirty_fp()


@insn("fmin.s", "0010100 rs2 rs1 000 rd 1010011", ext="F")
def fmin_s(rd, rs1, rs2):
    """The smaller one; a NaN only if both are; -0 is below +0."""
    require_fp()
    f[rd] = hcall("f32_min", f[rs1], f[rs2])
    dirty_fp()


@insn("fmax.s", "0010100 rs2 rs1 001 rd 1010011", ext="F")
def fmax_s(rd, rs1, rs2):
    """The greater one; a NaN only if both are; -0 is below +0."""
    require_fp()
    f[rd] = hcall("f32_max", f[rs1], f[rs2])
    dirty_fp()


@insn("feq.s", "1010000 rs2 rs1 010 rd 1010011", ext="F")
def feq_s(rd, rs1, rs2):
    """1 if equal; NV only for a signaling NaN."""
    require_fp()
    x[rd] = hcall("f32_eq", f[rs1], f[rs2])
    dirty_fp()


@insn("flt.s", "1010000 rs2 rs1 001 rd 1010011", ext="F")
def flt_s(rd, rs1, rs2):
    """1 if less; NV for any NaN."""
    require_fp()
    x[rd] = hcall("f32_lt", f[rs1], f[rs2])
    dirty_fp()


@insn("fle.s", "1010000 rs2 rs1 000 rd 1010011", ext="F")
def fle_s(rd, rs1, rs2):
    """1 if less or equal; NV for any NaN."""
    require_fp()
    x[rd] = hcall("f32_le", f[rs1], f[rs2])
    dirty_fp()


@insn("fclass.s", "1110000 00000 rs1 001 rd 1010011", ext="F")
def fclass_s(rd, rs1):
    """The kind of number, one bit of ten."""
    require_fp()
    x[rd] = call("f32_class", f[rs1])


@insn("fcvt.w.s", "1100000 00000 rs1 rm rd 1010011", ext="F")
def fcvt_w_s(rd, rs1, rm):
    """Signed word; the nearest end of its range, and NV, if outside."""
    require_fp()
    x[rd] = hcall("f32_to_i32", f[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.wu.s", "1100000 00001 rs1 rm rd 1010011", ext="F")
def fcvt_wu_s(rd, rs1, rm):
    """Unsigned word, sign-extended like every word; the nearest end of its range, and NV, if outside."""
    require_fp()
    x[rd] = hcall("f32_to_u32", f[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.l.s", "1100000 00010 rs1 rm rd 1010011", ext="F")
def fcvt_l_s(rd, rs1, rm):
    """Signed doubleword; the nearest end of its range, and NV, if outside."""
    require_fp()
    x[rd] = hcall("f32_to_i64", f[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.lu.s", "1100000 00011 rs1 rm rd 1010011", ext="F")
def fcvt_lu_s(rd, rs1, rm):
    """Unsigned doubleword; the nearest end of its range, and NV, if outside."""
    require_fp()
    x[rd] = hcall("f32_to_u64", f[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.s.w", "1101000 00000 rs1 rm rd 1010011", ext="F")
def fcvt_s_w(rd, rs1, rm):
    """From a signed word."""
    require_fp()
    f[rd] = hcall("f32_from_i64", sext32(x[rs1]), regnum(rm))
    dirty_fp()


@insn("fcvt.s.wu", "1101000 00001 rs1 rm rd 1010011", ext="F")
def fcvt_s_wu(rd, rs1, rm):
    """From an unsigned word."""
    require_fp()
    f[rd] = hcall("f32_from_u64", zext32(x[rs1]), regnum(rm))
    dirty_fp()


@insn("fcvt.s.l", "1101000 00010 rs1 rm rd 1010011", ext="F")
def fcvt_s_l(rd, rs1, rm):
    """From a signed doubleword."""
    require_fp()
    f[rd] = hcall("f32_from_i64", x[rs1], regnum(rm))
    dirty_fp()


@insn("fcvt.s.lu", "1101000 00011 rs1 rm rd 1010011", ext="F")
def fcvt_s_lu(rd, rs1, rm):
    """From an unsigned doubleword."""
    require_fp()
    f[rd] = hcall("f32_from_u64", x[rs1], regnum(rm))
    dirty_fp()


@insn("fmv.x.w", "1110000 00000 rs1 000 rd 1010011", ext="F")
def fmv_x_w(rd, rs1):
    """Bits to an integer register, the low word sign-extended, boxed or not."""
    require_fp()
    x[rd] = sext32(f[rs1])


@insn("fmv.w.x", "1111000 00000 rs1 000 rd 1010011", ext="F")
def fmv_w_x(rd, rs1):
    """Bits from an integer register, boxed."""
    require_fp()
    f[rd] = x[rs1] | BOX
    dirty_fp()
