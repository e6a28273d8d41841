"""Bytes in and out of descriptors, for every character device that has some.

Rules
- flags of a descriptor that we share with others (the shell's terminal, a pipe) are never changed: a
  terminal or pipe is opened anew through /proc/self/fd to get one of our own that does not block;
- descriptors that epoll refuses (files, /dev/null) are always ready: a bottom half reads them;
- `close` goes on writing while the reader makes progress: the last words of a guest matter most.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable

from emu.loop.deferred import BottomHalf
from emu.loop.poll import MainLoop

MOST_GATHERED = 1 << 16  # bytes that wait for the reader, then the writer is refused
CHUNK = 1 << 16
LAST_WORDS_MS = 1000  # without progress, at close


def own_descriptor(fd: int, flags: int) -> int:
    """A non-blocking descriptor of our own for what `fd` is. flags: os.O_RDONLY or os.O_WRONLY.

    A regular file is only duplicated (it never blocks, and its offset must stay shared).
    """
    mode = os.fstat(fd).st_mode
    if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        try:
            return os.open(f"/proc/self/fd/{fd}", flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            pass  # no /proc, or a terminal of another user: blocking is what is left
    return os.dup(fd)


class Stream:
    """Reads `in_fd`, writes `out_fd` (-1 for none; they may be the same). Owns both.

    can_receive, receive: the front end's. on_room: a refused writer may try again. on_end: the other side
    has closed, or an error ended the stream in that direction. read: os.read, or what does more.
    """

    def __init__(
        self, loop: MainLoop, in_fd: int, out_fd: int, can_receive: Callable[[], int],
        receive: Callable[[bytes], None], on_room: Callable[[], None], on_end: Callable[[], None],
        read: Callable[[int, int], bytes] = os.read,
    ) -> None:  # fmt: skip
        self._loop = loop
        self._read_some = read
        self._in, self._out = in_fd, out_fd
        self._can_receive, self._receive = can_receive, receive
        self._on_room, self._on_end = on_room, on_end
        self._gathered = bytearray()
        self._blocked = False  # the reader is: we wait for out_fd
        self._refused = False  # a writer was
        self._reading = False  # in_fd is watched
        self._unwatchable: BottomHalf | None = None
        self._flush_later = loop.deferred.new(self._flush)
        self.accept_input()

    def fileno(self) -> int:
        """The descriptor that is read, or else written."""
        return self._in if self._in >= 0 else self._out

    # -- output

    def write(self, data: bytes) -> int:
        """Take bytes; how many. A stream whose other side is gone takes all, for nowhere."""
        if self._out < 0:
            return len(data)
        room = MOST_GATHERED - len(self._gathered)
        if room <= 0:
            return 0
        self._gathered += data[:room]
        if not self._blocked:
            self._flush_later.schedule()
        return min(room, len(data))

    def watch_writable(self) -> None:
        """Call `on_room` once, when there is room."""
        if self._out < 0:
            self._on_room()
        else:
            self._refused = True

    def flush(self) -> None:
        """Write what is gathered at once, as far as it goes."""
        if not self._blocked:
            self._flush()

    def _flush(self) -> None:
        if self._out < 0 or not self._gathered:
            return
        try:
            done = os.write(self._out, self._gathered[:CHUNK])
        except BlockingIOError:
            done = 0
        except OSError:
            self._end_output()
            return
        del self._gathered[:done]
        self._set_blocked(bool(self._gathered))
        if self._refused and len(self._gathered) <= MOST_GATHERED // 2:
            self._refused = False
            self._on_room()

    def _set_blocked(self, blocked: bool) -> None:
        if blocked != self._blocked:
            self._blocked = blocked
            self._rewatch()

    def _end_output(self) -> None:
        self._gathered.clear()
        self._blocked = False
        out, self._out = self._out, -1
        if out != self._in:
            self._loop.watch(out)
            os.close(out)
        else:
            self._rewatch()
        if self._refused:
            self._refused = False
            self._on_room()
        self._on_end()

    # -- input

    @property
    def ended(self) -> bool:
        """Whether no more input will come."""
        return self._in < 0

    def accept_input(self) -> None:
        """The front end may take more: look at in_fd again."""
        if self._in >= 0 and not self._reading and self._can_receive() > 0:
            self._reading = True
            self._rewatch()

    def _read(self) -> None:
        room = self._can_receive()
        if room <= 0:
            self._stop_reading()
            return
        try:
            data = self._read_some(self._in, min(room, CHUNK))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end_input()
            return
        self._receive(data)
        if self._in >= 0 and self._can_receive() <= 0:
            self._stop_reading()
        elif self._unwatchable:
            self._unwatchable.schedule()

    def _stop_reading(self) -> None:
        self._reading = False
        self._rewatch()

    def _end_input(self) -> None:
        self._reading = False
        ended, self._in = self._in, -1
        if ended != self._out:
            self._loop.watch(ended)
            os.close(ended)
        else:
            self._rewatch()
        self._on_end()

    # -- both

    def _rewatch(self) -> None:
        """Tell the loop what we wait for now."""
        if self._in >= 0 and self._in != self._out:
            self._watch_input()
        if self._out >= 0:
            read = self._read if self._in == self._out and self._reading else None
            self._loop.watch(self._out, read, self._flush if self._blocked else None)

    def _watch_input(self) -> None:
        if self._unwatchable is None:
            try:
                self._loop.watch(self._in, self._read if self._reading else None)
                return
            except PermissionError:  # epoll's answer to what is always ready
                self._unwatchable = self._loop.deferred.new(self._read)
        if self._reading:
            self._unwatchable.schedule()
        else:
            self._unwatchable.cancel()

    def close(self) -> None:
        """Write what is left while somebody reads it; close both."""
        self._flush_later.cancel()
        if self._unwatchable:
            self._unwatchable.cancel()
        while self._out >= 0 and self._gathered:
            poll = select.poll()
            poll.register(self._out, select.POLLOUT)
            if not poll.poll(LAST_WORDS_MS):
                break
            self._flush()
        for fd in {self._in, self._out} - {-1}:
            self._loop.watch(fd)
            os.close(fd)
        self._in = self._out = -1
