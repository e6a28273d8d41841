"""A character device and its front end: the two sides of a byte stream with back-pressure.

    guest device (Frontend)  <->  Chardev  <->  terminal, file, socket

Rules
- nothing blocks: `write` takes what it can; who was refused asks for `watch_writable` and is called once;
- input is read only as far as the front end `can_receive`; it says so again by `accept_input`;
- `write` is the front end's: it keeps the log (logfile=); back ends define `put`;
- output is gathered during a turn of the main loop and written at its end: 98 % of a boot's MMIO is a
  character for the console, a system call for each would cost more than the emulation of the port.
Source: BEHAVIOUR 5.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from emu.errors import UserError

if TYPE_CHECKING:
    from emu.chardev.log import CharLog
    from emu.loop.notify import Signals


class Frontend(Protocol):
    """The device's side. One that bears another back end has `backend_changed(chardev)` as well."""

    def can_receive(self) -> int:
        """Bytes it takes now."""
        ...

    def receive(self, data: bytes) -> None:
        """At most that many bytes."""
        ...

    def receive_break(self) -> None:
        """A break."""
        ...

    def backend_writable(self) -> None:
        """The answer to `watch_writable`."""
        ...


class NoFrontend:
    """Nobody listens: input waits."""

    def can_receive(self) -> int:
        return 0

    def receive(self, data: bytes) -> None:
        return

    def receive_break(self) -> None:
        return

    def backend_writable(self) -> None:
        return


class Chardev:
    """A character device that leads nowhere (`null`), and the base of the others.

    label: its id. filename: what query-chardev shows. connected: whether somebody is at the other end;
    `on_connection` hears of each change. On a mux, `on_focus` hears that the keyboard comes (True) or goes.
    offers_oob: whether a monitor there has that capability (QEMU's could be served by another thread).
    """

    filename = "null"
    connected: bool = False
    offers_oob: bool = False

    def __init__(self, label: str) -> None:
        self.label = label
        self.frontend: Frontend = NoFrontend()
        self.on_connection: Callable[[bool], None] = lambda connected: None
        self.on_focus: Callable[[bool], None] = lambda gained: None
        self.log: CharLog | None = None

    @property
    def used(self) -> bool:
        """Whether it has a front end."""
        return not isinstance(self.frontend, NoFrontend)

    @property
    def reachable(self) -> bool:
        """Whether input may come from there, now or later."""
        return self.connected

    def attach(self, frontend: Frontend) -> None:
        """Connect the device. Errors: UserError if another one is."""
        if self.used:
            raise UserError(f"chardev '{self.label}' is already in use")
        self.frontend = frontend
        self.accept_input()

    def detach(self) -> None:
        """The front end leaves; input waits for the next one."""
        self.frontend = NoFrontend()
        self.on_connection = lambda connected: None
        self.on_focus = lambda gained: None

    def write(self, data: bytes) -> int:
        """Take bytes for the outside; how many were taken. 0: blocked."""
        taken = self.put(data)
        if self.log is not None and taken:
            self.log.write(data[:taken])
        return taken

    def put(self, data: bytes) -> int:
        """As `write`, for the back end."""
        return len(data)

    def watch_writable(self) -> None:
        """Call the front end's `backend_writable` once when a write may succeed, or never will again."""
        self.frontend.backend_writable()

    def flush(self) -> None:
        """Write what is gathered at once, as far as it goes without waiting."""

    def accept_input(self) -> None:
        """The front end may take more."""

    def take_fd(self) -> int | None:
        """The descriptor that came with what was read last (SCM_RIGHTS); the caller's. None: none did."""
        return None

    def take_terminal(self, signals: Signals) -> None:
        """From now on the terminal is ours, if the device leads to one."""

    def send_break(self) -> None:
        """A break for the front end, from a monitor."""
        self.frontend.receive_break()

    def set_break(self, on: bool) -> None:
        """The guest drives a break; only a real line could carry it."""

    def close(self) -> None:
        """Write what is gathered, give back what was changed."""
