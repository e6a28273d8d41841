"""Breakpoints in the hart: where they stop it, that nothing else changes, and that decoded pages follow."""

from __future__ import annotations

import random

import pytest

from emu.workers.breakpoints import set_breakpoints
from emu.workers.debug_memory import HartRuns
from ipc.layout import BREAKS, Exit, HartState, Want
from tests.isa.test_exact import make, state
from tests.lib.hart import RAM_BASE, Bench, Hart
from vcpu_worker.csr.bits import PTE_A, PTE_D, PTE_R, PTE_V, PTE_X
from vcpu_worker.isa.insn import encode
from vcpu_worker.mem.fetch import PAGE_STRIDE

PAGE = 4096
CODE = RAM_BASE + 0x1000
ADD1 = encode("addi", rd=5, rs1=5, imm=1)
FAR = 10**6  # more than any of these programs runs to its breakpoint


def place(m: Bench, *addresses: int) -> None:
    assert set_breakpoints(m.header, [h.view for h in m.harts], addresses)


def loop(m: Bench, at: int = CODE, body: int = 6) -> int:
    """`body` times x5 += 1 and back, for ever; the address of the jump."""
    end = m.put(at, *[ADD1] * body)
    m.put(end, encode("jal", rd=0, imm=at - end))
    return end


def stopped_at(h: Hart) -> int:
    """Run to a breakpoint; its address."""
    assert h.run_exact(FAR) == Exit.DEBUG
    return h.pc


@pytest.mark.parametrize("seed", range(8))
def test_a_hart_stops_where_a_stepped_one_comes_to_a_breakpoint(seed: int) -> None:
    """Random breakpoints, changed at each stop, on loops, calls, traps, pairs and a crossing instruction.

    The naive model looks at pc before each single step.
    """
    rng = random.Random(f"breakpoints/{seed}")
    _, model = make()
    m, h = make()
    _, walker = make()
    places = set()
    for _ in range(400):
        places.add(walker.pc)
        walker.step()
    stops = 0
    for _ in range(60):
        chosen = set(rng.sample(sorted(places), rng.randrange(4)))
        # the same offsets in other pages mark records that must run on
        others = {p + rng.choice((-1, 1, 5)) * PAGE for p in rng.sample(sorted(places), 3)} - places
        place(m, *chosen, *others)
        most = rng.choice((3, 50, 700, 9000))
        for _ in range(most):
            if model.pc in chosen:
                break
            before = model.instret_base - model.bud
            while model.instret_base - model.bud == before:
                model.step()
                if model.pc in chosen:
                    break  # also between a trap and its handler's first instruction
        reason = h.run_exact(most)
        if reason == Exit.DEBUG:
            stops += 1
            assert h.pc in chosen
        assert state(h) == state(model)
        if h.pc in chosen:
            assert h.run_exact(FAR) == Exit.DEBUG, "a run begins with a look at its first instruction"
            assert state(h) == state(model)
            assert (h.step(), model.step()) == (Exit.STEP, Exit.STEP)
            assert state(h) == state(model)
    assert stops > 15


def test_at_full_speed_nothing_before_the_breakpoint_is_left_out_and_nothing_behind_it_runs() -> None:
    """Each place of a page of pairs in turn, after the page has run without breakpoints."""
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    end = loop(m, body=40)
    h.pc = CODE
    h.run_exact(10_000)
    for n in range(41):
        place(m, CODE + 4 * n)
        h.pc, h.x[5] = CODE, 0
        assert stopped_at(h) == CODE + 4 * n
        assert h.x[5] == n
    place(m)
    assert h.run_exact(FAR) == Exit.BUDGET
    assert end == CODE + 160


def test_without_breakpoints_no_record_is_special() -> None:
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    loop(m)
    h.pc = CODE
    h.run_exact(10_000)
    clean = bytes(m.arenas[0])
    place(m, CODE + 8, CODE + PAGE + 4)
    assert stopped_at(h) == CODE + 8
    assert bytes(m.arenas[0]) != clean
    place(m)
    h.run_exact(10_000)
    assert bytes(m.arenas[0]) == clean


def test_a_page_rewritten_under_a_breakpoint_keeps_it() -> None:
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    loop(m)
    place(m, CODE + 8)
    h.pc = CODE
    assert stopped_at(h) == CODE + 8
    m.put(CODE, *[encode("addi", rd=6, rs1=6, imm=1)] * 6)
    h.call("doubt_code")
    h.step()
    assert h.x[6] == 1
    assert stopped_at(h) == CODE + 8
    assert h.x[6] == 6


def test_memory_written_from_outside_is_executed_without_a_fence() -> None:
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    loop(m)
    h.pc = CODE
    h.run_exact(9000)
    m.put(CODE, *[encode("addi", rd=6, rs1=6, imm=1)] * 6)
    h.run_exact(700)
    assert h.x[6] == 0, "the guest did no fence.i"
    h.call("doubt_code")
    before = h.x[5]
    h.run_exact(700)
    assert (h.x[5], h.x[6]) == (before, 600)


def map_pages(m: Bench, pages: dict[int, int]) -> None:
    """Sv39 with these 4 KiB pages, executable, for S-mode; tables in the last pages of RAM."""
    root, middle, last = (RAM_BASE + 0xD000 + PAGE * i for i in range(3))
    flags = PTE_V | PTE_R | PTE_X | PTE_A | PTE_D
    m.put(root, middle >> 12 << 10 | PTE_V, size=8)
    m.put(middle, last >> 12 << 10 | PTE_V, size=8)
    for va, pa in pages.items():
        m.put(last + 8 * (va >> 12 & 511), pa >> 12 << 10 | flags, size=8)
    h = m.harts[0]
    h.pmpcfg[0], h.pmpaddr[0] = 0x1F, (1 << 54) - 1
    h.satp = 8 << 60 | root >> 12
    h.priv = 1
    h.call("update_ctx")


def test_a_breakpoint_is_at_a_virtual_address_not_in_a_page_of_memory() -> None:
    """Two mappings of one page: the mark is in both, the breakpoint in one."""
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    end = m.put(CODE, *[ADD1] * 4)
    m.put(end, encode("jalr", rd=0, rs1=1, imm=0))
    map_pages(m, {0x5000: CODE, 0x6000: CODE})
    h.pc, h.x[1] = 0x5000, 0x6000  # through one mapping into the other, which loops
    place(m, 0x6008)
    assert stopped_at(h) == 0x6008
    assert h.x[5] == 6
    place(m, 0x5008)
    assert h.run_exact(9000) == Exit.BUDGET
    h.pc = 0x5000
    assert stopped_at(h) == 0x5008


def test_a_breakpoint_where_nothing_can_be_fetched_comes_before_the_trap() -> None:
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    m.put(CODE, encode("jal", rd=0, imm=0x8_0000))
    h.pc = CODE
    place(m, CODE + 0x8_0000)
    assert stopped_at(h) == CODE + 0x8_0000
    traps = h.n_traps
    h.step()
    assert h.n_traps == traps + 1


def test_a_breakpoint_in_a_page_that_pmp_cuts() -> None:
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    loop(m)
    h.pmpcfg[0], h.pmpaddr[0] = 0x8F, (CODE + 0x100) >> 2  # locked, up to the middle of the page
    h.call("update_ctx")
    h.pc = CODE
    place(m, CODE + 12)
    assert stopped_at(h) == CODE + 12
    assert h.x[5] == 3
    h.step()
    assert stopped_at(h) == CODE + 12
    assert h.x[5] == 9


def test_a_breakpoint_on_an_instruction_that_crosses_pages() -> None:
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    crossing = CODE + 0xFFE
    m.put(crossing, *[ADD1] * 3)
    m.put(crossing + 12, encode("jal", rd=0, imm=-12))
    h.pc = crossing
    h.run_exact(9000)
    place(m, crossing)
    assert stopped_at(h) == crossing
    before = h.x[5]
    h.step()
    assert stopped_at(h) == crossing
    assert h.x[5] == before + 3


def test_a_place_in_the_arena_given_to_another_page_keeps_no_mark() -> None:
    """More pages than the arena holds, with a breakpoint set while they go round."""
    m = Bench(ram=1 << 17)
    h = m.harts[0]
    h.arena_pages = 4
    starts = [RAM_BASE + PAGE * i + 0x40 for i in range(8)]
    for a, b in zip(starts, [*starts[1:], starts[0]], strict=True):
        m.put(a, ADD1, encode("jal", rd=0, imm=b - a - 4))
    h.pc = starts[0]
    h.run_exact(9000)
    place(m, starts[5])
    for _ in range(3):
        assert stopped_at(h) == starts[5]
        before = h.x[5]
        h.step()
        assert stopped_at(h) == starts[5]
        assert h.x[5] == before + 8
    assert len(m.arenas[0]) > PAGE_STRIDE * 4


def test_the_table_is_bounded_and_only_for_stopped_harts() -> None:
    m = Bench(ram=1 << 16)
    h = m.harts[0]
    views = [h.view]
    assert set_breakpoints(m.header, views, range(CODE, CODE + 2 * BREAKS, 2))
    assert not set_breakpoints(m.header, views, range(CODE, CODE + 2 * BREAKS + 2, 2))
    assert m.header.get("break_count") == BREAKS
    for state_, wanted in ((HartState.RUNNING, 0), (HartState.STOPPED, 1)):
        h.state, h.wanted_gen, h.wanted = state_, wanted, Want.RUN
        with pytest.raises(HartRuns):
            set_breakpoints(m.header, views, [])
