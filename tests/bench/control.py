"""Stop, cont and system_reset of idle and of busy harts, over one QMP client: how long until it is done.

Rules
- both engines are asked alike, over a socket: from the command to its event (STOP, RESUME, RESET), and from
  system_reset to the first byte that the guest writes then;
- a resume is told of before the harts have said that they run (law 4), and so it is by QEMU;
- between two requests the harts go on for a random time, so that no request meets a fixed phase.
"""

from __future__ import annotations

import json
import os
import random
import select
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench import figures
from tests.bench.engines import OURS, Engine
from tests.bench.guests import Guest
from tests.bench.live import Live
from tests.bench.profiles import Code, Profile, of_run
from tests.bench.sampling import Sampler
from tests.bench.tasks import Context, Metric, Outcome, Target, Task, bare_arguments

REQUESTS, RESETS = 200, 40
GAP_S = (0.002, 0.02)
SETTLE_S = 0.001  # between stop and cont: what is timed next is the resume alone
WARMUP = 3
KINDS = {"stop": "stop to STOP", "cont": "cont to RESUME", "reset": "reset to RESET",
         "byte": "reset to first byte"}  # fmt: skip


class ControlTask(Task):
    """Metrics: p50 and p99 of each of KINDS, in microseconds. guest: what all harts do."""

    def __init__(self, guest: Guest, load: str, harts: int, targets: Mapping[str, Target]) -> None:
        self.what = f"{harts} {load} hart{'s' if harts > 1 else ''}"
        self._names = {(kind, q): f"{text}, {self.what}, {q}" for kind, text in KINDS.items()
                       for q in ("p50", "p99")}  # fmt: skip
        metrics = tuple(Metric(name, "us", True, targets) for name in self._names.values())
        super().__init__(f"control-{load}-{harts}", metrics)
        self.guest = guest
        self.harts = harts

    def run(self, engine: Engine, context: Context) -> Outcome:
        samples = self._measured(engine, context)
        if isinstance(samples, str):
            return Outcome(failure=samples)
        values = {
            name: figures.percentile(samples[kind], 0.5 if q == "p50" else 0.99)
            for (kind, q), name in self._names.items()
        }
        return Outcome(values, facts={"samples_us": samples})

    def profile(self, engine: Engine, context: Context) -> Profile:
        samplers: list[Sampler] = []
        self._measured(engine, context, samplers)
        code = Code(self.guest.build(symbols=True))
        return of_run(self.name, samplers[0].samples, code)

    def _measured(
        self, engine: Engine, context: Context, samplers: list[Sampler] | None = None
    ) -> dict[str, list[float]] | str:
        count = max(REQUESTS // context.scale, 6), max(RESETS // context.scale, 3)
        with tempfile.TemporaryDirectory(prefix="emu-bench-") as place:
            path = Path(place) / "qmp"
            arguments = bare_arguments(str(self.guest.build()), self.harts)
            arguments += ["-qmp", f"unix:{path},server=on,wait=off"]
            with Live(engine, arguments, context.caches) as live:
                if not live.wait_for(b"BENCH", context.timeout_s):
                    return live.failure()
                with Qmp(path) as qmp:
                    if samplers is not None and engine.name == OURS:
                        samplers.append(Sampler(live.emulator_pid(), self.harts))
                        with samplers[0]:
                            return measure(qmp, live, *count)
                    return measure(qmp, live, *count)


def measure(qmp: Qmp, live: Live, count: int, resets: int) -> dict[str, list[float]]:
    """Stop and go on `count` times, reset `resets` times: microseconds of each."""
    samples: dict[str, list[float]] = {kind: [] for kind in KINDS}
    rng = random.Random(1)
    for i in range(count + WARMUP):
        time.sleep(rng.uniform(*GAP_S))  # see the module's last rule
        stop = qmp.command_until("stop", "STOP")
        time.sleep(SETTLE_S)
        cont = qmp.command_until("cont", "RESUME")
        if i >= WARMUP:
            samples["stop"].append(stop * 1e6)
            samples["cont"].append(cont * 1e6)
    for i in range(resets + WARMUP):
        time.sleep(rng.uniform(*GAP_S))
        _drain(live)
        began = time.perf_counter()
        reset = qmp.command_until("system_reset", "RESET")
        _first_byte(live)
        byte = time.perf_counter() - began
        if i >= WARMUP:
            samples["reset"].append(reset * 1e6)
            samples["byte"].append(byte * 1e6)
    return samples


def _drain(live: Live) -> None:
    """What the guest has written before."""
    assert live.process.stdout is not None
    while select.select([live.process.stdout], [], [], 0)[0]:
        os.read(live.process.stdout.fileno(), 1 << 16)


def _first_byte(live: Live) -> None:
    """Return when the guest writes. Errors: ValueError, it does not."""
    assert live.process.stdout is not None
    if not select.select([live.process.stdout], [], [], 60)[0]:
        raise ValueError("the guest writes nothing after a reset")


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
