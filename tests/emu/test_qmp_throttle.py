"""Rate limits of events, against a naive model: a list of what was asked, second by second."""

from __future__ import annotations

import random

import pytest

from emu.core.qdict import QDict
from emu.loop.timers import Clock, ClockType
from emu.monitor.throttle import SECOND_NS, Throttle

TICK_NS = SECOND_NS // 10


class Setup:
    """A throttle on a clock that we move."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.clock = Clock(ClockType.REALTIME, lambda: self.now_ns)
        self.told: list[tuple[int, QDict]] = []
        self.throttle = Throttle(
            self.clock, {"SLOW": SECOND_NS, "PORT": SECOND_NS}, {"PORT": "id"},
            lambda event: self.told.append((self.now_ns, event)),
        )  # fmt: skip

    def tell(self, name: str, number: int, id: str = "") -> None:
        data: QDict = {"id": id} if id else {}
        self.throttle.event(name, data, {"event": name, "n": number, "id": id})

    def advance(self, ns: int) -> None:
        self.now_ns += ns
        self.clock.run()


def test_the_first_is_told_at_once_and_the_last_at_the_end_of_the_period() -> None:
    s = Setup()
    for n in range(5):
        s.tell("SLOW", n)
    assert [event["n"] for _, event in s.told] == [0]
    s.advance(SECOND_NS - 1)
    assert len(s.told) == 1
    s.advance(1)
    assert [event["n"] for _, event in s.told] == [0, 4]
    s.tell("SLOW", 5)
    assert len(s.told) == 2, "a new period has begun"
    s.advance(SECOND_NS)
    s.advance(SECOND_NS)
    s.tell("SLOW", 6)
    assert [event["n"] for _, event in s.told] == [0, 4, 5, 6]


def test_events_without_a_limit_are_all_told() -> None:
    s = Setup()
    for n in range(100):
        s.tell("STOP", n)
    assert len(s.told) == 100


def model(asked: list[tuple[int, str, int]], until_ns: int) -> list[tuple[int, int]]:
    """When which number is told, by going through time tick by tick. asked: (ns, kind, number)."""
    told: list[tuple[int, int]] = []
    period_end: dict[str, int] = {}
    kept: dict[str, int] = {}
    for now in range(0, until_ns + 1, TICK_NS):
        for kind in [k for k, end in period_end.items() if end == now]:
            if kind in kept:
                told.append((now, kept.pop(kind)))
                period_end[kind] = now + SECOND_NS
            else:
                del period_end[kind]
        for at, kind, number in asked:
            if at == now and kind in period_end:
                kept[kind] = number
            elif at == now:
                told.append((now, number))
                period_end[kind] = now + SECOND_NS
    return told


@pytest.mark.parametrize("seed", range(20))
def test_random_events_are_told_as_the_model_says(seed: int) -> None:
    rng = random.Random(seed)
    s = Setup()
    asked = sorted((rng.randrange(60) * TICK_NS, rng.choice("abc"), 0) for _ in range(60))
    asked = [(at, kind, n) for n, (at, kind, _) in enumerate(asked)]
    until = 90 * TICK_NS
    for now in range(0, until + 1, TICK_NS):
        s.advance(now - s.now_ns)
        for at, kind, n in asked:
            if at == now:
                s.tell("PORT", n, kind)
    told = [(at, event["n"]) for at, event in s.told]
    assert sorted(told) == sorted(model(asked, until)), f"seed {seed}"


def test_nothing_comes_after_the_end() -> None:
    s = Setup()
    s.tell("SLOW", 1)
    s.tell("SLOW", 2)
    s.throttle.close()
    s.advance(SECOND_NS)
    assert len(s.told) == 1
