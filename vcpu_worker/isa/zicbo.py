"""Zicbom, Zicboz, Zicbop: cache blocks of 64 bytes.

Rule: memory is coherent and there is no cache to manage, so management instructions check their rights
and do nothing; CBO.ZERO stores; prefetches are hints inside ORI with rd=x0.
Traps: illegal instruction by menvcfg and senvcfg; store access or page fault, tval the value of rs1.
Source: Unprivileged ISA 20240411, chapter 19 ("CMO").
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import hcall, x


@insn("cbo.inval", "000000000000 rs1 010 00000 0001111", ext="Zicbom")
def cbo_inval(rs1):
    """Invalidate; never loses data here, which the manual allows (an invalidation may be a flush)."""
    hcall("cbo_inval", x[rs1])


@insn("cbo.clean", "000000000001 rs1 010 00000 0001111", ext="Zicbom")
def cbo_clean(rs1):
    """Write back."""
    hcall("cbo_clean", x[rs1])


@insn("cbo.flush", "000000000010 rs1 010 00000 0001111", ext="Zicbom")
def cbo_flush(rs1):
    """Write back and invalidate."""
    hcall("cbo_clean", x[rs1])


@insn("cbo.zero", "000000000100 rs1 010 00000 0001111", ext="Zicboz")
def cbo_zero(rs1):
    """Store zeros to the whole block that holds the address."""
    hcall("cbo_zero", x[rs1])


@insn("prefetch.i", "imm[11:5] 00000 rs1 110 00000 0010011", ext="Zicbop", inside="ori")
def prefetch_i():
    """A hint: the block will be fetched from."""


@insn("prefetch.r", "imm[11:5] 00001 rs1 110 00000 0010011", ext="Zicbop", inside="ori")
def prefetch_r():
    """A hint: the block will be read."""


@insn("prefetch.w", "imm[11:5] 00011 rs1 110 00000 0010011", ext="Zicbop", inside="ori")
def prefetch_w():
    """A hint: the block will be written."""
