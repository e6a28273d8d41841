"""The far side of a serial port, as the port uses it: a character device, or nobody."""

from __future__ import annotations

from typing import Protocol


class SerialBackend(Protocol):
    """What the port is connected to: a character device's front end."""

    def write(self, data: bytes) -> int:
        """Take bytes; how many were taken (0: blocked)."""
        ...

    def watch_writable(self) -> None:
        """Call the port's `backend_writable` once, when a write may succeed again (or will never)."""
        ...

    def accept_input(self) -> None:
        """The port may be able to take more."""
        ...

    def set_break(self, on: bool) -> None:
        """The guest drives a break."""
        ...


class NoBackend:
    """Nobody is there: bytes vanish."""

    def write(self, data: bytes) -> int:
        return len(data)

    def watch_writable(self) -> None:
        return

    def accept_input(self) -> None:
        return

    def set_break(self, on: bool) -> None:
        return
