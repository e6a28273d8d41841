"""Trigger CSRs of a hart that has no triggers.

Software looks for triggers by writing tselect and reading it back, then tdata1.type or tinfo; what it
finds here is the specification's answer "none": tselect is stuck at 0, trigger 0 has type 0, tinfo 1.
That is why nothing is stored: a trigger that can be set and never fires would be worse than none.
Breakpoints of gdb do not need them. Debug-mode CSRs (dcsr, dpc, ...) are absent.
Source: RISC-V Debug 1.0, Sdtrig, "Enumeration", tselect, tdata1 (type 0), tinfo.
"""

from __future__ import annotations

from vcpu_worker.csr.reg import csr

csr(0x7A0, "tselect", value=0)
csr(0x7A1, "tdata1", value=0)
csr(0x7A2, "tdata2", value=0)
csr(0x7A3, "tdata3", value=0)
csr(0x7A4, "tinfo", value=1)
