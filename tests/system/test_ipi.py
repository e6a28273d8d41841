"""Harts that sleep in WFI are woken by each other, by devices and by nobody else; none is forgotten.

`run(count, seed, harts)` and `run_device` are one run of a guest. The guest calls an interrupt lost when
guest time has passed its patience, and says which hart waited for which; wall time only bounds the run.
"""

from __future__ import annotations

import re

import pytest

from tests.system.guests import run as guests
from tests.system.guests.run import TICKS_PER_S, hogs

COUNT, LOADED_COUNT, DEVICE_COUNT = 10_000, 4_000, 2_000
PATIENCE_S = 10  # of guest time: a loaded host may let a hart wait for seconds
DELAY = 16384  # turns of an empty loop before an answer, at most: by then the partner surely sleeps
HOGS = 2


def run(count: int, seed: int, harts: int) -> int:
    """`count` round trips of each hart. How many all pairs made. AssertionError if one was lost."""
    args = (PATIENCE_S * TICKS_PER_S, DELAY)
    verdict = guests.run("ipi", harts=harts, count=count, seed=seed, args=args, timeout=280)
    assert verdict.passed, str(verdict)
    pairs = re.findall(r"^ipi pair (\d)-(\d) rounds=(\d+)", verdict.output, re.MULTILINE)
    assert len({frozenset(pair[:2]) for pair in pairs}) == harts * (harts - 1) // 2, str(verdict)
    assert "ipi done" in verdict.output, str(verdict)
    return sum(int(rounds) for _, _, rounds in pairs)


def run_device(count: int, seed: int, harts: int) -> int:
    """`count` interrupts of the UART through the PLIC. AssertionError if one was lost."""
    args = (PATIENCE_S * TICKS_PER_S,)
    verdict = guests.run("plic", harts=harts, count=count, seed=seed, args=args, timeout=280)
    assert verdict.passed, str(verdict)
    assert f"plic done rounds={count}" in verdict.output, str(verdict)
    return count


@pytest.mark.parametrize("harts", [2, 4])
def test_no_ipi_to_a_sleeping_hart_is_lost(harts: int) -> None:
    assert run(COUNT, 1, harts) == COUNT // (harts - 1) * (harts * (harts - 1) // 2)


def test_no_ipi_is_lost_on_a_loaded_host() -> None:
    with hogs(HOGS):
        assert run(LOADED_COUNT, 2, 2) == LOADED_COUNT


@pytest.mark.parametrize("harts", [1, 2])
def test_no_device_interrupt_to_a_sleeping_hart_is_lost(harts: int) -> None:
    assert run_device(DEVICE_COUNT, 1, harts) == DEVICE_COUNT
