"""qdev: devices that are realized, sit on buses, drive lines and are reset in three phases.

Rules
- properties first, then realize, then the device works; a realized device's static properties are frozen;
- realize may fail: what was done is taken back, and the device is as before;
- reset goes over the tree in three phases, children before parents: `reset_enter` brings back local state,
  `reset_hold` drives lines, `reset_exit` starts what reset had stopped.
Source: BEHAVIOUR 4.1; QEMU's docs on qdev and resettable are where the phases are described.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from emu.core.irq import Line
from emu.core.qdict import QDict
from emu.errors import OptionError, UserError
from emu.qom import compat
from emu.qom.bus import Bus
from emu.qom.irq import Irq
from emu.qom.object import LinkProperty, Object, root
from emu.qom.property import Accessor, Property
from emu.qom.types import qom_type

if TYPE_CHECKING:
    from emu.hw.machine import MachineState
    from emu.vm import Vm

UNNAMED_IN, UNNAMED_OUT = "unnamed-gpio-in", "unnamed-gpio-out"


class Category(enum.Enum):
    """Headings of -device help, in its order."""

    BRIDGE = "Controller/Bridge/Hub"
    USB = "USB"
    STORAGE = "Storage"
    NETWORK = "Network"
    INPUT = "Input"
    DISPLAY = "Display"
    SOUND = "Sound"
    MISC = "Misc"
    CPU = "CPU"
    WATCHDOG = "Watchdog"
    NONE = "Uncategorized"


class ResetType(enum.Enum):
    """Why a reset is done, as devices may care."""

    COLD = enum.auto()
    SNAPSHOT_LOAD = enum.auto()


def _bus_link(device: Device) -> str:
    return device.parent_bus.canonical_path if device.parent_bus is not None else ""


@qom_type("device", abstract=True)
class Device(Object):
    """Class attributes: category and desc for help; user_creatable: by -device; hotpluggable: while the
    machine runs; bus_type: the type of bus it sits on, "" for none. id: the user's, "" for none.
    """

    category = Category.NONE
    desc = ""
    user_creatable = True
    hotpluggable = True
    bus_type = ""
    # Bits of mip that compiled code drives for this device: its unnamed outputs, hart by hart
    hart_lines: tuple[int, ...] = ()
    kept_over_reset: frozenset[str] = frozenset()  # attributes: state that a reset leaves (reset_digest)

    parent_bus_property = Accessor("parent_bus", "link<bus>", _bus_link)
    realized_property = Accessor("realized", "bool", lambda self: self.realized)
    hotplugged_property = Accessor("hotplugged", "bool", lambda self: self.hotplugged)
    hotpluggable_property = Accessor(
        "hotpluggable",
        "bool",
        lambda self: self.hotpluggable and (self.parent_bus is None or self.parent_bus.hotplug),
    )

    def instance_init(self) -> None:
        """The state of a device that nothing has touched."""
        self.id = ""
        self.realized = False
        self.hotplugged = False
        self.parent_bus: Bus | None = None
        self.buses: list[Bus] = []
        self.inputs: dict[str, list[Irq]] = {}
        self.outputs: dict[str, list[Line]] = {}
        self.deleted: list[Callable[[], None]] = []
        self._machine: MachineState | None = None
        self._path = ""  # of a device that is being deleted

    def instance_post_init(self) -> None:
        """-global properties: they win over the type's defaults and lose against explicit ones."""
        compat.apply(self)

    # -- for devices to override

    def realize(self) -> None:
        """Make it work: check properties, register lines and memory. Errors: UserError, nothing done."""

    def unrealize(self) -> None:
        """Take back what realize did."""

    def reset_enter(self, kind: ResetType) -> None:
        """Local state as after power on. Touches no other device."""

    def reset_hold(self, kind: ResetType) -> None:
        """Drive outputs as they are after power on."""

    def reset_exit(self, kind: ResetType) -> None:
        """Begin to work."""

    # -- surroundings

    @property
    def machine(self) -> MachineState:
        """The machine of this process."""
        if self._machine is None:
            from emu.hw.machine import MachineState

            found = root().child("machine")
            assert isinstance(found, MachineState)
            self._machine = found
        return self._machine

    @property
    def vm(self) -> Vm:
        """What runs the machine: memory, clocks, loop, log."""
        return self.machine.vm

    # -- lines

    def init_gpio_in(self, count: int, handler: Callable[[int, bool], None], name: str = UNNAMED_IN) -> None:
        """`count` more inputs; the handler gets the number of the input and the level."""

        def bound(n: int) -> Callable[[bool], None]:
            return lambda level: handler(n, level)

        there = self.inputs.setdefault(name, [])
        for n in range(len(there), len(there) + count):
            irq = Irq(bound(n), n)
            self.add_child(f"{name}[{n}]", irq)
            there.append(irq)

    def gpio_in(self, n: int, name: str = UNNAMED_IN) -> Irq:
        """Input `n`."""
        return self.inputs[name][n]

    def init_gpio_out(self, line: Line, name: str = UNNAMED_OUT) -> None:
        """One more output."""
        lines = self.outputs.setdefault(name, [])
        self.add_property(_OutputLink(f"{name}[{len(lines)}]", line))
        lines.append(line)

    def connect_gpio_out(self, n: int, irq: Irq, name: str = UNNAMED_OUT) -> None:
        """Connect output `n` to an input."""
        self.outputs[name][n].connect(irq.set, irq)

    # -- buses

    def add_bus(self, bus: Bus) -> None:
        """A bus of this device's own."""
        self.add_child(bus.name, bus)
        self.buses.append(bus)

    def set_parent_bus(self, bus: Bus | None) -> None:
        """Sit on `bus`, or on none. Errors: OptionError if the bus refuses."""
        if bus is self.parent_bus:
            return
        if self.parent_bus is not None:
            self.parent_bus.remove(self)
        if bus is not None:
            bus.check_address(self)
            bus.insert(self)
        self.parent_bus = bus

    # -- realize

    def refuse_late(self, prop: Property) -> None:
        """A realized device is what it is."""
        if self.realized:
            who = f"device '{self.id}'" if self.id else "anonymous device"
            who += f" (type '{self.qom_name}')"
            raise OptionError(f"Attempt to set property '{prop.name}' on {who} after it was realized")

    def realize_on(self, bus: Bus | None) -> None:
        """QEMU's qdev_realize: sit on `bus` and be realized. Errors: UserError, and it is as before."""
        before = self.parent_bus
        self.set_parent_bus(bus)
        try:
            self.set_realized()
        except BaseException:
            self.set_parent_bus(before)
            raise

    def set_realized(self) -> None:
        """Realize the device, then the devices on its buses. Errors: UserError, and nothing is realized."""
        if self.realized:
            return
        unattached = self.parent is None
        if unattached:
            place = self.machine.child("unattached")
            assert place is not None
            place.add_child("device[*]", self)
        done: list[Device] = []
        begun = False
        try:
            self.realize()
            begun = True
            for bus in self.buses:
                bus.realized = True
                for child in bus.devices:
                    child.set_realized()
                    done.append(child)
            if self.hotplugged:
                reset_tree(self, ResetType.COLD)
            self.realized = True
            self._plug()
        except BaseException:
            self.realized = False
            for child in reversed(done):
                child.set_unrealized()
            for bus in self.buses:
                bus.realized = False
            if begun:
                self.unrealize()
            if unattached:
                self.unparent()
            raise

    def _plug(self) -> None:
        """Tell whoever handles plugging: the owner of the bus, the machine for its own bus."""
        bus = self.parent_bus
        if bus is None:
            return
        if bus.owner is not None:
            bus.owner.plugged(self)
        elif self.user_creatable:
            self.machine.plugged(self)

    def plugged(self, device: Device) -> None:
        """A device on one of this one's buses was realized. Errors: UserError refuses it."""

    def unplugged(self, device: Device) -> None:
        """A device on one of this one's buses is about to be unrealized."""

    def set_unrealized(self) -> None:
        """The reverse of set_realized."""
        if not self.realized:
            return
        if self.parent_bus is not None and self.parent_bus.owner is not None:
            self.parent_bus.owner.unplugged(self)
        for bus in self.buses:
            for child in list(bus.devices):
                child.set_unrealized()
            bus.realized = False
        self.unrealize()
        self.realized = False

    def on_unparent(self) -> None:
        """Leave the bus; the devices on its own buses go with it."""
        if self.realized:
            self._path = self.canonical_path
        self.set_unrealized()
        for bus in self.buses:
            for child in list(bus.devices):
                child.unparent()
        if self.parent_bus is not None:
            self.set_parent_bus(None)

    def finalize(self) -> None:
        """Tell who waits for the end of this device; monitors, if it had begun to work."""
        for callback in self.deleted:
            callback()
        if self._path:
            device: QDict = {"device": self.id} if self.id else {}
            self.vm.run.emit("DEVICE_DELETED", {**device, "path": self._path})

    def depth(self) -> int:
        """How many buses are above it: the priority of its change state handlers."""
        owner = self.parent_bus.owner if self.parent_bus is not None else None
        return 1 + owner.depth() if owner is not None else 0


class _OutputLink(LinkProperty):
    """link<irq>: where an output leads now."""

    def __init__(self, name: str, line: Line) -> None:
        super().__init__(name, None, "irq")
        self._line = line

    def get_value(self, obj: Object) -> str:
        """The path of the input, "" while unconnected."""
        irq = self._line.irq
        return irq.canonical_path if isinstance(irq, Irq) else ""


def _below(device: Device) -> Iterator[Device]:
    """Children before parents, newest first: the order of each phase."""
    for bus in device.buses:
        for child in bus.devices:
            yield from _below(child)
    yield device


def reset_tree(device: Device, kind: ResetType) -> None:
    """Reset a device and what hangs from it."""
    reset_devices(list(_below(device)), kind)


def reset_bus(bus: Bus, kind: ResetType) -> None:
    """Reset every device on a bus and below."""
    reset_devices([one for device in bus.devices for one in _below(device)], kind)


def reset_devices(devices: list[Device], kind: ResetType) -> None:
    """The three phases over `devices`."""
    for device in devices:
        device.reset_enter(kind)
    for device in devices:
        device.reset_hold(kind)
    for device in devices:
        device.reset_exit(kind)


def check_hotplug(device: Device, bus: Bus | None) -> None:
    """Errors: UserError if `device` cannot come to a running machine."""
    if bus is not None and not bus.hotplug:
        raise UserError(f"Bus '{bus.name}' does not support hotplugging")
    if not device.hotpluggable:
        raise UserError(f"Device '{device.qom_name}' does not support hotplugging")
    if bus is None:
        raise UserError(f"Device '{device.qom_name}' can not be hotplugged on this machine")
