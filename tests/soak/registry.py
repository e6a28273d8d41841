"""Which checks there are. A check is a decorated function that does a part of the work.

    @check("ipi-idle", count=1_000_000, part=100_000, doc="round trips between sleeping harts; none lost")
    def ipi_idle(count: int, seed: int) -> Seen:
        return {"round trips": test_ipi.run(count, seed, 2)}

The runner calls it again and again with `part` (the last time with what is left) and a new seed each time,
until `count` is done; what the parts return is summed. It raises AssertionError when the emulator is wrong
and NotPerformed when this host cannot show anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Seen = Mapping[str, int]  # what was counted, by name; summed over the parts
Part = Callable[[int, int], Seen]
Judge = Callable[[Mapping[str, int]], str]


class NotPerformed(Exception):
    """The check could not be made here; the text says why. It is no pass and no failure."""


@dataclass(frozen=True)
class Check:
    """name; doc: what it shows; count: units in a whole run; part: units in one call; func: does a part.

    judge: from the sums of a whole run, what the record says of it; may raise as func does.
    """

    name: str
    doc: str
    count: int
    part: int
    func: Part
    judge: Judge

    def size(self, scale: float) -> int:
        """Units at a scale; at least one."""
        return max(1, round(self.count * scale))


CHECKS: dict[str, Check] = {}


def sums(seen: Mapping[str, int]) -> str:
    """The usual words: every sum."""
    return ", ".join(f"{name} {number}" for name, number in seen.items())


def check(name: str, *, count: int, part: int, doc: str, judge: Judge = sums) -> Callable[[Part], Part]:
    """Register the decorated function. Errors: ValueError at import for a name taken twice."""

    def register(func: Part) -> Part:
        old = CHECKS.get(name)
        if old is not None:
            places = [f"{f.__module__}.{f.__qualname__}" for f in (old.func, func)]
            raise ValueError(f"soak check {name!r} is declared twice: {places[0]} and {places[1]}")
        CHECKS[name] = Check(name, doc, count, part, func, judge)
        return func

    return register
