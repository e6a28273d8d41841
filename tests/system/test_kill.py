"""SIGKILL at every named checkpoint and at random moments: nothing is left after a second (law 8)."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from emu.workers.checkpoints import Checkpoints, is_checkpoint
from tests.lib.processes import Program, session_members

MACHINE = "tests.lib.machine"
CHECKPOINTS = [
    "after_shm_open",
    "before_unlink",
    "after_fork_1",
    "after_fork_2",
    "after_fork_3",
    "after_fork_4",
    "half_mapped",
    "in_mmio_reply",
    "in_pause_gather",
    "in_reset",
    "in_quit",
]


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_main_killed_at_a_checkpoint_leaves_nothing(checkpoint: str) -> None:
    with Program(MACHINE, "--program", "store", "--stop-at", checkpoint) as vm:
        if checkpoint in ("in_pause_gather", "in_quit"):
            vm.expect("pids")
            vm.tell("stop", "quit")
        vm.wait_stopped()
        if checkpoint == "before_unlink":
            there = [n for n in os.listdir("/dev/shm") if f"-{vm.pid}-" in n]
            assert len(there) == 1, "the kill must strike while a name exists"
        vm.kill()
        vm.assert_nothing_left()


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_a_checkpoint_passed_changes_nothing(checkpoint: str) -> None:
    with Program(MACHINE, "--program", "store", "--stop-at", checkpoint) as vm:
        if checkpoint in ("in_pause_gather", "in_quit"):
            vm.expect("pids")
            vm.tell("stop", "quit")
        vm.wait_stopped()
        os.kill(vm.pid, signal.SIGCONT)
        if checkpoint not in ("in_pause_gather", "in_quit"):
            vm.expect("pids")
            vm.tell("stop", "quit")
        assert vm.status() == 0
        vm.assert_nothing_left()


@pytest.mark.parametrize("seed", range(5))
def test_main_killed_at_random_moments_leaves_nothing(seed: int) -> None:
    rng = random.Random(seed)
    for n in range(10):
        # half of the moments in the first 300 ms: start-up; the others while harts run and storms pass
        moment = rng.uniform(0, 0.3) if n % 2 else rng.uniform(0.3, 1.0)
        with Program(MACHINE, "--program", rng.choice(("store", "spin", "sleep"))) as vm:
            vm.tell(f"storm {seed} 100000")
            time.sleep(moment)  # the moment is what is tested
            vm.kill()
            vm.assert_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
@pytest.mark.parametrize("program", ["spin", "store", "sleep"])
def test_a_killed_worker_is_reported_and_ends_the_machine_with_status_1(
    program: str, number: signal.Signals
) -> None:
    with Program(MACHINE, "--program", program) as vm:
        pids = [int(p) for p in vm.expect("pids").split()[1:]]
        os.kill(pids[2], number)
        assert vm.status() == 1
        errors = vm.errors()
        assert f"hart 2 (pid {pids[2]}): worker killed by signal {number}" in errors
        assert "last block at pc 0x" in errors
        assert errors.count("\n") == 1, "one line, no traceback"
        vm.assert_nothing_left()


def test_a_bus_error_is_told_as_exhausted_host_memory() -> None:
    with Program(MACHINE) as vm:
        pids = [int(p) for p in vm.expect("pids").split()[1:]]
        os.kill(pids[0], signal.SIGBUS)
        assert vm.status() == 1
        assert "host memory for guest RAM exhausted: 64 MiB promised" in vm.errors()


def test_with_somebody_attached_the_machine_waits_for_a_reset() -> None:
    with Program(MACHINE, "--attached", "--program", "spin") as vm:
        pids = [int(p) for p in vm.expect("pids").split()[1:]]
        os.kill(pids[1], signal.SIGKILL)
        vm.expect("event STOP")
        vm.expect("event X_VCPU_LOST")
        vm.tell("cont")
        vm.expect("error Resetting the Virtual Machine is required")
        vm.tell("reset-now", "cont")
        vm.expect("event RESET")
        vm.expect("event RESUME")
        alive = {p.pid for p in session_members(vm.pid)}
        assert len(alive) == 5
        assert set(pids) - {pids[1]} < alive, "the others are the same as before"
        vm.tell("stop", "cont", "quit")
        assert vm.status() == 0
        vm.assert_nothing_left()


def test_a_worker_that_dies_stopped_is_replaced_and_nothing_changes() -> None:
    with Program(MACHINE, "--program", "store") as vm:
        pids = [int(p) for p in vm.expect("pids").split()[1:]]
        vm.tell("stop")
        vm.expect("ok stop")
        os.kill(pids[3], signal.SIGKILL)
        vm.tell("storm 3 30", "quit")
        vm.expect("ok storm")
        assert vm.status() == 0, "every store came exactly once, the new worker's too"
        errors = vm.errors()
        assert "it was stopped, a new worker takes over" in errors
        assert errors.count("\n") == 1
        vm.assert_nothing_left()


def test_a_worker_that_dies_while_a_reset_gathers_is_replaced_and_told() -> None:
    with Program(MACHINE, "--program", "spin", "--log-every", "0.1") as vm:
        pids = [int(p) for p in vm.expect("pids").split()[1:]]
        os.kill(pids[1], signal.SIGSTOP)  # it runs, and cannot acknowledge: the gather waits for it
        vm.tell("reset")
        assert vm.process.stderr is not None
        while not (line := vm.process.stderr.readline().decode()).startswith(
            f"machine: hart 1 (pid {pids[1]}) has not acknowledged the stop for "
        ):
            assert "has not acknowledged" in line, "on a loaded host others may be named first"
        os.kill(pids[1], signal.SIGKILL)
        vm.expect("event RESET")
        vm.tell("stop", "cont", "quit")
        assert vm.status() == 0, "the reset has made good what was lost"
        told = [line for line in vm.errors().splitlines() if "has not acknowledged" not in line]
        assert len(told) == 1
        assert told[0].startswith(
            f"machine: hart 1 (pid {pids[1]}): worker killed by signal 9 (Killed), last"
        )
        assert told[0].endswith("; a reset follows, a new worker takes over")
        vm.assert_nothing_left()


@pytest.mark.parametrize("seed", range(4))
def test_killing_all_workers_in_a_storm_never_hangs(seed: int) -> None:
    with Program(MACHINE, "--attached", "--program", "spin") as vm:
        pids = [int(p) for p in vm.expect("pids").split()[1:]]
        vm.tell(f"storm {seed} 1000")
        vm.expect("event STOP")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        vm.expect("ok storm")
        vm.tell("reset-now", "cont", "stop", "quit")
        vm.expect("ok stop")
        assert vm.status() == 0
        vm.assert_nothing_left()


@pytest.mark.parametrize("program", ["spin", "sleep", "store"])
def test_a_bug_in_main_ends_the_process_and_leaves_nothing(program: str) -> None:
    with Program(MACHINE, "--program", program) as vm:
        vm.expect("pids")
        vm.tell("fail")
        assert vm.status() == 1
        assert "RuntimeError: told to" in vm.errors()
        vm.assert_nothing_left()


def test_checkpoints_have_names() -> None:
    assert all(is_checkpoint(name) for name in CHECKPOINTS)
    for wrong in ("", "after_fork_N", "after_fork_", "nowhere"):
        assert not is_checkpoint(wrong)
        with pytest.raises(ValueError, match="no checkpoint"):
            Checkpoints(wrong)
