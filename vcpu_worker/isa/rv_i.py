"""RV64I: integer computation, control transfer, loads and stores, FENCE.

Rule: one expression a body where the manual has one sentence. x0 and sizes of encodings are the
lowering's business.
Source: Unprivileged ISA 20240411, chapters 2 and 4.
"""

from __future__ import annotations

from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import (
    bit,
    branch,
    eq,
    fence_order,
    jump,
    jump_rel,
    load,
    ne,
    next_pc,
    pc,
    sar,
    sext8,
    sext16,
    sext32,
    sge,
    shl,
    shr,
    slt,
    store,
    uge,
    ult,
    x,
    zext32,
)


@insn("lui", "imm[31:12] rd 0110111", ext="I")
def lui(rd, imm):
    """imm[31:12] arrives as a signed 20-bit number."""
    x[rd] = shl(imm, 12)


@insn("auipc", "imm[31:12] rd 0010111", ext="I")
def auipc(rd, imm):
    """pc plus the upper immediate."""
    x[rd] = pc() + shl(imm, 12)


@insn("jal", "imm[20|10:1|11|19:12] rd 1101111", ext="I")
def jal(rd, imm):
    """Link, then pc-relative jump. Targets are always aligned: C is implemented."""
    x[rd] = next_pc()
    jump_rel(imm)


@insn("jalr", "imm[11:0] rs1 000 rd 1100111", ext="I")
def jalr(rd, rs1, imm):
    """The target is taken before the link is written (rd may be rs1)."""
    target = x[rs1] + imm
    x[rd] = next_pc()
    jump(target)


@insn("beq", "imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011", ext="I")
def beq(rs1, rs2, imm):
    """Branch if equal."""
    branch(eq(x[rs1], x[rs2]), imm)


@insn("bne", "imm[12|10:5] rs2 rs1 001 imm[4:1|11] 1100011", ext="I")
def bne(rs1, rs2, imm):
    """Branch if not equal."""
    branch(ne(x[rs1], x[rs2]), imm)


@insn("blt", "imm[12|10:5] rs2 rs1 100 imm[4:1|11] 1100011", ext="I")
def blt(rs1, rs2, imm):
    """Branch if less, signed."""
    branch(slt(x[rs1], x[rs2]), imm)


@insn("bge", "imm[12|10:5] rs2 rs1 101 imm[4:1|11] 1100011", ext="I")
def bge(rs1, rs2, imm):
    """Branch if greater or equal, signed."""
    branch(sge(x[rs1], x[rs2]), imm)


@insn("bltu", "imm[12|10:5] rs2 rs1 110 imm[4:1|11] 1100011", ext="I")
def bltu(rs1, rs2, imm):
    """Branch if less, unsigned."""
    branch(ult(x[rs1], x[rs2]), imm)


@insn("bgeu", "imm[12|10:5] rs2 rs1 111 imm[4:1|11] 1100011", ext="I")
def bgeu(rs1, rs2, imm):
    """Branch if greater or equal, unsigned."""
    branch(uge(x[rs1], x[rs2]), imm)


@insn("lb", "imm[11:0] rs1 000 rd 0000011", ext="I")
def lb(rd, rs1, imm):
    """Byte, sign-extended."""
    x[rd] = sext8(load(x[rs1] + imm, 1))


@insn("lh", "imm[11:0] rs1 001 rd 0000011", ext="I")
def lh(rd, rs1, imm):
    """Halfword, sign-extended."""
    x[rd] = sext16(load(x[rs1] + imm, 2))


@insn("lw", "imm[11:0] rs1 010 rd 0000011", ext="I")
def lw(rd, rs1, imm):
    """Word, sign-extended. Traps: access or page fault; rd keeps its value."""
    x[rd] = sext32(load(x[rs1] + imm, 4))


@insn("ld", "imm[11:0] rs1 011 rd 0000011", ext="I")
def ld(rd, rs1, imm):
    """Doubleword."""
    x[rd] = load(x[rs1] + imm, 8)


@insn("lbu", "imm[11:0] rs1 100 rd 0000011", ext="I")
def lbu(rd, rs1, imm):
    """Byte, zero-extended."""
    x[rd] = load(x[rs1] + imm, 1)


@insn("lhu", "imm[11:0] rs1 101 rd 0000011", ext="I")
def lhu(rd, rs1, imm):
    """Halfword, zero-extended."""
    x[rd] = load(x[rs1] + imm, 2)


@insn("lwu", "imm[11:0] rs1 110 rd 0000011", ext="I")
def lwu(rd, rs1, imm):
    """Word, zero-extended."""
    x[rd] = load(x[rs1] + imm, 4)


@insn("sb", "imm[11:5] rs2 rs1 000 imm[4:0] 0100011", ext="I")
def sb(rs1, rs2, imm):
    """Low byte to memory."""
    store(x[rs1] + imm, x[rs2], 1)


@insn("sh", "imm[11:5] rs2 rs1 001 imm[4:0] 0100011", ext="I")
def sh(rs1, rs2, imm):
    """Low halfword to memory."""
    store(x[rs1] + imm, x[rs2], 2)


@insn("sw", "imm[11:5] rs2 rs1 010 imm[4:0] 0100011", ext="I")
def sw(rs1, rs2, imm):
    """Low word to memory."""
    store(x[rs1] + imm, x[rs2], 4)


@insn("sd", "imm[11:5] rs2 rs1 011 imm[4:0] 0100011", ext="I")
def sd(rs1, rs2, imm):
    """Doubleword to memory."""
    store(x[rs1] + imm, x[rs2], 8)


@insn("addi", "imm[11:0] rs1 000 rd 0010011", ext="I")
def addi(rd, rs1, imm):
    """Sum with the immediate."""
    x[rd] = x[rs1] + imm


@insn("slti", "imm[11:0] rs1 010 rd 0010011", ext="I")
def slti(rd, rs1, imm):
    """1 if less than the immediate, signed."""
    x[rd] = bit(slt(x[rs1], imm))


@insn("sltiu", "imm[11:0] rs1 011 rd 0010011", ext="I")
def sltiu(rd, rs1, imm):
    """1 if less than the sign-extended immediate, unsigned."""
    x[rd] = bit(ult(x[rs1], imm))


@insn("xori", "imm[11:0] rs1 100 rd 0010011", ext="I")
def xori(rd, rs1, imm):
    """Exclusive or with the immediate."""
    x[rd] = x[rs1] ^ imm


@insn("ori", "imm[11:0] rs1 110 rd 0010011", ext="I")
def ori(rd, rs1, imm):
    """Or with the immediate."""
    x[rd] = x[rs1] | imm


@insn("andi", "imm[11:0] rs1 111 rd 0010011", ext="I")
def andi(rd, rs1, imm):
    """And with the immediate."""
    x[rd] = x[rs1] & imm


@insn("slli", "000000 shamt[5:0] rs1 001 rd 0010011", ext="I")
def slli(rd, rs1, imm):
    """Shift left by a constant."""
    x[rd] = shl(x[rs1], imm)


@insn("srli", "000000 shamt[5:0] rs1 101 rd 0010011", ext="I")
def srli(rd, rs1, imm):
    """Shift right by a constant, zeros in."""
    x[rd] = shr(x[rs1], imm)


@insn("srai", "010000 shamt[5:0] rs1 101 rd 0010011", ext="I")
def srai(rd, rs1, imm):
    """Shift right by a constant, sign bits in."""
    x[rd] = sar(x[rs1], imm)


@insn("addiw", "imm[11:0] rs1 000 rd 0011011", ext="I")
def addiw(rd, rs1, imm):
    """Low 32 bits of the sum, sign-extended."""
    x[rd] = sext32(x[rs1] + imm)


@insn("slliw", "0000000 shamt[4:0] rs1 001 rd 0011011", ext="I")
def slliw(rd, rs1, imm):
    """Low 32 bits of the shift, sign-extended."""
    x[rd] = sext32(shl(x[rs1], imm))


@insn("srliw", "0000000 shamt[4:0] rs1 101 rd 0011011", ext="I")
def srliw(rd, rs1, imm):
    """Low word shifted right with zeros in, sign-extended."""
    x[rd] = sext32(shr(zext32(x[rs1]), imm))


@insn("sraiw", "0100000 shamt[4:0] rs1 101 rd 0011011", ext="I")
def sraiw(rd, rs1, imm):
    """Low word shifted right with sign bits in."""
    x[rd] = sar(sext32(x[rs1]), imm)


@insn("add", "0000000 rs2 rs1 000 rd 0110011", ext="I")
def add(rd, rs1, rs2):
    """Sum."""
    x[rd] = x[rs1] + x[rs2]


@insn("sub", "0100000 rs2 rs1 000 rd 0110011", ext="I")
def sub(rd, rs1, rs2):
    """Difference."""
    x[rd] = x[rs1] - x[rs2]


@insn("sll", "0000000 rs2 rs1 001 rd 0110011", ext="I")
def sll(rd, rs1, rs2):
    """Shift left by rs2 modulo 64."""
    x[rd] = shl(x[rs1], x[rs2])


@insn("slt", "0000000 rs2 rs1 010 rd 0110011", ext="I")
def slt_(rd, rs1, rs2):
    """1 if less, signed."""
    x[rd] = bit(slt(x[rs1], x[rs2]))


@insn("sltu", "0000000 rs2 rs1 011 rd 0110011", ext="I")
def sltu(rd, rs1, rs2):
    """1 if less, unsigned."""
    x[rd] = bit(ult(x[rs1], x[rs2]))


@insn("xor", "0000000 rs2 rs1 100 rd 0110011", ext="I")
def xor(rd, rs1, rs2):
    """Exclusive or."""
    x[rd] = x[rs1] ^ x[rs2]


@insn("srl", "0000000 rs2 rs1 101 rd 0110011", ext="I")
def srl(rd, rs1, rs2):
    """Shift right by rs2 modulo 64, zeros in."""
    x[rd] = shr(x[rs1], x[rs2])


@insn("sra", "0100000 rs2 rs1 101 rd 0110011", ext="I")
def sra(rd, rs1, rs2):
    """Shift right by rs2 modulo 64, sign bits in."""
    x[rd] = sar(x[rs1], x[rs2])


@insn("or", "0000000 rs2 rs1 110 rd 0110011", ext="I")
def or_(rd, rs1, rs2):
    """Or."""
    x[rd] = x[rs1] | x[rs2]


@insn("and", "0000000 rs2 rs1 111 rd 0110011", ext="I")
def and_(rd, rs1, rs2):
    """And."""
    x[rd] = x[rs1] & x[rs2]


@insn("addw", "0000000 rs2 rs1 000 rd 0111011", ext="I")
def addw(rd, rs1, rs2):
    """Low 32 bits of the sum, sign-extended."""
    x[rd] = sext32(x[rs1] + x[rs2])


@insn("subw", "0100000 rs2 rs1 000 rd 0111011", ext="I")
def subw(rd, rs1, rs2):
    """Low 32 bits of the difference, sign-extended."""
    x[rd] = sext32(x[rs1] - x[rs2])


@insn("sllw", "0000000 rs2 rs1 001 rd 0111011", ext="I")
def sllw(rd, rs1, rs2):
    """Low word shifted left by rs2 modulo 32, sign-extended."""
    x[rd] = sext32(shl(x[rs1], x[rs2] & 31))


@insn("srlw", "0000000 rs2 rs1 101 rd 0111011", ext="I")
def srlw(rd, rs1, rs2):
    """Low word shifted right by rs2 modulo 32, zeros in, sign-extended."""
    x[rd] = sext32(shr(zext32(x[rs1]), x[rs2] & 31))


@insn("sraw", "0100000 rs2 rs1 101 rd 0111011", ext="I")
def sraw(rd, rs1, rs2):
    """Low word shifted right by rs2 modulo 32, sign bits in."""
    x[rd] = sar(sext32(x[rs1]), x[rs2] & 31)


@insn("fence", "fm pred succ rs1 000 rd 0001111", ext="I")
def fence(imm):
    """pred<<4 | succ arrives as imm; fm, rs1 and rd are ignored as the manual asks of simple harts."""
    fence_order(imm)
