"""Streams of character devices: gathered output, back-pressure in both directions, the ends of things."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from emu.chardev.stream import MOST_GATHERED, Stream, own_descriptor
from emu.loop.poll import MainLoop
from emu.loop.timers import Clocks
from tests.lib.frontend import Front, turn


@pytest.fixture
def loop() -> Iterator[MainLoop]:
    made = MainLoop(Clocks(lambda: 0))
    yield made
    made.close()


class Piped:
    """A stream with a pipe in each direction."""

    def __init__(self, loop: MainLoop, room: int = 1 << 20) -> None:
        self.front = Front(room)
        self.ended = 0
        in_fd, self.to = os.pipe()
        self.out, out_fd = os.pipe()
        os.set_blocking(in_fd, False)
        os.set_blocking(out_fd, False)
        os.set_blocking(self.out, False)
        self.stream = Stream(
            loop, in_fd, out_fd, self.front.can_receive, self.front.receive, self.front.backend_writable,
            self.end,
        )  # fmt: skip

    def end(self) -> None:
        self.ended += 1

    def read(self) -> bytes:
        try:
            return os.read(self.out, 1 << 20)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.stream.close()
        os.close(self.to)
        os.close(self.out)


@pytest.fixture
def piped(loop: MainLoop) -> Iterator[Piped]:
    made = Piped(loop)
    yield made
    made.close()


def test_output_is_gathered_and_written_at_the_end_of_the_turn(loop: MainLoop, piped: Piped) -> None:
    for byte in b"hello":
        assert piped.stream.write(bytes([byte])) == 1
    assert piped.read() == b""
    loop.wait(nonblocking=True)
    assert piped.read() == b"hello"


def test_a_reader_that_stalls_refuses_the_writer_and_nothing_is_lost(loop: MainLoop, piped: Piped) -> None:
    sent = received = 0
    while (taken := piped.stream.write(bytes(5000))) > 0:
        sent += taken
        loop.wait(nonblocking=True)
    assert sent >= MOST_GATHERED
    piped.stream.watch_writable()
    loop.wait(nonblocking=True)
    assert piped.front.writable == 0

    def all_read() -> bool:
        nonlocal received
        received += len(piped.read())
        return received == sent

    turn(loop, all_read)
    assert piped.front.writable == 1


def test_input_is_read_only_as_far_as_it_is_wanted(loop: MainLoop, piped: Piped) -> None:
    piped.front.room = 3
    os.write(piped.to, b"abcdef")
    turn(loop, lambda: len(piped.front.got) == 3)
    loop.wait(nonblocking=True)
    assert piped.front.got == b"abc"
    piped.front.room = 100
    piped.stream.accept_input()
    turn(loop, lambda: piped.front.got == b"abcdef")


def test_the_end_of_input_leaves_output_open(loop: MainLoop, piped: Piped) -> None:
    os.close(piped.to)
    turn(loop, lambda: piped.ended == 1)
    piped.to = os.open(os.devnull, os.O_RDONLY)
    piped.stream.write(b"x")
    loop.wait(nonblocking=True)
    assert piped.read() == b"x"


def test_a_reader_that_left_takes_everything_for_nowhere(loop: MainLoop, piped: Piped) -> None:
    os.close(piped.out)
    piped.stream.write(b"x")
    turn(loop, lambda: piped.ended == 1)
    piped.out = os.open(os.devnull, os.O_RDONLY)
    assert piped.stream.write(bytes(1 << 20)) == 1 << 20
    piped.stream.watch_writable()
    assert piped.front.writable == 1


def test_last_words_are_written_at_close(loop: MainLoop) -> None:
    piped = Piped(loop)
    piped.stream.write(b"last words")
    piped.close_out = os.dup(piped.out)  # type: ignore[attr-defined]
    piped.close()
    assert os.read(piped.close_out, 99) == b"last words"  # type: ignore[attr-defined]
    os.close(piped.close_out)  # type: ignore[attr-defined]


def test_a_file_and_dev_null_can_be_input(loop: MainLoop, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"from a file")
    for path, wanted in ((str(tmp_path / "in"), b"from a file"), (os.devnull, b"")):
        front, ends = Front(4), []
        fd = os.open(path, os.O_RDONLY)
        stream = Stream(
            loop, fd, -1, front.can_receive, front.receive, lambda: None, lambda ends=ends: ends.append(1)
        )  # type: ignore[misc]
        turn(loop, lambda f=front, w=wanted: bytes(f.got) == w[:4])  # type: ignore[misc]
        front.room = 100
        stream.accept_input()
        turn(loop, lambda e=ends: len(e) == 1)  # type: ignore[misc]
        assert front.got == wanted
        stream.close()


def test_flags_of_a_shared_pipe_are_left_alone() -> None:
    read, write = os.pipe()
    own = own_descriptor(write, os.O_WRONLY)
    assert (os.get_blocking(own), os.get_blocking(write)) == (False, True)
    for fd in (read, write, own):
        os.close(fd)
