"""How fast a machine without executing harts starts and quits: what test suites of devices pay each time.

The session is qtest's, whose first reply says that the machine is complete; SIGTERM ends it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.bench.engines import OURS, Engine
from tests.bench.tasks import Context, Metric, Outcome, Target, Task
from tests.lib.qtest import qtest


class QuickStartTask(Task):
    """From exec to the first reply, and to the end of the process."""

    engines: ClassVar[tuple[str, ...]] = (OURS,)

    def __init__(self, machine: str, targets: Mapping[str, Target]) -> None:
        self.machine = machine
        ready = Metric(f"start: -M {machine} under qtest", "ms", True, targets)
        super().__init__(f"start-{machine}", (ready, Metric(f"{ready.name}, and quit", "ms", True, targets)))

    def run(self, engine: Engine, context: Context) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.monotonic()
            with qtest(Path(folder), "-M", self.machine, command=engine.command) as session:
                reply = session.ask("endianness")
                ready = time.monotonic() - begin
                status, errors = session.end()
                end = time.monotonic() - begin
        outcome = Outcome(check=reply)
        if status or errors:
            outcome.failure = f"exit status {status} {errors.strip()}"
        outcome.values = {self.metrics[0].name: ready * 1e3, self.metrics[1].name: end * 1e3}
        return outcome
