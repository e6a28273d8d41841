"""Zfa: additional floating-point instructions.

Source: Unprivileged ISA 20240411, chapter "Zfa". FMVH and FMVP are for RV32 alone.
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import call, dirty_fp, f, hcall, regnum, require_fp, x


@insn("fli.s", "1111000 00001 rs1 000 rd 1010011", ext="Zfa")
def fli_s(rd, rs1):
    """A constant; rs1 is its number."""
    require_fp()
    f[rd] = call("f32_constant", regnum(rs1))
    dirty_fp()


@insn("fminm.s", "0010100 rs2 rs1 010 rd 1010011", ext="Zfa")
def fminm_s(rd, rs1, rs2):
    """The lesser number; NaN if either is one."""
    require_fp()
    f[rd] = hcall("f32_minm", f[rs1], f[rs2])
    dirty_fp()


@insn("fmaxm.s", "0010100 rs2 rs1 011 rd 1010011", ext="Zfa")
def fmaxm_s(rd, rs1, rs2):
    """The greater number; NaN if either is one."""
    require_fp()
    f[rd] = hcall("f32_maxm", f[rs1], f[rs2])
    dirty_fp()


@insn("fround.s", "0100000 00100 rs1 rm rd 1010011", ext="Zfa")
def fround_s(rd, rs1, rm):
    """Rounded to an integer; never inexact."""
    require_fp()
    f[rd] = hcall("f32_round", f[rs1], regnum(rm))
    dirty_fp()


@insn("froundnx.s", "0100000 00101 rs1 rm rd 1010011", ext="Zfa")
def froundnx_s(rd, rs1, rm):
    """Rounded to an integer; inexact if that changed it."""
    require_fp()
    f[rd] = hcall("f32_roundnx", f[rs1], regnum(rm))
    dirty_fp()


@insn("fleq.s", "1010000 rs2 rs1 100 rd 1010011", ext="Zfa")
def fleq_s(rd, rs1, rs2):
    """1 if less or equal; quiet."""
    require_fp()
    x[rd] = hcall("f32_leq", f[rs1], f[rs2])
    dirty_fp()


@insn("fltq.s", "1010000 rs2 rs1 101 rd 1010011", ext="Zfa")
def fltq_s(rd, rs1, rs2):
    """1 if less; quiet."""
    require_fp()
    x[rd] = hcall("f32_ltq", f[rs1], f[rs2])
    dirty_fp()


@insn("fli.d", "1111001 00001 rs1 000 rd 1010011", ext="Zfa", also="D")
def fli_d(rd, rs1):
    """A constant; rs1 is its number."""
    require_fp()
    f[rd] = call("f64_constant", regnum(rs1))
    dirty_fp()


@insn("fminm.d", "0010101 rs2 rs1 010 rd 1010011", ext="Zfa", also="D")
def fminm_d(rd, rs1, rs2):
    """The lesser number; NaN if either is one."""
    require_fp()
    f[rd] = hcall("f64_minm", f[rs1], f[rs2])
    dirty_fp()


@insn("fmaxm.d", "0010101 rs2 rs1 011 rd 1010011", ext="Zfa", also="D")
def fmaxm_d(rd, rs1, rs2):
    """The greater number; NaN if either is one."""
    require_fp()
    f[rd] = hcall("f64_maxm", f[rs1], f[rs2])
    dirty_fp()


@insn("fround.d", "0100001 00100 rs1 rm rd 1010011", ext="Zfa", also="D")
def fround_d(rd, rs1, rm):
    """Rounded to an integer; never inexact."""
    require_fp()
    f[rd] = hcall("f64_round", f[rs1], regnum(rm))
    dirty_fp()


@insn("froundnx.d", "0100001 00101 rs1 rm rd 1010011", ext="Zfa", also="D")
def froundnx_d(rd, rs1, rm):
    """Rounded to an integer; inexact if that changed it."""
    require_fp()
    f[rd] = hcall("f64_roundnx", f[rs1], regnum(rm))
    dirty_fp()


@insn("fleq.d", "1010001 rs2 rs1 100 rd 1010011", ext="Zfa", also="D")
def fleq_d(rd, rs1, rs2):
    """1 if less or equal; quiet."""
    require_fp()
    x[rd] = hcall("f64_leq", f[rs1], f[rs2])
    dirty_fp()


@insn("fltq.d", "1010001 rs2 rs1 101 rd 1010011", ext="Zfa", also="D")
def fltq_d(rd, rs1, rs2):
    """1 if less; quiet."""
    require_fp()
    x[rd] = hcall("f64_ltq", f[rs1], f[rs2])
    dirty_fp()


@insn("fcvtmod.w.d", "1100001 01000 rs1 001 rd 1010011", ext="Zfa", also="D")
def fcvtmod_w_d(rd, rs1):
    """Truncated, modulo 2**32, sign-extended."""
    require_fp()
    x[rd] = hcall("f64_to_i32_modular", f[rs1])
    dirty_fp()
