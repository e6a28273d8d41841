"""A QMP client in one piece of straight code: commands with their replies, events in their order.

    with Qmp(path) as qmp:
        qmp.wait("SUSPEND"); qmp.run("system_wakeup"); qmp.wait("WAKEUP")

For tests whose subject is the machine. The server itself is tested by others' clients and by transcripts.
"""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any

SOON_S = 60


class QmpError(Exception):
    """A command failed. The text is its description."""


class Qmp:
    """A session on a unix socket where the emulator listens. events: names, in their order, all of them."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._connect(path)
        self._file = self._socket.makefile("rb")
        self.events: list[str] = []
        self.data: list[dict[str, Any]] = []
        self._taken = 0
        assert "QMP" in self._read()
        self.run("qmp_capabilities")

    def _connect(self, path: Path) -> None:
        end = time.monotonic() + SOON_S
        while True:
            try:
                return self._socket.connect(str(path))
            except OSError:
                # Whoever listens there is starting: nothing announces that it has begun to
                assert time.monotonic() < end, f"nobody listens at {path}"
                time.sleep(0.02)

    def __enter__(self) -> Qmp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._file.close()
        self._socket.close()

    def _read(self, timeout: float = SOON_S) -> dict[str, Any]:
        self._socket.settimeout(timeout)
        line = self._file.readline()
        assert line, f"the session is over; events so far: {self.events}"
        message: dict[str, Any] = json.loads(line)
        if "event" in message:
            self.events.append(message["event"])
            self.data.append(message.get("data", {}))
        return message

    def run(self, command: str, **arguments: object) -> Any:
        """What a command returns. Errors: QmpError."""
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode())
        while True:
            message = self._read()
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise QmpError(message["error"]["desc"])

    def wait(self, event: str, timeout: float = SOON_S) -> dict[str, Any]:
        """The data of the next `event`, searched behind the one that was waited for last."""
        while event not in self.events[self._taken :]:
            self._read(timeout)
        self._taken += self.events[self._taken :].index(event) + 1
        return self.data[self._taken - 1]

    @property
    def status(self) -> str:
        """The run state."""
        return str(self.run("query-status")["status"])
