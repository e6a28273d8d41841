"""LR, SC and AMO: what random programs on one hart do not reach: traps, other harts, reservations lost."""

from __future__ import annotations

import pytest

from tests.lib.hart import MROM_BASE, RAM_BASE, Bench, Hart
from vcpu_worker.isa.insn import encode, load_all

CODE = RAM_BASE
HANDLER = RAM_BASE + 0x1000
WORD = RAM_BASE + 0x2000
DEVICE = 0x1000_0000  # nothing is there
VALUE = 0x8899_AABB_CCDD_EEFF
AMOS = [i.name for i in load_all().values() if i.ext == "Zaamo"]
T0, A0, A1, A2 = 5, 10, 11, 12


def lr(width: str, base: int = A0) -> int:
    return encode(f"lr.{width}", rd=T0, rs1=base)


def sc(width: str, base: int = A0) -> int:
    return encode(f"sc.{width}", rd=T0, rs1=base, rs2=A1)


@pytest.fixture
def bench() -> Bench:
    b = Bench(harts=2)
    for h in b.harts:
        h.mtvec = HANDLER
        h.x[A0], h.x[A1], h.x[A2] = WORD, 0x1122_3344_5566_7788, WORD + 8
        h.x[T0] = 99
    b.put(WORD, VALUE, VALUE, size=8)
    b.put(HANDLER, encode("mret"))
    return b


def steps(h: Hart, *words: int) -> int:
    """Run these instructions at CODE, each of them once; the value of t0."""
    end = h.bench.put(CODE, *words)
    h.call("do_fence_i")
    h.fault = 0
    h.pc = CODE
    while h.pc != end:
        h.step()
    t0: int = h.x[T0]
    return t0


def trap(h: Hart, word: int) -> tuple[int, int]:
    """(mcause, mtval) of the trap that one instruction takes; t0 keeps its value."""
    h.bench.put(CODE, word)
    h.call("do_fence_i")
    h.fault = 0
    h.pc = CODE
    h.x[T0] = 99
    h.step()
    assert h.pc == HANDLER, "no trap"
    assert h.x[T0] == 99
    assert h.mepc == CODE
    return h.mcause, h.mtval


@pytest.mark.parametrize("width", ["w", "d"])
def test_sc_after_lr_stores_and_gives_0(bench: Bench, width: str) -> None:
    size = 4 if width == "w" else 8
    h = bench.harts[0]
    assert steps(h, lr(width)) == (0xFFFF_FFFF_CCDD_EEFF if width == "w" else VALUE)
    assert steps(h, sc(width)) == 0
    assert bench.get(WORD, size) == 0x1122_3344_5566_7788 & (1 << 8 * size) - 1
    assert bench.get(WORD + size, 8 - size) == VALUE >> 8 * size


def test_sc_without_lr_stores_nothing_and_gives_1(bench: Bench) -> None:
    assert steps(bench.harts[0], sc("d")) == 1
    assert bench.get(WORD) == VALUE


def test_a_second_sc_fails(bench: Bench) -> None:
    assert steps(bench.harts[0], lr("d"), sc("d"), sc("d")) == 1


def test_a_failed_sc_takes_the_reservation(bench: Bench) -> None:
    h = bench.harts[0]
    assert steps(h, lr("d"), sc("d", A2)) == 1
    assert steps(h, sc("d")) == 1
    assert bench.get(WORD) == bench.get(WORD + 8) == VALUE


def test_sc_of_another_width_fails(bench: Bench) -> None:
    assert steps(bench.harts[0], lr("w"), sc("d")) == 1
    assert steps(bench.harts[0], lr("d"), sc("w")) == 1


def test_sc_fails_after_other_hart_stores(bench: Bench) -> None:
    one, other = bench.harts
    steps(one, lr("d"))
    steps(other, encode("sb", rs1=A0, rs2=A1, imm=3))
    assert steps(one, sc("d")) == 1
    assert bench.get(WORD) == VALUE & ~(0xFF << 24) | 0x88 << 24


def test_sc_fails_after_other_hart_won_the_word(bench: Bench) -> None:
    one, other = bench.harts
    steps(one, lr("d"))
    assert steps(other, lr("d"), sc("d")) == 0
    assert steps(one, sc("d")) == 1


def test_sc_fails_after_a_trap_return(bench: Bench) -> None:
    h = bench.harts[0]
    steps(h, lr("d"))
    trap(h, encode("ecall"))
    h.step()  # mret
    assert steps(h, sc("d")) == 1


def test_sc_may_succeed_when_the_word_was_changed_and_changed_back(bench: Bench) -> None:
    """The accepted deviation: reservations are by value."""
    one, other = bench.harts
    steps(one, lr("d"))
    there, back = encode("sd", rs1=A0, rs2=A1, imm=0), encode("sd", rs1=A0, rs2=6, imm=0)
    steps(other, encode("ld", rd=6, rs1=A0, imm=0), there, back)
    assert steps(one, sc("d")) == 0


@pytest.mark.parametrize("width", ["w", "d"])
def test_misaligned_lr_is_a_load_fault_and_sc_a_store_fault(bench: Bench, width: str) -> None:
    h = bench.harts[0]
    for off in range(1, 4 if width == "w" else 8):
        h.x[A0] = WORD + off
        assert trap(h, lr(width)) == (4, WORD + off)
        assert trap(h, sc(width)) == (6, WORD + off)


@pytest.mark.parametrize("name", AMOS)
def test_a_misaligned_amo_traps_and_changes_nothing(bench: Bench, name: str) -> None:
    h = bench.harts[0]
    for off in (1, 2) if name.endswith("w") else (1, 2, 4):
        h.x[A0] = WORD + off
        assert trap(h, encode(name, rd=T0, rs1=A0, rs2=A1)) == (6, WORD + off)
    assert bench.get(WORD) == bench.get(WORD + 8) == VALUE


def test_atomics_outside_memory_are_access_faults(bench: Bench) -> None:
    h = bench.harts[0]
    h.x[A0] = DEVICE
    assert trap(h, lr("w")) == (5, DEVICE)
    assert trap(h, sc("w")) == (7, DEVICE)
    assert trap(h, encode("amoadd.w", rd=T0, rs1=A0, rs2=A1)) == (7, DEVICE)


def test_rom_can_be_reserved_but_not_stored_to(bench: Bench) -> None:
    h = bench.harts[0]
    h.x[A0] = MROM_BASE
    assert steps(h, lr("d")) == 0
    assert trap(h, sc("d")) == (7, MROM_BASE)
    assert trap(h, encode("amoadd.d", rd=T0, rs1=A0, rs2=A1)) == (7, MROM_BASE)


def test_amo_of_a_word_leaves_its_neighbours_alone(bench: Bench) -> None:
    h = bench.harts[0]
    h.x[A0] = WORD + 4
    assert steps(h, encode("amoswap.w", rd=T0, rs1=A0, rs2=A1)) == 0xFFFF_FFFF_8899_AABB
    assert bench.get(WORD) == 0x5566_7788_CCDD_EEFF
    assert bench.get(WORD + 8) == VALUE
