"""LR/SC and AMOs of several harts on one word: every total is exact.

`run(count, seed, harts)` is one run of the guest: `count` operations of each kind, by all harts together.
"""

from __future__ import annotations

import re

import pytest

from tests.system.guests import run as guests

COUNT = 100_000
KINDS = 10


def run(count: int, seed: int, harts: int) -> int:
    """Operations done. AssertionError, with the guest's words, if a total is wrong."""
    verdict = guests.run("atomics", harts=harts, count=count, seed=seed, timeout=280)
    assert verdict.passed, str(verdict)
    totals = re.findall(r"^atomics .* (ok|WRONG)$", verdict.output, re.MULTILINE)
    assert totals == ["ok"] * KINDS, str(verdict)
    return count * KINDS


@pytest.mark.parametrize("harts", [2, 4])
def test_totals_of_contended_atomics_are_exact(harts: int) -> None:
    assert run(COUNT, 1, harts)
