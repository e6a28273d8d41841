"""One machine of ours in this process, paused and resumed under a stop watch.

    python -m tests.bench.control_child ELF HARTS COUNT

Prints a line of JSON: {"pause": [us...], "resume": [us...], "running": [us...]}. A process of its own,
since workers are forked from a clean main-loop process (law 8), which a bench is not. What is called
is what the monitor's `stop` and `cont` call.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time

from emu.emulator import Emulator
from emu.init import qemu_cleanup, qemu_init
from emu.report import Reporter
from emu.runstate.states import RunState

GAP_S = (0.002, 0.02)
WARMUP = 3
START_S = 0.2
LOOK_S = 20e-6


def serve(emulator: Emulator, seconds: float) -> None:
    """Turn the main loop for a while; harts that compute want nothing of it."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        emulator.loop.wait(nonblocking=True)
        time.sleep(min(left, 0.001))  # the passing of time is what is asked for


def measure(emulator: Emulator, count: int) -> dict[str, list[float]]:
    """Microseconds of each pause, resume, and resume until every hart runs."""
    vm = emulator.vm
    assert vm is not None
    assert vm.fleet is not None
    samples: dict[str, list[float]] = {"pause": [], "resume": [], "running": []}
    rng = random.Random(1)
    serve(emulator, START_S)
    for i in range(count + WARMUP):
        serve(emulator, rng.uniform(*GAP_S))
        began = time.perf_counter()
        vm.run.vm_stop(RunState.PAUSED)
        paused = time.perf_counter()
        time.sleep(0.001)  # as in control.measure_qmp, so that both engines are asked alike
        again = time.perf_counter()
        vm.run.vm_start()
        returned = time.perf_counter()
        while not all(vcpu.acknowledged for vcpu in vm.fleet.vcpus):
            time.sleep(LOOK_S)  # looking without a pause would keep a processor from the harts
        running = time.perf_counter()
        if i >= WARMUP:
            samples["pause"].append((paused - began) * 1e6)
            samples["resume"].append((returned - again) * 1e6)
            samples["running"].append((running - again) * 1e6)
    return samples


def main(argv: list[str]) -> int:
    """The program."""
    elf, harts, count = argv
    line = ["-M", "virt", "-smp", harts, "-m", "256M", "-display", "none", "-serial", "null"]
    emulator = qemu_init([*line, "-bios", "none", "-kernel", elf], Reporter("control_child"))
    try:
        samples = measure(emulator, int(count))
    finally:
        qemu_cleanup(emulator)
    os.write(1, json.dumps(samples).encode() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
