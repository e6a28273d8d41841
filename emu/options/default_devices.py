"""Which devices a machine gets that nobody asked for: serial ports, monitors, a network card, a display.

A pure function: what the line said about devices, and what the machine's class forbids, to what is added.
Source: BEHAVIOUR 3.4 (defaults, -nographic).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emu.errors import OptionError

# A driver in -device or -global that stands for a default: it is not made a second time
_STANDS_FOR = {
    "isa-serial": "serial", "isa-parallel": "parallel", "isa-fdc": "floppy", "floppy": "floppy",
    "ide-cd": "cdrom", "ide-hd": "cdrom", "scsi-cd": "cdrom", "scsi-hd": "cdrom",
    "VGA": "vga", "isa-vga": "vga", "cirrus-vga": "vga", "isa-cirrus-vga": "vga", "vmware-svga": "vga",
    "qxl-vga": "vga", "virtio-vga": "vga", "ati-vga": "vga", "vhost-user-vga": "vga", "virtio-vga-gl": "vga",
    "virtio-vga-rutabaga": "vga",
}  # fmt: skip
ALL = frozenset({"serial", "parallel", "monitor", "net", "vga", "cdrom", "floppy", "sdcard", "audio"})


@dataclass(frozen=True)
class Wanted:
    """What the line said.

    off: defaults that an option has switched off (-serial: "serial"). drivers: of -device and -global.
    nodefaults, nographic, daemonize: whether the option is there. display: the character device that a
    display would offer ("vc"), None without one.
    """

    off: frozenset[str] = frozenset()
    drivers: tuple[str, ...] = ()
    nodefaults: bool = False
    nographic: bool = False
    daemonize: bool = False
    display: str | None = None


@dataclass(frozen=True)
class DefaultDevices:
    """What is added: the character devices of ports and monitors, and whether there are network and VGA."""

    serials: tuple[str, ...] = ()
    parallels: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    net: bool = False
    vga: bool = False


def enabled(wanted: Wanted, machine_lacks: Iterable[str] = ()) -> frozenset[str]:
    """The defaults that are left, of `ALL`. machine_lacks: those that the machine's class has not."""
    if wanted.nodefaults:
        return frozenset()
    stood_for = {_STANDS_FOR[driver] for driver in wanted.drivers if driver in _STANDS_FOR}
    return ALL - wanted.off - stood_for - frozenset(machine_lacks)


def default_devices(wanted: Wanted, machine_lacks: Iterable[str] = ()) -> DefaultDevices:
    """The devices that are added. Errors: OptionError, -nographic with -daemonize."""
    left = enabled(wanted, machine_lacks)
    serial, parallel, monitor = ("serial" in left, "parallel" in left, "monitor" in left)
    rest = {"net": "net" in left, "vga": "vga" in left}
    if wanted.nographic:
        if wanted.daemonize and (serial or parallel or monitor):
            raise OptionError("-nographic cannot be used with -daemonize")
        if serial and monitor:
            return DefaultDevices(("mon:stdio",), ("null",) * parallel, (), **rest)
        return DefaultDevices(("stdio",) * serial, ("null",) * parallel, ("stdio",) * monitor, **rest)
    show = wanted.display or "null"
    return DefaultDevices(
        (show,) * serial, (show,) * parallel, (show,) * (monitor and wanted.display is not None), **rest
    )
