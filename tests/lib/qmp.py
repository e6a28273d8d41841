"""A QMP client that shows every byte: a socket, lines, and what they hold. Real clients are in tests/system.

    with Emu("-M", "none", *server(path)) as vm, Wire(path) as qmp:
        qmp.negotiate(); assert qmp.ask("query-status")["running"]
"""

from __future__ import annotations

import array
import json
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

PATIENCE_S = 60


def server(path: Path | str) -> tuple[str, str]:
    """Words of a command line with a monitor that clients come to."""
    return ("-qmp", f"unix:{path},server=on,wait=off")


def connect(path: Path | str) -> socket.socket:
    """A connection, as soon as somebody listens there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(str(path))
            peer.settimeout(PATIENCE_S)
            return peer
        except OSError:
            peer.close()
            assert time.monotonic() < deadline, f"nobody listens on {path}"
            time.sleep(0.005)  # a socket's file appears without a sign


class Wire:
    """A client. `greeting` is the first message; `events`: those that came while a reply was waited for."""

    def __init__(self, where: Path | str | socket.socket) -> None:
        self.peer = where if isinstance(where, socket.socket) else connect(where)
        self.peer.settimeout(PATIENCE_S)
        self._buffer = b""
        self.events: list[str] = []
        self.greeting = self.message()

    def send(self, data: bytes) -> None:
        """Bytes."""
        self.peer.sendall(data)

    def send_fds(self, data: bytes, fds: Sequence[int]) -> None:
        """Bytes with descriptors."""
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())
        self.peer.sendmsg([data], [rights])

    def message(self) -> dict[str, Any]:
        """The next message; {} at the end."""
        while b"\r\n" not in self._buffer:
            data = self.peer.recv(1 << 16)
            if not data:
                return {}
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def reply(self) -> dict[str, Any]:
        """The next message that is no event; {} at the end."""
        while "event" in (found := self.message()):
            self.events.append(found["event"])
        return found

    def event(self, name: str) -> dict[str, Any]:
        """The next event of that name; what comes before is remembered or, if a reply, wrong."""
        while (found := self.message()).get("event") != name:
            assert "event" in found, found
            self.events.append(found["event"])
        return found

    def request(self, command: str, arguments: dict[str, object] | None = None) -> dict[str, Any]:
        """Send a command: its reply."""
        self.send(json.dumps({"execute": command, "arguments": arguments or {}}).encode())
        return self.reply()

    def ask(self, command: str, **arguments: object) -> Any:
        """What a command returns. Fails if it is an error."""
        reply = self.request(command, {name.replace("_", "-"): one for name, one in arguments.items()})
        assert "return" in reply, reply
        return reply["return"]

    def fail(self, command: str, **arguments: object) -> str:
        """The text of the error of a command that must fail."""
        reply = self.request(command, {name.replace("_", "-"): one for name, one in arguments.items()})
        return str(reply["error"]["desc"])

    def negotiate(self, *capabilities: str) -> None:
        """End the negotiation."""
        self.ask("qmp_capabilities", enable=list(capabilities))

    def close(self) -> None:
        """Leave."""
        self.peer.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()
