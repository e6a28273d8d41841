"""The watchdog: registers and count against a naive model, what expiry does, sleep, stop and reset."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from emu.hw.watchdog.allwinner_wdt import AllwinnerWdt
from emu.loop.timers import MS
from emu.qom.device import ResetType, reset_tree
from emu.qom.monitor import device_help, devices_help
from emu.runstate.actions import WatchdogAction
from emu.runstate.requests import Cause, WakeupReason
from emu.runstate.states import RunState
from tests.lib.board import FakeVm, add, bare

IRQ_EN, IRQ_STA, CTRL, CFG, MODE = 0x00, 0x04, 0x10, 0x14, 0x18
FEED = 0xA57 << 1 | 1
TO_RESET, TO_INTERRUPT = 1, 2


class Kennel:
    """A watchdog on a machine that runs; barked: WATCHDOG events."""

    def __init__(self, vm: FakeVm) -> None:
        self.vm = vm
        self.now_ns = 0
        vm.clocks.virtual.now_ns = lambda: self.now_ns
        self.dog = add(vm, AllwinnerWdt())
        self.events: list[tuple[str, object]] = []
        vm.run.events.subscribe(lambda name, data: self.events.append((name, data)))
        vm.run.vm_start()
        self.events.clear()

    def write(self, reg: int, value: int) -> None:
        self.dog.write(reg, 4, value)

    def read(self, reg: int) -> int:
        return self.dog.read(reg, 4)

    def start(self, interval: int, cfg: int = TO_RESET) -> None:
        """As sunxi_wdt does."""
        self.write(MODE, self.read(MODE) & ~0xF0 | interval << 4)
        self.write(CTRL, FEED)
        self.write(CFG, self.read(CFG) & ~3 | cfg)
        self.write(MODE, self.read(MODE) | 1)

    def pass_ms(self, ms: int) -> None:
        self.now_ns += ms * MS
        self.vm.clocks.virtual.run()

    @property
    def barked(self) -> int:
        return sum(name == "WATCHDOG" for name, _ in self.events)


@pytest.fixture
def kennel() -> Iterator[Kennel]:
    with bare() as vm:
        yield Kennel(vm)


INTERVALS_MS = {0: 500, 1: 1000, 2: 2000, 6: 6000, 7: 8000, 0xB: 16000}


@pytest.mark.parametrize(("interval", "ms"), INTERVALS_MS.items())
def test_it_barks_once_when_its_time_is_over(kennel: Kennel, interval: int, ms: int) -> None:
    kennel.start(interval)
    kennel.pass_ms(ms - 1)
    assert kennel.barked == 0
    kennel.pass_ms(1)
    assert kennel.events == [("WATCHDOG", {"action": "reset"})]
    kennel.pass_ms(100_000)
    assert kennel.barked == 1
    kennel.write(CTRL, FEED)
    kennel.pass_ms(ms)
    assert kennel.barked == 2, "fed again, it counts again"


def test_it_is_silent_while_it_is_fed(kennel: Kennel) -> None:
    kennel.start(1)
    for _ in range(50):
        kennel.pass_ms(999)
        kennel.write(CTRL, FEED)
    assert kennel.barked == 0
    for wrong in (1, 0xA57 << 1, FEED ^ 2):
        kennel.write(CTRL, wrong)
    kennel.pass_ms(1000)
    assert kennel.barked == 1
    assert len(kennel.vm.lines.errors) == 2, "two of them have not the key"


def test_it_does_not_count_unless_it_is_enabled(kennel: Kennel) -> None:
    kennel.write(CFG, TO_RESET)
    kennel.write(CTRL, FEED)
    kennel.pass_ms(100_000)
    kennel.start(1)
    kennel.write(MODE, 0)
    kennel.pass_ms(100_000)
    assert kennel.barked == 0


@pytest.mark.parametrize("cfg", [0, 3])
def test_without_a_known_purpose_it_does_nothing(kennel: Kennel, cfg: int) -> None:
    kennel.start(1, cfg)
    kennel.pass_ms(2000)
    assert (kennel.barked, kennel.dog.irq.level) == (0, False)


def test_it_can_interrupt_instead(kennel: Kennel) -> None:
    kennel.write(IRQ_EN, 1)
    kennel.start(1, TO_INTERRUPT)
    kennel.pass_ms(1000)
    assert (kennel.barked, kennel.read(IRQ_STA), kennel.dog.irq.level) == (0, 1, True)
    kennel.write(IRQ_EN, 0)
    assert kennel.dog.irq.level is False
    kennel.write(IRQ_EN, 1)
    kennel.write(IRQ_STA, 1)
    assert (kennel.read(IRQ_STA), kennel.dog.irq.level) == (0, False)


def effects(vm: FakeVm) -> set[str]:
    """What was asked of the machine."""
    r = vm.run.requests
    found = set()
    if r.take_reset() is Cause.GUEST_RESET:
        found.add("reset")
    if r.take_powerdown():
        found.add("powerdown")
    if r.take_vmstop() is RunState.WATCHDOG:
        found.add("stop")
    if r.take_shutdown() is not Cause.NONE:
        found.add("shutdown")
    if vm.run.should_exit() == 0:
        found.add("exit")
    return found


@pytest.mark.parametrize(("action", "effect", "says"), [
    ("reset", {"reset"}, ""),
    ("shutdown", {"powerdown"}, ""),
    ("poweroff", {"exit"}, ""),
    ("pause", {"stop"}, ""),
    ("debug", set(), "watchdog: timer fired\n"),
    ("none", set(), ""),
    ("inject-nmi", set(), ""),
])  # fmt: skip
def test_every_action(
    kennel: Kennel, action: str, effect: set[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The event first, with the action's name; then what it means."""
    assert action in {a.value for a in WatchdogAction}
    kennel.vm.run.actions.set({"watchdog": action})
    kennel.start(2)
    kennel.pass_ms(2000)
    assert kennel.events == [("WATCHDOG", {"action": action})]
    assert effects(kennel.vm) == effect
    assert capsys.readouterr().err == says


def test_a_paused_machine_goes_on_after_a_bark(kennel: Kennel) -> None:
    kennel.vm.run.actions.set({"watchdog": "pause"})
    kennel.start(1)
    kennel.pass_ms(1000)
    assert kennel.vm.run.should_exit() is None
    assert kennel.vm.run.states.current is RunState.WATCHDOG
    kennel.vm.run.vm_start()
    assert [name for name, _ in kennel.events] == ["WATCHDOG", "STOP", "RESUME"]
    kennel.write(CTRL, FEED)
    kennel.pass_ms(1000)
    assert kennel.barked == 2


def test_a_reset_of_the_machine_switches_it_off(kennel: Kennel) -> None:
    kennel.write(IRQ_EN, 1)
    kennel.start(3, TO_INTERRUPT)
    kennel.pass_ms(3000)
    kennel.start(3)
    reset_tree(kennel.dog, ResetType.COLD)
    assert [kennel.read(reg) for reg in (IRQ_EN, IRQ_STA, CTRL, CFG, MODE)] == [0] * 5
    assert kennel.dog.irq.level is False
    kennel.pass_ms(100_000)
    assert kennel.barked == 0


def test_it_sleeps_with_the_machine(kennel: Kennel) -> None:
    """What was left of its time is left after the wake-up, however long the sleep."""
    run = kennel.vm.run
    kennel.start(1)
    kennel.pass_ms(400)
    run.requests.suspend_request()
    assert run.should_exit() is None
    kennel.pass_ms(100_000)
    run.requests.wakeup_request(WakeupReason.OTHER)
    assert run.should_exit() is None
    kennel.pass_ms(599)
    assert kennel.barked == 0
    kennel.pass_ms(1)
    assert kennel.barked == 1


class Model:
    """The same from its description alone: until when, and what then."""

    def __init__(self) -> None:
        self.words = dict.fromkeys((IRQ_EN, IRQ_STA, CFG, MODE), 0)
        self.left_ms: int | None = None
        self.barked = 0

    def write(self, reg: int, value: int) -> None:
        times = [500, *(s * 1000 for s in (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16))]
        if reg == IRQ_STA:
            self.words[IRQ_STA] &= ~value
        elif reg != CTRL:
            self.words[reg] = value & {IRQ_EN: 1, CFG: 3, MODE: 0xF1}[reg]
        if reg == MODE or (reg == CTRL and value & 0x1FFF == FEED):
            interval = self.words[MODE] >> 4
            self.left_ms = (times[interval] if interval < 12 else 500) if self.words[MODE] & 1 else None

    def pass_ms(self, ms: int) -> None:
        if self.left_ms is None:
            return
        self.left_ms -= ms
        if self.left_ms <= 0:
            self.left_ms = None
            self.barked += self.words[CFG] == TO_RESET
            self.words[IRQ_STA] |= self.words[CFG] == TO_INTERRUPT


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_its_description_says(seed: int) -> None:
    rng = random.Random(seed)
    with bare() as vm:
        kennel, model = Kennel(vm), Model()
        vm.run.actions.set({"watchdog": "none"})
        for step in range(400):
            if rng.random() < 0.4:
                ms = rng.choice((1, 250, 500, 1000, 4000))
                kennel.pass_ms(ms)
                model.pass_ms(ms)
            else:
                reg = rng.choice((IRQ_EN, IRQ_STA, CTRL, CTRL, CFG, CFG, MODE, MODE))
                mode = rng.getrandbits(4) << 4 | 1
                value = rng.choice((rng.getrandbits(32), rng.getrandbits(2), FEED, mode))
                kennel.write(reg, value)
                model.write(reg, value)
            seen = {reg: kennel.read(reg) for reg in model.words}
            assert (seen, kennel.barked) == (model.words, model.barked), f"seed {seed}, step {step}"
            assert kennel.dog.irq.level == bool(model.words[IRQ_EN] & model.words[IRQ_STA])


def test_other_accesses_are_logged(kennel: Kennel) -> None:
    assert kennel.dog.read(MODE, 1) == 0
    assert kennel.dog.read(0x0C, 4) == 0
    kennel.dog.write(CFG, 2, 1)
    assert kennel.read(CFG) == 0
    assert len(kennel.vm.lines.errors) == 3


def test_help_shows_it_among_watchdogs() -> None:
    line = 'name "allwinner-wdt-sun6i", bus System, desc "Allwinner sun6i watchdog"\n'
    assert f"Watchdog devices:\n{line}" in devices_help()
    assert device_help("allwinner-wdt-sun6i") == "There are no options for allwinner-wdt-sun6i.\n"
