"""Page walkers that set A and D race with each other and with a writer of the same PTE: no bit is lost.

The writer is a hart, or a process of the host that has guest RAM mapped and writes as a device does
(`guests/dma_writer.py`). `run` is one run of the guest: at least `count` races of each phase.
"""

from __future__ import annotations

import re

import pytest

from tests.system.guests import dma_writer
from tests.system.guests import run as guests
from tests.system.test_litmus import not_performed

COUNT = 10_000
TRIES = 3


def run(count: int, seed: int, harts: int, host_writer: bool = False) -> int:
    """Races in which the writer was at work when a walker came. AssertionError if a bit was lost.

    Phases: two of two parties each, and with three harts a quarter of `count` with three; with a writer on
    the host one with one walker, and with two harts one with two.
    """
    verdict = guests.run(
        "adbits",
        harts=harts,
        count=count,
        seed=seed,
        args=[int(host_writer)],
        timeout=280,
        beside=dma_writer.beside if host_writer else None,
    )
    assert verdict.passed, str(verdict)
    phases = re.findall(r"^adbits phase \d races=(\d+) .*overlapped=(\d+)$", verdict.output, re.MULTILINE)
    assert len(phases) == (harts if host_writer else min(harts, 3)), str(verdict)
    return sum(int(overlapped) for _, overlapped in phases)


@pytest.mark.parametrize("harts", [2, 3])
def test_no_accessed_or_dirty_bit_and_no_software_bit_is_lost(harts: int) -> None:
    if not any(run(COUNT, seed, harts) for seed in range(TRIES)):
        not_performed("the writer never met a walker: no real overlap of two harts on this host")


@pytest.mark.parametrize("harts", [1, 2])
def test_no_bit_is_lost_when_a_process_of_the_host_writes_the_pte(harts: int) -> None:
    if not any(run(COUNT, seed, harts, host_writer=True) for seed in range(TRIES)):
        not_performed("the host's writer never met a walker: no real overlap on this host")
