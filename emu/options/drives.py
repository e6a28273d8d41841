"""Drives: what -drive, -hda, -cdrom, -pflash and bare words say, with all rules about their places.

There is no block layer yet: `judge_drives` gives the drives that were meant, and notes that they are lacking.
Source: BEHAVIOUR 3.4 (bare word); QEMU's drive_new, by running QEMU 10.0.13.
"""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass

from emu.core.qdict import QDict
from emu.errors import Leave, OptionError, strerror
from emu.options.config_groups import qemu_find_opts
from emu.options.drive_limits import ALIASES, check_limits
from emu.options.groups import COMMON_DRIVE, LEGACY_DRIVE
from emu.options.qemuopts import QemuOpts
from emu.options.settings import Settings

# kind of bus -> drives on one bus, 0: no limit
INTERFACES = {"none": 0, "ide": 2, "scsi": 7, "floppy": 0, "pflash": 0, "mtd": 0, "sd": 0, "virtio": 0,
              "xen": 0}  # fmt: skip
_WITH_ERROR_ACTIONS = ("ide", "scsi", "virtio", "none")
_ERROR_ACTIONS = {"werror": ("ignore", "enospc", "stop", "report"), "rerror": ("ignore", "stop", "report")}
# formats and protocols that QEMU 10 knows; the former need something below them
_FORMATS = frozenset((
    "blkdebug", "blklogwrites", "blkreplay", "blkverify", "bochs", "cloop", "compress", "copy-before-write",
    "copy-on-read", "dmg", "luks", "parallels", "preallocate", "qcow", "qcow2", "qed", "quorum", "raw",
    "replication", "snapshot-access", "throttle", "vdi", "vhdx", "vmdk", "vpc",
))  # fmt: skip
_PROTOCOLS = frozenset((
    "file", "ftp", "ftps", "gluster", "host_cdrom", "host_device", "http", "https", "io_uring", "iscsi",
    "iser", "nbd", "nfs", "null-aio", "null-co", "nvme", "nvme-io_uring", "rbd", "ssh", "virtio-blk-vfio-pci",
    "virtio-blk-vhost-user", "virtio-blk-vhost-vdpa", "vvfat",
))  # fmt: skip
KNOWN_DRIVERS = _FORMATS | _PROTOCOLS
_SCHEMES = _PROTOCOLS | {"fat", "json", "blkdebug", "blkverify", "nbd+tcp", "nbd+unix", "gluster+unix"}
_CACHE = {
    "none": ("on", "on", "off"), "off": ("on", "on", "off"), "directsync": ("off", "on", "off"),
    "writeback": ("on", "off", "off"), "unsafe": ("on", "off", "on"), "writethrough": ("off", "off", "off"),
}  # fmt: skip
_CACHE_KEYS = ("cache.writeback", "cache.direct", "cache.no-flush")


@dataclass(frozen=True)
class Drive:
    """One drive: where it is plugged, what lies behind it ("" for nothing), how it is opened."""

    id: str
    interface: str
    bus: int
    unit: int
    cdrom: bool
    file: str
    driver: str | None
    read_only: bool
    snapshot: bool
    where: tuple[str, ...]


def drive_add(s: Settings, file: str, interface: str, index: int, params: str) -> None:
    """A set of -drive options for an option in short. interface "": the machine's default; index -1: any."""
    opts = s.groups.create(qemu_find_opts("drive"))
    opts.do_parse(params)
    if interface:
        opts.set("if", interface)
    if index >= 0:
        opts.set_number("index", index)
    opts.set("file", file)


def judge_drives(s: Settings, default_interface: str) -> list[Drive]:
    """The drives, in the order of the line. Errors: OptionError at the option; Leave for `format=help`."""
    drives: list[Drive] = []
    for opts in s.sets("drive"):
        if s.snapshot and opts.get("snapshot") is None:
            opts.set("snapshot", "on")
        try:
            drives.append(_judge(s, opts, default_interface, drives))
        except OptionError as error:
            raise error.at(opts.where) from None
        s.lack("there are no disks in this build", where=opts.where)
    return drives


def check_orphaned(drives: list[Drive], interfaces: Container[str]) -> None:
    """Drives on buses that the machine has not. Errors: OptionError, which names them all."""
    lines = [(f"machine type does not support if={d.interface},bus={d.bus},unit={d.unit}", d.where)
             for d in drives if d.interface not in interfaces]  # fmt: skip
    if lines:
        text, where = lines[0]
        raise OptionError(text, where=where)


def _judge(s: Settings, given: QemuOpts, default_interface: str, drives: list[Drive]) -> Drive:
    opts = QemuOpts(given.opts_list, given.id, list(given.items), given.where)
    _rename(opts)
    _spread_cache(opts)
    rest: QDict = dict(opts.to_qdict())
    rest.pop("id", None)
    legacy = QemuOpts(LEGACY_DRIVE)
    legacy.absorb_qdict(rest)
    media = legacy.get("media", "disk")
    if media not in ("disk", "cdrom"):
        raise OptionError(f"'{media}' invalid media")
    read_only = legacy.get_bool("read-only", False) or media == "cdrom"
    if legacy.get_bool("copy-on-read", False) and read_only:
        s.reporter.warn("disabling copy-on-read on read-only drive", opts.where)
    interface = legacy.get("if", default_interface)
    if interface not in INTERFACES:
        raise OptionError(f"unsupported bus type '{interface}'")
    bus, unit = _place(legacy, interface, drives)
    _check_error_actions(legacy, interface)
    snapshot, driver = _judge_common(rest)
    file = legacy.get("file", "")
    _check_image(file, driver, rest)
    name = opts.id or _name(interface, bus, unit, media == "cdrom")
    return Drive(name, interface, bus, unit, media == "cdrom", file, driver, read_only, snapshot, opts.where)


def _rename(opts: QemuOpts) -> None:
    for old, new in ALIASES.items():
        value = opts.get(old)
        if value is None:
            continue
        if opts.get(new) is not None:
            raise OptionError(f"'{new}' and its alias '{old}' can't be used at the same time")
        opts.items = [(new if name == old else name, value) for name, value in opts.items]


def _spread_cache(opts: QemuOpts) -> None:
    """`cache=` as the three switches that it stands for; those that were given stay."""
    mode = opts.get("cache")
    if mode is None:
        return
    if mode not in _CACHE:
        raise OptionError("invalid cache option")
    opts.delete_all("cache")
    for key, value in zip(_CACHE_KEYS, _CACHE[mode], strict=True):
        if opts.get(key) is None:
            opts.set(key, value)


def _place(legacy: QemuOpts, interface: str, drives: list[Drive]) -> tuple[int, int]:
    """Bus and unit: as given, by index, or the first free ones."""
    bus, unit, index = _int(legacy, "bus", 0), _int(legacy, "unit", -1), _int(legacy, "index", -1)
    most = INTERFACES[interface]
    taken = {(d.bus, d.unit) for d in drives if d.interface == interface}
    if index != -1:
        if bus != 0 or unit != -1:
            raise OptionError("index cannot be used with bus and unit")
        bus, unit = divmod(index, most) if most else (0, index)
    if unit == -1:
        unit = 0
        while (bus, unit) in taken:
            unit += 1
            if most and unit >= most:
                bus, unit = bus + 1, unit - most
    if most and unit >= most:
        raise OptionError(f"unit {unit} too big (max is {most - 1})")
    if (bus, unit) in taken:
        raise OptionError(f"drive with bus={bus}, unit={unit} (index={index}) exists")
    return bus, unit


def _int(opts: QemuOpts, name: str, default: int) -> int:
    """A number as a C int."""
    value = opts.get_number(name, default) & 0xFFFF_FFFF
    return value - (1 << 32) if value >> 31 else value


def _name(interface: str, bus: int, unit: int, cdrom: bool) -> str:
    media = ("-cd" if cdrom else "-hd") if interface in ("ide", "scsi") else ""
    return f"{interface}{bus if INTERFACES[interface] else ''}{media}{unit}"


def _check_error_actions(legacy: QemuOpts, interface: str) -> None:
    for key in ("werror", "rerror"):
        action = legacy.get(key)
        if action is None:
            continue
        if interface not in _WITH_ERROR_ACTIONS:
            raise OptionError(f"{key} is not supported by this bus type")
        if action not in _ERROR_ACTIONS[key]:
            raise OptionError(f"'{action}' invalid {'write' if key == 'werror' else 'read'} error action")


def _judge_common(rest: QDict) -> tuple[bool, str | None]:
    """Whether it is a snapshot, and its format; takes what it knows from `rest`."""
    common = QemuOpts(COMMON_DRIVE)
    common.absorb_qdict(rest)
    snapshot = common.get_bool("snapshot", False)
    if common.get("aio", "threads") not in ("threads", "native", "io_uring"):
        raise OptionError("invalid aio option")
    check_limits(common)
    zeroes = common.get("detect-zeroes", "off")
    if zeroes not in ("off", "on", "unmap"):
        raise OptionError(f"invalid parameter value: {zeroes}")
    name = common.get("format")
    if name in ("help", "?"):
        raise Leave("Supported formats:\nSupported formats (read-only):\n")
    if name is not None and "driver" in rest:
        raise OptionError("Cannot specify both 'driver' and 'format'")
    driver = rest.get("driver")
    return snapshot, name if name is not None or not isinstance(driver, str) else driver


def _check_image(file: str, driver: str | None, rest: QDict) -> None:
    """What opening it would find wrong without a format's own code."""
    if driver is not None and driver not in KNOWN_DRIVERS:
        raise OptionError(f"Unknown driver '{driver}'")
    if not file:
        opened = driver is not None or set(rest) - {"driver", *_CACHE_KEYS}
        if opened and driver is None:
            raise OptionError("Must specify either driver or file")
        if driver in _FORMATS and not any(key == "file" or key.startswith("file.") for key in rest):
            raise OptionError('A block device must be specified for "file"')
        return
    if "file.filename" in rest or "filename" in rest:
        raise OptionError("Can't specify 'file' and 'filename' options at the same time")
    scheme, colon, _ = file.partition(":")
    if colon and "/" not in scheme:
        if scheme not in _SCHEMES:
            raise OptionError(f"Unknown protocol '{scheme}'")
        if scheme != "file":
            return
        file = file.removeprefix("file:")
    check_file(file)


def check_file(file: str) -> None:
    """Complain if there is no such file. Errors: OptionError."""
    try:
        os.stat(file)
    except (OSError, ValueError) as error:
        why = strerror(error) if isinstance(error, OSError) else "Invalid argument"
        raise OptionError(f"Could not open '{file}': {why}") from error
