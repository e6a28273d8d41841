"""Litmus tests on real processes: nothing outside RVWMO is ever seen.

`run(count, seed, harts)` is one run of the guest. A run in which store buffering never shows r1 = r2 = 0
had no two harts at work at once; it says nothing, and counts as not performed.
"""

from __future__ import annotations

import itertools
import os

import pytest

from tests.system import litmus
from tests.system.guests import run as guests
from tests.system.guests.run import TICKS_PER_S

COUNT, COUNT_4 = 20_000, 2_000
PATIENCE_S = 0.5  # of guest time, for each test: on a loaded host harts wait long for each other
BATCH = 256  # runs a test has in any case
TRIES = 3
ALL = (1 << len(litmus.TESTS)) - 1


def run(count: int, seed: int, harts: int, patience_s: float = 0) -> litmus.Counts:
    """Run every test of that many harts `count` times, or as often as patience (0: endless) lets it.

    What was seen. AssertionError if it ended badly.
    """
    align = 1 if harts <= len(os.sched_getaffinity(0)) else BATCH
    args = (ALL, align, int(patience_s * TICKS_PER_S))
    verdict = guests.run("litmus", harts=harts, count=count, seed=seed, args=args, timeout=280)
    assert verdict.passed, str(verdict)
    counts = litmus.read(verdict.output)
    least = min(count, BATCH) if patience_s else count
    for test in litmus.TESTS:
        seen = sum(counts.get(test.name, {}).values())
        if test.harts == harts:
            assert least <= seen <= count, f"{test.name}: {seen} runs\n{verdict}"
        else:
            assert seen == 0, f"{test.name} is no test for {harts} harts"
    return counts


def not_performed(why: str) -> None:
    """Say so: a skip with the reason, also in CI, where other tests run on the same two processors.

    It is no pass: the soak repeats it on an idle host, and has its own word for it in SOAK.md.
    """
    pytest.skip(f"not performed: {why}")


@pytest.mark.parametrize("test", litmus.TESTS, ids=lambda t: t.name)
def test_the_model_forbids_exactly_what_the_table_says(test: litmus.Litmus) -> None:
    registers = len(next(iter(test.allowed)))
    assert set(itertools.product((0, 1), repeat=registers)) - test.allowed == test.forbidden


def test_a_forbidden_outcome_is_found() -> None:
    console = (
        "litmus SB r1=0 r2=0 7\nlitmus SB+fence.rw.rws r1=1 r2=0 3\nlitmus SB+fence.rw.rws r1=0 r2=0 2\n"
    )
    counts = litmus.read(console)
    assert litmus.overlapped(counts) == 7
    assert litmus.violations(counts) == [
        "SB+fence.rw.rws: r1=0 r2=0 seen 2 times; forbidden by RVWMO, rules 4, 4"
    ]


def test_nothing_outside_rvwmo_is_seen_on_two_harts() -> None:
    counts: litmus.Counts = {}
    for seed in range(TRIES):
        litmus.add(counts, run(COUNT, seed, 2, PATIENCE_S))
        assert not litmus.violations(counts), litmus.table(counts)
        if litmus.overlapped(counts):
            break
    print(litmus.table(counts))
    if not litmus.overlapped(counts):
        not_performed("SB never showed r1 = r2 = 0: no real overlap of two harts on this host")


def test_nothing_outside_rvwmo_is_seen_on_four_harts() -> None:
    counts = run(COUNT_4, 1, 4, PATIENCE_S)
    print(litmus.table(counts))
    assert not litmus.violations(counts), litmus.table(counts)
