"""Suspend to RAM without processes: the board with suspend=on, a hart that asks for it, whoever wakes it.

The hart is the test: it has called SUSP and asks the main loop again whenever it runs, as `Exit.SBI` does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from emu.errors import OptionError
from emu.hw.char.ns16550a import IER_RDI
from emu.hw.riscv.virt import VirtMachine
from emu.loop.timers import Clock, ClockType
from emu.options.clock import RtcClock, RtcConfig
from emu.qom.device import ResetType, reset_tree
from emu.runstate.harts import NoHarts
from emu.runstate.requests import Cause, NotSuspended, WakeupReason
from emu.runstate.states import RunState
from emu.workers.sbi import SUCCESS
from ipc.layout import View
from ipc.sbi import SUSP_OFFERED, Eid
from tests.lib.board import FakeVm, virt_board

ALARM_LOW, ALARM_HIGH, ENABLE, CLEAR_IRQ = 0x08, 0x0C, 0x10, 0x1C
RBR, IER, FCR = 0, 1, 2
S = RunState


class Harts(NoHarts):
    """Whether they run: a hart that is stopped asks for nothing."""

    run = False

    def pause_all(self) -> None:
        self.run = False

    def resume_all(self) -> None:
        self.run = True


class Sleeper:
    """The machine and its one hart. asking: it is in the call; events: what clients saw."""

    def __init__(self, machine: VirtMachine, own_clock: bool = True) -> None:
        assert isinstance(machine.vm, FakeVm)
        self.machine, self.vm, self.run = machine, machine.vm, machine.vm.run
        self.host_ns = 1000
        if own_clock:
            machine.rtc._clock = machine.rtc._timer.clock = Clock(ClockType.HOST, lambda: self.host_ns)
            machine.rtc._offset_ns = 0
        self.events: list[str] = []
        self.reasons: list[WakeupReason] = []
        self.run.events.subscribe(lambda name, _: self.events.append(name))
        self.run.on_wakeup(self.reasons.append)
        self.harts = Harts()
        self.run.connect(self.harts)
        self.run.vm_start()
        self.asking = False
        self.answers = 0

    @property
    def state(self) -> RunState:
        return self.run.states.current

    def ask(self) -> None:
        """The hart asks, or asks again."""
        if self.asking and self.harts.run:
            answer = self.machine.sbi(0, Eid.SUSP, 0, (0, 0x8020_0000, 0, 0, 0, 0))
            if answer is not None:
                assert answer == SUCCESS
                self.asking = False
                self.answers += 1

    def turn(self) -> None:
        """One of the main loop's."""
        self.ask()
        assert self.run.should_exit() is None
        self.vm.fake_loop.deferred.run()
        self.machine.rtc._timer.clock.run()

    def settle(self) -> None:
        """As many as anything needs."""
        for _ in range(6):
            self.turn()

    def suspend(self) -> None:
        self.asking = True
        self.settle()
        assert self.state is S.SUSPENDED

    def alarm(self, at_ns: int, enabled: bool = True) -> None:
        """The guest arms it, and enables its interrupt."""
        self.machine.rtc.write(ENABLE, 4, int(enabled))
        self.machine.rtc.write(ALARM_HIGH, 4, at_ns >> 32)
        self.machine.rtc.write(ALARM_LOW, 4, at_ns & 0xFFFF_FFFF)

    def key(self) -> None:
        self.machine.uart.receive(b"x")

    def wants(self) -> bool:
        return self.machine.rtc.wants_attention() or self.machine.uart.wants_attention()


@pytest.fixture
def box() -> Iterator[Sleeper]:
    with virt_board(suspend=True) as machine:
        yield Sleeper(machine)


def test_it_is_offered_when_asked_for_and_not_otherwise() -> None:
    for on in (False, True):
        with virt_board(suspend=on) as machine:
            header = machine.vm.header
            assert isinstance(header, View)
            assert header.get("sbi_flags") == (SUSP_OFFERED if on else 0)
            assert machine.vm.run.wakeup_supported is on


@pytest.mark.parametrize("firmware", ["none", __file__])
def test_another_firmware_has_no_such_call(firmware: str) -> None:
    with (
        pytest.raises(OptionError, match="suspend=on needs the built-in firmware: -bios default"),
        virt_board(suspend=True, firmware=firmware),
    ):
        pass


def test_the_machine_sleeps_until_a_client_wakes_it(box: Sleeper) -> None:
    with pytest.raises(NotSuspended):
        box.run.requests.wakeup_request(WakeupReason.OTHER)
    box.suspend()
    assert (box.events, box.answers) == (["RESUME", "SUSPEND"], 0)
    box.run.requests.wakeup_request(WakeupReason.OTHER)
    assert box.state is S.RUNNING, "at once"
    box.settle()
    assert (box.events, box.answers) == (["RESUME", "SUSPEND", "WAKEUP"], 1)
    box.suspend()
    assert box.answers == 1, "one wake-up is one answer"


def test_the_alarm_wakes_it_if_its_interrupt_is_enabled(box: Sleeper) -> None:
    box.alarm(2000, enabled=False)
    box.suspend()
    box.host_ns = 2000
    box.settle()
    assert box.state is S.SUSPENDED
    box.run.requests.wakeup_request(WakeupReason.OTHER)
    box.settle()
    box.machine.rtc.write(CLEAR_IRQ, 4, 1)
    box.alarm(3000)
    box.suspend()
    box.host_ns = 2999
    box.settle()
    assert box.state is S.SUSPENDED
    box.host_ns = 3000
    box.settle()
    assert (box.state, box.answers, box.reasons[-1]) == (S.RUNNING, 2, WakeupReason.RTC)


def test_an_alarm_in_guest_time_wakes_it_too() -> None:
    """-rtc clock=vm: the clock itself has no timers while the machine sleeps."""
    with virt_board(suspend=True, rtc=RtcConfig(clock=RtcClock.VM)) as machine:
        box = Sleeper(machine, own_clock=False)
        clocks = box.vm.clocks
        now = [0]
        clocks.virtual.now_ns = clocks.virtual_rt.now_ns = lambda: now[0]
        box.alarm(machine.rtc.now_ns() + 1000)
        box.suspend()
        now[0] = 999
        clocks.run()
        box.settle()
        assert box.state is S.SUSPENDED
        now[0] = 1000
        clocks.run()
        box.settle()
        assert (box.state, box.reasons) == (S.RUNNING, [WakeupReason.RTC])
        machine.rtc.write(CLEAR_IRQ, 4, 1)
        box.alarm(machine.rtc.now_ns() + 1000)
        box.suspend()
        box.run.requests.wakeup_request(WakeupReason.OTHER)
        box.settle()
        box.alarm(machine.rtc.now_ns() + 5000)
        now[0] = 2500
        clocks.run()
        assert not machine.rtc.irq.level, "the alarm of the sleep is not that of the day"
        box.suspend()
        reset_tree(machine.rtc, ResetType.COLD)
        assert (clocks.virtual.armed, clocks.virtual_rt.armed) == ([], [])


def test_input_wakes_it_if_its_interrupt_is_enabled(box: Sleeper) -> None:
    box.suspend()
    box.key()
    box.settle()
    assert box.state is S.SUSPENDED
    box.run.requests.wakeup_request(WakeupReason.OTHER)
    box.settle()
    box.machine.uart.read(RBR, 1)
    box.machine.uart.write(IER, 1, IER_RDI)
    box.machine.uart.write(FCR, 1, 0x81)  # FIFO, 8 bytes for an interrupt: one byte must do all the same
    box.suspend()
    box.key()
    box.settle()
    assert (box.state, box.answers, box.reasons[-1]) == (S.RUNNING, 2, WakeupReason.OTHER)
    assert box.machine.uart.read(RBR, 1) == ord("x"), "the byte is not lost"


def test_what_is_there_before_it_sleeps_wakes_it(box: Sleeper) -> None:
    """The alarm rings when the guest has called and the main loop has not got to it."""
    box.alarm(2000)
    box.asking = True
    box.ask()
    box.host_ns = 2000
    box.machine.rtc._timer.clock.run()
    assert box.machine.rtc.irq.level
    box.settle()
    assert (box.state, box.answers) == (S.RUNNING, 1)
    assert box.events == ["RESUME", "SUSPEND", "WAKEUP"]


def test_what_comes_while_a_sleeping_machine_is_stopped_wakes_it_afterwards(box: Sleeper) -> None:
    box.alarm(2000)
    box.suspend()
    box.run.vm_stop(S.PAUSED)
    box.host_ns = 2000
    box.settle()
    assert (box.state, box.answers) == (S.PAUSED, 0)
    with pytest.raises(NotSuspended):
        box.run.requests.wakeup_request(WakeupReason.OTHER)
    box.run.vm_start()
    assert box.state is S.SUSPENDED
    box.settle()
    assert (box.state, box.answers) == (S.RUNNING, 1)
    assert box.events == ["RESUME", "SUSPEND", "STOP", "RESUME", "WAKEUP"]


def test_a_stop_between_the_call_and_the_sleep_puts_it_off(box: Sleeper) -> None:
    """The request is void; the hart asks again after `cont`, and then the machine sleeps."""
    box.asking = True
    box.ask()
    box.run.vm_stop(S.PAUSED)
    box.settle()
    assert box.state is S.PAUSED
    box.run.vm_start()
    box.settle()
    assert box.state is S.SUSPENDED
    assert box.events == ["RESUME", "STOP", "RESUME", "SUSPEND"]


def test_a_stop_between_wake_up_and_answer_keeps_the_answer(box: Sleeper) -> None:
    box.suspend()
    box.run.requests.wakeup_request(WakeupReason.OTHER)
    box.run.vm_stop(S.PAUSED)
    box.settle()
    assert (box.state, box.answers) == (S.PAUSED, 0)
    box.run.vm_start()
    box.settle()
    assert (box.state, box.answers) == (S.RUNNING, 1)
    assert box.events == ["RESUME", "SUSPEND", "STOP", "WAKEUP", "RESUME"]


def test_waking_stopping_and_starting_at_one_go_is_one_wake_up(box: Sleeper) -> None:
    """The hart asks again before the wake-up is told of."""
    box.suspend()
    box.run.requests.wakeup_request(WakeupReason.OTHER)
    box.run.vm_stop(S.PAUSED)
    box.run.vm_start()
    box.settle()
    assert (box.state, box.answers) == (S.RUNNING, 1)
    assert box.events == ["RESUME", "SUSPEND", "STOP", "RESUME", "WAKEUP"]
    box.suspend()
    assert box.answers == 1


def test_a_reset_forgets_the_sleep(box: Sleeper) -> None:
    box.suspend()
    box.run.requests.reset_request(Cause.HOST_QMP_SYSTEM_RESET)
    box.asking = False
    box.settle()
    assert box.state is S.PRELAUNCH
    box.run.vm_start()
    box.settle()
    assert box.state is S.RUNNING
    box.suspend()
    assert box.answers == 0
    assert box.events == ["RESUME", "SUSPEND", "RESET", "RESUME", "SUSPEND"]


def test_a_masked_reason_does_not_wake(box: Sleeper) -> None:
    box.run.requests.wakeup_reasons = {WakeupReason.OTHER}
    box.alarm(2000)
    box.suspend()
    box.host_ns = 2000
    box.settle()
    assert box.state is S.SUSPENDED


@pytest.mark.parametrize("seed", range(60))
def test_no_wake_up_is_lost_and_none_is_dreamed(seed: int, box: Sleeper) -> None:
    """Anything in any order. Where it comes to rest: what sleeps has no reason to wake, and what runs has its
    answer; and there were as many answers as wake-ups that no reset made void."""
    rng = random.Random(seed)
    box.machine.uart.write(IER, 1, IER_RDI)
    wakes, void = 0, 0
    for _ in range(60):
        op = rng.choice(("ask", "alarm", "key", "serve", "stop", "cont", "wake", "reset", "turn", "time"))
        guest = box.harts.run and not box.asking
        if op == "ask" and guest:
            box.asking = True
        elif op == "alarm" and guest:
            box.alarm(box.host_ns + rng.randrange(100))
        elif op == "key":
            box.key()
        elif op == "serve" and guest:
            box.machine.rtc.write(CLEAR_IRQ, 4, 1)
            while box.machine.uart.wants_attention():
                box.machine.uart.read(RBR, 1)
        elif op == "stop":
            box.run.vm_stop(S.PAUSED)
        elif op == "cont":
            box.run.vm_start()
        elif op == "wake" and box.state is S.SUSPENDED:
            box.run.requests.wakeup_request(WakeupReason.OTHER)
        elif op == "reset" and rng.random() < 0.2:
            box.run.requests.reset_request(Cause.HOST_QMP_SYSTEM_RESET)
            box.asking = False
            assert box.run.should_exit() is None
            box.machine.uart.write(IER, 1, IER_RDI)
            void = box.events.count("WAKEUP") - box.answers
        elif op == "turn":
            box.turn()
        elif op == "time":
            box.host_ns += 50
        if rng.random() < 0.3:
            box.settle()
            assert not (box.state is S.SUSPENDED and box.wants()), f"seed {seed}: asleep, and not wanted so"
            assert not (box.state is S.RUNNING and box.asking), f"seed {seed}: awake, and waits for ever"
            wakes = box.events.count("WAKEUP")
            waiting = int(box.asking and box.state is S.PAUSED and box.machine.sbi._woken)
            assert wakes - void == box.answers + waiting, f"seed {seed}: {box.events}"
    assert box.run.should_exit() is None
