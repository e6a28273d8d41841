"""A QMP monitor: a session for each client that comes to a character device, one after the other.

Rules
- nothing blocks: what the client does not read waits here. While MOST_UNREAD bytes wait, its requests wait
  too; events go on until MOST_KEPT, then they are lost and a line says so: a client that never reads cannot
  hold the machine, nor take its memory;
- a message is written whole or not at all, in the order it was made;
- what was asked is done in one turn of the main loop, and answered in the next.
Source: BEHAVIOUR 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emu.chardev.base import Chardev
from emu.core.qdict import QDict, QValue
from emu.monitor.monitor import Monitor
from emu.monitor.request import Request
from emu.monitor.session import QmpCapability, Session, encode

CHUNK = 1 << 16  # bytes read at once
MOST_UNREAD = 16 << 20
MOST_KEPT = 64 << 20


class QmpMonitor(Monitor):
    """execute: do a request of this monitor. ready: a request waits (the dispatcher's). warn: a line for the
    user."""

    def __init__(
        self, chardev: Chardev, pretty: bool, execute: Callable[[QmpMonitor, Request], QValue],
        ready: Callable[[], None], warn: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(chardev)
        self._pretty = pretty
        self._execute = execute
        self._ready = ready
        self._warn = warn
        self._unread = bytearray()
        self._loses = False
        self._waits_for_room = False
        self.session = self._new_session()
        chardev.attach(self)
        chardev.on_connection = self._connection
        if chardev.connected:
            self._connection(True)

    def _new_session(self) -> Session:
        offered = (QmpCapability.OOB,) if self.chardev.offers_oob else ()
        return Session(offered, lambda request: self._execute(self, request), self._send)

    def negotiate(self, enable: Sequence[QmpCapability]) -> None:
        """The client is ready. Errors: UserError."""
        self.session.negotiate(enable)

    def _connection(self, connected: bool) -> None:
        """A client has come or gone: either way nothing is left of the one before."""
        self._unread.clear()
        self._loses = self._waits_for_room = False
        self.session.ended = True
        self.session = self._new_session()
        if connected:
            self.session.greet()
            self.chardev.accept_input()

    # -- the character device's front end

    def can_receive(self) -> int:
        """Nothing while requests wait, or replies."""
        return 0 if self.session.full or len(self._unread) > MOST_UNREAD else CHUNK

    def receive(self, data: bytes) -> None:
        """Some of the client's stream."""
        session = self.session
        session.feed(data)
        if session.waiting:
            self._ready()

    def receive_break(self) -> None:
        """Nothing: a line's break says nothing to a program."""

    def backend_writable(self) -> None:
        """There is room again."""
        self._waits_for_room = False
        self._write()
        if self.session.waiting:
            self._ready()
        self.chardev.accept_input()

    # -- requests

    @property
    def waiting(self) -> bool:
        """Whether a request can be done: one is there, and its reply can be kept."""
        return self.session.waiting and len(self._unread) <= MOST_UNREAD

    def run_one(self) -> Session:
        """Do one request: the session that has a reply to send."""
        self.session.run_one()
        return self.session

    def replied(self) -> None:
        """A reply was sent: more may be read."""
        self.chardev.accept_input()

    # -- output

    def event(self, event: QDict) -> None:
        """Tell the client, if it is ready for events."""
        if len(self._unread) > MOST_KEPT:
            if not self._loses:
                self._loses = True
                self._warn(f"the client of monitor '{self.chardev.label}' does not read: events are lost")
            return
        self.session.event(event)

    def _send(self, message: QDict) -> None:
        self._unread += encode(message, self._pretty)
        self._write()

    def _write(self) -> None:
        if self._waits_for_room:
            return
        while self._unread:
            done = self.chardev.write(bytes(self._unread[:CHUNK]))
            if not done:
                self._waits_for_room = True
                self.chardev.watch_writable()
                return
            del self._unread[:done]
        self._loses = False
        self.chardev.flush()

    def close(self) -> None:
        """The end: what waits for the client is handed to the device, which writes it when it closes."""
        super().close()
        self.session.reply()
        self._write()
        self.chardev.detach()
