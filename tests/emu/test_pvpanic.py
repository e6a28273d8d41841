"""pvpanic-mmio: what it offers, what each store means, every panic action, exit statuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.hw.misc.pvpanic import PvpanicMmio
from emu.qom.monitor import device_help
from emu.runstate.states import RunState
from tests.lib.board import FakeVm, add, bare

Events = list[tuple[str, object]]
POWEROFF, PAUSE, RUN = ({"action": a} for a in ("poweroff", "pause", "run"))
SHUTDOWN = ("SHUTDOWN", {"guest": True, "reason": "guest-panic"})


@pytest.fixture
def vm() -> Iterator[FakeVm]:
    with bare() as made:
        made.run.vm_start()
        yield made


def told(vm: FakeVm) -> Events:
    """What clients see from now on."""
    events: Events = []
    vm.run.events.subscribe(lambda name, data: events.append((name, data)))
    return events


def test_it_says_what_a_guest_may_tell(vm: FakeVm) -> None:
    plain, all_of_it = add(vm, PvpanicMmio()), add(vm, PvpanicMmio(), events=7)
    assert [plain.read(off, 1) for off in (0, 1)] == [3, 3]
    assert all_of_it.read(0, 1) == 7
    assert plain.read(0, 2) == 0x0303
    assert device_help("pvpanic-mmio") == "pvpanic-mmio options:\n  events=<uint8>         -  (default: 3)\n"


@pytest.mark.parametrize(("panic", "shutdown", "events", "status", "state"), [
    ("shutdown", "poweroff", [("GUEST_PANICKED", POWEROFF), SHUTDOWN], 0, "guest-panicked"),
    ("exit-failure", "poweroff", [("GUEST_PANICKED", POWEROFF), SHUTDOWN], 1, "guest-panicked"),
    ("pause", "poweroff", [("GUEST_PANICKED", PAUSE), ("STOP", {})], None, "guest-panicked"),
    ("none", "poweroff", [("GUEST_PANICKED", RUN)], None, "running"),
    ("shutdown", "pause", [("GUEST_PANICKED", PAUSE), ("STOP", {})], None, "guest-panicked"),
])  # fmt: skip
def test_every_panic_action(
    vm: FakeVm, panic: str, shutdown: str, events: Events, status: int | None, state: str
) -> None:
    vm.run.actions.set({"panic": panic, "shutdown": shutdown})
    device, seen = add(vm, PvpanicMmio()), told(vm)
    device.write(0, 1, 1)
    assert vm.run.should_exit() == status
    assert seen == events
    if status is None:
        assert vm.run.states.current.value == state
    assert vm.lines.errors == ["Guest crashed"]


def test_a_crash_kernel_goes_on(vm: FakeVm) -> None:
    device, seen = add(vm, PvpanicMmio()), told(vm)
    device.write(0, 1, 2)
    assert vm.run.should_exit() is None
    assert seen == [("GUEST_CRASHLOADED", {"action": "run"})]
    assert vm.run.states.current is RunState.RUNNING


def test_a_shutdown_can_be_asked_for(vm: FakeVm) -> None:
    device, seen = add(vm, PvpanicMmio(), events=7), told(vm)
    device.write(0, 1, 4)
    assert vm.run.should_exit() == 0
    assert seen == [("GUEST_PVSHUTDOWN", {}), ("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})]


@pytest.mark.parametrize(("value", "size", "names"), [
    (3, 1, ["GUEST_PANICKED"]),
    (6, 1, ["GUEST_CRASHLOADED"]),
    (0xF8, 1, []),
    (0, 1, []),
    (0x0200, 2, ["GUEST_CRASHLOADED"]),
    (0x0202, 2, ["GUEST_CRASHLOADED"] * 2),
    (0x0000_0200_0000_0002, 8, ["GUEST_CRASHLOADED"]),
])  # fmt: skip
def test_the_lowest_bit_of_each_byte_counts(vm: FakeVm, value: int, size: int, names: list[str]) -> None:
    vm.run.actions.set({"panic": "none"})
    device, seen = add(vm, PvpanicMmio()), told(vm)
    device.write(0, size, value)
    assert [name for name, _ in seen] == names


def test_an_unknown_bit_is_complained_about_once(vm: FakeVm) -> None:
    device = add(vm, PvpanicMmio())
    for _ in range(3):
        device.write(0, 1, 0x88)
    assert vm.lines.errors == ["pvpanic: unknown event 0x88."]
