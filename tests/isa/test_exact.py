"""Law 7: every way of running retires the same instructions, and stops after exactly N of them."""

from __future__ import annotations

import random

from ipc.layout import Exit
from tests.lib.hart import RAM_BASE, Bench, Hart
from vcpu_worker.isa.insn import encode

PROGRAM = RAM_BASE + 0xF00
HANDLER = RAM_BASE + 0x3000
DATA = RAM_BASE + 0x8000
FIELDS = ("pc", "priv", "mstatus", "mepc", "mcause", "mtval", "n_traps")


def jump_over(at: int, to: int) -> int:
    return encode("jal", rd=0, imm=to - at)


def make() -> tuple[Bench, Hart]:
    """Loops, calls, atomics, traps and an instruction that crosses a page, for ever."""
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    a = PROGRAM
    a = m.put(a, encode("addi", rd=5, rs1=5, imm=1), encode("mul", rd=6, rs1=5, rs2=5))
    loop = a
    a = m.put(a, encode("sd", rs1=9, rs2=6, imm=8), encode("ld", rd=7, rs1=9, imm=8))
    a = m.put(a, 0x0605, size=2)  # c.addi a2, 1: everything behind it is at odd halfwords
    a = m.put(a, encode("amoadd.d", rd=13, rs1=9, rs2=5, aq=0, rl=0), encode("addi", rd=11, rs1=11, imm=-1))
    a = m.put(a, encode("bne", rs1=11, rs2=0, imm=loop - a), encode("addi", rd=11, rs1=0, imm=7))
    a = m.put(a, encode("ecall"))
    crossing = RAM_BASE + 0xFFE
    a = m.put(a, jump_over(a, crossing))
    a = m.put(crossing, encode("add", rd=14, rs1=14, rs2=7))
    a = m.put(a, encode("csrrs", rd=15, csr=0xB02, rs1=0), encode("jal", rd=1, imm=0x100))
    a = m.put(a, jump_over(a, PROGRAM))
    m.put(a - 8 + 4 - 4 + 0x100, encode("jalr", rd=0, rs1=1, imm=0))
    b = m.put(HANDLER, encode("csrrs", rd=28, csr=0x341, rs1=0), encode("addi", rd=28, rs1=28, imm=4))
    m.put(b, encode("csrrw", rd=0, csr=0x341, rs1=28), encode("mret"))
    h.mtvec = HANDLER
    h.x[9] = DATA
    h.x[11] = 3
    h.pc = PROGRAM
    h.call("csr_poke", 0x305, HANDLER)
    return m, h


def state(h: Hart) -> tuple[int, ...]:
    """All that must agree, the retired count included."""
    retired = (h.instret_base - h.bud) & ((1 << 64) - 1)
    return (*(h.x[i] for i in range(32)), *(getattr(h, f) for f in FIELDS), retired)


def test_a_budget_of_n_stops_where_n_single_steps_stop() -> None:
    """At every count up to 400: the state equals the one after the n-th retirement of a stepped hart."""
    _, stepped = make()
    start = stepped.instret_base - stepped.bud
    expected = {}
    while (n := stepped.instret_base - stepped.bud - start) <= 400:
        expected.setdefault(n, state(stepped))
        assert stepped.step() == Exit.STEP
    for n, want in expected.items():
        _, h = make()
        assert h.run_exact(n) == Exit.BUDGET
        assert state(h) == want, f"after {n} instructions"
    assert stepped.n_traps > 5


def test_budgets_of_any_size_add_up() -> None:
    """Long runs in random parts end like one run; parts above 4096 use the fast path."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    total = 200_000
    _, whole = make()
    assert whole.run_exact(total) == Exit.BUDGET
    _, parts = make()
    left = total
    while left:
        n = min(left, rng.choice((1, 2, 7, 100, 4095, 4096, 4097, 5000, 30_000)))
        assert parts.run_exact(n) == Exit.BUDGET
        left -= n
    assert state(parts) == state(whole)
