"""A monitor, as commands see it: who asks.

A QMP monitor is one (`emu.monitor.qmp`).
Source: BEHAVIOUR 5.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from emu.chardev.base import Chardev


class Monitor:
    """chardev: where it talks. cpu_index: the hart it is looking at. fds: descriptors it was handed, by name.

    on_leave: what to do when the client leaves, for commands that keep something for it.
    """

    def __init__(self, chardev: Chardev) -> None:
        self.chardev = chardev
        self.cpu_index = 0
        self.fds: dict[str, int] = {}
        self.on_leave: list[Callable[[], None]] = []

    def take_fd(self, name: str) -> int | None:
        """The descriptor that was given a name (getfd); it is the caller's now. None: there is none."""
        return self.fds.pop(name, None)

    def leave(self) -> None:
        """The client has gone, or the monitor ends."""
        for left in self.on_leave:
            left()
        self.on_leave.clear()

    def close(self) -> None:
        """The end of the monitor: give descriptors back. What the client named outlives the connection."""
        self.leave()
        while self.fds:
            os.close(self.fds.popitem()[1])
