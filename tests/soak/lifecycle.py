"""The long run of the lifecycle: stops, resets, deaths, in counts that the issue of the lifecycle names."""

from __future__ import annotations

from collections.abc import Callable

from emu.guests import GuestMissing, guest
from emu.stress.plan import OPERATIONS, choose
from tests.lib.lifecycle_vm import driven, embedded
from tests.soak.registry import NotPerformed, Seen, check
from tests.system import suspend_storm, test_lifecycle

HARTS = (1, 2, 4, 8)
SUSPEND = "\n\necho mem > /sys/power/state; echo SHELL on again\n"


def _with_linux(func: Callable[[], Seen]) -> Seen:
    try:
        guest("linux")
    except GuestMissing as error:
        raise NotPerformed(str(error)) from error
    return func()


@check("pauses", count=10_000, part=500,
       doc="stop and cont of Debian on 4 busy harts, a host loaded twice; a reset for 10")  # fmt: skip
def pauses(count: int, seed: int) -> Seen:
    """Each part is a machine; its last tenth are resets, each compared with the first boot."""
    resets = max(1, count // 20)  # two of them each: 1000 in a whole run
    return _with_linux(lambda: test_lifecycle.pauses_under_load(count, resets, seed))


@check("stop-cont", count=100_000, part=10_000, doc="pairs of stop and cont back to back on 4 harts")
def stop_cont(count: int, seed: int) -> Seen:
    """Each part is a machine."""
    return {"pairs": test_lifecycle.stops_and_conts(count, seed)}


@check("resets", count=1_000, part=100, doc="resets while harts wait for devices, interrupts, fences")
def resets(count: int, seed: int) -> Seen:
    """What harts were in is counted."""
    return test_lifecycle.resets_of_everything(count, seed)


@check("hart-kills", count=200, part=20, doc="SIGKILL of a hart, running and stopped; a reset mends it")
def hart_kills(count: int, seed: int) -> Seen:
    """1, 2, 4 and 8 harts by turns."""
    return test_lifecycle.killed_harts(count, seed, HARTS[seed % len(HARTS)])


@check("phases", count=len(HARTS), part=1, doc="every command in every phase of a boot on 1, 2, 4, 8 harts")
def phases(count: int, seed: int) -> Seen:
    """The runner numbers the parts by their seeds."""
    return _with_linux(lambda: {"phases": test_lifecycle.every_phase(HARTS[seed % len(HARTS)])})


@check("stress", count=10_000, part=500, doc="operations of `emu stress` in random order, on 4 harts")
def stress(count: int, seed: int) -> Seen:
    """Each part is a machine."""
    with driven(embedded(4), seed) as run:
        entries = [entry for entry in OPERATIONS.values() if run.guest.can(entry.needs)]
        for _ in range(count):
            choose(run.rng, entries).func(run)
            run.check_state()
            run.pause()
        assert run.machine.quit() == 0
    return {"operations": count}


@check("suspends", count=200, part=20,
       doc="Debian's sleeps on 4 harts: clients interfere, workers die; all harts come back")  # fmt: skip
def suspends(count: int, seed: int) -> Seen:
    """Each part is a machine."""
    return _with_linux(lambda: suspend_storm.run(count, seed, 4))


@check("stress-suspend", count=200, part=50, doc="Debian that suspends to RAM under stress, on 2 harts")
def stress_suspend(count: int, seed: int) -> Seen:
    """Each part is a machine; the guest is told to suspend, a client wakes it, or resets it in its sleep."""

    def run_it() -> Seen:
        line = [
            "-M", "virt,suspend=on", "-smp", "2", "-m", "512M", "-display", "none",
            "-kernel", str(guest("linux")), "-initrd", str(guest("initrd")),
            "-append", "console=ttyS0 test=shell",
        ]  # fmt: skip
        names = ("stop", "cont", "suspend", "suspend", "storm", "reset", "wakeup", "run", "kill")
        suspends = 0
        with driven(line, seed, "SHELL on", SUSPEND) as run:
            for _ in range(count):
                name = run.rng.choice(names)
                OPERATIONS[name].func(run)
                run.check_state()
                suspends += name == "suspend"
            assert run.machine.quit() == 0
        return {"operations": count, "suspends": suspends}

    return _with_linux(run_it)
