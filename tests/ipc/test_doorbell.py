"""Doorbells and the wait on them."""

from __future__ import annotations

import os
import time

from ipc.doorbell import Bell, Waiter


def test_many_rings_are_heard_once() -> None:
    bell = Bell()
    assert not bell.hear()
    for _ in range(1000):
        bell.ring()
    assert bell.hear()
    assert not bell.hear()
    bell.close()


def test_a_full_counter_does_not_block_the_ringer() -> None:
    bell = Bell()
    os.eventfd_write(bell.fd, 2**64 - 2)
    bell.ring()
    assert bell.hear()
    bell.close()


def test_a_waiter_says_which_bell() -> None:
    bells = [Bell() for _ in range(3)]
    waiter = Waiter([b.fileno() for b in bells])
    assert not waiter.wait(0)
    bells[1].ring()
    assert waiter.wait(-1)
    assert waiter.ready() == [False, True, False]
    for b in bells:
        b.close()


def test_a_wait_is_not_shorter_than_asked_and_finer_than_a_millisecond() -> None:
    bell = Bell()
    waiter = Waiter((bell.fileno(),))
    took = []
    for _ in range(20):
        start = time.monotonic_ns()
        assert not waiter.wait(100_000)
        took.append(time.monotonic_ns() - start)
    assert min(took) >= 100_000
    assert min(took) < 900_000, "a poll in milliseconds would need at least one"
    bell.close()
