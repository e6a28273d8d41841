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
from emu.chardev.streamed import Streamed
from emu.errors import HostError, strerror
from emu.loop.poll import MainLoop
from emu.loop.timers import MS, Timer

LOOK_EVERY_MS = 1000


class Pty(Streamed):
    """`filename` names the side to open."""

    reachable = True  # it may be opened at any time

    def __init__(self, label: str, loop: MainLoop) -> None:
        super().__init__(label, loop)
        try:
            self._master, slave = os.openpty()
        except OSError as error:
            raise HostError(f"Failed to create PTY: {strerror(error)}") from error
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self.filename = f"pty:{self.path}"
        os.close(slave)
        os.set_blocking(self._master, False)
        self._link = ""
        self._timer = Timer(loop.clocks.realtime, self._look, MS)
        self._look()

    def make_link(self, link: str) -> None:
        """A symbolic link to it, removed at the end. Errors: HostError."""
        try:
            os.symlink(self.path, link)
        except OSError as error:
            raise HostError(f"Failed to create PTY symlink: {strerror(error)}") from error
        self._link = os.path.abspath(link)

    def _look(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        events = poll.poll(0)
        if events and events[0][1] & select.POLLHUP:
            self._timer.mod(self.loop.clocks.realtime.now_ns() // MS + LOOK_EVERY_MS)
            return
        fd = os.dup(self._master)
        self.open_stream(fd, fd, self._ended)
        self.on_connection(True)

    def _ended(self) -> None:
        if self.stream is not None:
            self.drop_stream()
            self._look()

    def close(self) -> None:
        """Write the rest; the other side sees a hang-up."""
        self._timer.cancel()
        super().close()
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
    made = Pty(o.label, o.loop)
    o.tell(f"char device redirected to {made.path} (label {o.label})\n")
    if o.spec.path:
        try:
            made.make_link(o.spec.path)
        except HostError:
            made.close()
            raise
    return made
