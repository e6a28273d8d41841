"""Zcd: compressed loads and stores of doubles.

Source: Unprivileged ISA 20240411, chapter 28 ("C"), sections on loads and stores.
"""

from __future__ import annotations

from vcpu_worker.isa.insn import compressed

compressed("c.fld", "001 uimm[5:3] rs1' uimm[7:6] rd' 00", expands="fld", ext="Zcd")
compressed("c.fsd", "101 uimm[5:3] rs1' uimm[7:6] rs2' 00", expands="fsd", ext="Zcd")
compressed("c.fldsp", "001 uimm[5] rd uimm[4:3|8:6] 10", expands="fld", ext="Zcd", rs1=2)
compressed("c.fsdsp", "101 uimm[5:3|8:6] rs2 10", expands="fsd", ext="Zcd", rs1=2)
