"""The debugger's translation against the naive walker, and that it leaves no trace."""

from __future__ import annotations

import dataclasses
import random

import pytest

from tests.isa.test_walk import ALL_MEMORY, MEMORY, RAM, install, randomise
from tests.lib.hart import RAM_BASE, Bench
from tests.lib.pmp import random_pmp
from tests.lib.walker import FETCH, LOAD, Found, Space, random_space, walk
from vcpu_worker.mem.probe import NOWHERE

A = 1 << 6


def expected(s: Space, va: int) -> int | None:
    """Where a load or a fetch would go, if SUM were set and A and D were no matter."""
    copy = dataclasses.replace(s, sum=True, mxr=True, updates=True, allowed=s.allowed)
    copy.ptes = {at: pte | (A if pte & 0xE and pte & 1 else 0) for at, pte in s.ptes.items()}
    for access in (LOAD, FETCH):
        found = walk(copy, va, access)
        if isinstance(found, Found):
            return found.gpa
    return None


@pytest.mark.parametrize("seed", range(3))
def test_addresses_lead_where_the_naive_walker_says_and_nothing_changes(seed: int) -> None:
    rng = random.Random(f"probe/{seed}")
    b = Bench(ram=RAM)
    h = b.harts[0]
    found = 0
    for number in range(150):
        s, addresses = random_space(rng, MEMORY, 8)
        randomise(rng, s)
        pmp = random_pmp(rng, RAM_BASE, RAM, 4) if rng.random() < 0.2 else ALL_MEMORY
        if pmp is not ALL_MEMORY:
            s.allowed = lambda gpa, access, pmp=pmp: pmp.allows(gpa, 8, access, 1)
        install(b, s, pmp, mprv=rng.random() < 0.3)
        before = bytes(b.ram), bytes(b.buf)
        for va in addresses:
            want = expected(s, va)
            got = h.call("probe", va)
            assert got == (NOWHERE if want is None else want), f"table {number}: va {va:#x} {s}"
            found += want is not None
        assert (bytes(b.ram), bytes(b.buf)) == before
    assert found > 200


def test_without_translation_an_address_is_itself() -> None:
    b = Bench()
    h = b.harts[0]
    for va in (0, RAM_BASE, NOWHERE - 1):
        assert h.call("probe", va) == va
    h.satp = 8 << 60  # in M-mode, without MPRV, nothing is translated
    assert h.call("probe", 0x1234) == 0x1234
