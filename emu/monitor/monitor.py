"""A monitor, as commands see it: who asks.

A QMP monitor is one (`emu.monitor.qmp`).
Source: BEHAVIOUR 5.
"""

from __future__ import annotations

import os

from emu.chardev.base import Chardev


class Monitor:
    """chardev: where it talks. fds: descriptors it was handed, by name; they outlive the connection."""

    def __init__(self, chardev: Chardev) -> None:
        self.chardev = chardev
        self.fds: dict[str, int] = {}

    def take_fd(self, name: str) -> int | None:
        """The descriptor that was given a name (getfd); it is the caller's now. None: there is none."""
        return self.fds.pop(name, None)

    def close(self) -> None:
        """The end of the monitor: give descriptors back."""
        while self.fds:
            os.close(self.fds.popitem()[1])
