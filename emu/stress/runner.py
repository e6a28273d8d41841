"""Runs a plan on a machine: a bar while it goes, a failure if the machine is not what the model is."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence

from emu.errors import HostError
from emu.stress.client import Ended, Silent
from emu.stress.machine import TAIL, Machine
from emu.stress.model import Model
from emu.stress.plan import OPERATIONS, Guest, Run, Wrong, choose
from emu.stress.report import Failure

EVERY_S = 0.1  # the bar


class Runner:
    """line: the machine's options; names: the operations to choose from."""

    def __init__(
        self, line: Sequence[str], guest: Guest, names: Sequence[str], seed: int, patience_s: float
    ) -> None:
        self._line = list(line)
        self._guest = guest
        self._entries = [OPERATIONS[name] for name in names]
        self.seed = seed
        self._patience_s = patience_s
        self.done: list[str] = []
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0
        self._seen = 0  # lines of the console that have been looked at

    def run(self, count: int | None, seconds: float | None) -> Failure | None:
        """Do `count` operations, or as many as go into `seconds`. Errors: HostError, it does not start."""
        machine = Machine(self._line, self._patience_s)
        began = time.monotonic()
        run = Run(machine, Model(wakes=_wakes(machine)), random.Random(self.seed), self._guest)
        try:
            self._steps(run, count, began + seconds if seconds else None)
            status = machine.quit()
            if status != 0:
                raise Wrong(f"the machine ends with {status} after 'quit'")
            return None
        except (Wrong, Silent, Ended, HostError) as error:
            return self._failure(run, str(error) or f"the monitor: {type(error).__name__.lower()}")
        finally:
            self.seconds = time.monotonic() - began
            machine.close()

    def _steps(self, run: Run, count: int | None, deadline: float | None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("stress"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
                   TimeElapsedColumn())  # fmt: skip
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task("stress", total=count, rate="")
            began = shown = time.monotonic()
            while (count is None or len(self.done) < count) and (
                deadline is None or time.monotonic() < deadline
            ):
                self._step(run)
                now = time.monotonic()
                if now - shown >= EVERY_S:
                    shown = now
                    rate = f"{len(self.done) / (now - began):.0f} a second, {run.model.state}"
                    bar.update(task, completed=len(self.done), rate=rate)

    def _step(self, run: Run) -> None:
        entry = choose(run.rng, self._entries)
        self.done.append(entry.name)
        self.counts[entry.name] += 1
        entry.func(run)
        run.check_state()
        seen, self._seen = self._seen, run.machine.console.count
        if wrong := run.machine.console.wrong(seen):
            raise Wrong(f"the guest says: {wrong}")
        run.pause()

    def _failure(self, run: Run, wrong: str) -> Failure:
        machine = run.machine
        return Failure(
            wrong, self.seed, len(self.done), self._line, self.done, run.model.state,
            machine.client.history, machine.console.lines[-TAIL:], machine.situation(),
            machine.process.poll(),
        )  # fmt: skip

    def summary(self) -> str:
        """What was done."""
        each = ", ".join(f"{name} {number}" for name, number in sorted(self.counts.items()))
        return f"{len(self.done)} operations in {self.seconds:.1f} s: {each}"


def _wakes(machine: Machine) -> bool:
    return bool(machine.client.command("query-current-machine").value["wakeup-suspend-support"])
