"""The main loop: QEMU's order of a turn, bottom halves, notify, signals, and no work when idle."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from emu.loop.deferred import IDLE_NS, BottomHalf, Deferred
from emu.loop.notify import Caught, Signals, command_of
from emu.loop.poll import MainLoop, Phase, PollRecord
from emu.loop.timers import Clocks, Timer


@pytest.fixture
def loop() -> Iterator[MainLoop]:
    made = MainLoop(Clocks(lambda: 0))
    yield made
    made.close()


def test_a_turn_has_qemus_order(loop: MainLoop) -> None:
    seen: list[str] = []
    a, b = socket.socketpair()
    loop.watch(a, read=lambda: seen.append("descriptor"))
    loop.deferred.call_soon(lambda: seen.append("bottom half"))
    loop.add_poll_notifier(lambda r: seen.append(f"notifier {r.phase.name}"))
    Timer(loop.clocks.realtime, lambda: seen.append("timer")).mod_ns(0)
    b.send(b"x")
    loop.wait()
    assert seen == ["notifier FILL", "descriptor", "bottom half", "notifier OK", "timer"]
    loop.watch(a)
    a.close()
    b.close()


def test_a_notifier_may_shorten_the_wait(loop: MainLoop) -> None:
    def impatient(record: PollRecord) -> None:
        if record.phase is Phase.FILL:
            record.timeout_ms = 1

    loop.add_poll_notifier(impatient)
    start = time.monotonic()
    assert not loop.wait()
    assert time.monotonic() - start < 5
    loop.remove_poll_notifier(impatient)


def test_a_nonblocking_turn_returns_at_once_and_does_what_is_due(loop: MainLoop) -> None:
    seen: list[str] = []
    Timer(loop.clocks.realtime, lambda: seen.append("timer")).mod_ns(0)
    assert not loop.wait(nonblocking=True)
    assert seen == ["timer"]
    assert not loop.wait(nonblocking=True)


def test_the_wait_ends_at_a_timers_deadline_to_less_than_a_millisecond(loop: MainLoop) -> None:
    late = []
    clock = loop.clocks.realtime
    for _ in range(10):
        due = clock.now_ns() + 300_000
        Timer(clock, lambda due=due: late.append(clock.now_ns() - due)).mod_ns(due)  # type: ignore[misc]
        turns = 0
        while not late or len(late) < 1:
            loop.wait()
            turns += 1
        assert turns <= 2, "one wait is enough, a rounded one may need a second"
        assert late.pop() >= 0


def test_notify_ends_the_wait_once(loop: MainLoop) -> None:
    loop.notify()
    loop.notify()
    assert loop.wait()
    assert not loop.wait(nonblocking=True)


def test_write_readiness_and_forgetting(loop: MainLoop) -> None:
    seen: list[str] = []
    a, b = socket.socketpair()
    loop.watch(a, read=lambda: seen.append("read"), write=lambda: seen.append("write"))
    loop.wait(nonblocking=True)
    assert seen == ["write"]
    b.send(b"x")
    loop.watch(a, read=lambda: seen.append("read"))
    loop.wait()
    assert seen == ["write", "read"]
    loop.watch(a)
    assert not loop.wait(nonblocking=True)
    a.close()
    b.close()


def test_a_handler_forgotten_by_an_earlier_one_does_not_run(loop: MainLoop) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    ran: list[int] = []

    def handler(i: int) -> None:
        ran.append(i)
        loop.watch(pairs[1 - i][0])

    for i, (a, b) in enumerate(pairs):
        loop.watch(a, read=lambda i=i: handler(i))  # type: ignore[misc]
        b.send(b"x")
    loop.wait()
    assert len(ran) == 1
    for a, b in pairs:
        loop.watch(a)
        a.close()
        b.close()


def test_a_closed_descriptors_number_may_come_back_as_another(loop: MainLoop) -> None:
    a, b = socket.socketpair()
    loop.watch(a, read=lambda: None)
    number = a.fileno()
    a.close()
    b.close()
    c, d = socket.socketpair()
    new = os.dup2(c.fileno(), number)
    ran: list[str] = []
    loop.watch(new, read=lambda: ran.append("new"))
    d.send(b"x")
    loop.wait()
    assert ran == ["new"]
    loop.watch(new)
    if new != c.fileno():
        os.close(new)
    c.close()
    d.close()


def test_a_hang_up_reaches_the_reader(loop: MainLoop) -> None:
    a, b = socket.socketpair()
    got: list[bytes] = []
    loop.watch(a, read=lambda: got.append(a.recv(10)))
    b.close()
    loop.wait()
    assert got == [b""]
    loop.watch(a)
    a.close()


def test_an_idle_loop_uses_no_processor(loop: MainLoop) -> None:
    clock = loop.clocks.realtime
    done: list[bool] = []
    Timer(clock, lambda: done.append(True)).mod_ns(clock.now_ns() + 200_000_000)
    before = time.process_time()
    turns = 0
    while not done:
        loop.wait()
        turns += 1
    assert turns <= 2
    assert time.process_time() - before < 0.05


# -- bottom halves


def test_bottom_halves_run_newest_first_and_once() -> None:
    deferred, ran = Deferred(), list[str]()
    halves = [deferred.new(lambda n=n: ran.append(n)) for n in "abc"]  # type: ignore[misc]
    for bh in (*halves, halves[0]):
        bh.schedule()
    assert deferred.timeout_ns() == 0
    assert deferred.run()
    assert ran == ["c", "b", "a"]
    assert deferred.timeout_ns() == -1
    assert not deferred.run()


def test_what_a_slice_schedules_waits_for_the_next() -> None:
    deferred, ran = Deferred(), list[str]()

    def again() -> None:
        ran.append("x")
        bh.schedule()

    bh = deferred.new(again)
    bh.schedule()
    deferred.run()
    assert ran == ["x"]
    deferred.run()
    assert ran == ["x", "x"]


def test_one_scheduled_by_a_neighbour_of_its_slice_runs_once() -> None:
    deferred, ran = Deferred(), list[str]()
    old = deferred.new(lambda: ran.append("old"))
    old.schedule()
    deferred.call_soon(old.schedule)
    deferred.run()
    assert ran == ["old"]
    deferred.run()
    assert ran == ["old"]


def test_a_cancelled_one_does_not_run_and_does_not_end_the_wait() -> None:
    deferred, ran = Deferred(), list[str]()
    bh = deferred.new(lambda: ran.append("x"))
    bh.schedule()
    bh.cancel()
    assert deferred.timeout_ns() == -1
    assert not deferred.run()
    assert ran == []


def test_an_idle_one_caps_the_wait_and_is_no_progress() -> None:
    deferred, ran = Deferred(), list[str]()
    bh = deferred.new(lambda: ran.append("x"))
    bh.schedule_idle()
    assert deferred.timeout_ns() == IDLE_NS
    assert not deferred.run()
    assert ran == ["x"]


def test_a_nested_turn_finishes_the_outer_slice() -> None:
    deferred, ran = Deferred(), list[str]()
    halves: list[BottomHalf] = [deferred.new(lambda: ran.append("left over"))]

    def nested() -> None:
        deferred.run()
        ran.append("after")

    halves.append(deferred.new(nested))
    for bh in halves:
        bh.schedule()
    deferred.run()
    assert ran == ["left over", "after"]


# -- signals


def test_a_signal_comes_with_its_sender(loop: MainLoop) -> None:
    caught: list[Caught] = []
    signals = Signals(caught.append)
    try:
        loop.watch(signals, read=signals.read)
        # to this thread: pytest-xdist's worker has others, which block nothing
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        signal.pthread_kill(threading.get_ident(), signal.SIGHUP)
        loop.wait()
        assert sorted(caught, key=lambda c: c.number) == [
            Caught(signal.SIGHUP, os.getpid()),
            Caught(signal.SIGTERM, os.getpid()),
        ]
        signals.read()
        assert len(caught) == 2
    finally:
        loop.watch(signals)
        signals.close()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_going_on_after_any_stop_is_told_in_reverse_order(loop: MainLoop) -> None:
    told: list[str] = []
    signals = Signals(lambda caught: None)
    signals.around_stop(lambda: told.append("hold"), lambda: told.append("let go"))
    signals.around_stop(lambda: told.append("give back"), lambda: told.append("take"))
    try:
        loop.watch(signals, read=signals.read)
        signal.pthread_kill(threading.get_ident(), signal.SIGCONT)  # whoever stopped us
        loop.wait()
        assert told == ["take", "let go"]
    finally:
        loop.watch(signals)
        signals.close()


def test_what_is_asked_a_second_time_during_the_end_is_forgotten() -> None:
    signals = Signals(lambda caught: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.pthread_kill(threading.get_ident(), number)
    signals.close()
    assert not signal.sigpending(), "and we live"


def test_the_command_of_a_process_is_its_first_word() -> None:
    assert "python" in (command_of(os.getpid()) or "")
    assert command_of(2**22 + 1) is None
