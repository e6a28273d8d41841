"""Zca: the compressed instructions without floating point (with Zcd, all of C on RV64).

Rule: each stands for one base instruction. Hints (rd=x0, shift by 0, c.addi of 0, c.nop with an
immediate) are part of their instruction and run as the base instruction would; reserved encodings,
the all-zero word among them, are left out.
Source: Unprivileged ISA 20240411, chapter 28 ("C"), tables of section "RVC Instruction Set Listings".
"""

from __future__ import annotations

from vcpu_worker.isa.insn import compressed

# quadrant 0
compressed("c.addi4spn", "000 nzuimm[5:4|9:6|2|3] rd' 00", expands="addi", ext="Zca", rs1=2)
compressed("c.lw", "010 uimm[5:3] rs1' uimm[2|6] rd' 00", expands="lw", ext="Zca")
compressed("c.ld", "011 uimm[5:3] rs1' uimm[7:6] rd' 00", expands="ld", ext="Zca")
compressed("c.sw", "110 uimm[5:3] rs1' uimm[2|6] rs2' 00", expands="sw", ext="Zca")
compressed("c.sd", "111 uimm[5:3] rs1' uimm[7:6] rs2' 00", expands="sd", ext="Zca")

# quadrant 1
compressed("c.nop", "000 imm[5] 00000 imm[4:0] 01", expands="addi", ext="Zca", rd=0, rs1=0)
compressed("c.addi", "000 imm[5] rd!=0 imm[4:0] 01", expands="addi", ext="Zca", rs1="rd")
compressed("c.addiw", "001 imm[5] rd!=0 imm[4:0] 01", expands="addiw", ext="Zca", rs1="rd")
compressed("c.li", "010 imm[5] rd imm[4:0] 01", expands="addi", ext="Zca", rs1=0)
compressed("c.addi16sp", "011 nzimm[9] 00010 nzimm[4|6|8:7|5] 01", expands="addi", ext="Zca", rd=2, rs1=2)
compressed("c.lui", "011 nzimm[17] rd!=2 nzimm[16:12] 01", expands="lui", ext="Zca")
compressed("c.srli", "100 shamt[5] 00 rd' shamt[4:0] 01", expands="srli", ext="Zca", rs1="rd")
compressed("c.srai", "100 shamt[5] 01 rd' shamt[4:0] 01", expands="srai", ext="Zca", rs1="rd")
compressed("c.andi", "100 imm[5] 10 rd' imm[4:0] 01", expands="andi", ext="Zca", rs1="rd")
compressed("c.sub", "100 0 11 rd' 00 rs2' 01", expands="sub", ext="Zca", rs1="rd")
compressed("c.xor", "100 0 11 rd' 01 rs2' 01", expands="xor", ext="Zca", rs1="rd")
compressed("c.or", "100 0 11 rd' 10 rs2' 01", expands="or", ext="Zca", rs1="rd")
compressed("c.and", "100 0 11 rd' 11 rs2' 01", expands="and", ext="Zca", rs1="rd")
compressed("c.subw", "100 1 11 rd' 00 rs2' 01", expands="subw", ext="Zca", rs1="rd")
compressed("c.addw", "100 1 11 rd' 01 rs2' 01", expands="addw", ext="Zca", rs1="rd")
compressed("c.j", "101 imm[11|4|9:8|10|6|7|3:1|5] 01", expands="jal", ext="Zca", rd=0)
compressed("c.beqz", "110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", expands="beq", ext="Zca", rs2=0)
compressed("c.bnez", "111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", expands="bne", ext="Zca", rs2=0)

# quadrant 2
compressed("c.slli", "000 shamt[5] rd shamt[4:0] 10", expands="slli", ext="Zca", rs1="rd")
compressed("c.lwsp", "010 uimm[5] rd!=0 uimm[4:2|7:6] 10", expands="lw", ext="Zca", rs1=2)
compressed("c.ldsp", "011 uimm[5] rd!=0 uimm[4:3|8:6] 10", expands="ld", ext="Zca", rs1=2)
compressed("c.jr", "100 0 rs1!=0 00000 10", expands="jalr", ext="Zca", rd=0, imm=0)
compressed("c.mv", "100 0 rd rs2!=0 10", expands="add", ext="Zca", rs1=0)
compressed("c.ebreak", "100 1 00000 00000 10", expands="ebreak", ext="Zca")
compressed("c.jalr", "100 1 rs1!=0 00000 10", expands="jalr", ext="Zca", rd=1, imm=0)
compressed("c.add", "100 1 rd rs2!=0 10", expands="add", ext="Zca", rs1="rd")
compressed("c.swsp", "110 uimm[5:2|7:6] rs2 10", expands="sw", ext="Zca", rs1=2)
compressed("c.sdsp", "111 uimm[5:3|8:6] rs2 10", expands="sd", ext="Zca", rs1=2)
