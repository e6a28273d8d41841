"""A client of one monitor: a command at a time, and every event in the order in which it came.

It notes what came before a reply and what came after it, since that order is part of what is tested.
Source: BEHAVIOUR 5.1.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Value = Any  # JSON


class Silent(Exception):
    """Nothing came in time."""


class Ended(Exception):
    """The monitor has closed the connection."""


@dataclass
class Reply:
    """value: what the command returned; error: its text, "" for none; before: events that came first."""

    value: Value = None
    error: str = ""
    before: list[str] = field(default_factory=list)


class Client:
    """A session, negotiated. patience_s: how long a reply or an event may take."""

    def __init__(self, path: Path, patience_s: float) -> None:
        self.patience_s = patience_s
        self.events: list[dict[str, Value]] = []  # not taken yet
        self.history: list[str] = []  # names of all
        self._sock = _connect(path, patience_s)
        self._text = b""
        try:
            self._message()  # the greeting
            self.command("qmp_capabilities")
        except (Silent, Ended):
            self.close()
            raise

    def command(self, name: str, **arguments: Value) -> Reply:
        """Send a command and wait for its reply. Errors: Silent, Ended."""
        seen = len(self.events)
        request: dict[str, Value] = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        try:
            self._sock.sendall(json.dumps(request).encode())
        except OSError as error:
            raise Ended from error
        while True:
            got = self._message()
            if "event" in got:
                self._note(got)
                continue
            before = [event["event"] for event in self.events[seen:]]
            if "error" in got:
                return Reply(None, got["error"]["desc"], before)
            return Reply(got["return"], "", before)

    def take_events(self, names: tuple[str, ...]) -> list[str]:
        """The next events, as many as `names`; fewer if no more come in time, or the monitor ends."""
        try:
            while len(self.events) < len(names):
                self._note(self._message())
        except (Silent, Ended):
            pass
        taken, self.events = self.events[: len(names)], self.events[len(names) :]
        return [event["event"] for event in taken]

    def _note(self, event: dict[str, Value]) -> None:
        self.events.append(event)
        self.history.append(event["event"])

    def _message(self) -> dict[str, Value]:
        deadline = time.monotonic() + self.patience_s
        while b"\n" not in self._text:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Silent
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(65536)
            except TimeoutError:
                raise Silent from None
            except OSError as error:
                raise Ended from error
            if not data:
                raise Ended
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        message: dict[str, Value] = json.loads(line)
        return message

    def close(self) -> None:
        """Leave."""
        self._sock.close()


def _connect(path: Path, patience_s: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(patience_s)
    try:
        sock.connect(str(path))
    except OSError:
        sock.close()
        raise
    return sock
