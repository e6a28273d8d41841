"""A machine without a board: real processes, a fake engine. Run as a program by tests/system.

    python -m tests.lib.machine [--harts N] [--program NAME] [--stop-at CHECKPOINT] [--attached]

It prints "pids P P ..." when its workers run, then obeys words on standard input, one a line, printing
"ok WORD" after each: stop, cont, reset, reset-now, quit, fail (an exception), `storm SEED N`: N stops,
starts and resets at random, `work SEED N`: N pieces of work for harts that run, stop and start, `exclusive
SEED N`: N sections in which no hart may execute, `resets N`: return after N resets by harts.
Events are printed as "event NAME". It ends as the control says, with a line
on standard error if something was lost. Composed as a real machine is: guard, memory, fleet, control, loop.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable

from emu.loop.notify import Signals
from emu.loop.poll import MainLoop
from emu.loop.timers import Clocks
from emu.runstate.control import ResetRequired, VmControl
from emu.runstate.harts import HartLoss
from emu.runstate.requests import Cause
from emu.runstate.states import RunState
from emu.workers import fleet as fleet_module
from emu.workers.checkpoints import Checkpoints
from emu.workers.fleet import Fleet
from emu.workers.guard import NameGuard
from emu.workers.sbi import NOT_SUPPORTED, Answer
from ipc.clock import GuestClock
from ipc.layout import Exit, View
from ipc.messages import WorkItem
from ipc.ram import Ram
from ipc.segment import Control, fresh_name
from tests.lib.fake_engine import FIRST_PC, FakeEngine, Program

COUNT = 0x1000_0000  # a register that wants to be written 0, 1, 2, ... by each hart
RESET, AFTER = 0x1000_1000, 0x1000_2000  # one that resets the machine; one that nobody may write
SLICE_S = 0.0005


def asked(slot: View) -> bool:
    return slot.get("wanted_gen") != slot.get("acked_gen")


def spin(slot: View) -> Exit:
    """Compute: a slice is half a millisecond, or until main wants something."""
    end = time.monotonic() + SLICE_S
    while time.monotonic() < end and not asked(slot):
        slot.set("pc", slot.get("pc") + 4)
    return Exit.EVENT  # look at the mail: the event word is not atomic between two Pythons


def store(slot: View) -> Exit:
    """Store a count to a device, for ever: hart * 2**32 + n; n is kept in x5."""
    if slot.get("mmio_ready"):
        slot.set("mmio_ready", 0)
        assert slot.get("mmio_error") == 0
        slot.set("x", slot.get("x", 5) + 1, 5)
        return Exit.STEP
    if asked(slot):
        return Exit.EVENT
    slot.set("exit_gpa", COUNT)
    slot.set("exit_size", 8)
    slot.set("exit_write", 1)
    slot.set("exit_value", slot.get("hartid") << 32 | slot.get("x", 5))
    slot.set("exit_reason", Exit.MMIO)
    return Exit.MMIO


def sleep(slot: View) -> Exit:
    """WFI, for ever."""
    slot.set("event", 0)
    return Exit.EVENT if asked(slot) else Exit.SLEEP


def deaf(slot: View) -> Exit:
    """Guest code that never comes back."""
    while True:
        slot.set("pc", slot.get("pc") + 4)


def reset_itself(slot: View) -> Exit:
    """Reset the machine, by the first instruction; what follows it is never to be executed."""
    if slot.get("mmio_ready"):
        slot.set("mmio_ready", 0)
        slot.set("pc", slot.get("pc") + 4)
        return Exit.STEP
    if asked(slot):
        return Exit.EVENT
    slot.set("exit_gpa", RESET if slot.get("pc") == FIRST_PC else AFTER)
    slot.set("exit_size", 4)
    slot.set("exit_write", 1)
    slot.set("exit_value", 0)
    slot.set("exit_reason", Exit.MMIO)
    return Exit.MMIO


PROGRAMS: dict[str, Program] = {
    "spin": spin, "store": store, "sleep": sleep, "deaf": deaf, "reset": reset_itself
}  # fmt: skip


class Counter:
    """The bus: checks that each hart's stores come each exactly once, in order, also over a reset."""

    def __init__(self) -> None:
        self.next: dict[int, int] = {}
        self.wrong: list[str] = []
        self.resets = 0
        self.reset: Callable[[], None] = lambda: None

    def read(self, gpa: int, size: int) -> tuple[bool, int]:
        return True, 0

    def write(self, gpa: int, size: int, value: int) -> bool:
        if gpa == RESET:
            self.resets += 1
            self.reset()
            return True
        if gpa == AFTER:
            self.wrong.append("a hart has executed what follows the store that resets the machine")
            return True
        hart, n = value >> 32, value & 0xFFFF_FFFF
        if n != self.next.get(hart, 0):
            self.wrong.append(f"hart {hart} stored {n}, not {self.next.get(hart, 0)}")
        self.next[hart] = n + 1
        return True


class TestMachine:
    """The machine; `main` is its life."""

    def __init__(self, args: argparse.Namespace) -> None:
        reached = Checkpoints(args.stop_at)
        names = fresh_name("control"), fresh_name("ram")
        with NameGuard(names):
            self.memory = Control.create(args.harts, names[0], reached)
            self.ram = Ram.create(64 << 20, name=names[1], reached=reached)
        engine = FakeEngine(self.memory, [PROGRAMS[args.program]] * args.harts)
        self.bus = Counter()
        time_ = GuestClock(self.memory.header)
        self.loop = MainLoop(Clocks(time_.now_ns))
        self.fleet = Fleet(
            control=self.memory,
            engine=engine,
            regions=(),
            ram=self.ram,
            bus=self.bus,
            sbi=self.sbi,
            log=self.log,
            on_loss=self.lost,
            reached=reached,
            arena_bytes=1 << 20,
        )
        self.control = VmControl(
            guest_time=time_,
            virtual=self.loop.clocks.virtual,
            notify=self.loop.notify,
            log=self.log,
        )
        self.control.connect(self.fleet)
        self.control.events.subscribe(lambda name, data: self.say(f"event {name}"))
        self.control.attached.append(lambda: args.attached)
        self.bus.reset = lambda: self.control.requests.reset_request(Cause.GUEST_RESET)
        self.words = b""

    def sbi(self, hart: int, eid: int, fid: int, args: tuple[int, ...]) -> Answer:
        return NOT_SUPPORTED

    def log(self, text: str) -> None:
        sys.stderr.write(f"machine: {text}\n")
        sys.stderr.flush()

    def say(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def lost(self, loss: HartLoss) -> None:
        self.control.hart_lost(loss)

    def main(self) -> int:
        """Start, run until the control says so, end."""
        signals = Signals(self.control.requests.killed)
        self.loop.watch(signals, read=signals.read)
        self.fleet.start()
        self.fleet.attach(self.loop)
        self.control.system_reset(Cause.NONE)
        self.control.vm_start()
        while not all(v.may_begin() for v in self.fleet.vcpus):
            self.loop.wait()  # a hart that has not acknowledged yet would only be replaced
        self.say("pids " + " ".join(str(v.process.pid) for v in self.fleet.vcpus if v.process))
        self.loop.watch(0, read=self.read)
        while (status := self.control.should_exit()) is None:
            self.loop.wait()
        self.control.cleanup()
        for wrong in self.bus.wrong:
            self.log(wrong)
        self.fleet.close()
        self.loop.close()
        self.ram.close()
        self.memory.close()
        return 3 if self.bus.wrong else status

    def read(self) -> None:
        data = os.read(0, 4096)
        if not data:  # whoever started us is gone
            self.loop.watch(0)
            self.control.requests.shutdown_request(Cause.HOST_QMP_QUIT)
        self.words += data
        *lines, self.words = self.words.split(b"\n")
        for line in lines:
            word, *rest = line.decode().split()
            self.obey(word, rest)
            self.say(f"ok {word}")

    def obey(self, word: str, rest: list[str]) -> None:
        if word in ("storm", "work", "exclusive"):
            {"storm": self.storm, "work": self.work, "exclusive": self.exclusive}[word](
                random.Random(int(rest[0])), int(rest[1])
            )
            return
        if word == "resets":
            while self.bus.resets < int(rest[0]):
                self.control.should_exit()
                self.loop.wait()
            return
        actions: dict[str, Callable[[], None]] = {
            "stop": lambda: self.control.vm_stop(RunState.PAUSED),
            "cont": self.cont,
            "reset": lambda: self.control.requests.reset_request(Cause.HOST_QMP_SYSTEM_RESET),
            "quit": lambda: self.control.requests.shutdown_request(Cause.HOST_QMP_QUIT),
            "reset-now": self.reset_now,
            "fail": self.fail,
        }
        actions[word]()

    def cont(self) -> None:
        try:
            self.control.vm_start()
        except ResetRequired as e:
            self.say(f"error {e}")

    def fail(self) -> None:
        """A bug in the main process."""
        raise RuntimeError("told to")

    def reset_now(self) -> None:
        self.control.requests.reset_request(Cause.GUEST_RESET)
        self.control.should_exit()

    def work(self, rng: random.Random, n: int) -> None:
        asked, done = 0, [0]

        def count(was_done: bool) -> None:
            assert was_done
            done[0] += 1

        for _ in range(n):
            hart = rng.randrange(len(self.fleet.vcpus))
            if rng.random() < 0.3:
                assert self.fleet.run_on_cpu(hart, WorkItem.BARRIER)
            elif rng.random() < 0.3:
                report = self.fleet.report(hart)
                assert report is not None
                assert report.hart == hart
            else:
                asked += 1
                self.fleet.async_run_on_cpu(hart, rng.choice(list(WorkItem)), count)
            self.obey(rng.choice(("stop", "cont", "cont", "reset-now")), [])
        while done[0] < asked:
            self.loop.wait()
        assert done[0] == asked
        self.cont()

    def exclusive(self, rng: random.Random, n: int) -> None:
        for _ in range(n):
            runs = self.control.states.running
            depth = rng.randint(1, 3)
            for _ in range(depth):
                self.fleet.start_exclusive()
            before = [v.slot.get("pc") for v in self.fleet.vcpus]
            for _ in range(rng.randrange(3)):
                self.loop.wait(nonblocking=True)
            assert not any(v.slot.get("in_guest") for v in self.fleet.vcpus), "a hart executes"
            assert [v.slot.get("pc") for v in self.fleet.vcpus] == before, "a hart has executed"
            for _ in range(depth):
                self.fleet.end_exclusive()
            while runs and not all(v.may_begin() for v in self.fleet.vcpus):
                self.loop.wait()  # they go on
            self.obey(rng.choice(("stop", "cont", "cont")), [])
        self.cont()

    def storm(self, rng: random.Random, n: int) -> None:
        for _ in range(n):
            self.obey(rng.choice(("stop", "cont", "cont", "reset-now")), [])
            for v in self.fleet.vcpus:
                running = self.control.states.running
                assert running or v.lost or v.acknowledged, "stopped means acknowledged"
            for _ in range(rng.randrange(4)):
                self.loop.wait(nonblocking=True)
        self.cont()


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--harts", type=int, default=4)
    parser.add_argument("--program", choices=sorted(PROGRAMS), default="spin")
    parser.add_argument("--stop-at")
    parser.add_argument("--attached", action="store_true")
    parser.add_argument("--log-every", type=float)
    args = parser.parse_args()
    if args.log_every:
        fleet_module.LOG_EVERY_S = args.log_every
    return TestMachine(args).main()


if __name__ == "__main__":
    sys.exit(main())
