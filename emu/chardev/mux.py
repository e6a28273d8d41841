"""A multiplexer: several front ends on one character device, told apart by an escape key (Ctrl-A).

    Ctrl-A h or ?   help            Ctrl-A b   a break for the front end
    Ctrl-A x        end             Ctrl-A c   the next front end
    Ctrl-A t        time stamps     Ctrl-A Ctrl-A   the key itself

Rules
- keys are looked at also when no front end takes input, so that Ctrl-A x ends a machine whose guest hangs;
  what it has not taken waits in a buffer (QEMU's has 32 bytes, and its keys die with it);
- the newest front end has the keyboard; who loses it is told before who gets it;
- front ends of the start hear that the base is connected when all of them are there (`open`).
Source: BEHAVIOUR 5.4.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from emu.chardev.base import Chardev, Frontend
from emu.errors import UserError

ESCAPE = 0x01
MOST_FRONTENDS = 4
BUFFER = 4096
_HELP = """\
%e h    print this help
%e x    exit emulator
%e s    save disk data back to file (if -snapshot)
%e t    toggle console timestamps
%e b    send break (magic sysrq)
%e c    switch between console and monitor
%e %e  sends %e
"""
TERMINATED = b"QEMU: Terminated\n\r"


def help_text(escape: int) -> bytes:
    """What Ctrl-A h prints."""
    if 0 < escape < 26:
        head, key = "\n\r", f"C-{chr(escape - 1 + ord('a'))}"
    else:
        head, key = f"\n\rEscape-Char set to Ascii: 0x{escape:02x}\n\r\n\r", "Escape-Char"
    return (head + _HELP.replace("%e", key).replace("\n", "\n\r")).encode()


class _Input:
    """One front end and the input that waits for it."""

    def __init__(self, frontend: Frontend) -> None:
        self.frontend = frontend
        self.waiting = bytearray()

    def deliver(self) -> None:
        while self.waiting and (room := self.frontend.can_receive()) > 0:
            data = bytes(self.waiting[:room])
            del self.waiting[:room]
            self.frontend.receive(data)


class MuxPort(Chardev):
    """What a front end sees of a mux: a character device of its own."""

    filename = "mux"
    offers_oob = True

    def __init__(self, mux: Mux) -> None:
        super().__init__(mux.label)
        self._mux = mux
        self._input: _Input | None = None

    @property
    def connected(self) -> bool:  # type: ignore[override]  # as the base's
        """Whether somebody is at the other end of the base."""
        return self._mux.opened and self._mux.base.connected

    @property
    def reachable(self) -> bool:
        """As the base."""
        return self._mux.base.reachable

    def flush(self) -> None:
        """As `Chardev`."""
        self._mux.base.flush()

    def attach(self, frontend: Frontend) -> None:
        """Connect the front end; it gets the keyboard."""
        super().attach(frontend)
        try:
            self._input = self._mux.add(self, frontend)
        except UserError:
            super().detach()
            raise

    def detach(self) -> None:
        """The front end leaves the mux; the keyboard goes to the first of those that stay."""
        super().detach()
        if self._input is not None:
            self._mux.remove(self, self._input)
            self._input = None

    def put(self, data: bytes) -> int:
        """To the base."""
        return self._mux.write(data)

    def watch_writable(self) -> None:
        """As `Chardev`."""
        self._mux.watch_writable(self.frontend)

    def accept_input(self) -> None:
        """Take what waits, then more from the base."""
        if self._input is not None:
            self._input.deliver()
            self._mux.base.accept_input()

    def set_break(self, on: bool) -> None:
        """As `Chardev`."""
        self._mux.base.set_break(on)


class Mux:
    """The multiplexer on `base`, which becomes its front end. quit: Ctrl-A x was typed.

    opened: front ends may hear of the base's connection at once.
    """

    filename = "mux"

    def __init__(
        self, label: str, base: Chardev, quit: Callable[[], None], escape: int = ESCAPE,
        now_ns: Callable[[], int] = time.monotonic_ns, opened: bool = True,
    ) -> None:  # fmt: skip
        self.label = label
        self.opened = opened
        self.base = base
        self._quit = quit
        self._escape = escape
        self._now_ns = now_ns
        self._inputs: list[_Input] = []
        self._focus = 0
        self._after_escape = False
        self._stamps_from: int | None = None
        self._line_start = True
        self._refused: list[Frontend] = []
        self._ports: list[MuxPort] = []
        base.attach(self)
        base.on_connection = self._connection

    def port(self) -> MuxPort:
        """A character device for one more front end."""
        return MuxPort(self)

    @property
    def used(self) -> bool:
        """Whether it has front ends."""
        return bool(self._ports)

    def open(self) -> None:
        """All front ends of the start are there: they hear of the base's connection now and from now on."""
        if not self.opened:
            self.opened = True
            if self.base.connected:
                self._connection(True)

    def _connection(self, connected: bool) -> None:
        if self.opened:
            for port in list(self._ports):
                port.on_connection(connected)

    def _set_focus(self, focus: int) -> None:
        """Another front end gets the keyboard."""
        self._ports[self._focus].on_focus(False)
        self._focus = focus
        self._ports[focus].on_focus(True)

    def add(self, port: MuxPort, frontend: Frontend) -> _Input:
        """A front end more, which gets the focus. Errors: UserError, there are four."""
        if len(self._inputs) == MOST_FRONTENDS:
            raise UserError(
                f"too many uses of multiplexed chardev '{self.label}' (maximum is {MOST_FRONTENDS})"
            )
        if self._ports:
            self._ports[self._focus].on_focus(False)
        self._ports.append(port)
        self._inputs.append(_Input(frontend))
        self._focus = len(self._inputs) - 1
        port.on_focus(True)
        self.base.accept_input()
        return self._inputs[-1]

    def remove(self, port: MuxPort, waiting: _Input) -> None:
        """A front end less; what waited for it is lost."""
        index = self._ports.index(port)
        del self._ports[index], self._inputs[index]
        if self._focus == index and self._ports:
            self._focus = 0
            self._ports[0].on_focus(True)
        elif self._focus >= index:
            self._focus = max(0, self._focus - 1)
        if waiting.frontend in self._refused:
            self._refused.remove(waiting.frontend)

    # -- towards the base

    def write(self, data: bytes) -> int:
        """Bytes taken. With time stamps on, each line gets one; then a block is all or nothing."""
        if self._stamps_from is None:
            return self.base.write(data)
        stamped = bytearray()
        for byte in data:
            if self._line_start:
                stamped += self._stamp()
                self._line_start = False
            stamped.append(byte)
            if byte == 0x0A:
                self._line_start = True
        return len(data) if self.base.write(bytes(stamped)) else 0

    def _stamp(self) -> bytes:
        assert self._stamps_from is not None
        ms = (self._now_ns() - self._stamps_from) // 1_000_000
        seconds = ms // 1000
        return b"[%02d:%02d:%02d.%03d] " % (
            seconds // 3600, seconds // 60 % 60, seconds % 60, ms % 1000
        )  # fmt: skip

    def watch_writable(self, frontend: Frontend) -> None:
        """`frontend` was refused."""
        if frontend not in self._refused:
            self._refused.append(frontend)
        self.base.watch_writable()

    # -- front end of the base

    def can_receive(self) -> int:
        """As much as waits in the buffer of who has the keyboard; keys are found before it is full."""
        if not self._inputs:
            return 1
        return max(0, BUFFER - len(self._inputs[self._focus].waiting))

    def receive(self, data: bytes) -> None:
        """Keys to us, the rest to who has the keyboard."""
        for byte in data:
            if self._key(byte) and self._inputs:
                self._inputs[self._focus].waiting.append(byte)
        for waiting in self._inputs:
            waiting.deliver()

    def receive_break(self) -> None:
        """To who has the keyboard."""
        if self._inputs:
            self._inputs[self._focus].frontend.receive_break()

    def backend_writable(self) -> None:
        """To everybody who was refused."""
        refused, self._refused = self._refused, []
        for frontend in refused:
            frontend.backend_writable()

    def send_break(self) -> None:
        """As `Chardev`."""
        self.receive_break()

    def _key(self, byte: int) -> bool:
        """Whether the byte is for the front end."""
        if not self._after_escape:
            self._after_escape = byte == self._escape
            return not self._after_escape
        self._after_escape = False
        if byte == self._escape:
            return True
        if byte in b"?h":
            self.base.write(help_text(self._escape))
        elif byte in b"x":
            self.base.write(TERMINATED)
            self._quit()
        elif byte in b"b":
            self.receive_break()
        elif byte in b"c" and self._inputs:
            self._inputs[self._focus].deliver()
            self._set_focus((self._focus + 1) % len(self._inputs))
        elif byte in b"t":
            self._stamps_from = self._now_ns() if self._stamps_from is None else None
            self._line_start = True
        return False

    def close(self) -> None:
        """Close the base."""
        self.base.close()
