"""Suspend to RAM while clients interfere and workers die: Debian comes back each time with all its harts.

    python -m tests.system.suspend_storm [--count 20] [--seed 1] [--harts 4]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.lib.qmp_session import Qmp, QmpError
from tests.lib.vm import ConsoleTimeout, Emu
from tests.system.test_linux import no_complaint
from tests.system.test_suspend import BOOT_S, SLEEP, WAKE_BY_KEYS, linux

MOST_S = 120  # for one sleep, on a loaded host
ALARM_S = 10  # after that a client wakes it: the alarm may have rung before it slept
WAYS = ("alarm", "key", "client")
BACK = rb"\nBACK=0 harts=(\d+) now=\d+\r"


def _interfere(qmp: Qmp, rng: random.Random, most: int) -> None:
    for _ in range(rng.randrange(most)):
        with suppress(QmpError):
            qmp.run(rng.choice(("stop", "cont", "system_wakeup")))


def _sleep(vm: Emu, qmp: Qmp, rng: random.Random, way: str, deaths: int) -> int:
    """One sleep; how many harts come back."""
    vm.send((b"rtcalarm 1; " if way == "alarm" else b"") + SLEEP)
    _interfere(qmp, rng, 6)
    began = time.monotonic()
    while True:
        waited = time.monotonic() - began
        assert waited < MOST_S, f"{way}: {qmp.status}, {qmp.events[-10:]}\n{vm.tail()}"
        if qmp.status == "paused":
            qmp.run("cont")
        if qmp.status == "suspended":
            if deaths:
                deaths -= 1
                os.kill(rng.choice(psutil.Process(vm.pid).children()).pid, signal.SIGKILL)
            if way == "key":
                vm.send(b"\n")
            elif way == "client" or waited > ALARM_S:
                _interfere(qmp, rng, 3)
        with suppress(ConsoleTimeout):
            return int(vm.expect(BACK, 0.3)[1])


def run(count: int, seed: int, harts: int) -> dict[str, int]:
    """`count` sleeps; some cost a hart its worker. What was seen."""
    rng = random.Random(seed)
    seen = dict.fromkeys((*WAYS, "workers killed"), 0)
    with (
        tempfile.TemporaryDirectory() as folder,
        linux(Path(folder), harts, "-M", "virt,suspend=on") as vm,
        Qmp(Path(folder) / "qmp") as qmp,
    ):
        vm.expect(rb"SHELL on ttyS0", BOOT_S)
        vm.send(WAKE_BY_KEYS)
        for n in range(count):
            way = rng.choice(WAYS)
            # Not where the alarm could wake it before the signal comes: a hart that runs would be lost
            deaths = int(way != "alarm" and rng.random() < 0.4)
            back = _sleep(vm, qmp, rng, way, deaths)
            assert back == harts, f"seed {seed}, sleep {n} ({way}): {back} harts are back\n{vm.tail()}"
            seen[way] += 1
            seen["workers killed"] += deaths
        no_complaint(vm.console)
        qmp.run("quit")
        assert vm.wait() == 0
    return seen


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--harts", type=int, default=4)
    args = parser.parse_args()
    print(run(args.count, args.seed, args.harts))


if __name__ == "__main__":
    main()
