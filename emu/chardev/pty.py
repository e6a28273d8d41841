"""A pseudo-terminal as a character device: the other side is opened by whoever wants to talk.

Rule: while nobody has the other side open, output vanishes and nothing is read; a timer looks again once a
second, as QEMU does (a closed pseudo-terminal is always "ready", so waiting for it would be a busy loop).
Source: pty(7); BEHAVIOUR 5.4.
"""

from __future__ import annotations

import os
import select
import tty

from emu.chardev.base import Chardev
from emu.chardev.registry import Opening, char_driver
from emu.chardev.stream import Stream
from emu.errors import HostError, strerror
from emu.loop.poll import MainLoop
from emu.loop.timers import MS, Timer

LOOK_EVERY_MS = 1000


class Pty(Chardev):
    """`filename` names the side to open. link: a symbolic link to it, "" for none, removed at the end."""

    offers_oob = True
    reachable = True  # it may be opened at any time

    def __init__(self, label: str, loop: MainLoop, link: str = "") -> None:
        super().__init__(label)
        self._loop = loop
        try:
            self._master, slave = os.openpty()
        except OSError as error:
            raise HostError(f"Failed to create PTY: {strerror(error)}") from error
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self.filename = f"pty:{self.path}"
        os.close(slave)
        os.set_blocking(self._master, False)
        self._link = os.path.abspath(link) if link else ""
        if link:
            self._make_link(link)
        self._stream: Stream | None = None
        self._timer = Timer(loop.clocks.realtime, self._look, MS)
        self._look()

    @property
    def connected(self) -> bool:  # type: ignore[override]  # it changes as the other side is opened
        """Whether somebody has the other side open."""
        return self._stream is not None

    def _make_link(self, link: str) -> None:
        try:
            os.symlink(self.path, link)
        except OSError as error:
            os.close(self._master)
            raise HostError(f"Failed to create PTY symlink: {strerror(error)}") from error

    def _look(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        events = poll.poll(0)
        if events and events[0][1] & select.POLLHUP:
            self._timer.mod(self._loop.clocks.realtime.now_ns() // MS + LOOK_EVERY_MS)
            return
        fd = os.dup(self._master)
        self._stream = Stream(
            self._loop, fd, fd, lambda: self.frontend.can_receive(), lambda data: self.frontend.receive(data),
            lambda: self.frontend.backend_writable(), self._ended,
        )  # fmt: skip
        self.on_connection(True)

    def _ended(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        stream.close()
        self.on_connection(False)
        self.frontend.backend_writable()
        self._look()

    def put(self, data: bytes) -> int:
        """To the other side, if it is open."""
        return self._stream.write(data) if self._stream else len(data)

    def watch_writable(self) -> None:
        """As `Chardev`."""
        if self._stream:
            self._stream.watch_writable()
        else:
            self.frontend.backend_writable()

    def flush(self) -> None:
        """As `Chardev`."""
        if self._stream:
            self._stream.flush()

    def accept_input(self) -> None:
        """As `Chardev`."""
        if self._stream:
            self._stream.accept_input()

    def close(self) -> None:
        """Write the rest; the other side sees a hang-up."""
        self._timer.cancel()
        stream, self._stream = self._stream, None
        if stream:
            stream.close()
        os.close(self._master)
        if self._link:
            _remove_link(self._link, self.path)


def _remove_link(link: str, target: str) -> None:
    """Unless somebody has put another one in its place."""
    try:
        if os.readlink(link) == target:
            os.unlink(link)
    except OSError:
        return


@char_driver("pty")
def open_pty(o: Opening) -> Chardev:
    """Who asked for it is told where it is."""
    made = Pty(o.label, o.loop, o.spec.path)
    o.tell(f"char device redirected to {made.path} (label {o.label})\n")
    return made
