"""Law 7: every way of running retires the same instructions, and stops after exactly N of them."""

from __future__ import annotations

import random

import pytest

from ipc.layout import Exit
from tests.lib.hart import RAM_BASE, Bench, Hart
from vcpu_worker.hart.run import STORM, STRAIGHT
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
    assert parts.n_traps > STORM, "traps that end are no storm, however many they are"


NOWHERE = 0x4000_0000
MISALIGNED = encode("amoadd.w", rd=5, rs1=9, rs2=0, aq=0, rl=0)  # x9 is odd
STORMS = {
    "an ecall that is its own handler": (encode("ecall"), HANDLER),
    "an illegal instruction": (0, HANDLER),
    "a misaligned AMO": (MISALIGNED, HANDLER),
    "a handler that is nowhere": (encode("ecall"), NOWHERE),
}


@pytest.mark.parametrize("n", [1, STRAIGHT, STRAIGHT + 1, 1 << 40])
@pytest.mark.parametrize("name", STORMS)
def test_a_guest_that_traps_for_ever_is_left_after_a_bounded_number_of_traps(name: str, n: int) -> None:
    """Stepped (the last 4096 of a budget) and in the fast path; nothing retires, so nothing is counted."""
    word, handler = STORMS[name]
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    m.put(PROGRAM, encode("addi", rd=7, rs1=7, imm=1), word)
    m.put(HANDLER, word)
    h.x[9] = DATA + 1
    h.pc = PROGRAM
    h.call("csr_poke", 0x305, handler)
    before = h.instret_base - h.bud
    assert h.run_exact(n) == (Exit.BUDGET if n == 1 else Exit.STORM)
    assert h.instret_base - h.bud == before + 1
    for again in range(3):
        traps = h.n_traps
        assert h.run_exact(n) == Exit.STORM
        assert h.n_traps - traps == STORM, f"call {again}: the same number each time"
        assert h.instret_base - h.bud == before + 1
        assert h.mepc == h.pc == handler


def test_a_storm_that_passes_leaves_no_trace_in_the_counts() -> None:
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    m.put(PROGRAM, encode("ecall"))
    m.put(HANDLER, *[encode("addi", rd=7, rs1=7, imm=1)] * 100)
    h.pc = PROGRAM
    h.call("csr_poke", 0x305, PROGRAM)
    assert h.run_exact(50) == Exit.STORM
    h.call("csr_poke", 0x305, HANDLER)
    before = h.instret_base - h.bud
    assert h.run_exact(50) == Exit.BUDGET
    assert h.instret_base - h.bud == before + 50
    assert (h.x[7], h.pc) == (50, HANDLER + 200)
