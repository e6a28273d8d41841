"""-device and device_add: from a set of options to a realized device; -device help.

    device_init_func -> qdev_device_add -> qdev_device_add_from_qdict -> qdev_new -> the type's init chain

Source: BEHAVIOUR 3.4 (texts), 4.1 (order); QEMU 10.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from emu.core.qdict import QValue
from emu.errors import OptionError, UserError
from emu.options.visitor import Visitor
from emu.qom import types
from emu.qom.bus import Bus
from emu.qom.device import Category, Device, check_hotplug
from emu.qom.help import property_lines
from emu.qom.object import container, resolve_path, root
from emu.qom.property import DeviceNotFound

PERIPHERAL, ANONYMOUS = "/machine/peripheral", "/machine/peripheral-anon"
# Short names that users know -> type, on a machine with PCI
ALIASES = {
    "ahci": "ich9-ahci", "e1000": "e1000-82540em", "virtio-9p": "virtio-9p-pci",
    "virtio-balloon": "virtio-balloon-pci", "virtio-blk": "virtio-blk-pci", "virtio-gpu": "virtio-gpu-pci",
    "virtio-input-host": "virtio-input-host-pci", "virtio-iommu": "virtio-iommu-pci",
    "virtio-keyboard": "virtio-keyboard-pci", "virtio-mouse": "virtio-mouse-pci",
    "virtio-net": "virtio-net-pci", "virtio-rng": "virtio-rng-pci",
    "virtio-scsi": "virtio-scsi-pci", "virtio-serial": "virtio-serial-pci",
    "virtio-sound": "virtio-sound-pci", "virtio-tablet": "virtio-tablet-pci",
}  # fmt: skip
_BUS_KEYS = ("driver", "bus", "id")


def device_class(name: str) -> type[Device]:
    """The class of a type that users may make. Errors: OptionError with QEMU's texts."""
    found = types.type_by_name(name)
    if found is None and name in ALIASES:
        target = ALIASES[name]
        found = types.type_by_name(target)
        if found is None:
            raise OptionError(f"'{target}' (alias '{name}') is not a valid device model name")
    if found is None or not types.is_a(found.name, "device"):
        raise OptionError(f"'{name}' is not a valid device model name")
    if found.abstract:
        raise OptionError("Parameter 'driver' expects a non-abstract device type")
    cls = cast("type[Device]", found.cls)
    if not cls.user_creatable:
        raise OptionError("Parameter 'driver' expects a pluggable device type")
    if types.is_a(found.name, "sys-bus-device") and not _machine_allows(found.name):
        raise OptionError("Parameter 'driver' expects a dynamic sysbus device type for the machine")
    return cls


def _machine_allows(name: str) -> bool:
    from emu.hw.machine import MachineState

    machine = root().child("machine")
    dynamic = isinstance(machine, MachineState) and machine.dynamic_sysbus
    return dynamic and types.is_a(name, "dynamic-sysbus-device")


def main_bus() -> Bus | None:
    """The system bus, None on a machine without one."""
    found, _ = resolve_path("/machine/unattached/sysbus", "bus")
    return cast("Bus | None", found)


def find_bus(path: str) -> Bus:
    """The bus that bus= names. Errors: OptionError with QEMU's texts."""
    top = main_bus()
    parts = [part for part in path.split("/") if part]
    if path.startswith("/") or top is None:
        bus = top
    else:
        name = parts.pop(0) if parts else ""
        bus = top.find(name, "")
    if bus is None:
        raise OptionError(f"Bus '{path.split('/')[0]}' not found")
    while parts:
        device = _device_on(bus, parts.pop(0))
        bus = _only_bus(device) if not parts else _bus_of(device, parts.pop(0))
    if bus.full:
        raise OptionError(f"Bus '{path}' is full")
    return bus


def _device_on(bus: Bus, name: str) -> Device:
    by_id = (device for device in bus.devices if device.id == name)
    found = next(by_id, None) or next((d for d in bus.devices if d.qom_name == name), None)
    if found is not None:
        return found
    names = [f'"{d.qom_name}"' + (f'/"{d.id}"' if d.id else "") for d in bus.devices]
    error = OptionError(f"Device '{name}' not found", f'devices at "{bus.name}": {", ".join(names)}')
    error.qmp_class = DeviceNotFound.qmp_class
    raise error


def _only_bus(device: Device) -> Bus:
    if not device.buses:
        raise OptionError(f"Device '{device.id or device.qom_name}' has no child bus")
    if len(device.buses) > 1:
        names = ", ".join(f'"{bus.name}"' for bus in device.buses)
        raise OptionError(
            f"Device '{device.id or device.qom_name}' has multiple child buses",
            f'child buses at "{device.id or device.qom_name}": {names}',
        )
    return device.buses[0]


def _bus_of(device: Device, name: str) -> Bus:
    for bus in device.buses:
        if bus.name == name:
            return bus
    raise OptionError(f"Bus '{name}' not found")


def _choose_bus(cls: type[Device], name: str, values: Mapping[str, QValue]) -> Bus | None:
    path = values.get("bus")
    if isinstance(path, str):
        bus: Bus | None = find_bus(path)
        assert bus is not None
        if not cls.bus_type or not types.is_a(bus.qom_name, cls.bus_type):
            raise OptionError(f"Device '{name}' can't go on {bus.qom_name} bus")
        return bus
    if not cls.bus_type:
        return None
    top = main_bus()
    bus = top.find("", cls.bus_type) if top is not None else None
    if bus is None:
        raise OptionError(f"No '{cls.bus_type}' bus found for device '{name}'")
    if bus.full:
        raise OptionError(f"No '{cls.bus_type}' bus found for device '{name}'")
    return bus


def qdev_device_add(values: Mapping[str, QValue], visitor: Visitor, running: bool = False) -> Device:
    """Make and realize the device that `values` (driver, bus, id, properties) describe.

    running: the machine is ready, so this is a hotplug. Errors: UserError, and no device is there.
    """
    name = values.get("driver")
    if not isinstance(name, str):
        raise OptionError("Parameter 'driver' is missing")
    cls = device_class(name)
    bus = _choose_bus(cls, name, values)
    if running and bus is not None and not bus.hotplug:
        raise OptionError(f"Bus '{bus.name}' does not support hotplugging")
    device = cls()
    device.hotplugged = running
    if running:
        check_hotplug(device, bus)
    _set_id(device, values.get("id"))
    try:
        for key, value in values.items():
            if key not in _BUS_KEYS:
                device.set_property(key, value, visitor)
        device.realize_on(bus)
    except BaseException:
        device.unparent()
        raise
    return device


def _set_id(device: Device, identifier: QValue) -> None:
    if isinstance(identifier, str):
        place = container(PERIPHERAL)
        if place.find_property(identifier) is not None:
            raise OptionError(f"Duplicate device ID '{identifier}'")
        device.id = identifier
        place.add_child(identifier, device)
    else:
        container(ANONYMOUS).add_child("device[*]", device)


def find_device(name: str) -> Device:
    """The device that device_del names, by id or path. Errors: DeviceNotFound, UserError."""
    place = container(PERIPHERAL)
    found = resolve_path(name)[0] if name.startswith("/") else place.child(name) if name else place
    if found is None:
        raise DeviceNotFound(name)
    if not isinstance(found, Device):
        raise UserError(f"{name} is not a device")
    return found


def device_del(name: str) -> None:
    """Unplug at once: no bus here asks the guest first. Errors: UserError with QEMU's texts."""
    device = find_device(name)
    if device.parent_bus is not None and not device.parent_bus.hotplug:
        raise UserError(f"Bus '{device.parent_bus.name}' does not support hotplugging")
    if not device.hotpluggable:
        raise UserError(f"Device '{device.qom_name}' does not support hotplugging")
    device.unparent()


def concrete_device(name: str) -> type[Device]:
    """The class of a device type, whoever makes it. Errors: DeviceNotFound, OptionError."""
    found = types.type_by_name(name)
    if found is None:
        raise DeviceNotFound(name)
    if found.abstract or not types.is_a(found.name, "device"):
        raise OptionError("Parameter 'typename' expects a non-abstract device type")
    return cast("type[Device]", found.cls)


def devices_help() -> str:
    """What -device help prints: user-creatable devices by category."""
    found = [cast("type[Device]", t.cls) for t in types.list_types("device")]
    parts = []
    for category in Category:
        lines = [_line(cls) for cls in found if cls.user_creatable and cls.category is category]
        if lines:
            parts.append(f"{category.value} devices:\n" + "".join(lines))
    return "\n".join(parts)


def _line(cls: type[Device]) -> str:
    alias = next((a for a, target in ALIASES.items() if target == cls.qom_name), "")
    out = f'name "{cls.qom_name}"'
    out += f", bus {cls.bus_type}" if cls.bus_type else ""
    out += f', alias "{alias}"' if alias else ""
    return out + (f', desc "{cls.desc}"\n' if cls.desc else "\n")


def device_help(name: str) -> str:
    """What -device NAME,help prints. Errors: UserError."""
    cls = concrete_device(ALIASES.get(name, name))
    lines = property_lines(p for p in cls.type_properties().values() if p.static)
    if not lines:
        return f"There are no options for {name}.\n"
    return f"{name} options:\n{lines}"


def machine_is_there() -> bool:
    """Whether a machine was made."""
    return root().child("machine") is not None
