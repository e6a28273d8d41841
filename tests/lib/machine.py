"""A machine without a board: real processes, a fake engine. Run as a program by tests/system.

    python -m tests.lib.machine [--harts N] [--program NAME] [--stop-at CHECKPOINT] [--attached]

It prints "pids P P ..." when its workers run, then obeys words on standard input, one a line, printing
"ok WORD" after each: stop, cont, reset, reset-now, quit, fail (an exception), and `storm SEED N`: N stops,
starts and resets at random. Events are printed as "event NAME". It ends as the control says, with a line
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
from emu.runstate.control import HartLoss, ResetRequired, VmControl
from emu.runstate.requests import Cause
from emu.runstate.states import RunState
from emu.workers import fleet as fleet_module
from emu.workers.checkpoints import Checkpoints
from emu.workers.fleet import Fleet
from emu.workers.guard import NameGuard
from emu.workers.sbi import NOT_SUPPORTED, Answer
from ipc.clock import GuestClock
from ipc.layout import Exit, View
from ipc.ram import Ram
from ipc.segment import Control, fresh_name
from tests.lib.fake_engine import FakeEngine, Program

COUNT = 0x1000_0000  # a register that wants to be written 0, 1, 2, ... by each hart
SLICE_S = 0.0005


def asked(slot: View) -> bool:
    return slot.get("wanted_gen") != slot.get("acked_gen")


def spin(slot: View) -> Exit:
    """Compute: a slice is half a millisecond, or until main wants something."""
    end = time.monotonic() + SLICE_S
    while time.monotonic() < end and not asked(slot):
        slot.set("pc", slot.get("pc") + 4)
    return Exit.NONE


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


PROGRAMS: dict[str, Program] = {"spin": spin, "store": store, "sleep": sleep, "deaf": deaf}


class Counter:
    """The bus: checks that each hart's stores come each exactly once, in order, also over a reset."""

    def __init__(self) -> None:
        self.next: dict[int, int] = {}
        self.wrong: list[str] = []

    def read(self, gpa: int, size: int) -> tuple[bool, int]:
        return True, 0

    def write(self, gpa: int, size: int, value: int) -> bool:
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
        if word == "storm":
            self.storm(random.Random(int(rest[0])), int(rest[1]))
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
