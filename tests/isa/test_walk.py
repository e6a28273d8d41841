"""Page table walks against a naive walker on random tables; A and D bits; MPRV."""

from __future__ import annotations

import random

import pytest

from ipc.layout import Fault
from tests.lib.hart import RAM_BASE, Bench
from tests.lib.pmp import NaivePmp, random_pmp
from tests.lib.walker import (
    FETCH,
    LOAD,
    STORE,
    A,
    AccessFault,
    D,
    Found,
    PageFault,
    R,
    Result,
    Space,
    U,
    V,
    W,
    X,
    random_space,
    walk,
)
from vcpu_worker.csr.bits import (
    MENVCFG_ADUE,
    MENVCFG_PBMTE,
    MPP_SHIFT,
    MSTATUS_MPRV,
    MSTATUS_MXR,
    MSTATUS_SUM,
)
from vcpu_worker.isa import ext

RAM = 1 << 17
MEMORY = range(RAM_BASE, RAM_BASE + RAM)
ALL_MEMORY = NaivePmp()
ALL_MEMORY.cfg[15], ALL_MEMORY.address[15] = 0x1F, (1 << 54) - 1
CAUSES = {PageFault: (12, 13, 15), AccessFault: (1, 5, 7)}
TABLES = 250


def install(b: Bench, s: Space, pmp: NaivePmp, mprv: bool = False) -> None:
    """A space into the hart and its memory. mprv: data accesses get s.priv through MPP, from M-mode."""
    h = b.harts[0]
    b.ram[:] = bytes(RAM)
    for at, pte in s.ptes.items():
        b.put(at, pte, size=8)
    h.satp = s.mode << 60 | s.root >> 12
    h.priv = 3 if mprv else s.priv
    h.mstatus = MSTATUS_SUM * s.sum | MSTATUS_MXR * s.mxr | MSTATUS_MPRV * mprv | s.priv << MPP_SHIFT
    h.menvcfg = MENVCFG_PBMTE * s.pbmt | MENVCFG_ADUE * s.updates
    for i in range(16):
        h.pmpcfg[i] = pmp.cfg[i]
        h.pmpaddr[i] = pmp.address[i]


def translate(b: Bench, va: int, access: int) -> tuple[Result, int]:
    """What the hart says, and the cause if it faults."""
    h = b.harts[0]
    gpa = h.call("translate", va, access)
    if h.fault == Fault.NONE:
        return Found(gpa, bool(h.scratch[0])), 0
    assert (h.fault, h.trap_tval) == (Fault.TRAP, va)
    h.fault = 0
    return (PageFault() if h.trap_cause >= 12 else AccessFault()), h.trap_cause


def check(b: Bench, s: Space, va: int, access: int, note: str) -> Result:
    """Both walkers on one access; the naive one's answer."""
    want = walk(s, va, access)
    got, cause = translate(b, va, access)
    what = f"{note}: va {va:#x} access {access} {s}"
    assert got == want, what
    if not isinstance(want, Found):
        assert cause == CAUSES[type(want)][access], what
    for at, pte in s.ptes.items():
        assert b.get(at) == pte, f"{what}: PTE at {at:#x}"
    return want


def randomise(rng: random.Random, s: Space) -> None:
    """Modes and permissions."""
    s.priv, s.sum, s.mxr = rng.choice((0, 1)), rng.random() < 0.5, rng.random() < 0.5
    s.updates = rng.random() < 0.7


@pytest.mark.parametrize("seed", range(6))
def test_random_tables_translate_as_the_naive_walker_says(seed: int) -> None:
    rng = random.Random(f"walk/{seed}")
    b = Bench(ram=RAM)
    h = b.harts[0]
    answers: dict[type, int] = {}
    for number in range(TABLES):
        s, addresses = random_space(rng, MEMORY, 8)
        s.napot, s.pbmt = rng.random() < 0.8, rng.random() < 0.8
        h.isa_ext = ext.RV64_DEFAULT if s.napot else ext.without(ext.RV64_DEFAULT, ["Svnapot"])
        pmp = ALL_MEMORY
        if rng.random() < 0.3:
            pmp = random_pmp(rng, RAM_BASE, RAM, 4)
            pmp.cfg[15], pmp.address[15] = 0x1F, (1 << 54) - 1
            s.allowed = lambda gpa, access, pmp=pmp: pmp.allows(gpa, 8, access, 1)  # type: ignore[misc]
        randomise(rng, s)
        install(b, s, pmp)
        for va in addresses:
            answer = check(b, s, va, rng.choice((FETCH, LOAD, STORE)), f"seed {seed}/{number}")
            answers[type(answer)] = answers.get(type(answer), 0) + 1
    # the generator is worth its time only if all answers come up often
    assert min(answers[Found], answers[PageFault], answers[AccessFault]) > TABLES // 4, answers


def test_mprv_moves_data_and_not_fetches() -> None:
    rng = random.Random(5)
    b = Bench(ram=RAM)
    for number in range(40):
        s, addresses = random_space(rng, MEMORY, 8)
        randomise(rng, s)
        install(b, s, ALL_MEMORY, mprv=True)
        for va in addresses:
            check(b, s, va, rng.choice((LOAD, STORE)), f"{number}")
            assert translate(b, va, FETCH) == (Found(va, True), 0)


def test_m_mode_and_bare_do_not_translate() -> None:
    b = Bench(ram=RAM)
    h = b.harts[0]
    h.satp = 8 << 60 | RAM_BASE >> 12
    assert translate(b, 0x1234, LOAD) == (Found(0x1234, True), 0)
    h.priv, h.satp = 1, 0
    assert translate(b, 1 << 63, STORE) == (Found(1 << 63, True), 0)


def one_page(flags: int) -> tuple[Bench, Space]:
    """Sv39 with one 4 KiB page at va 0, gpa RAM_BASE + 0x3000."""
    s = Space(8, RAM_BASE, memory=MEMORY)
    s.ptes[RAM_BASE] = (RAM_BASE + 0x1000) >> 2 | V
    s.ptes[RAM_BASE + 0x1000] = (RAM_BASE + 0x2000) >> 2 | V
    s.ptes[RAM_BASE + 0x2000] = (RAM_BASE + 0x3000) >> 2 | V | flags
    b = Bench(ram=RAM)
    install(b, s, ALL_MEMORY)
    return b, s


def test_a_load_sets_a_and_a_store_sets_d() -> None:
    b, s = one_page(R | W)
    assert check(b, s, 8, LOAD, "") == Found(RAM_BASE + 0x3008, False)
    assert b.get(RAM_BASE + 0x2000) & (A | D) == A
    assert check(b, s, 8, STORE, "") == Found(RAM_BASE + 0x3008, True)
    assert b.get(RAM_BASE + 0x2000) & (A | D) == A | D


def test_a_denied_access_marks_nothing() -> None:
    b, s = one_page(R | W | U)
    assert check(b, s, 8, STORE, "S without SUM") == PageFault()
    assert b.get(RAM_BASE + 0x2000) & (A | D) == 0


@pytest.mark.parametrize(
    ("names", "adue", "sets"),
    [
        (["Svadu"], 1, True),
        (["Svadu"], 0, False),
        (["Svadu", "Svade"], 1, True),
        (["Svadu", "Svade"], 0, False),
        (["Svade"], 0, False),
        ([], 0, True),  # the hart's own choice; QEMU's as well
    ],
)
def test_who_sets_the_bits(names: list[str], adue: int, sets: bool) -> None:
    b, s = one_page(R | W | X)
    bits = ext.without(ext.RV64_DEFAULT, ["Svadu"])
    h = b.harts[0]
    h.isa_ext = bits | ext.bits_of(names)
    h.menvcfg = MENVCFG_ADUE * adue
    s.updates, s.pbmt = sets, False
    check(b, s, 0, LOAD, f"{names} {adue}")
    check(b, s, 0, STORE, f"{names} {adue}")


def test_a_pte_in_rom_is_read_but_not_marked() -> None:
    b, s = one_page(R | W)
    h = b.harts[0]
    b.header.set("region_flags", 0, 0)  # RAM becomes ROM
    assert translate(b, 0, LOAD) == (AccessFault(), 5)
    assert translate(b, 0, STORE) == (AccessFault(), 7)
    b.put(RAM_BASE + 0x2000, s.ptes[RAM_BASE + 0x2000] | A | D, size=8)
    assert translate(b, 0, STORE) == (Found(RAM_BASE + 0x3000, True), 0)
    assert h.n_walks == 3
