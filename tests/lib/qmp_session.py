"""A session with a machine's monitor, for tests whose subject is the machine: commands, events to wait for.

    with Qmp(path) as qmp:
        qmp.wait("SUSPEND"); qmp.run("system_wakeup"); qmp.wait("WAKEUP")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.lib.qmp import PATIENCE_S, Wire


class QmpError(Exception):
    """A command failed. The text is its description."""


class Qmp(Wire):
    """A negotiated session. events: names, in their order, all of them; data: what each told."""

    def __init__(self, path: Path) -> None:
        self.data: list[dict[str, Any]] = []
        self._taken = 0
        super().__init__(path)
        self.run("qmp_capabilities")

    def message(self) -> dict[str, Any]:
        """The next message; an event is noted. Fails at the end of the session."""
        found = super().message()
        assert found, f"the session is over; events so far: {self.events}"
        if "event" in found:
            self.events.append(found["event"])
            self.data.append(found.get("data", {}))
        return found

    def reply(self) -> dict[str, Any]:
        """The next message that is no event."""
        while "event" in (found := self.message()):
            pass
        return found

    def run(self, command: str, **arguments: object) -> Any:
        """What a command returns. Errors: QmpError."""
        reply = self.request(command, arguments)
        if "error" in reply:
            raise QmpError(reply["error"]["desc"])
        return reply["return"]

    def wait(self, event: str, timeout: float = PATIENCE_S) -> dict[str, Any]:
        """The data of the next `event`, searched behind the one that was waited for last."""
        self.peer.settimeout(timeout)
        while event not in self.events[self._taken :]:
            self.message()
        self.peer.settimeout(PATIENCE_S)
        self._taken += self.events[self._taken :].index(event) + 1
        return self.data[self._taken - 1]

    @property
    def status(self) -> str:
        """The run state."""
        return str(self.run("query-status")["status"])

    def __enter__(self) -> Qmp:
        return self
