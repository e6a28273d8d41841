"""Architectural state at reset.

The architecture defines little of it (mode, pc, MIE, MPRV, mcause, PMP off); the rest is zero, so that
runs are alike, and stimecmp is "never". menvcfg starts as on QEMU 10: hardware A/D updates and PBMT as
far as the hart has them, so that software which knows nothing of menvcfg finds Svadu working.
Kept: what belongs to the board or to the process (isa_ext, hartid, CLINT words, host addresses).
Source: RISC-V Privileged 1.13, 3.4; BEHAVIOUR 4.4.
"""

from __future__ import annotations

from ipc.layout import HART, PMP_ENTRIES, TRIGGERS
from vcpu_worker.csr.bits import MENVCFG_ADUE, MENVCFG_PBMTE, MSTATUS_SXL64, MSTATUS_UXL64, Priv
from vcpu_worker.csr.reg import declare
from vcpu_worker.hart.context import forget_contexts, update_ctx
from vcpu_worker.hart.interrupts import NEVER, set_deadline
from vcpu_worker.isa.ext import EXT_S, EXT_SVADE, EXT_SVADU, EXT_SVPBMT, EXT_U, LETTERS, MXL64, misa_bit
from vcpu_worker.native import native

RESET_PC = 0x1000  # the mask ROM
EVENTS = HART.fields["mhpmevent"].field.count


def _misa_source() -> str:
    """Source of misa_of, from the letters' rules in isa.ext."""
    out = ['@native("u64(u64)")', "def misa_of(bits):", '    """misa of a hart with these EXT_* bits."""']
    out.append(f"    value = {MXL64:#x}")
    for letter, rules in LETTERS.items():
        test = " or ".join(f"(bits & {mask:#x}) == {value:#x}" for mask, value in rules)
        out += [f"    if {test}:", f"        value |= {misa_bit(letter):#x}"]
    return "\n".join([*out, "    return value", ""])


declare(_misa_source(), "<vcpu_worker.hart.reset.misa_of>")


@native("u64(HART)")
def reset_csrs(h):
    """CSRs that reset gives a value."""
    h.mstatus = 0
    if (h.isa_ext & EXT_U) != 0:
        h.mstatus = MSTATUS_UXL64
    if (h.isa_ext & EXT_S) != 0:
        h.mstatus = h.mstatus | MSTATUS_SXL64
    h.misa = misa_of(h.isa_ext)
    h.menvcfg = 0
    if (h.isa_ext & EXT_SVADU) != 0 and (h.isa_ext & EXT_SVADE) == 0:
        h.menvcfg = MENVCFG_ADUE
    if (h.isa_ext & EXT_SVPBMT) != 0:
        h.menvcfg = h.menvcfg | MENVCFG_PBMTE
    h.senvcfg = 0
    h.mseccfg = 0
    h.medeleg = 0
    h.mideleg = 0
    h.mie = 0
    h.mip_soft = 0
    h.mtvec = 0
    h.mepc = 0
    h.mcause = 0
    h.mtval = 0
    h.mscratch = 0
    h.mcounteren = 0
    h.mcountinhibit = 0
    h.stvec = 0
    h.sepc = 0
    h.scause = 0
    h.stval = 0
    h.sscratch = 0
    h.scounteren = 0
    h.satp = 0
    h.stimecmp = NEVER
    h.fflags = 0
    h.frm = 0
    i = 0
    while i < PMP_ENTRIES:
        h.pmpcfg[i] = 0
        h.pmpaddr[i] = 0
        i += 1
    i = 0
    while i < EVENTS:
        h.mhpmevent[i] = 0
        i += 1
    h.tselect = 0
    i = 0
    while i < TRIGGERS:
        h.tdata1[i] = 0
        h.tdata2[i] = 0
        i += 1
    return 0


@native("u64(HART)", export=True)
def hart_reset(h):
    """Bring a hart to its reset state. Counters start at 0; cached translations and SSIP requests go."""
    i = 0
    while i < 32:
        h.x[i] = 0
        h.f[i] = 0
        i += 1
    h.pc = RESET_PC
    if h.reset_pc != 0:
        h.pc = h.reset_pc
    h.priv = Priv.M
    h.lr_addr = 0
    h.fault = 0
    h.mmio_ready = 0
    atomic_swap32(addr(h.ssip_set), 0)
    reset_csrs(h)
    now = h.instret_base - h.bud
    h.minstret_delta = 0 - now
    h.mcycle_delta = 0 - now
    h.code_epoch = h.code_epoch + 1  # a reset restores what was loaded into RAM
    flush_tlb(h)
    forget_contexts(h)
    sbi_reset_hart(h)
    set_deadline(h)
    return update_ctx(h)
