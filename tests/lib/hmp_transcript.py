"""Transcripts of HMP: lines, and what is answered, played to any program through human-monitor-command.

    == -M virt -bios none -S           a session: words of the command line
    # why, or what is shown
    > info status                      a line
      VM status: paused (prelaunch)    its answer, each line indented by two
    >! info version                    a line that is not replayed on the reference; why is said above it

Numbers that are other ones in each run are shown as N (`forget`).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lib.transcript import Player

_RUNS = re.compile(r"(thread_id=|/dev/pts/|size=0x)[0-9a-f]+")


@dataclass
class Step:
    """A line and its answer. ours: the reference is not asked."""

    line: str
    ours: bool
    number: int
    answer: list[str] = field(default_factory=list)


@dataclass
class Session:
    """A command line, and the steps."""

    name: str
    words: list[str]
    steps: list[Step]


def load(path: Path) -> list[Session]:
    """The sessions of a file."""
    found: list[Session] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text.startswith("== "):
            found.append(Session(f"{path.stem}:{number}", shlex.split(text[3:]), []))
        elif text.startswith((">", ">!")):
            kind, _, line = text.partition(" ")
            found[-1].steps.append(Step(line, kind == ">!", number))
        elif text.startswith("  "):
            found[-1].steps[-1].answer.append(text[2:])
        else:
            assert not text or text.startswith("#"), f"{path}:{number}: {text}"
    return found


def forget(text: str) -> str:
    """An answer without what is another number in each run."""
    return _RUNS.sub(r"\1N", text)


def start(command: Sequence[str], words: Sequence[str]) -> Player:
    """A program whose monitor takes commands."""
    player = Player(command, words)
    player.play('{"execute": "qmp_capabilities"}')
    return player


def ask(player: Player, line: str) -> list[str]:
    """The answer to a line, as transcripts show it."""
    request = {"execute": "human-monitor-command", "arguments": {"command-line": line}}
    replies = [one for one in player.play(json.dumps(request)) if one.startswith("< ")]
    assert len(replies) == 1, replies
    assert "return" in replies[0], (line, replies)
    answer = json.loads(replies[0][2:])["return"]
    assert isinstance(answer, str)
    assert not re.search(r"(?<!\r)\n|\r(?!\n)", answer), answer
    text = forget(answer.replace("\r\n", "\n"))
    return text.removesuffix("\n").split("\n") if text else []
