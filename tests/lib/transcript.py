"""Transcripts of QMP sessions: what is sent, and what comes back, in order; played to any program.

    == -M virt -accel qtest -S           a session: words of the command line, `-qmp stdio` is added
    # why, or what is shown              (to the end of the line)
    > {"execute": "stop"}                a line that is sent
    * STOP {"a": 1}                      an event that it brings about, before or after the reply
    < {"return": {}}                     the reply
    <! {"return": {}}  # why             a reply of ours where the reference says something else
    >! {"execute": "..."}  # why         a request that only we are asked

All that a request brings about is known by a second request with an id of its own, which is sent when the
first reply is there. Numbers that are another one in each run are shown as N.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SYNC = '{"execute":"query-version","id":"sync"}'
_SYNCED = '"id": "sync"'
_RUNS = re.compile(r'("thread-id": |"fd": |thread_id=)\d+')
PATIENCE_S = 60


@dataclass
class Step:
    """A request and what it brings about. ours: whether the reference is not asked, or says otherwise."""

    send: str
    expect: list[str] = field(default_factory=list)
    ours: bool = False
    skip: bool = False
    line: int = 0


@dataclass
class Session:
    """A program's command line, and the steps."""

    words: list[str]
    steps: list[Step]
    name: str


def load(path: Path) -> list[Session]:
    """The sessions of a file."""
    found: list[Session] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        kind, _, rest = text.partition(" ")
        if kind == "==":
            found.append(Session(shlex.split(rest), [], f"{path.stem}:{number}"))
        elif kind in (">", ">!"):
            rest = rest.partition("  # ")[0] if kind == ">!" else rest
            found[-1].steps.append(Step(rest, ours=kind == ">!", skip=kind == ">!", line=number))
        elif kind in ("<", "*", "<!", "*!"):
            step = found[-1].steps[-1]
            step.ours = step.ours or kind.endswith("!")
            rest = rest.partition("  # ")[0] if kind.endswith("!") else rest
            step.expect.append(f"{kind[0]} {rest}")
        else:
            assert not text or text.startswith("#"), f"{path}:{number}: {text}"
    return found


def shown(line: str) -> str:
    """A line of a monitor as transcripts show it."""
    if line.startswith('{"timestamp"'):
        event = json.loads(line)
        data = line.partition('"data": ')[2][:-1]
        return f"* {event['event']}" + (f" {data}" if data else "")
    return "< " + _RUNS.sub(r"\1N", line)


class Player:
    """A program with a monitor on its standard streams. errors: its standard error, when it has ended."""

    def __init__(self, command: Sequence[str], words: Sequence[str]) -> None:
        line = [*command, "-nodefaults", "-display", "none", *words, "-qmp", "stdio"]
        self.process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        greeting = self._read()
        assert '"QMP"' in greeting, greeting + self.end()

    def _read(self) -> str:
        assert self.process.stdout is not None
        raw = self.process.stdout.readline()
        assert not raw or raw.endswith(b"\r\n"), raw
        return raw.decode().rstrip("\r\n")

    def play(self, send: str) -> list[str]:
        """Everything that a line brings about, as transcripts show it."""
        self._send(send)
        found: list[str] = []
        while True:
            line = self._read()
            if not line:
                return found
            if _SYNCED in line:
                return found
            found.append(shown(line))
            if found[-1].startswith("<") and sum(one.startswith("<") for one in found) == 1:
                self._send(SYNC)

    def _send(self, text: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended: what it said is there to be read

    def end(self) -> str:
        """Let it go: its standard error."""
        try:
            _, errors = self.process.communicate(b'{"execute":"quit"}\n', PATIENCE_S)
        finally:
            self.process.kill()
            self.process.wait()
        return errors.decode()

    def __enter__(self) -> Player:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.communicate()
