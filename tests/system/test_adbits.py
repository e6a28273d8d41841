"""Page walkers that set A and D race with each other and with a writer of the same PTE: no bit is lost.

`run(count, seed, harts)` is one run of the guest: at least `count` races of two parties, and a quarter of
it with three, if there are three harts. The third party is a hart; a device's process that writes through
its own mapping joins them with the first device that does DMA.
"""

from __future__ import annotations

import re

import pytest

from tests.system.guests import run as guests
from tests.system.test_litmus import not_performed

COUNT = 10_000
TRIES = 3


def run(count: int, seed: int, harts: int) -> int:
    """Races in which the writer was at work when a walker came. AssertionError if a bit was lost."""
    verdict = guests.run("adbits", harts=harts, count=count, seed=seed, timeout=280)
    assert verdict.passed, str(verdict)
    phases = re.findall(r"^adbits phase \d races=(\d+) .*overlapped=(\d+)$", verdict.output, re.MULTILINE)
    assert len(phases) == (3 if harts > 2 else 2), str(verdict)
    return sum(int(overlapped) for _, overlapped in phases)


@pytest.mark.parametrize("harts", [2, 3])
def test_no_accessed_or_dirty_bit_and_no_software_bit_is_lost(harts: int) -> None:
    if not any(run(COUNT, seed, harts) for seed in range(TRIES)):
        not_performed("the writer never met a walker: no real overlap of two harts on this host")
