"""Clocks and timers: order, re-arming, disabled clocks, deadlines (BEHAVIOUR 2.2)."""

from __future__ import annotations

import heapq
import random

import pytest

from emu.loop.timers import MS, NEVER, US, Clock, Clocks, ClockType, Timer, soonest


class Now:
    """A clock that a test moves."""

    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def make(now: int = 0) -> tuple[Now, Clock, list[str]]:
    at = Now(now)
    return at, Clock(ClockType.REALTIME, at), []


def test_timers_run_by_expiry_and_in_order_of_arming_among_equals() -> None:
    at, clock, ran = make()
    for name, when in (("b1", 20), ("a", 10), ("b2", 20), ("late", 31), ("b3", 20)):
        Timer(clock, lambda n=name: ran.append(n)).mod_ns(when)  # type: ignore[misc]
    at.now = 30
    assert clock.run()
    assert ran == ["a", "b1", "b2", "b3"]
    assert not clock.run()
    assert clock.deadline_ns() == 1


def test_rearming_puts_a_timer_behind_its_equals() -> None:
    at, clock, ran = make()
    first = Timer(clock, lambda: ran.append("first"))
    first.mod_ns(5)
    Timer(clock, lambda: ran.append("second")).mod_ns(5)
    first.mod_ns(5)
    at.now = 5
    clock.run()
    assert ran == ["second", "first"]


def test_a_timer_is_not_pending_in_its_own_callback_and_may_rearm_itself() -> None:
    at, clock, ran = make()

    def tick() -> None:
        assert not timer.pending
        ran.append("tick")
        if len(ran) < 5:
            timer.mod_ns(at.now)

    timer = Timer(clock, tick)
    timer.mod_ns(1)
    at.now = 1
    clock.run()
    assert ran == ["tick"] * 5, "re-armed into the same now, it runs in the same pass"
    assert not timer.pending


def test_now_is_taken_once_a_pass() -> None:
    at, clock, ran = make()

    def slow() -> None:
        ran.append("slow")
        at.now += 100

    Timer(clock, slow).mod_ns(1)
    Timer(clock, lambda: ran.append("later")).mod_ns(50)
    at.now = 1
    clock.run()
    assert ran == ["slow"], "what expired during the pass waits for the next"
    clock.run()
    assert ran == ["slow", "later"]


def test_an_expiry_in_the_past_is_due_and_a_negative_one_is_clamped() -> None:
    _, clock, ran = make(now=100)
    timer = Timer(clock, lambda: ran.append("x"))
    timer.mod_ns(-7)
    assert timer.expiry_ns == 0
    assert clock.deadline_ns() == 0
    clock.run()
    assert ran == ["x"]
    assert timer.expiry_ns == NEVER


def test_a_disabled_clock_has_no_deadline_and_runs_nothing() -> None:
    at, clock, ran = make()
    Timer(clock, lambda: ran.append("x")).mod_ns(1)
    clock.enabled = False
    at.now = 10
    assert clock.deadline_ns() == NEVER
    assert not clock.run()
    clock.enabled = True
    assert clock.deadline_ns() == 0
    assert clock.run()


def test_disabling_in_a_callback_ends_the_pass() -> None:
    at, clock, ran = make()

    def stop() -> None:
        ran.append("stop")
        clock.enabled = False

    Timer(clock, stop).mod_ns(1)
    Timer(clock, lambda: ran.append("x")).mod_ns(1)
    at.now = 1
    clock.run()
    assert ran == ["stop"]


def test_scales_and_anticipating() -> None:
    at, clock, _ = make()
    timer = Timer(clock, lambda: None, scale=US)
    timer.mod(3)
    assert timer.expiry_ns == 3000
    timer.mod_anticipate_ns(4000)
    assert timer.expiry_ns == 3000, "only ever earlier"
    timer.mod_anticipate_ns(2000)
    assert timer.expiry_ns == 2000
    timer.cancel()
    timer.cancel()
    assert not timer.pending
    timer.mod_anticipate_ns(9 * MS)
    assert timer.expiry_ns == 9 * MS
    assert at.now == 0


@pytest.mark.parametrize(
    ("a", "b", "first"), [(-1, -1, -1), (-1, 0, 0), (0, -1, 0), (5, 3, 3), (-1, 7, 7), (2, -1, 2)]
)
def test_for_ever_loses_against_anything(a: int, b: int, first: int) -> None:
    assert soonest(a, b) == first


def test_virtual_starts_disabled_and_the_others_count_for_the_deadline() -> None:
    guest = Now()
    clocks = Clocks(guest)
    assert [c.kind for c in clocks.all if not c.enabled] == [ClockType.VIRTUAL]
    assert clocks.deadline_ns() == NEVER
    Timer(clocks.virtual, lambda: None).mod_ns(0)
    assert clocks.deadline_ns() == NEVER
    clocks.virtual.enabled = True
    assert clocks.deadline_ns() == 0
    assert clocks.run()
    Timer(clocks.host, lambda: None).mod_ns(clocks.host.now_ns() + 3600 * 10**9)
    assert 3500 * 10**9 < clocks.deadline_ns() <= 3600 * 10**9


def test_random_timers_follow_a_naive_model() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    at, clock, ran = make()
    model: dict[str, tuple[int, int]] = {}
    expected: list[str] = []
    timers = {n: Timer(clock, lambda n=n: ran.append(n)) for n in "abcdefgh"}  # type: ignore[misc]
    for serial in range(5000):
        name = rng.choice("abcdefgh")
        step = rng.random()
        if step < 0.5:
            when = at.now + rng.randrange(-5, 20)
            timers[name].mod_ns(when)
            model[name] = (max(0, when), serial)
        elif step < 0.6:
            timers[name].cancel()
            model.pop(name, None)
        else:
            at.now += rng.randrange(6)
            due = [(key, n) for n, key in model.items() if key[0] <= at.now]
            heapq.heapify(due)
            while due:
                n = heapq.heappop(due)[1]
                expected.append(n)
                del model[n]
            clock.run()
        assert ran == expected
        assert {n for n, t in timers.items() if t.pending} == set(model)
