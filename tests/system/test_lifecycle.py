"""Pause, reset, power and death of real machines, over the monitor, against the model of the lifecycle.

The functions that take a count are also the long run's (tests/soak/lifecycle.py).
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from emu.stress.plan import OPERATIONS, Run, choose
from ipc.clock import GuestClock
from tests.lib import rawguest
from tests.lib.guests import need
from tests.lib.lifecycle_vm import EMBEDDED, differing, digest, driven, embedded
from tests.system import test_panic, test_watchdog
from tests.system.guests.run import hogs
from tests.system.test_idle import MOST, least_share

BOOT_S = 120.0
SPIN = r"SPIN \d+"


def linux(smp: int, words: str) -> list[str]:
    """Debian with OpenSBI."""
    return [
        "-M", "virt", "-smp", str(smp), "-m", "512M", "-display", "none", "-bios", need("opensbi"),
        "-kernel", need("linux"), "-initrd", need("initrd"),
        "-append", f"console=ttyS0 earlycon=sbi {words}",
    ]  # fmt: skip


def wait_for(run: Run, pattern: str) -> None:
    """A line of the console since the last reset."""
    console = run.machine.console
    assert console.wait_for(pattern, run.since, BOOT_S) is not None, console.lines[-20:]


def wait_for_progress(run: Run) -> None:
    """Every hart that has been started executes something."""
    OPERATIONS["run"].func(run)


# -- stop and cont


def stops_and_conts(count: int, seed: int, harts: int = 4) -> int:
    """`count` pairs back to back, on a guest at work; the guest must have noticed nothing."""
    with driven(embedded(harts), seed) as run:
        run.command("cont", run.model.cont())
        for _ in range(count):
            run.command("stop", run.model.stop())
            run.command("cont", run.model.cont())
        run.since = run.machine.console.count
        run.get_ready()  # a round of checks begun and ended after the last
        assert run.machine.quit() == 0
    return count


@pytest.mark.parametrize("harts", [1, 4])
def test_stops_and_conts_back_to_back(harts: int) -> None:
    stops_and_conts(500, 1, harts)


def pauses_under_load(count: int, resets: int, seed: int) -> dict[str, int]:
    """Pauses, then resets at random points, of Debian on four harts that all compute, on a loaded host.

    After each reset the machine's digest is that of its first boot; each 20th boots to user space.
    """
    rng = random.Random(seed)
    with hogs(2 * len(os.sched_getaffinity(0))), driven(linux(4, "test=spin"), seed, SPIN) as run:
        first = digest(run)
        run.get_ready()
        for _ in range(count):
            run.command("stop", run.model.stop())
            if rng.random() < 0.3:
                time.sleep(rng.random() * 0.02)  # the length of a pause is what is varied
            run.command("cont", run.model.cont())
            if rng.random() < 0.3:
                wait_for_progress(run)
        for n in range(1, resets + 1):
            OPERATIONS["reset"].func(run)
            assert run.model.runs
            run.command("stop", run.model.stop())
            OPERATIONS["reset"].func(run)
            assert differing(first, digest(run)) == [], f"reset {n}"
            run.command("cont", run.model.cont())
            if n % 20 == 0:
                run.get_ready()
                wait_for(run, "GUEST-READY nproc=4 ")
            else:
                time.sleep(rng.random() * 0.3)  # how far the boot gets is what is varied
        run.check_state()
        assert run.machine.console.wrong(0) == ""
    return {"pauses": count, "resets": 2 * resets}


@pytest.mark.timeout(600)
def test_pauses_and_resets_of_linux_at_work_on_a_loaded_host() -> None:
    pauses_under_load(100, 10, 1)


# -- reset


def resets_of_everything(count: int, seed: int, harts: int = 4) -> dict[str, int]:
    """Resets at random points of a guest whose harts are in the middle of everything; what they were in."""
    with driven(embedded(harts), seed) as run:
        first = digest(run)
        run.command("cont", run.model.cont())
        for n in range(count):
            time.sleep(run.rng.random() * 0.03)  # the point is what is varied
            OPERATIONS["reset"].func(run)
            if n % 5 == 0:
                run.command("stop", run.model.stop())
                OPERATIONS["reset"].func(run)
                assert differing(first, digest(run)) == [], f"reset {n}"
                run.command("cont", run.model.cont())
            if n % 20 == 0:
                run.get_ready()
        run.get_ready()
        assert run.machine.quit() == 0
        return dict(run.moments)


def test_after_a_reset_everything_is_as_at_the_first_boot() -> None:
    resets_of_everything(60, 2)


# -- phases of a boot


PHASES = (
    ("mask ROM", ""),
    ("firmware", r"OpenSBI v"),
    ("kernel", r"Linux version|Booting Linux"),
    ("SMP", r"smp: Brought up|devtmpfs: initialized"),
    ("user space", r"GUEST-READY"),
)


def every_phase(harts: int) -> int:
    """stop, cont and powerdown in every phase of a boot; a reset in each, and a whole boot at the end."""
    with driven(linux(harts, "test=spin"), harts, SPIN) as run:
        first = digest(run)
        for _, marker in PHASES:
            run.command("cont", run.model.cont())
            if marker:
                wait_for(run, marker)
            for name in ("stop", "cont", "stop", "system_powerdown", "system_wakeup", "cont"):
                run.command(name, getattr(run.model, name)())
                run.check_state()
            OPERATIONS["reset"].func(run)
            run.command("stop", run.model.stop())
            OPERATIONS["reset"].func(run)
            assert differing(first, digest(run)) == []
            run.check_state()
        run.command("cont", run.model.cont())
        run.get_ready()
        wait_for(run, f"GUEST-READY nproc={harts} ")
        assert run.machine.quit() == 0
    return len(PHASES)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("harts", [1, 4])
def test_every_command_in_every_phase_of_a_boot(harts: int) -> None:
    every_phase(harts)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("phase", "marker"), PHASES[:3], ids=[name for name, _ in PHASES[:3]])
def test_quit_in_a_phase_of_a_boot(phase: str, marker: str) -> None:
    with driven(linux(2, "test=spin")) as run:
        run.command("cont", run.model.cont())
        if marker:
            wait_for(run, marker)
        assert run.machine.quit() == 0


def _paused(run: Run) -> None:
    run.command("cont", run.model.cont())
    run.command("stop", run.model.stop())


def _lost(run: Run) -> None:
    run.command("cont", run.model.cont())
    wait_for_progress(run)
    slot = run.machine.control.hart(0)
    while slot.get("acked_gen") != slot.get("wanted_gen"):
        time.sleep(0.001)  # nothing tells us
    os.kill(run.machine.worker(0), signal.SIGKILL)
    run.events("SIGKILL", run.model.hart_killed().after)


def _of_itself(state: str, *events: str) -> Callable[[Run], None]:
    """The guest brings it about."""

    def reach(run: Run) -> None:
        run.machine.client.command("cont")  # the guest may be quicker than the reply
        run.events("the guest", ("RESUME", *events))
        run.model.state = state

    return reach


def _raw(image: bytes, *more: str) -> Callable[[Path], list[str]]:
    return lambda folder: [*EMBEDDED, "-smp", "2", "-bios", "none", "-kernel",
                           rawguest.written(folder, image), *more]  # fmt: skip


def _embedded(_folder: Path) -> list[str]:
    return embedded(2)


# state: the machine's options, how it gets there
STATES: dict[str, tuple[Callable[[Path], list[str]], Callable[[Run], object]]] = {
    "prelaunch": (_embedded, lambda run: None),
    "running": (_embedded, lambda run: run.command("cont", run.model.cont())),
    "paused": (_embedded, _paused),
    "internal-error": (_embedded, _lost),
    "shutdown": (
        _raw(rawguest.powers_off(), "-no-shutdown"), _of_itself("shutdown", "SHUTDOWN", "STOP")
    ),
    "guest-panicked": (
        _raw(rawguest.stores(test_panic.PAGE, ("sb", 0, test_panic.PANICKED)), "-device", "pvpanic-mmio",
             "-action", "panic=pause"),
        _of_itself("guest-panicked", "GUEST_PANICKED", "STOP"),
    ),
    "watchdog": (
        _raw(rawguest.stores(test_watchdog.PAGE, *test_watchdog.START), "-device", "allwinner-wdt-sun6i",
             "-action", "watchdog=pause"),
        _of_itself("watchdog", "WATCHDOG", "STOP"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_every_command_from_every_state(state: str, tmp_path: Path) -> None:
    line, reach = STATES[state]
    for names in (("system_powerdown", "system_wakeup", "cont"), ("stop", "system_reset"), ()):
        with driven(line(tmp_path)) as run:
            reach(run)
            assert run.model.state == state
            run.check_state()
            for name in names:
                run.command(name, getattr(run.model, name)())
                if not run.model.runs or state not in ("guest-panicked", "watchdog"):
                    run.check_state()  # else it does it again, at its own time
            if not names:
                assert run.machine.quit() == 0
                assert run.machine.client.take_events(("SHUTDOWN",)) == ["SHUTDOWN"]


# -- death


def killed_harts(count: int, seed: int, harts: int = 4) -> dict[str, int]:
    """SIGKILL for a worker at random points, running and stopped: DESIGN law 5 to the letter."""
    names = ("kill", "kill", "kill", "stop", "cont", "run", "reset")
    with driven(embedded(harts), seed) as run:
        kills = 0
        while kills < count:
            entry = OPERATIONS[run.rng.choice(names)]
            entry.func(run)
            run.check_state()
            run.pause()
            kills += entry.name == "kill"
        if not run.model.runs:
            run.command("cont", run.model.cont())
        run.since = run.machine.console.count
        run.get_ready()
        assert run.machine.quit() == 0
    return {"kills": kills}


def test_killed_harts_are_told_of_and_a_reset_mends_the_machine() -> None:
    killed_harts(12, 3)


def test_a_random_sequence_of_everything() -> None:
    with driven(embedded(4), 11) as run:
        entries = [e for e in OPERATIONS.values() if run.guest.can(e.needs)]
        for _ in range(120):
            choose(run.rng, entries).func(run)
            run.check_state()
            run.pause()
        assert run.machine.quit() == 0


# -- time and rest


def test_guest_time_stands_still_while_the_machine_is_stopped() -> None:
    """LESSONS 30: on continue, time must not jump by the length of the pause."""
    with driven(embedded(2)) as run:
        run.get_ready()
        clock = GuestClock(run.machine.control.header)
        for _ in range(3):
            run.command("stop", run.model.stop())
            stopped = clock.now_ns()
            time.sleep(0.3)  # the length of the pause
            assert clock.now_ns() == stopped
            began = time.monotonic_ns()
            run.command("cont", run.model.cont())
            now, took = clock.now_ns(), time.monotonic_ns() - began
            assert stopped <= now <= stopped + took
        run.check_state()


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_a_machine_with_nothing_to_do_uses_no_processor_after_pauses_and_resets(
    tmp_path: Path, paused: bool
) -> None:
    """LESSONS 22: threads that spin after the first pause."""
    line = [*EMBEDDED, "-smp", "4", "-bios", "none", "-kernel", rawguest.written(tmp_path, rawguest.idle())]
    with driven(line) as run:
        run.command("cont", run.model.cont())
        for n in range(30):
            run.command("stop", run.model.stop())
            if n % 10 == 0:
                OPERATIONS["reset"].func(run)
            run.command("cont", run.model.cont())
        if paused:
            run.command("stop", run.model.stop())
        main = psutil.Process(run.machine.process.pid)
        family = [main, *main.children(recursive=True)]
        assert least_share(family) < MOST
