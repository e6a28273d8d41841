"""A front end and a back end for tests of character devices, and turns of a loop until something is so."""

from __future__ import annotations

import time
from collections.abc import Callable

from emu.chardev.base import Chardev
from emu.loop.poll import MainLoop
from emu.loop.timers import MS, Timer

PATIENCE_S = 20


class Front:
    """A front end that takes `room` bytes."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.room = room
        self.got = bytearray()
        self.breaks = 0
        self.writable = 0

    def backend_changed(self, backend: Chardev) -> None:
        self.backend = backend

    def can_receive(self) -> int:
        return self.room

    def receive(self, data: bytes) -> None:
        assert len(data) <= self.room
        self.got += data
        self.room -= len(data)

    def receive_break(self) -> None:
        self.breaks += 1

    def backend_writable(self) -> None:
        self.writable += 1


class Base(Chardev):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__("base")
        self.out = bytearray()

    def put(self, data: bytes) -> int:
        self.out += data
        return len(data)


def turn(loop: MainLoop, done: Callable[[], bool]) -> None:
    """Turns of the loop until `done`; it may depend on something that no descriptor of the loop tells."""
    look_again = Timer(loop.clocks.realtime, lambda: None, MS)
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, "it did not happen"
        look_again.mod(loop.clocks.realtime.now_ns() // MS + 10)
        loop.wait()
    look_again.cancel()
