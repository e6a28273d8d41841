"""Commands of devices: device_add, device_del, info qtree.

Source: BEHAVIOUR 3.4, 4.1; screens of QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from emu.core.qdict import QValue
from emu.monitor.hmp_arguments import Flag, Options, Word
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command, info_command
from emu.options.qemuopts import QemuOpts
from emu.qom.bus import Bus
from emu.qom.device import UNNAMED_IN, UNNAMED_OUT, Device
from emu.qom.object import container
from emu.qom.property import Property

_ALL = (1 << 64) - 1
_UNITS = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def _types(_s: Session, words: list[str]) -> Iterable[str]:
    from emu.qom.types import list_types

    if len(words) != 1:
        return ()
    found = [cast("type[Device]", t.cls) for t in list_types("device")]
    return [cls.qom_name for cls in found if cls.user_creatable]


def _ids(_s: Session, words: list[str]) -> Iterable[str]:
    from emu.qom.monitor import PERIPHERAL

    return container(PERIPHERAL).children if len(words) == 1 else ()


@hmp_command("device_add", "driver[,prop=value][,...]", "add a device, as -device does",
             args=(Options("device"),), complete=_types)  # fmt: skip
def device_add(s: Session, device: QemuOpts) -> None:
    """It is there when the command has ended, or an error says why not."""
    from emu.monitor.commands import qom as qmp
    from emu.qom.monitor import device_help, devices_help

    driver = device.get("driver", "")
    if driver in ("help", "?"):
        s.print(devices_help())
    elif device.has_help_opt():
        s.print(device_help(driver))
    else:
        qmp.device_add(s.e, **device.to_qdict())


@hmp_command("device_del", "device", "remove a device", args=(Word("id"),), complete=_ids)
def device_del(s: Session, id: str) -> None:
    """By its id or path."""
    from emu.monitor.commands import qom as qmp

    qmp.device_del(s.e, id)


@info_command("qtree", "the tree of buses and devices", "[-b]", args=(Flag("b"),))
def info_qtree(s: Session, b: bool = False) -> None:
    """With -b without what configures them."""
    from emu.qom.monitor import main_bus

    bus = main_bus()
    if bus is not None:
        _show_bus(s, bus, 0, brief=b)


def _show_bus(s: Session, bus: Bus, indent: int, *, brief: bool) -> None:
    s.print(f"{'':{indent}}bus: {bus.name}\n{'':{indent}}  type {bus.qom_name}\n")
    for device in bus.devices:
        _show_device(s, device, indent + 2, brief=brief)


def _show_device(s: Session, device: Device, indent: int, *, brief: bool) -> None:
    s.print(f'{"":{indent}}dev: {device.qom_name}, id "{device.id}"\n')
    indent += 2
    if not brief:
        for line in _details(device):
            s.print(f"{'':{indent}}{line}\n")
    for bus in device.buses:
        _show_bus(s, bus, indent, brief=brief)


def _details(device: Device) -> Iterator[str]:
    """Lines, properties of the type before those of its parents, memory."""
    for name, inputs in device.inputs.items():
        yield f'gpio-in "{"" if name == UNNAMED_IN else name}" {len(inputs)}'
    unnamed = len(device.outputs.get(UNNAMED_OUT, ())) or len(device.hart_lines)
    if unnamed:
        yield f'gpio-out "" {unnamed}'
    for name, lines in device.outputs.items():
        if name != UNNAMED_OUT:
            yield f'gpio-out "{name}" {len(lines)}'
    seen: set[str] = set()
    for cls in type(device).__mro__:
        for value in vars(cls).values():
            if isinstance(value, Property) and value.static and value.name not in seen:
                seen.add(value.name)
                yield f"{value.name} = {_value(value, value.get_value(device))}"
    for region in getattr(device, "mmio", ()):
        yield f"mmio {_ALL if region.addr is None else region.addr:016x}/{region.size:016x}"


def _value(prop: Property, value: QValue) -> str:
    """As the reference shows values of that type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if prop.type == "size":
            return f"{value} ({size_text(value)})"
        return f"{value} (0x{value & _ALL:x})"
    return f'"{value}"'


def size_text(size: int) -> str:
    """Bytes in the largest unit that needs no more than three digits before the point."""
    unit = 0
    number = float(size)
    while number >= 1000 and unit < len(_UNITS) - 1:
        number /= 1024
        unit += 1
    return f"{number:.3g} {_UNITS[unit]}B"
