"""qdev buses: where devices sit.

Rule: children are kept newest first, as QEMU keeps them; a search for a bus with room goes that way, which
is why the first virtio device lands in the last transport.
Source: BEHAVIOUR 4.1; QEMU 10.0's `info qtree`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from emu.qom import types
from emu.qom.object import LinkProperty, Object, root
from emu.qom.property import Accessor
from emu.qom.types import qom_type

if TYPE_CHECKING:
    from emu.qom.device import Device

_numbers: WeakKeyDictionary[Object, dict[str, int]] = WeakKeyDictionary()


@qom_type("bus", abstract=True)
class Bus(Object):
    """name: the bus' own; owner: the device it hangs from; devices: newest first.

    max_devices: how many fit, 0 for any number. hotplug: whether devices may come and go while it runs.
    """

    max_devices = 0
    hotplug = False
    realized_property = Accessor("realized", "bool", lambda self: self.realized)

    def __init__(self, owner: Device | None, name: str) -> None:
        self.owner = owner
        self.name = name
        self.devices: list[Device] = []
        self.realized = False
        self._made = 0
        super().__init__()
        if owner is not None:
            owner.add_bus(self)

    @property
    def full(self) -> bool:
        """No room for one more."""
        return bool(self.max_devices) and len(self.devices) >= self.max_devices

    def insert(self, device: Device) -> None:
        """A device more."""
        self.devices.insert(0, device)
        self.add_property(LinkProperty(f"child[{self._made}]", device, device.qom_name))
        self._made += 1

    def remove(self, device: Device) -> None:
        """A device less."""
        self.devices.remove(device)
        for name, prop in list(self._own.items()):
            if isinstance(prop, LinkProperty) and prop.target is device:
                self.del_property(name)

    def device_path(self, device: Device) -> str:
        """How the bus names a device in messages and for firmware; "" for no name."""
        return ""

    def check_address(self, device: Device) -> None:
        """Errors: OptionError if the device's address on this bus is no good."""

    def find(self, name: str, kind: str) -> Bus | None:
        """Depth first: the bus `name` of type `kind` ("" for any), one with room if there is one."""
        matches = (not name or name == self.name) and (not kind or types.is_a(self.qom_name, kind))
        if matches and (name or not self.full):
            return self
        pick = self if matches else None
        for device in self.devices:
            for bus in device.buses:
                found = bus.find(name, kind)
                if found is not None and (name or not found.full):
                    return found
                pick = pick or found
        return pick


def automatic_name(owner: Device, type_name: str) -> str:
    """The name of a bus that nobody named: ID.N after an owner with an id, else TYPE.N.

    A number of a type is not given twice in a tree, as QEMU's are not in a process.
    """
    if owner.id:
        return f"{owner.id}.{len(owner.buses)}"
    numbers = _numbers.setdefault(root(), {})
    n = numbers[type_name] = numbers.get(type_name, -1) + 1
    return f"{type_name.lower()}.{n}"


@qom_type("System")
class SystemBus(Bus):
    """main-system-bus: devices at fixed addresses."""
