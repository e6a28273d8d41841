"""The real program's processes: killed anywhere, nothing is left; stopped and reset anywhere, nothing hangs.

As test_kill and test_pause, which have a fake engine and hit more moments; here the engine, the board and
the command line are the real ones.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.lib import rawguest
from tests.lib.processes import Program, session_members

HARTS = 4
CHECKPOINTS = [
    "after_shm_open",
    "before_unlink",
    "after_fork_1",
    "after_fork_4",
    "half_mapped",
    "in_reset",
    "in_mmio_reply",
    "in_pause_gather",
    "in_quit",
]


def emu(image: str, *extra: str, machine: str = "virt", harts: int = HARTS) -> Program:
    """The emulator on a raw guest."""
    return Program(
        "emu", "-M", machine, "-smp", str(harts), "-m", "64M", "-bios", "none", "-kernel", image,
        "-display", "none", "-serial", "null", *extra,
    )  # fmt: skip


def harts_of(vm: Program, count: int = HARTS) -> list[int]:
    """Pids of the workers, in hart order, once all of them run guest code."""
    deadline = time.monotonic() + 60
    while True:
        members = [p for p in session_members(vm.pid) if p.pid != vm.pid]
        named = sorted((p.name(), p.pid) for p in members if p.name().startswith("emu-hart"))
        if len(named) == count and all(p.cpu_times().user > 0.03 for p in members):
            return [pid for _, pid in named]
        assert time.monotonic() < deadline, f"only {named}"
        time.sleep(0.005)  # nothing tells us when a guest begins to run


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_main_killed_at_a_checkpoint_leaves_nothing(checkpoint: str, tmp_path: Path) -> None:
    image = rawguest.written(tmp_path, rawguest.resets(0))
    with emu(image, machine=f"virt,x-checkpoint={checkpoint}") as vm:
        vm.wait_stopped(120)
        vm.kill()
        vm.assert_nothing_left()


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_a_checkpoint_passed_changes_nothing(checkpoint: str, tmp_path: Path) -> None:
    image = rawguest.written(tmp_path, rawguest.resets(1))
    with emu(image, machine=f"virt,x-checkpoint={checkpoint}") as vm:
        vm.wait_stopped(120)
        os.kill(vm.pid, signal.SIGCONT)
        assert vm.status() == 0, vm.errors()
        assert vm.errors() == ""


@pytest.mark.parametrize("seed", range(5))
def test_main_killed_at_random_moments_leaves_nothing(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    image = rawguest.written(tmp_path, rawguest.resets(2000))
    for n in range(10):
        moment = rng.uniform(0, 0.3) if n % 2 else rng.uniform(0.3, 0.9)
        with emu(image) as vm:
            time.sleep(moment)  # the moment is what is tested
            vm.kill()
            vm.assert_nothing_left()


@pytest.mark.parametrize("guest", ["spin", "access"])
def test_a_killed_worker_is_reported_and_ends_the_machine_with_status_1(guest: str, tmp_path: Path) -> None:
    with emu(rawguest.written(tmp_path, getattr(rawguest, guest)())) as vm:
        pids = harts_of(vm)
        os.kill(pids[2], signal.SIGKILL)
        assert vm.status() == 1
        errors = vm.errors()
        assert (
            f"hart 2 (pid {pids[2]}): worker killed by signal 9 (Killed), last block at pc 0x8000000"
            in errors
        )
        assert errors.count("\n") == 1
        vm.assert_nothing_left()


def test_a_bus_error_in_a_worker_is_told_as_exhausted_host_memory(tmp_path: Path) -> None:
    with emu(rawguest.written(tmp_path, rawguest.spin())) as vm:
        os.kill(harts_of(vm)[0], signal.SIGBUS)
        assert vm.status() == 1
        assert "host memory for guest RAM exhausted: 64 MiB promised" in vm.errors()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("guest", ["spin", "access"])
def test_a_signal_to_the_whole_group_is_one_to_main(
    number: signal.Signals, guest: str, tmp_path: Path
) -> None:
    with emu(rawguest.written(tmp_path, getattr(rawguest, guest)())) as vm:
        harts_of(vm)
        os.killpg(vm.pid, number)
        assert vm.status() == 0
        errors = vm.errors()
        assert f"terminating on signal {number.value} from pid {os.getpid()} (" in errors
        assert errors.count("\n") == 1
        vm.assert_nothing_left()


@pytest.mark.parametrize("harts", [1, 2, 4, 8])
def test_a_guest_that_resets_itself_hundreds_of_times_never_hangs(harts: int, tmp_path: Path) -> None:
    with emu(rawguest.written(tmp_path, rawguest.resets(200)), harts=harts) as vm:
        assert vm.status(120) == 0, vm.errors()
        assert vm.errors() == ""


def test_idle_harts_use_no_processor(tmp_path: Path) -> None:
    with emu(rawguest.written(tmp_path, rawguest.idle())) as vm:
        deadline = time.monotonic() + 60
        while len(session_members(vm.pid)) != 1 + HARTS:
            assert time.monotonic() < deadline
            time.sleep(0.01)  # nothing tells us when all are there
        time.sleep(0.5)  # start-up is not what is measured

        def used() -> float:
            return sum(t.user + t.system for t in (p.cpu_times() for p in session_members(vm.pid)))

        before = used()
        time.sleep(1)  # this second is
        assert used() - before <= 0.03
        os.kill(vm.pid, signal.SIGTERM)
        assert vm.status() == 0
