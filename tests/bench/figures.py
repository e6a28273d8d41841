"""Medians, spreads, percentiles: pure functions on what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EXACT_STEPS = 2048  # kernels/bench.h: HIST_EXACT
TICK_US = 0.1  # the virt board's time counts 10 MHz


@dataclass(frozen=True)
class Summary:
    """Of the runs of one row on one engine."""

    median: float
    low: float
    high: float
    runs: int

    @property
    def spread(self) -> float:
        """(high - low) / median."""
        return (self.high - self.low) / self.median if self.median else 0.0


def summary(values: Sequence[float]) -> Summary | None:
    """None of nothing."""
    if not values:
        return None
    return Summary(statistics.median(values), min(values), max(values), len(values))


def percentile(values: Sequence[float], q: float) -> float:
    """The value that a fraction `q` (0..1) of `values` does not exceed. ValueError if there are none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def parse_histogram(text: str) -> dict[int, int]:
    """`12:400,13:2` as {12: 400, 13: 2}: differences of the 10 MHz clock, and how often."""
    pairs = (part.split(":") for part in text.split(",") if part)
    return {int(ticks): int(count) for ticks, count in pairs}


def histogram_us(histogram: Mapping[int, int], q: float) -> float:
    """The percentile `q` of a histogram of ticks, in microseconds.

    A difference of d ticks stands for anything between d - 1/2 and d + 1/2 (the usual reading of
    grouped data), so that latencies near one tick still get a useful median. Beyond EXACT_STEPS a step is
    a sixteenth of its power of two wide.
    """
    total = sum(histogram.values())
    if not total:
        raise ValueError("an empty histogram")
    want, before = q * total, 0
    for ticks in sorted(histogram):
        count = histogram[ticks]
        if before + count >= want:
            low, width = (ticks - 0.5, 1.0) if ticks < EXACT_STEPS else (float(ticks), _step(ticks))
            return max(0.0, low + width * (want - before) / count) * TICK_US
        before += count
    return max(histogram) * TICK_US


def _step(ticks: int) -> float:
    return float(1 << (ticks.bit_length() - 1)) / 16


def short(value: float) -> str:
    """Three significant digits, for a table."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"
