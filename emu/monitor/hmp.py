"""HMP: a monitor for people on a character device, and single lines of it for programs.

    HmpMonitor(e, port)            -monitor, -mon mode=readline, `mon:`: banner, prompt, editor
    run_line(e, "info status")     human-monitor-command

Rules
- a line end goes out as \\r\\n: a monitor's terminal is raw;
- on a mux, what is said while another has the keyboard waits until it comes back (so the banner of a monitor
  behind a serial console is the first thing that Ctrl-A c shows);
- the prompt comes a turn of the main loop after a command, and no key is taken before: what the command asked
  for (a reset, the end) has been done by then; a device that takes no more output keeps the rest waiting.
Source: BEHAVIOUR 5.3; screens of QEMU 10.0.13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.errors import OptionError
from emu.monitor.hmp_session import Session
from emu.version import QEMU_VERSION

if TYPE_CHECKING:
    from emu.chardev.base import Chardev
    from emu.emulator import Emulator
    from emu.monitor.readline import Completion

ENOUGH = 1 << 16  # bytes that wait to be shown: then no more keys are taken


def banner() -> str:
    """What a monitor says first."""
    version = ".".join(str(part) for part in QEMU_VERSION)
    return f"QEMU {version} monitor - type 'help' for more information\n"


def run_line(e: Emulator, line: str, cpu_index: int | None = None) -> str:
    """Run one line in a session of its own: the answer, with \\r\\n. Errors: OptionError (cpu_index)."""
    from emu.monitor.hmp_table import execute

    s = Session(e)
    if cpu_index is not None:
        try:
            s.choose_hart(cpu_index)
        except OptionError:
            raise OptionError("Parameter 'cpu-index' expects a CPU number") from None
    execute(s, line)
    return s.taken().replace("\n", "\r\n")


class HmpMonitor:
    """A monitor for people; the front end of `port`. Errors: UserError if that has one already."""

    def __init__(self, e: Emulator, port: Chardev) -> None:
        from emu.monitor.readline import LineEditor

        self._editor = LineEditor(self._complete)
        self._session = Session(e, self._editor.history)
        self._port = port
        self._waiting = bytearray()  # to be shown
        self._away = False  # another has the keyboard
        self._greeted = False
        self._busy = 0  # turns of the loop until the prompt comes, after a command
        self._ready_later = e.loop.deferred.new(self._ready)
        port.on_connection = self._connection
        port.on_focus = self._focus
        port.attach(self)
        if port.connected:
            self._greet()

    def _complete(self, text: str) -> Completion:
        from emu.monitor.hmp_completion import complete

        return complete(self._session, text)

    # -- what happens to the port

    def _connection(self, connected: bool) -> None:
        if connected:
            self._greet()
        else:
            self._waiting.clear()

    def _greet(self) -> None:
        """Somebody has come."""
        self._greeted = True
        self._show(banner().encode())
        self._begin()

    def _focus(self, gained: bool) -> None:
        """The keyboard comes, or goes to another front end of the mux."""
        if gained == (not self._away):
            return
        if gained:
            self._away = False
            self._flush()
            if self._greeted:
                self._begin()
        else:
            if self._greeted:
                self._show(b"\n")
            self._away = True

    def _begin(self) -> None:
        """A line that nothing was typed of, if anybody can type."""
        if not self._away and not self._busy:
            self._editor.restart()
            self._editor.show_prompt()
            self._show(self._editor.taken())

    def _ready(self) -> None:
        self._busy -= 1
        if self._busy:
            self._ready_later.schedule()
        else:
            self._begin()
            self._port.accept_input()

    # -- front end

    def can_receive(self) -> int:
        """A byte at a time: the next one may be for somebody else when this one has been acted on."""
        return int(not self._away and not self._busy and len(self._waiting) < ENOUGH)

    def receive(self, data: bytes) -> None:
        """Keys."""
        from emu.monitor.hmp_table import execute  # not for a monitor that nobody turns to

        for byte in data:
            line = self._editor.feed(byte)
            self._show(self._editor.taken())
            if line is not None:
                execute(self._session, line)
                self._show(self._session.taken().encode("utf-8", "surrogateescape"))
                self._busy = 2  # the rest of this turn, and one in which requests are looked at
                self._ready_later.schedule()

    def receive_break(self) -> None:
        """Nothing."""

    def backend_writable(self) -> None:
        """Show what waits, then take more."""
        self._flush()
        self._port.accept_input()

    def _show(self, data: bytes) -> None:
        self._waiting += data.replace(b"\n", b"\r\n")
        self._flush()

    def _flush(self) -> None:
        if self._away or not self._waiting:
            return
        while self._waiting and (done := self._port.write(bytes(self._waiting))):
            del self._waiting[:done]
        if self._waiting:
            self._port.watch_writable()
