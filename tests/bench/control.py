"""Pause, resume and reset of 1 to 8 busy harts: how long until it is done.

Rules
- QEMU is asked through QMP: from the command to its event (STOP, RESUME);
- ours is asked in the process that holds the machine (`tests.bench.control_child`): from the call of
  what `stop` and `cont` call to its return, when every hart has acknowledged the stop. There is no
  socket in that, which is worth some tens of microseconds to us. A resume returns before the harts have
  said that they run (law 4), and so does QEMU's event; until the last one has said so is a row of its own;
- between two requests all harts compute for a random time, so that no request meets a fixed phase.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench import figures
from tests.bench.engines import OURS, Beside, Engine, Run, timed
from tests.bench.guests import Guest
from tests.bench.live import Live
from tests.bench.profiles import Code, Profile, of_run
from tests.bench.sampling import Sampler
from tests.bench.tasks import Context, Metric, Outcome, Target, Task, bare_arguments

REQUESTS = 200
GAP_S = (0.002, 0.02)
WARMUP = 3


class ControlTask(Task):
    """Metrics: pause p50 and p99, resume p50 and p99, all harts running again p50; in microseconds."""

    def __init__(self, spin: Guest, harts: int, targets: Mapping[str, Target]) -> None:
        what = f"{harts} hart{'s' if harts > 1 else ''}"
        names = (f"pause {what}", f"resume {what}")
        metrics = [Metric(f"{name} {q}", "us", True, targets if q == "p50" else {})
                   for name in names for q in ("p50", "p99")]  # fmt: skip
        metrics.append(Metric(f"resume {what}, until all run, p50", "us", True))
        super().__init__(f"control-{harts}", tuple(metrics))
        self.spin = spin
        self.harts = harts

    def run(self, engine: Engine, context: Context) -> Outcome:
        count = max(REQUESTS // context.scale, 6)
        if engine.name == OURS:
            samples = self._ours(context, count)
        else:
            samples = self._qemu(engine, context, count)
        if isinstance(samples, str):
            return Outcome(failure=samples)
        values = {}
        for at, kind in ((0, "pause"), (2, "resume")):
            if samples.get(kind):
                values[self.metrics[at].name] = figures.percentile(samples[kind], 0.5)
                values[self.metrics[at + 1].name] = figures.percentile(samples[kind], 0.99)
        if samples.get("running"):
            values[self.metrics[4].name] = figures.percentile(samples["running"], 0.5)
        return Outcome(values, facts={"samples_us": samples})

    def profile(self, engine: Engine, context: Context) -> Profile:
        samplers: list[Sampler] = []

        def beside(pid: int) -> Sampler:
            samplers.append(Sampler(pid, self.harts))
            return samplers[0]

        self._child(context, max(REQUESTS // context.scale, 6), beside)
        return of_run(self.name, samplers[0].samples, Code(self.spin.build(symbols=True)))

    def _child(self, context: Context, count: int, beside: Beside | None = None) -> Run:
        cache = context.caches.warm()
        child = [sys.executable, "-m", "tests.bench.control_child", str(self.spin.build())]
        try:
            env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
            return timed([*child, str(self.harts), str(count)], env, context.timeout_s, beside)
        finally:
            shutil.rmtree(cache, ignore_errors=True)

    def _ours(self, context: Context, count: int) -> dict[str, list[float]] | str:
        done = self._child(context, count)
        if failure := done.failure():
            return failure
        found: dict[str, list[float]] = json.loads(done.output.splitlines()[-1])
        return found

    def _qemu(self, engine: Engine, context: Context, count: int) -> dict[str, list[float]] | str:
        with tempfile.TemporaryDirectory(prefix="emu-bench-") as place:
            path = Path(place) / "qmp"
            arguments = bare_arguments(str(self.spin.build()), self.harts)
            arguments += ["-qmp", f"unix:{path},server=on,wait=off"]
            with Live(engine, arguments, context.caches) as live:
                if not live.wait_for(b"BENCH spin", context.timeout_s):
                    return live.failure()
                with Qmp(path) as qmp:
                    return measure_qmp(qmp, count)


def measure_qmp(qmp: Qmp, count: int) -> dict[str, list[float]]:
    """Stop and go on, `count` times: microseconds from each command to its event."""
    samples: dict[str, list[float]] = {"pause": [], "resume": []}
    rng = random.Random(1)
    for i in range(count + WARMUP):
        time.sleep(rng.uniform(*GAP_S))  # the harts compute for a random time: no request meets a fixed phase
        pause = qmp.command_until("stop", "STOP")
        time.sleep(0.001)  # let the stop settle: what is timed next is the resume alone
        resume = qmp.command_until("cont", "RESUME")
        if i >= WARMUP:
            samples["pause"].append(pause * 1e6)
            samples["resume"].append(resume * 1e6)
    return samples


class Qmp:
    """As much of a QMP client as a stop watch needs. Errors: OSError, ValueError."""

    def __init__(self, path: Path, timeout_s: float = 60) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self._receive()  # the greeting
        self._command("qmp_capabilities")
        while "return" not in self._receive():
            pass

    def _receive(self) -> dict[str, object]:
        line = self._lines.readline()
        if not line:
            raise ValueError("the monitor has gone")
        loaded: dict[str, object] = json.loads(line)
        if "error" in loaded:
            raise ValueError(f"the monitor answers {loaded['error']}")
        return loaded

    def _command(self, name: str) -> None:
        self._socket.sendall(json.dumps({"execute": name}).encode())

    def command_until(self, name: str, event: str) -> float:
        """Seconds from sending the command to its event; returns when its reply is there as well."""
        began, took, replied = time.perf_counter(), 0.0, False
        self._command(name)
        while not (took and replied):
            message = self._receive()
            if message.get("event") == event:
                took = time.perf_counter() - began
            replied = replied or "return" in message
        return took

    def __enter__(self) -> Qmp:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()
