"""Traps, returns, interrupts and WFI: state before and after, and interrupt choice against a naive model."""

from __future__ import annotations

import random

import pytest

from emu.runstate.reset_digest import architectural_words
from ipc.layout import EV_IRQ, HART, Exit
from tests.lib.cpu import MASK64, Cpu, Trapped
from tests.lib.hart import RAM_BASE
from vcpu_worker.csr.bits import (
    MIP_MTIP,
    MIP_SEIP,
    MIP_SSIP,
    MIP_STIP,
    MSTATUS_MIE,
    MSTATUS_MPIE,
    MSTATUS_MPRV,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SPP,
    MSTATUS_TSR,
    MSTATUS_TVM,
    MSTATUS_TW,
    Priv,
)
from vcpu_worker.csr.reg import NUMBERS
from vcpu_worker.isa import ext
from vcpu_worker.isa.insn import encode

M, S, U = Priv.M, Priv.S, Priv.U
FIXED = 0xA_0000_0000
MVEC, SVEC = RAM_BASE + 0x1000, RAM_BASE + 0x2000
MPP_SHIFT = 11
PRIORITY = (11, 3, 7, 9, 1, 5)  # 3.1.9
INTERRUPT = 1 << 63


def vectors() -> Cpu:
    """A hart with handlers."""
    cpu = Cpu()
    cpu.poke("mtvec", MVEC)
    cpu.poke("stvec", SVEC)
    return cpu


def run_trap(cpu: Cpu, name: str, **operands: int) -> None:
    """One instruction that traps, leaving the hart in the handler."""
    h = cpu.hart
    cpu.bench.put(cpu.pc, encode(name, **operands))
    h.call("do_fence_i")
    h.pc = cpu.pc
    h.step()


@pytest.mark.parametrize("priv", [M, S, U])
@pytest.mark.parametrize("delegated", [False, True])
@pytest.mark.parametrize("enables", [0, MSTATUS_MIE, MSTATUS_SIE, MSTATUS_MIE | MSTATUS_SIE])
def test_a_trap_stacks_mode_and_enable(priv: Priv, delegated: bool, enables: int) -> None:
    cpu = vectors()
    cpu.poke("medeleg", 0xB3FF * delegated)
    cpu.poke("mstatus", enables)
    h = cpu.at(priv).hart
    run_trap(cpu, "ebreak")
    kept = FIXED | enables
    if delegated and priv != M:
        spie = MSTATUS_SPIE if enables & MSTATUS_SIE else 0
        assert h.mstatus == kept & ~MSTATUS_SIE | spie | (MSTATUS_SPP if priv == S else 0)
        assert (h.priv, h.pc, h.sepc, h.scause, h.stval) == (S, SVEC, RAM_BASE, 3, RAM_BASE)
        assert (h.mepc, h.mcause) == (0, 0)
    else:
        mpie = MSTATUS_MPIE if enables & MSTATUS_MIE else 0
        assert h.mstatus == kept & ~MSTATUS_MIE | mpie | priv << MPP_SHIFT
        assert (h.priv, h.pc, h.mepc, h.mcause, h.mtval) == (M, MVEC, RAM_BASE, 3, RAM_BASE)
        assert (h.sepc, h.scause) == (0, 0)


@pytest.mark.parametrize("priv", [M, S, U])
def test_ecall_tells_where_it_came_from(priv: Priv) -> None:
    assert Cpu().at(priv).do("ecall") == Trapped(8 + priv, 0)


def test_c_ebreak_traps_like_ebreak() -> None:
    assert Cpu().word(0x9002) == Trapped(3, RAM_BASE)


def test_exceptions_do_not_use_vectors_and_interrupts_do() -> None:
    cpu = vectors()
    cpu.poke("mtvec", MVEC | 1)
    h = cpu.hart
    run_trap(cpu, "ebreak")
    assert h.pc == MVEC
    h.pc = RAM_BASE
    h.call("interrupt_enter", 7)
    assert (h.pc, h.mcause, h.mtval, h.mepc) == (MVEC + 28, INTERRUPT | 7, 0, RAM_BASE)
    cpu.poke("stvec", SVEC | 1)
    cpu.poke("mideleg", MIP_SEIP)
    cpu.at(U)
    h.call("interrupt_enter", 9)
    assert (h.priv, h.pc, h.scause, h.stval) == (S, SVEC + 36, INTERRUPT | 9, 0)


@pytest.mark.parametrize("to", [M, S, U])
@pytest.mark.parametrize("pie", [0, 1])
def test_mret_unstacks(to: Priv, pie: int) -> None:
    cpu = Cpu()
    h = cpu.hart
    cpu.poke("mepc", RAM_BASE + 0x100)
    cpu.poke("mstatus", to << MPP_SHIFT | pie * MSTATUS_MPIE | MSTATUS_MPRV | (1 - pie) * MSTATUS_MIE)
    h.lr_addr = 8
    assert cpu.do("mret") is None
    mprv = MSTATUS_MPRV if to == M else 0  # 3.1.6.3: cleared below M
    assert h.mstatus == FIXED | MSTATUS_MPIE | pie * MSTATUS_MIE | mprv
    assert (h.priv, h.pc, h.lr_addr) == (to, RAM_BASE + 0x100, 0)


@pytest.mark.parametrize("origin", [M, S])
@pytest.mark.parametrize("to", [S, U])
@pytest.mark.parametrize("pie", [0, 1])
def test_sret_unstacks(origin: Priv, to: Priv, pie: int) -> None:
    cpu = Cpu()
    cpu.poke("sepc", RAM_BASE + 0x100)
    spp = MSTATUS_SPP if to == S else 0
    cpu.poke("mstatus", spp | pie * MSTATUS_SPIE | (1 - pie) * MSTATUS_SIE | MSTATUS_MPRV * (origin == M))
    h = cpu.at(origin).hart
    assert cpu.do("sret") is None
    assert h.mstatus == FIXED | MSTATUS_SPIE | pie * MSTATUS_SIE
    assert (h.priv, h.pc) == (to, RAM_BASE + 0x100)


@pytest.mark.parametrize(
    ("name", "priv", "status", "legal"),
    [
        ("mret", S, 0, False), ("mret", U, 0, False),
        ("sret", U, 0, False), ("sret", S, MSTATUS_TSR, False), ("sret", M, MSTATUS_TSR, True),
        ("wfi", U, 0, False), ("wfi", S, MSTATUS_TW, False), ("wfi", S, 0, True),
        ("wfi", M, MSTATUS_TW, True),
        ("sfence.vma", U, 0, False), ("sfence.vma", S, MSTATUS_TVM, False), ("sfence.vma", S, 0, True),
        ("sfence.vma", M, MSTATUS_TVM, True),
        ("sinval.vma", U, 0, False), ("sinval.vma", S, MSTATUS_TVM, False), ("sinval.vma", S, 0, True),
        ("sfence.w.inval", U, 0, False), ("sfence.w.inval", S, MSTATUS_TVM, True),
        ("sfence.inval.ir", U, 0, False), ("sfence.inval.ir", S, MSTATUS_TVM, True),
    ],
)  # fmt: skip
def test_privileged_instructions_by_mode(name: str, priv: Priv, status: int, legal: bool) -> None:
    cpu = Cpu()
    cpu.poke("mstatus", status)
    operands = {"rs1": 1, "rs2": 2} if name.endswith(".vma") else {}
    trapped = cpu.at(priv).do(name, **operands)
    assert trapped == (None if legal else Trapped(2, encode(name, **operands)))


def naive_choice(mip: int, mie: int, mideleg: int, priv: Priv, mstatus: int) -> tuple[Priv, int] | None:
    """3.1.6.1, 3.1.9: (handler's mode, code) of the interrupt taken, or None."""
    for mode in (M, S):
        enabled = priv < mode or (priv == mode and mstatus >> mode & 1)
        for code in PRIORITY:
            to = S if mideleg >> code & 1 else M
            if to == mode and enabled and mip & mie & 1 << code:
                return mode, code
    return None


@pytest.mark.parametrize("seed", range(3))
def test_the_right_interrupt_is_taken(seed: int) -> None:
    rng = random.Random(seed)
    cpu = vectors()
    g, h = cpu.bench.header, cpu.hart
    g.set("clock_offset", 1_000_000)
    g.set("plic_priority", 1, 10)
    for enable in (0, 3):
        g.set("plic_enable", 1 << 10, enable)
    for _ in range(400):
        plic = rng.getrandbits(1)
        g.set("plic_pending", plic << 10, 0)
        h.msip = rng.getrandbits(1)
        h.mtimecmp = rng.choice((0, MASK64))
        h.mip_soft = rng.getrandbits(10) & 0x222
        stce = rng.getrandbits(1)
        cpu.poke("menvcfg", stce << 63)
        h.stimecmp = rng.choice((0, MASK64))
        h.mie = rng.getrandbits(12) & 0xAAA
        h.mideleg = rng.getrandbits(12) & 0x222
        h.mstatus = FIXED | rng.choice((0, MSTATUS_SIE)) | rng.choice((0, MSTATUS_MIE))
        priv = rng.choice((M, S, U))
        stip = h.stimecmp == 0 if stce else bool(h.mip_soft & MIP_STIP)
        mip = plic << 11 | h.msip << 3 | (MIP_MTIP if h.mtimecmp == 0 else 0)
        mip |= h.mip_soft & MIP_SSIP | MIP_STIP * stip | (MIP_SEIP if plic or h.mip_soft & MIP_SEIP else 0)
        cpu.at(priv)
        assert h.call("mip_now") == mip
        want = naive_choice(mip, h.mie, h.mideleg, priv, h.mstatus)
        assert h.call("pending_irq") == (0 if want is None else want[1] + 1)
        if want is not None:
            h.pc = RAM_BASE
            h.call("interrupt_enter", want[1])
            assert (h.priv, h.pc) == (want[0], MVEC if want[0] == M else SVEC)


@pytest.mark.parametrize("name", ["mstatus", "mie", "mip", "sstatus", "sie", "sip", "mideleg", "stimecmp"])
def test_an_instruction_that_enables_a_pending_interrupt_gives_it_at_once(name: str) -> None:
    """3.1.6.1: changes take effect for the next instruction; the writing one still gets its rd."""
    cpu = vectors()
    h = cpu.hart
    cpu.bench.header.set("clock_offset", 1_000_000)
    irq, to = {"stimecmp": 5}.get(name, 1), S
    cpu.poke("menvcfg", 1 << 63)
    bit = 1 << irq
    cpu.poke("mideleg", bit)
    cpu.poke("mie", bit)
    cpu.poke("mip", MIP_SSIP)
    cpu.poke("mstatus", MSTATUS_SIE | MSTATUS_MIE)
    priv, value, before = S, bit, 0
    if name == "stimecmp":
        cpu.poke("mcounteren", 2)
        value, before = 1, h.stimecmp
    elif name in ("mstatus", "sstatus"):
        cpu.poke("mstatus", 0)
        value, before = MSTATUS_SIE, cpu.peek("sstatus")
    else:
        cpu.poke(name, 0)
    if name.startswith("m"):  # taken in M-mode: the interrupt is not delegated
        priv, to = M, M
        cpu.poke("mideleg", 0)
        if name == "mideleg":  # pending for S, hidden in M: mideleg takes its bit away
            cpu.poke("mideleg", bit)
            value, before = 0, bit
        elif name == "mstatus":
            value, before = MSTATUS_MIE, cpu.peek("mstatus")
    cpu.at(priv)
    cpu.bench.put(cpu.pc, encode("csrrw", rd=6, rs1=5, csr=NUMBERS[name]), encode("addi", rd=7, rs1=0, imm=1))
    h.call("do_fence_i")
    h.pc, h.x[5], h.x[7] = cpu.pc, value, 0
    for handler in (MVEC, SVEC):
        cpu.bench.put(handler, encode("addi", rd=8, rs1=0, imm=1))
    h.run_exact(2)  # the second is the handler's first
    assert (h.x[6], h.x[7], h.x[8]) == (before, 0, 1)
    assert (h.priv, h.n_irqs) == (to, 1)
    assert (h.mepc if to == M else h.sepc) == cpu.pc + 4
    assert (h.mcause if to == M else h.scause) == INTERRUPT | irq


def test_wfi_sleeps_unless_something_enabled_is_pending() -> None:
    cpu = vectors()
    h = cpu.hart

    def run() -> int:
        cpu.bench.put(cpu.pc, encode("wfi"), encode("wfi"), encode("wfi"))
        h.call("do_fence_i")
        h.pc = cpu.pc
        return h.run_exact(1)

    assert run() == Exit.SLEEP
    assert (h.pc, h.deadline) == (cpu.pc + 4, MASK64)
    cpu.poke("mip", MIP_SSIP)
    assert run() == Exit.SLEEP  # not enabled in mie
    cpu.poke("mie", MIP_SSIP)
    assert run() == Exit.BUDGET  # 3.3.3: whatever MIE says
    assert h.pc == cpu.pc + 4
    cpu.poke("mip", 0)
    h.event = EV_IRQ
    assert run() != Exit.FATAL  # any event may end it


def test_the_deadline_is_the_nearest_enabled_timer() -> None:
    cpu = Cpu()
    h = cpu.hart
    h.mtimecmp, h.stimecmp = 500, 300
    for mie, stce, want in ((0, 1, MASK64), (0x80, 1, 500), (0x20, 1, 300), (0xA0, 1, 300), (0xA0, 0, 500)):
        cpu.poke("menvcfg", stce << 63)
        cpu.poke("mie", mie)
        assert h.deadline == want
    cpu.poke("menvcfg", 1 << 63)
    cpu.write("stimecmp", 100)
    assert h.deadline == 100


def test_wrs_ends_by_itself_and_needs_no_reservation() -> None:
    cpu = Cpu()
    h = cpu.hart
    assert cpu.do("wrs.nto") is None
    h.x[5] = RAM_BASE + 0x100
    assert cpu.do("lr.d", rd=6, rs1=5) is None
    assert h.lr_addr != 0
    for name in ("wrs.nto", "wrs.sto"):
        assert cpu.do(name) is None
    h.lr_addr = 0xDEAD_BEE0  # another worker's mapping: must not be touched
    assert cpu.do("wrs.sto") is None


def test_sc_fails_behind_a_trap_or_a_return() -> None:
    cpu = vectors()
    h = cpu.hart
    h.x[5] = RAM_BASE + 0x100
    for name in ("ecall", "mret"):
        cpu.poke("mstatus", 3 << MPP_SHIFT)
        assert cpu.do("lr.d", rd=6, rs1=5) is None
        cpu.do(name)
        assert cpu.do("sc.d", rd=7, rs1=5, rs2=0) is None
        assert h.x[7] == 1


def test_reset_leaves_a_hart_as_the_board_wants_it() -> None:
    cpu = vectors()
    h = cpu.hart
    cpu.at(U)
    for field, value in (("mcause", 5), ("mip_soft", 2), ("ssip_set", 1), ("satp", 8 << 60), ("mie", 8)):
        setattr(h, field, value)
    h.x[9] = 9
    h.call("hart_reset")
    assert (h.pc, h.priv, h.mstatus, h.mcause, h.satp, h.mie) == (0x1000, M, FIXED, 0, 0, 0)
    assert (h.mip_soft, h.ssip_set, h.pmp_active, h.x[9]) == (0, 0, 0, 0)
    assert h.isa_ext == ext.RV64_DEFAULT
    assert cpu.peek("minstret") == 0


def test_a_reset_brings_back_every_architectural_word() -> None:
    """LESSONS: a second boot that differs from the first. What a reset digest looks at, scrambled."""
    cpu = vectors()
    h = cpu.hart
    h.call("hart_reset")
    first = {name: [h.view.get(name, i) for i in range(count)] for name, count in architectural_words()}
    for name, count in architectural_words():
        for i in range(count):
            h.view.set(name, 0x5A if HART.fields[name].field.width == 1 else 0x5A5A_5A5A, i)
    h.call("hart_reset")
    for name, count in architectural_words():
        assert [h.view.get(name, i) for i in range(count)] == first[name], name
