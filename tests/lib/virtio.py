"""A machine of virtio-mmio transports and RAM in one process, and a driver for its devices.

    with virtio_machine(modern=True) as box:
        rng = box.add("virtio-rng-device", id="rng0")
        driver = MmioDriver(box, slot=7)
        driver.start(queues={0: 8})

No harts: the test is the driver, and turns the main loop by `box.turn`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, cast

from emu.chardev.base import Chardev
from emu.chardev.factory import Chardevs
from emu.core.memory import GuestMemory
from emu.hw.core.null_machine import NullMachine
from emu.hw.virtio.device import VirtioDevice
from emu.hw.virtio.mmio import VirtioMmio
from emu.loop.poll import MainLoop
from emu.loop.timers import Clocks
from emu.options.visitor import KEYVAL
from emu.qom import compat
from emu.qom.device import Device, ResetType, reset_bus
from emu.qom.irq import Irq
from emu.qom.monitor import device_del, qdev_device_add
from emu.qom.object import own_tree, root
from emu.runstate.control import VmControl
from emu.runstate.harts import NoHarts
from emu.runstate.states import RunState
from emu.vm import HandClock, Host, LateClock, Vm
from ipc.layout import HEADER, View
from ipc.ram import Backing, Ram
from ipc.virtqueue import F_EVENT_IDX, F_VERSION_1, Rings, legacy_rings
from tests.lib.board import Lines
from tests.lib.vring import Buffer, Driver

BASE, RAM_BYTES = 0x8000_0000, 4 << 20
SLOT0, STRIDE, SLOTS = 0x1000_1000, 0x1000, 8
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 64
RING_BYTES = 0x8000  # room for the rings of a queue of up to 1024
RINGS_AT, HEAP_AT = BASE + 0x10_0000, BASE + 0x20_0000


class FakeChardev(Chardev):
    """The other end is the test: `out` is what came; `room` how much is taken before a write is refused."""

    def __init__(self, label: str, connected: bool = True) -> None:
        super().__init__(label)
        self.connected = connected
        self.out = b""
        self.room = 1 << 30
        self.waits = False
        self.input = b""

    def write(self, data: bytes) -> int:
        """Take what there is room for."""
        taken = data[: self.room]
        self.out += taken
        self.room -= len(taken)
        return len(taken)

    def watch_writable(self) -> None:
        """Remember that somebody waits."""
        self.waits = True

    def make_room(self, n: int) -> None:
        """The reader has read."""
        self.room = n
        if self.waits:
            self.waits = False
            self.frontend.backend_writable()

    def type(self, data: bytes) -> None:
        """Input; what is not taken waits."""
        self.input += data
        self.accept_input()

    def accept_input(self) -> None:
        """Hand over what the front end takes."""
        while self.input and (room := self.frontend.can_receive()) > 0:
            part, self.input = self.input[:room], self.input[room:]
            self.frontend.receive(part)

    def connect(self, on: bool) -> None:
        """A peer comes or goes."""
        self.connected = on
        self.on_connection(on)


class VirtioMachine(Vm):
    """`lines`: the level of each transport's interrupt as set, in order. `events`: what was told."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.lines = Lines()
        self.irqs: list[tuple[int, bool]] = []
        self.events: list[tuple[str, object]] = []
        self.transports: list[VirtioMmio] = []
        loop = MainLoop(Clocks(lambda: self.now_ns))
        chardevs = Chardevs(loop, lambda: None, self.lines.errors.append)
        host = Host(loop, self.lines, self.lines.errors.append, chardevs, executes=False)
        late = LateClock()
        run = VmControl(late, loop.clocks.virtual, loop.notify, self.lines.errors.append)
        run.events.subscribe(lambda name, data: self.events.append((name, data)))
        super().__init__(host, run, late, cast(Any, lambda: None))

    def make(self) -> None:
        """RAM, and eight transports."""
        self.header = View(HEADER, memoryview(bytearray(HEADER.size)), 0)
        self.ram = Ram.create(RAM_BYTES, Backing.MEMFD)
        self.memory = GuestMemory(self.ram, BASE, memoryview(bytearray(4096)), 0x1000)
        self._control_by(NoHarts(), HandClock())
        assert self.machine is not None
        for i in range(SLOTS):
            mmio = VirtioMmio()
            mmio.realize_on(self.machine.sysbus)
            mmio.map_mmio(0, SLOT0 + i * STRIDE)
            mmio.connect_irq(0, Irq(self._recorder(i), i))
            self.transports.append(mmio)

    def _recorder(self, i: int) -> Callable[[bool], None]:
        return lambda level: self.irqs.append((i, level))

    def add(self, driver: str, running: bool = False, **values: str) -> Device:
        """-device, or with `running` device_add. values: by the names of the properties."""
        return qdev_device_add({"driver": driver, **values}, KEYVAL, running)

    def remove(self, name: str) -> None:
        """device_del."""
        device_del(name)

    def chardev(self, label: str, connected: bool = True) -> FakeChardev:
        """A character device that the test holds."""
        made = FakeChardev(label, connected)
        self.chardevs._open[label] = made
        return made

    def go(self) -> None:
        """Reset everything, run."""
        self.reset()
        self.run.vm_start()
        self.events.clear()

    def reset(self) -> None:
        """The machine's reset."""
        assert self.machine is not None
        reset_bus(self.machine.sysbus, ResetType.COLD)

    def stop(self) -> None:
        """stop"""
        self.run.vm_stop(RunState.PAUSED)

    def cont(self) -> None:
        """cont"""
        self.run.vm_start()

    def turn(self, n: int = 1) -> None:
        """Turns of the main loop, without sleeping."""
        for _ in range(n):
            self.loop.wait(nonblocking=True)

    def errors(self) -> list[str]:
        """Guest errors so far; they are forgotten."""
        got, self.lines.errors[:] = list(self.lines.errors), []
        return got


@contextlib.contextmanager
def virtio_machine(modern: bool = False, **options: str) -> Iterator[VirtioMachine]:
    """A machine; options: of virtio-mmio, as -global says them."""
    compat.forget()
    if modern:
        options["force-legacy"] = "off"
    for name, value in options.items():
        compat.register("virtio-mmio", name.replace("_", "-"), value)
    vm = VirtioMachine()
    with own_tree():
        machine = NullMachine()
        root().add_child("machine", machine)
        machine.vm, vm.machine, machine.chardevs = vm, machine, vm.chardevs
        try:
            vm.make()
            yield vm
        finally:
            compat.forget()
            vm.loop.close()
            vm.ram.close()


class MmioDriver:
    """A driver of the device in a slot, legacy or modern as the slot is. queues: our side of its rings."""

    def __init__(self, box: VirtioMachine, slot: int = SLOTS - 1) -> None:
        self.box = box
        self.slot = slot
        self.base = SLOT0 + slot * STRIDE
        self.modern = self.load(4) == 2
        self.queues: dict[int, Driver] = {}
        self.features = 0
        self._heap = HEAP_AT

    def load(self, off: int, size: int = 4) -> int:
        """A register."""
        answered, value = self.box.space.read(self.base + off, size)
        assert answered
        return value

    def store(self, off: int, value: int, size: int = 4) -> None:
        """A register."""
        assert self.box.space.write(self.base + off, size, value)

    @property
    def status(self) -> int:
        return self.load(0x70)

    @property
    def isr(self) -> int:
        return self.load(0x60)

    def offered(self) -> int:
        """All feature bits."""
        low, high = 0, 0
        self.store(0x14, 0)
        low = self.load(0x10)
        self.store(0x14, 1)
        high = self.load(0x10)
        return high << 32 | low

    def negotiate(self, refuse: int = 0) -> None:
        """Reset, features; the queues may follow."""
        self.store(0x70, 0)
        self.queues.clear()
        self.store(0x70, ACKNOWLEDGE)
        self.store(0x70, ACKNOWLEDGE | DRIVER)
        self.features = self.offered() & ~refuse
        self.store(0x24, 0)
        self.store(0x20, self.features & 0xFFFF_FFFF)
        if self.modern:
            self.store(0x24, 1)
            self.store(0x20, self.features >> 32)
            self.store(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK)
            assert self.status & FEATURES_OK
            assert self.features & F_VERSION_1
        else:
            self.store(0x28, 4096)

    def add_queue(self, n: int, size: int) -> Driver:
        """Set queue `n` up with `size` descriptors, in memory of its own."""
        at = RINGS_AT + n * RING_BYTES
        self.store(0x30, n)
        assert self.load(0x34) >= size
        assert self.load(0x44 if self.modern else 0x40) == 0
        rings = Rings(at, at + 16 * size, at + 0x6000) if self.modern else legacy_rings(at, size, 4096)
        queue = Driver(self.box.ram, BASE, rings, size, bool(self.features & F_EVENT_IDX))
        queue.clear()
        self.store(0x38, size)
        if self.modern:
            for off, gpa in ((0x80, rings.desc), (0x90, rings.avail), (0xA0, rings.used)):
                self.store(off, gpa & 0xFFFF_FFFF)
                self.store(off + 4, gpa >> 32)
            self.store(0x44, 1)
        else:
            self.store(0x3C, 4096)
            self.store(0x40, at >> 12)
        self.queues[n] = queue
        return queue

    def ready(self) -> None:
        """DRIVER_OK."""
        self.store(0x70, self.status | DRIVER_OK)

    def start(self, queues: dict[int, int], refuse: int = 0) -> None:
        """All of it. queues: number -> descriptors."""
        self.negotiate(refuse)
        for n, size in queues.items():
            self.add_queue(n, size)
        self.ready()

    def memory(self, size: int) -> int:
        """Fresh memory."""
        at, self._heap = self._heap, self._heap + (size + 15) // 16 * 16
        if self._heap > BASE + RAM_BYTES:
            self._heap = HEAP_AT
            return self.memory(size)
        return at

    def kick(self, n: int) -> None:
        """QueueNotify."""
        self.store(0x50, n)

    def give(self, n: int, *sizes: int) -> Buffer:
        """Room for the device to write, and a kick if it wants one."""
        return self._add(n, [(self.memory(size), size, True) for size in sizes])

    def send(self, n: int, data: bytes, kick: bool = True) -> Buffer:
        """Data for the device."""
        at = self.memory(len(data))
        self.box.ram.write(at - BASE, data)
        return self._add(n, [(at, len(data), False)], kick)

    def _add(self, n: int, segments: list[tuple[int, int, bool]], kick: bool = True) -> Buffer:
        queue = self.queues[n]
        before = queue.avail
        buffer = queue.add(segments)
        if kick and queue.wants_kick(before):
            self.kick(n)
        return buffer

    def take(self, n: int) -> list[bytes]:
        """What the device has written into buffers that came back; we hear of more."""
        queue = self.queues[n]
        got = []
        for buffer, written in queue.take():
            data = b"".join(self.box.ram.read(gpa - BASE, size) for gpa, size, w in buffer.segments if w)
            got.append(data[:written])
        queue.set_used_event(queue.used)
        return got

    def returned(self, n: int) -> int:
        """How many buffers came back; we hear of more."""
        return len(self.take(n))

    def device(self) -> VirtioDevice:
        """The device in the slot."""
        found = self.box.transports[self.slot].device
        assert found is not None
        return found
