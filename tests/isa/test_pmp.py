"""PMP against a naive model: checks of accesses and of whole pages, and the registers' locks."""

from __future__ import annotations

import random

import pytest

from tests.lib.hart import RAM_BASE, Bench
from tests.lib.pmp import ENTRIES, FETCH, LOAD, STORE, NaivePmp, mode, random_address, random_pmp

RAM = 1 << 16
CASES = 300
PRIVS = (0, 1, 3)
CFG0, ADDR0 = 0x3A0, 0x3B0


def install(b: Bench, pmp: NaivePmp) -> None:
    """The model's registers into the slot, past the locks."""
    h = b.harts[0]
    for i in range(ENTRIES):
        h.pmpcfg[i] = pmp.cfg[i]
        h.pmpaddr[i] = pmp.address[i]


def around(rng: random.Random, pmp: NaivePmp) -> int:
    """An address near some edge."""
    return max(0, rng.choice(pmp.edges()) + rng.randrange(-9, 9))


@pytest.mark.parametrize("seed", range(4))
def test_accesses_are_allowed_as_the_naive_model_says(seed: int) -> None:
    rng = random.Random(seed)
    b = Bench(ram=RAM)
    h = b.harts[0]
    for case in range(CASES):
        pmp = random_pmp(rng, RAM_BASE, RAM, rng.randrange(1, 8))
        install(b, pmp)
        for _ in range(40):
            gpa, size = around(rng, pmp), rng.choice((1, 2, 4, 8))
            access, priv = rng.choice((FETCH, LOAD, STORE)), rng.choice(PRIVS)
            want = pmp.allows(gpa, size, access, priv)
            got = h.call("pmp_check", gpa, size, access, priv)
            assert got == want, f"seed {seed} case {case}: {gpa:#x} {size} access {access} priv {priv} {pmp}"


@pytest.mark.parametrize("seed", range(4))
def test_a_page_is_whole_denied_or_mixed(seed: int) -> None:
    rng = random.Random(seed)
    b = Bench(ram=RAM)
    h = b.harts[0]
    for case in range(CASES // 3):
        pmp = random_pmp(rng, RAM_BASE, RAM, rng.randrange(1, 8))
        install(b, pmp)
        for _ in range(20):
            gpa = around(rng, pmp)
            access, priv = rng.choice((FETCH, LOAD, STORE)), rng.choice(PRIVS)
            page = gpa & ~0xFFF
            # the words of the page, and those that an edge inside it cuts
            marks = {page, page + 4088} | {e & ~7 for e in pmp.edges() if page <= e < page + 4096}
            answers = {pmp.allows(at, 8, access, priv) for at in marks}
            got = h.call("pmp_page", gpa, access, priv)
            what = f"seed {seed} case {case}: page {page:#x} access {access} priv {priv} {pmp}"
            if len(answers) == 2:
                assert got == 2, what
            elif got != 2:  # 2 is always right, and allowed for pages that several entries cover alike
                assert got == answers.pop(), what


def test_a_page_that_one_entry_covers_is_not_mixed() -> None:
    b = Bench(ram=RAM)
    h = b.harts[0]
    pmp = NaivePmp()
    pmp.cfg[15], pmp.address[15] = 0x1F, (1 << 54) - 1
    pmp.cfg[0], pmp.address[0] = 0x18, (RAM_BASE + 0x1000 >> 2) | 0x1FF  # 4 KiB, no rights
    install(b, pmp)
    assert h.call("pmp_page", RAM_BASE, LOAD, 1) == 1
    assert h.call("pmp_page", RAM_BASE + 0x1000, LOAD, 1) == 0
    assert h.call("pmp_page", RAM_BASE + 0x1000, LOAD, 3) == 1


@pytest.mark.parametrize("seed", range(4))
def test_registers_lock_as_the_naive_model_says(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        b = Bench(ram=RAM)
        h = b.harts[0]
        pmp = NaivePmp()
        log = []
        for _ in range(60):
            if rng.random() < 0.5:
                which, value = rng.choice((0, 2)), rng.getrandbits(64)
                value &= rng.choice((0x7F7F_7F7F_7F7F_7F7F, 0x7F7F_FF7F_7F7F_7F7F, (1 << 64) - 1))
                log.append((CFG0 + which, value))
                for k in range(8):
                    pmp.write_cfg(4 * which + k, value >> 8 * k & 0xFF)
            else:
                i, high = rng.randrange(ENTRIES), rng.getrandbits(14) << 50
                value = random_address(rng, RAM_BASE, RAM) | high
                log.append((ADDR0 + i, value))
                pmp.write_address(i, value)
            h.call("csr_poke", *log[-1])
        assert [h.pmpcfg[i] for i in range(ENTRIES)] == pmp.cfg, f"seed {seed}: {log}"
        assert [h.pmpaddr[i] for i in range(ENTRIES)] == pmp.address, f"seed {seed}: {log}"
        for which in (0, 2):
            bytes_ = pmp.cfg[4 * which : 4 * which + 8]
            assert h.call("csr_peek", CFG0 + which) == int.from_bytes(bytes(bytes_), "little")


def test_the_naive_model_itself() -> None:
    """Rows by hand: manual 3.7.1, table "NAPOT range encoding", and TOR of entry 0."""
    pmp = NaivePmp()
    pmp.cfg[0], pmp.address[0] = 0x18, 0b0
    assert pmp.bounds(0) == range(8)
    pmp.address[0] = 0b1011
    assert pmp.bounds(0) == range(32, 64)
    pmp.cfg[0], pmp.address[0] = 0x08, 5
    assert (mode(0x08), pmp.bounds(0)) == ("TOR", range(20))
