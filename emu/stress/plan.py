"""What is done to the machine, and when: a sequence that a seed repeats exactly.

Each operation is a function registered under its name; it does something to the machine, tells the model, and
compares. Times between operations come from the same seed; what the host makes of them does not.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from emu.stress.client import Ended, Reply, Silent
from emu.stress.machine import Machine
from emu.stress.model import Expected, Model
from emu.stress.situation import situation

LOOK_S = 0.002
BOOT_S = 120.0


class Wrong(Exception):
    """The machine did something else than the model. The text says what."""


@dataclass(frozen=True)
class Guest:
    """What is known of the guest.

    ready: a line it writes when it is up; suspend: what to type so that it suspends the machine and
    writes that line again when it wakes. "" for none.
    """

    ready: str = ""
    suspend: str = ""

    def can(self, needs: str) -> bool:
        """Whether it does what an operation needs."""
        return not needs or bool(getattr(self, needs))


@dataclass
class Run:
    """What an operation works on. since: the console's line at the last reset."""

    machine: Machine
    model: Model
    rng: random.Random
    guest: Guest
    since: int = 0
    moments: Counter[str] = field(default_factory=Counter)  # what harts were in when a reset came

    def command(self, name: str, expected: Expected) -> Reply:
        """A command of the monitor, compared with what the model says of it."""
        try:
            reply = self.machine.client.command(name)
        except Silent:
            raise Wrong(f"'{name}' is not answered for {self.machine.client.patience_s:.0f} s") from None
        except Ended:
            raise Wrong(f"the monitor has closed its connection at '{name}'") from None
        if reply.error != expected.error:
            raise Wrong(
                f"'{name}': {reply.error or 'success'!r}, where {expected.error or 'success'!r} was due"
            )
        if tuple(reply.before) != expected.before:
            raise Wrong(
                f"'{name}': events {reply.before} before the reply, where {list(expected.before)} were due"
            )
        self.machine.client.take_events(expected.before)
        self.events(name, expected.after)
        return reply

    def events(self, what: str, names: tuple[str, ...]) -> None:
        """Events that are due."""
        got = self.machine.client.take_events(names)
        if tuple(got) != names:
            raise Wrong(f"{what}: events {got}, where {list(names)} were due")

    def check_state(self) -> None:
        """The state is the model's, and no event came that nobody expected."""
        try:
            status = self.machine.client.command("query-status").value
        except (Silent, Ended):
            raise Wrong("'query-status' is not answered") from None
        if status["status"] != self.model.state or status["running"] != self.model.runs:
            raise Wrong(f"the state is {status['status']}, where {self.model.state} was due")
        if self.machine.client.events:
            names = [event["event"] for event in self.machine.client.events]
            raise Wrong(f"events that nobody asked for: {names}")

    def get_ready(self) -> None:
        """Let the guest run until it is up, after the last reset."""
        if self.model.state in ("paused", "prelaunch"):
            self.command("cont", self.model.cont())
        if not self.model.runs:
            return
        console = self.machine.console
        if console.wait_for(self.guest.ready, self.since, BOOT_S) is None:
            raise Wrong(f"the guest is not up {BOOT_S:.0f} s after its reset")

    def pause(self) -> None:
        """Let some time go by, mostly a little: none, up to 3 ms, up to 40 ms."""
        most = self.rng.choice((0.0, 0.0, 0.003, 0.003, 0.040))
        time.sleep(self.rng.random() * most)


Operation = Callable[[Run], None]


@dataclass(frozen=True)
class Entry:
    """weight: how often it comes, relative to others; needs: what the guest must do for it, or ""."""

    name: str
    weight: int
    func: Operation
    needs: str = ""


OPERATIONS: dict[str, Entry] = {}


def operation(name: str, weight: int, needs: str = "") -> Callable[[Operation], Operation]:
    """Register the decorated function. Errors: ValueError for a name taken twice."""

    def register(func: Operation) -> Operation:
        old = OPERATIONS.get(name)
        if old is not None:
            raise ValueError(f"operation {name!r} is declared twice: {old.func} and {func}")
        OPERATIONS[name] = Entry(name, weight, func, needs)
        return func

    return register


@operation("stop", 20)
def stop(run: Run) -> None:
    """Stop, look that nothing moves, go on later."""
    run.command("stop", run.model.stop())
    before = run.machine.progress()
    run.pause()
    if not run.model.runs and run.machine.progress() != before:
        raise Wrong("a hart has executed while the machine was stopped")


@operation("cont", 20)
def cont(run: Run) -> None:
    """Go on."""
    run.command("cont", run.model.cont())


@operation("storm", 8)
def storm(run: Run) -> None:
    """Many stops and conts back to back."""
    for _ in range(run.rng.randint(2, 30)):
        run.command("stop", run.model.stop())
        run.command("cont", run.model.cont())


@operation("reset", 10)
def reset(run: Run) -> None:
    """Reset, in whatever state; what harts are in the middle of is counted."""
    if run.model.runs:
        run.moments.update(hart.waits_for for hart in situation(run.machine.control).harts)
    run.since = run.machine.console.count
    run.command("system_reset", run.model.system_reset())


@operation("resets", 2)
def resets(run: Run) -> None:
    """Several resets, the next as soon as the last is told of."""
    for _ in range(run.rng.randint(2, 5)):
        reset(run)


@operation("powerdown", 2)
def powerdown(run: Run) -> None:
    """The power button, which this guest does not look at."""
    run.command("system_powerdown", run.model.system_powerdown())


@operation("wakeup", 2)
def wakeup(run: Run) -> None:
    """Wake a machine that mostly is not asleep."""
    run.command("system_wakeup", run.model.system_wakeup())


@operation("kill", 3)
def kill(run: Run) -> None:
    """SIGKILL for a hart's worker; then what law 5 says, and a reset that mends it."""
    hart = run.rng.randrange(run.machine.harts)
    pid = run.machine.worker(hart)
    stopped = not run.model.runs
    if not stopped:
        _wait_for_resume(run, hart)
    expected = run.model.hart_killed()
    os.kill(pid, signal.SIGKILL)
    run.events(f"SIGKILL of hart {hart}", expected.after)
    if stopped:
        _wait_for_replacement(run, hart, pid)
        return
    run.check_state()
    run.command("cont", run.model.cont())
    reset(run)
    run.command("cont", run.model.cont())


def _wait_for_resume(run: Run, hart: int) -> None:
    """`cont` does not wait for harts: one that is killed before it has resumed is still a stopped one."""
    slot = run.machine.control.hart(hart)
    deadline = time.monotonic() + run.machine.client.patience_s
    while slot.get("acked_gen") != slot.get("wanted_gen"):
        if time.monotonic() > deadline:
            raise Wrong(f"hart {hart} does not acknowledge the resume")
        time.sleep(LOOK_S)


def _wait_for_replacement(run: Run, hart: int, old: int) -> None:
    deadline = time.monotonic() + run.machine.client.patience_s
    while run.machine.worker(hart) == old:
        if time.monotonic() > deadline:
            raise Wrong(f"hart {hart} was killed while it was stopped, and gets no new worker")
        time.sleep(LOOK_S)


@operation("run", 12)
def let_run(run: Run) -> None:
    """Let the guest run until it has done something."""
    if run.model.state in ("paused", "prelaunch"):
        run.command("cont", run.model.cont())
    if not run.model.runs:
        return
    before = run.machine.progress()
    deadline = time.monotonic() + run.machine.client.patience_s
    while run.machine.progress() == before:
        if time.monotonic() > deadline:
            raise Wrong("no hart has executed anything, though the machine runs")
        time.sleep(LOOK_S)


@operation("ready", 3, needs="ready")
def ready(run: Run) -> None:
    """Let the guest come up."""
    run.get_ready()


@operation("suspend", 6, needs="suspend")
def suspend(run: Run) -> None:
    """Send the guest to sleep; wake it, or do something else to it then."""
    run.get_ready()
    if not run.model.runs:
        return
    run.machine.type(run.guest.suspend)
    run.events("the guest's suspend", run.model.guest_suspends().after)
    run.since = run.machine.console.count  # it will say again that it is up: what is typed before may be lost
    run.check_state()
    run.pause()
    if run.rng.random() < 0.3:
        run.command("stop", run.model.stop())
        run.command("cont", run.model.cont())
    if run.rng.random() < 0.8:
        run.command("system_wakeup", run.model.system_wakeup())
        let_run(run)


def choose(rng: random.Random, entries: list[Entry]) -> Entry:
    """One of them, by weight."""
    return rng.choices(entries, [entry.weight for entry in entries])[0]
