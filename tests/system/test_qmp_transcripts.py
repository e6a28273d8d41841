"""The transcripts of tests/vectors/qmp, played to this program and to the reference QEMU.

What the reference says is right, to the byte and in its order; where a row says otherwise it says why.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from emu.monitor.commands.registry import all_commands
from emu.monitor.event_types import EVENTS
from emu.monitor.types import EMPTY
from tests.lib.reference import need
from tests.lib.transcript import Player, Session, Step, load

FILES = sorted((Path(__file__).parents[1] / "vectors" / "qmp").glob("*.txt"))
SESSIONS = [session for file in FILES for session in load(file)]
OURS = (sys.executable, "-m", "emu")


def difference(step: Step, got: list[str], late: str = "nothing") -> str | None:
    """What came instead of what the row says. late: what begins so may come at any time."""
    row, got = ([line for line in lines if not line.startswith(late)] for lines in (step.expect, got))
    return None if got == row else f"line {step.line}: {step.send}\n  row: {row}\n  got: {got}"


def assert_as_declared(step: Step, got: list[str]) -> None:
    """Results and data of events are of the types that the schema tells."""
    for line in got:
        if line.startswith("* "):
            name, _, data = line[2:].partition(" ")
            declared = EVENTS[name].type
            assert (declared is EMPTY) == (not data), line
            if data:
                declared.read("data", json.loads(data))
            continue
        reply = json.loads(line[2:].replace(": N", ": 1"))
        try:
            request = json.loads(step.send)
        except ValueError:
            continue
        if "return" in reply and isinstance(request, dict) and request.get("execute") in all_commands():
            all_commands()[request["execute"]].result.read("return", reply["return"])


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name)
def test_this_program_says_what_the_transcript_says(session: Session) -> None:
    with Player(OURS, session.words) as player:
        wrong = []
        for step in session.steps:
            got = player.play(step.send)
            assert_as_declared(step, got)
            wrong += filter(None, [difference(step, got)])
        assert not wrong, "\n".join(wrong)
        assert player.end() == ""
        assert player.process.returncode == 0


@pytest.mark.parametrize("share", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_the_reference_says_what_the_transcripts_say(share: int) -> None:
    """A third of the sessions in the suite, all in the long run."""
    command = [need()]
    seed = random.randrange(1 << 32)
    wrong = [f"seed {seed}"]
    for session in random.Random(seed).sample(SESSIONS, len(SESSIONS) // share):
        with Player(command, session.words) as player:
            for step in session.steps:
                if step.skip:
                    continue
                got = player.play(step.send)
                if not step.ours:
                    # QEMU tells of it when nobody reads the device any more (RCU): some requests later
                    wrong += filter(None, [difference(step, got, late="* DEVICE_DELETED")])
    assert len(wrong) == 1, "\n".join(wrong)


def test_there_are_enough_rows() -> None:
    assert sum(len(session.steps) for session in SESSIONS) >= 150
