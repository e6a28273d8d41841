"""The guest clock: it never goes back, stands while stopped, and readers see whole pairs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipc.clock import GuestClock
from ipc.layout import HEADER, View

STEPS = st.lists(
    st.tuples(st.sampled_from(("enable", "disable", "look")), st.integers(0, 10**12)), max_size=50
)


class Host:
    """A host clock that a test moves."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def fresh() -> View:
    return View(HEADER, memoryview(bytearray(HEADER.size)), 0)


@given(st.integers(0, 2**63), STEPS)
def test_guest_time_counts_exactly_the_host_time_it_was_enabled(
    boot: int, steps: list[tuple[str, int]]
) -> None:
    host = Host(boot)
    clock = GuestClock(fresh(), monotonic_ns=host)
    expected, last, running = 0, 0, False
    for what, passes in steps:
        host.now += passes
        expected += passes if running else 0
        if what == "enable":
            clock.enable()
            running = True
        elif what == "disable":
            clock.disable()
            running = False
        assert clock.enabled == running
        assert clock.now_ns() == expected
        assert clock.now_ns() >= last
        last = clock.now_ns()


def test_time_can_be_set_running_or_not() -> None:
    host = Host(1000)
    clock = GuestClock(fresh(), monotonic_ns=host)
    clock.set_ns(5)
    assert clock.now_ns() == 5
    clock.enable()
    clock.set_ns(77)
    host.now += 3
    assert clock.now_ns() == 80


def test_the_sequence_is_odd_while_the_pair_changes_and_even_after() -> None:
    header = fresh()
    seen: list[int] = []

    class Spy(View):
        def set(self, name: str, value: int, index: int = 0) -> None:
            super().set(name, value, index)
            if name != "clock_seq":
                seen.append(header.get("clock_seq"))

    header = Spy(HEADER, memoryview(bytearray(HEADER.size)), 0)
    clock = GuestClock(header)
    for _ in range(3):
        clock.enable()
        clock.disable()
    assert seen
    assert all(seq % 2 == 1 for seq in seen)
    assert header.get("clock_seq") == 12
    clock.disable()
    assert header.get("clock_seq") == 12, "nothing to change, nothing written"


def test_the_store_can_be_the_engines() -> None:
    calls: list[tuple[int, int]] = []
    clock = GuestClock(fresh(), store=lambda enabled, offset: calls.append((enabled, offset)))
    clock.enable()
    assert calls[0][0] == 1
