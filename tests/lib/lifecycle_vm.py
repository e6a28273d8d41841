"""A real machine driven over its monitor and compared with the model, as `emu stress` does it; for tests."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence

from emu.guests import guest
from emu.stress.machine import Machine
from emu.stress.model import Model
from emu.stress.plan import Guest, Run
from emu.verbs.stress import EMBEDDED_READY

PATIENCE_S = 60.0
EMBEDDED = ("-M", "virt", "-display", "none", "-m", "128M")


def embedded(harts: int) -> list[str]:
    """The options of the embedded guest that checks itself for ever."""
    return [*EMBEDDED, "-smp", str(harts), "-kernel", str(guest("smp")), "-append", "endless"]


@contextlib.contextmanager
def driven(
    line: Sequence[str], seed: int = 0, ready: str = EMBEDDED_READY, suspend: str = ""
) -> Iterator[Run]:
    """A machine that has not been started (-S). Nothing is left of it afterwards."""
    machine = Machine(line, PATIENCE_S)
    try:
        wakes = machine.client.command("query-current-machine").value["wakeup-suspend-support"]
        run = Run(machine, Model(wakes=wakes), random.Random(seed), Guest(ready, suspend))
        yield run
        assert machine.console.wrong(0) == ""
    finally:
        machine.close()


def digest(run: Run) -> dict[str, str]:
    """What a reset must bring back, of a machine that does not run."""
    reply = run.machine.client.command("x-query-reset-digest")
    assert not reply.error, reply.error
    return {part["name"]: part["digest"] for part in reply.value}


def differing(first: dict[str, str], now: dict[str, str]) -> list[str]:
    """Names of the parts that are not as at first."""
    assert list(first) == list(now)
    return [name for name in first if first[name] != now[name]]
