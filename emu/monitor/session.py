"""The protocol of one QMP connection, without input or output: bytes in, requests to be done, replies out.

    bytes -> JsonParser -> [parsed] -> admit -> [queue] -> the dispatcher, one request a turn of the loop

Rules (BEHAVIOUR 5.1)
- a client is greeted, and must then negotiate; until it has, it gets no events and has one command;
- one request at a time is taken from the stream; with `oob` enabled eight. What else was read waits here
  unjudged, as it would wait in the socket: whether it is out of band is seen when its turn comes;
- out of band requests are done and answered at once, even while others wait;
- any other reply is held until the main loop has turned once more: what the request has asked of the machine
  is carried out, and told as an event, before it (QEMU's order: RESET and SHUTDOWN come before the reply);
- whatever is wrong is one error object, in its turn, and the session goes on.
Source: QEMU 10.0, docs/interop/qmp-spec.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Sequence

from emu.core.json_strings import JsonError
from emu.core.json_writer import to_json
from emu.core.qdict import QDict, QValue
from emu.core.qjson import JsonParser
from emu.errors import UserError
from emu.monitor.request import CommandNotFound, Request, is_oob, parse_request
from emu.version import PACKAGE, QEMU_VERSION

MOST_QUEUED = 8  # with oob
NEGOTIATE = "qmp_capabilities"


class QmpCapability(enum.Enum):
    """What a client may enable."""

    OOB = "oob"


class Session:
    """One connection. execute: do a request, and give its result (errors: UserError). send: to the client."""

    def __init__(
        self, offered: Sequence[QmpCapability], execute: Callable[[Request], QValue],
        send: Callable[[QDict], None],
    ) -> None:  # fmt: skip
        self.offered = tuple(offered)
        self._execute = execute
        self._send = send
        self._parser = JsonParser()
        self._parsed: deque[QValue | JsonError] = deque()
        self._queue: deque[QValue | JsonError] = deque()
        self._held: QDict | None = None  # the reply to the request that was done last
        self.negotiated = False
        self.oob = False
        self.ended = False

    def greet(self) -> None:
        """The first thing a client hears."""
        major, minor, micro = QEMU_VERSION
        version: QDict = {"qemu": {"major": major, "minor": minor, "micro": micro}, "package": PACKAGE}
        offered: list[QValue] = [one.value for one in self.offered]
        self._send({"QMP": {"version": version, "capabilities": offered}})

    def negotiate(self, enable: Sequence[QmpCapability]) -> None:
        """The client has asked for these capabilities. Errors: UserError, and nothing has changed."""
        if self.negotiated:
            raise CommandNotFound("Capabilities negotiation is already complete, command ignored")
        for one in enable:
            if one not in self.offered:
                raise UserError(f"Capability {one.value} not available")
        self.negotiated = True
        self.oob = QmpCapability.OOB in enable

    # -- input

    def feed(self, data: bytes) -> None:
        """Bytes from the client; what is out of band is done."""
        self._parsed += self._parser.feed(data)
        self._admit()

    @property
    def full(self) -> bool:
        """Whether enough requests wait: no more is read."""
        return bool(self._parsed) or len(self._queue) >= self._most

    @property
    def waiting(self) -> bool:
        """Whether there is a request to do."""
        return bool(self._queue) and self._held is None

    @property
    def _most(self) -> int:
        """Requests that may wait now."""
        return MOST_QUEUED if self.oob else int(self._held is None)

    def _admit(self) -> None:
        while self._parsed and len(self._queue) < self._most:
            one = self._parsed.popleft()
            if not isinstance(one, JsonError) and is_oob(one):
                self._send(self._reply(one))
            else:
                self._queue.append(one)

    def run_one(self) -> None:
        """Do the first request that waits; `reply` is to follow."""
        self._held = self._reply(self._queue.popleft())

    def reply(self) -> None:
        """Send the reply that is held, if there is one and the client is still there; take more requests."""
        held, self._held = self._held, None
        if held is not None and not self.ended:
            self._send(held)
            self._admit()

    def _reply(self, one: QValue | JsonError) -> QDict:
        reply: QDict = {}
        try:
            if isinstance(one, JsonError):
                raise UserError(one.text)
            if isinstance(one, dict) and "id" in one:
                reply["id"] = one["id"]
            request = parse_request(one, self.oob)
            if not self.negotiated and request.command != NEGOTIATE:
                raise CommandNotFound(f"Expecting capabilities negotiation with '{NEGOTIATE}'")
            reply["return"] = self._execute(request)
        except UserError as error:
            reply["error"] = {"class": error.qmp_class, "desc": error.text or error.consequences[-1]}
        return reply

    def event(self, event: QDict) -> None:
        """Tell of it, if the client is ready for events."""
        if self.negotiated:
            self._send(event)


def encode(message: QDict, pretty: bool) -> bytes:
    """A message as it goes over the wire: every line ends in CR LF."""
    return to_json(message, pretty=pretty).replace("\n", "\r\n").encode() + b"\r\n"
