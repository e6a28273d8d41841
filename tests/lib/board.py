"""Machines without memory objects and processes: devices and boards to poke at in one process.

    with bare(virtual=lambda: now) as vm:   # a tree of its own, machine none, devices by `add`
        rtc = add(vm, GoldfishRtc())

`virt_board` makes the virt machine the same way: its words lie in bytearrays, its engine takes calls down.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from emu.core.log import Log
from emu.hw.machine import MachineState, RamConfig
from emu.hw.riscv.virt import VirtMachine
from emu.hw.sysbus import SysBusDevice
from emu.loop.deferred import Deferred
from emu.loop.timers import Clock, Clocks, ClockType
from emu.options.clock import RtcConfig
from emu.qom.object import own_tree, root
from emu.runstate.control import VmControl
from emu.runstate.harts import NoHarts
from emu.vm import HandClock, Host, LateClock, Vm
from ipc.layout import HART, HEADER, View

D = TypeVar("D", bound=SysBusDevice)


class Lines(Log):
    """A log that keeps its lines: `errors` are the guest's."""

    def __init__(self) -> None:
        super().__init__(frozenset({"guest_errors", "invalid_mem"}))
        self.errors: list[str] = []

    def write(self, item: str, text: str) -> None:
        """Keep it."""
        self.errors.append(text)


class Loop:
    """What devices use of the main loop, without descriptors."""

    def __init__(self, virtual: Callable[[], int], host: Callable[[], int]) -> None:
        self.clocks = Clocks(virtual)
        self.clocks.host = Clock(ClockType.HOST, host)
        self.deferred = Deferred()
        self.notified = 0

    def notify(self) -> None:
        """Count it."""
        self.notified += 1

    def watch(self, what: object, read: object = None, write: object = None) -> None:
        """Nothing ever happens to a descriptor."""


class Words:
    """An engine that takes calls down."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def call(self, name: str, *args: int) -> int:
        """Remember it."""
        self.calls.append((name, *args))
        return 0


class _Ram:
    def __init__(self, size: int) -> None:
        self.data: dict[int, bytes] = {}
        self.size = size

    def read(self, gpa: int, size: int) -> bytes:
        """What was written there, whole."""
        return self.data.get(gpa, bytes(size))[:size]

    def write(self, gpa: int, data: bytes) -> None:
        """Keep it."""
        self.data[gpa] = bytes(data)


class _Control:
    header_address = 0

    def hart_address(self, i: int) -> int:
        """Nowhere."""
        return 0


class FakeVm(Vm):
    """A Vm on bytearrays."""

    def __init__(self, virtual: Callable[[], int], host: Callable[[], int], rtc: RtcConfig) -> None:
        self.fake_loop = Loop(virtual, host)
        self.lines = Lines()
        self.words = Words()
        self.sets: list[tuple[int, bool]] = []
        loop = cast(Any, self.fake_loop)
        host_side = Host(loop, self.lines, self.lines.errors.append, cast(Any, None), rtc, executes=False)
        late = LateClock()
        run = VmControl(late, loop.clocks.virtual, loop.notify, self.lines.errors.append)
        super().__init__(host_side, run, late, lambda: cast(Any, self.words))

    def build(
        self, harts: int, ram: RamConfig, ram_base: int, rom: tuple[int, int], checkpoint: str = ""
    ) -> None:
        """Words in bytearrays."""
        self.header = View(HEADER, memoryview(bytearray(HEADER.size)), 0)
        self.slots = [View(HART, memoryview(bytearray(HART.size)), 0) for _ in range(harts)]
        self.control = cast(Any, _Control())
        self.memory = cast(Any, _Ram(ram.size))
        self._control_by(NoHarts(), HandClock())

    def plic_set(self, source: int, level: bool) -> None:
        """Remember it."""
        self.sets.append((source, level))


def _zero() -> int:
    return 0


@contextlib.contextmanager
def _machine(machine: Callable[[], MachineState], vm: FakeVm) -> Iterator[None]:
    with own_tree():
        made = machine()
        root().add_child("machine", made)
        made.vm, vm.machine = vm, made
        yield


@contextlib.contextmanager
def bare(
    virtual: Callable[[], int] = _zero, host: Callable[[], int] = _zero, rtc: RtcConfig | None = None
) -> Iterator[FakeVm]:
    """A machine with nothing but a system bus."""
    from emu.hw.core.null_machine import NullMachine

    vm = FakeVm(virtual, host, rtc or RtcConfig())
    with _machine(NullMachine, vm):
        vm.build(1, RamConfig(0), 0, (0, 0))
        yield vm


def add(vm: FakeVm, device: D, gpa: int | None = None, **values: int | str | bool) -> D:
    """Realize a device on the system bus, map it, connect nothing; reset it."""
    assert vm.machine is not None
    device.set_properties({name.replace("_", "-"): value for name, value in values.items()})
    device.realize_on(vm.machine.sysbus)
    if gpa is not None:
        device.map_mmio(0, gpa)
    return device


@contextlib.contextmanager
def virt_board(harts: int = 1, **values: object) -> Iterator[VirtMachine]:
    """The virt machine, its board made; values: properties, `cpu_type` and `rtc` (-rtc) among them."""
    vm = FakeVm(_zero, _zero, cast(RtcConfig, values.pop("rtc", RtcConfig())))
    with _machine(VirtMachine, vm):
        machine = cast(VirtMachine, vm.machine)
        machine.cpu_type = cast(str, values.pop("cpu_type", machine.cpu_type))
        machine.said_smp = {"cpus": str(harts)}
        for name, value in values.items():
            machine.set_property(name.replace("_", "-"), cast(Any, value))
        machine.check()
        machine.init()
        yield machine
