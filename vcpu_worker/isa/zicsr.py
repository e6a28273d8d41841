"""Zicsr: the instructions that read and write CSRs.

The work is `csr_op` (vcpu_worker.csr.access). CSRRW with rd=x0 does not read; CSRRS and CSRRC with rs1=x0
(uimm=0) do not write, so that they may name read-only CSRs. The CSR's number arrives as imm.
Traps: illegal instruction for a CSR that is absent, above the mode, read-only, or closed to the mode.
Source: Unprivileged ISA, "Zicsr".
"""

from __future__ import annotations

from vcpu_worker.csr.access import CLEAR, SET, WRITE
from vcpu_worker.isa.insn import insn
from vcpu_worker.isa.vocab import regnum, system, x


@insn("csrrw", "csr rs1 001 rd 1110011", ext="Zicsr")
def csrrw(rd, rs1, imm):
    """CSR to rd, rs1 to the CSR."""
    x[rd] = system("csr_op", imm, x[rs1], WRITE, 1, regnum(rd))


@insn("csrrs", "csr rs1 010 rd 1110011", ext="Zicsr")
def csrrs(rd, rs1, imm):
    """CSR to rd, bits of rs1 set in the CSR."""
    x[rd] = system("csr_op", imm, x[rs1], SET, regnum(rs1), regnum(rd))


@insn("csrrc", "csr rs1 011 rd 1110011", ext="Zicsr")
def csrrc(rd, rs1, imm):
    """CSR to rd, bits of rs1 cleared in the CSR."""
    x[rd] = system("csr_op", imm, x[rs1], CLEAR, regnum(rs1), regnum(rd))


@insn("csrrwi", "csr uimm 101 rd 1110011", ext="Zicsr")
def csrrwi(rd, uimm, imm):
    """CSR to rd, uimm to the CSR."""
    x[rd] = system("csr_op", imm, regnum(uimm), WRITE, 1, regnum(rd))


@insn("csrrsi", "csr uimm 110 rd 1110011", ext="Zicsr")
def csrrsi(rd, uimm, imm):
    """CSR to rd, bits of uimm set in the CSR."""
    x[rd] = system("csr_op", imm, regnum(uimm), SET, regnum(uimm), regnum(rd))


@insn("csrrci", "csr uimm 111 rd 1110011", ext="Zicsr")
def csrrci(rd, uimm, imm):
    """CSR to rd, bits of uimm cleared in the CSR."""
    x[rd] = system("csr_op", imm, regnum(uimm), CLEAR, regnum(uimm), regnum(rd))
