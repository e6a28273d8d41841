"""Zcb: more compressed instructions. Some stand for instructions of Zbb, Zba or M and need those too.

Source: Unprivileged ISA 20240411, chapter 29 ("Zc"), section "Zcb".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import compressed

compressed("c.lbu", "100 000 rs1' uimm[0|1] rd' 00", expands="lbu", ext="Zcb")
compressed("c.lhu", "100 001 rs1' 0 uimm[1] rd' 00", expands="lhu", ext="Zcb")
compressed("c.lh", "100 001 rs1' 1 uimm[1] rd' 00", expands="lh", ext="Zcb")
compressed("c.sb", "100 010 rs1' uimm[0|1] rs2' 00", expands="sb", ext="Zcb")
compressed("c.sh", "100 011 rs1' 0 uimm[1] rs2' 00", expands="sh", ext="Zcb")
compressed("c.zext.b", "100 1 11 rd' 11 000 01", expands="andi", ext="Zcb", rs1="rd", imm=255)
compressed("c.sext.b", "100 1 11 rd' 11 001 01", expands="sext.b", ext="Zcb", rs1="rd")
compressed("c.zext.h", "100 1 11 rd' 11 010 01", expands="zext.h", ext="Zcb", rs1="rd")
compressed("c.sext.h", "100 1 11 rd' 11 011 01", expands="sext.h", ext="Zcb", rs1="rd")
compressed("c.zext.w", "100 1 11 rd' 11 100 01", expands="add.uw", ext="Zcb", rs1="rd", rs2=0)
compressed("c.not", "100 1 11 rd' 11 101 01", expands="xori", ext="Zcb", rs1="rd", imm=-1)
compressed("c.mul", "100 1 11 rd' 10 rs2' 01", expands="mul", ext="Zcb", rs1="rd")
