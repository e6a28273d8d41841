"""LR/SC and AMOs of several harts on one word: every total is exact.

`run(count, seed, harts)` is one run of the guest: `count` operations of each kind, by all harts together.
"""

from __future__ import annotations

import re

import pytest

from tests.system.guests import run as guests
from tests.system.test_litmus import not_performed

# on a loaded host two harts that work for some milliseconds each may never run at the same time
COUNTS = (400_000, 1_600_000, 6_400_000)
ENOUGH = 1000  # operations for each meeting, at most; harts that take turns on a processor meet more rarely
KINDS = 10


def run(count: int, seed: int, harts: int) -> int:
    """How often harts met on a word. AssertionError, with the guest's words, if a total is wrong."""
    verdict = guests.run("atomics", harts=harts, count=count, seed=seed, timeout=280)
    assert verdict.passed, str(verdict)
    totals = re.findall(r"^atomics .* (ok|WRONG)$", verdict.output, re.MULTILINE)
    assert totals == ["ok"] * KINDS, str(verdict)
    met = re.search(r"^atomics interleaved=(\d+)$", verdict.output, re.MULTILINE)
    assert met, str(verdict)
    return int(met[1])


@pytest.mark.parametrize("harts", [2, 4])
def test_totals_of_contended_atomics_are_exact(harts: int) -> None:
    if not any(run(count, 1, harts) >= count // ENOUGH for count in COUNTS):
        not_performed("the harts hardly met on the words: no real overlap on this host")
