"""What the command line said, before anything is made of it.

Rule: pass 2 fills this record and judges only what QEMU judges there (the grammar of a value); the phases
of `emu.init` judge the rest, in QEMU's order. So a wrong line gives the message QEMU gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from emu.core.qdict import QDict, QValue
from emu.options import groups  # noqa: F401  # declares them
from emu.options.config_groups import qemu_find_opts
from emu.options.keyval import Tree
from emu.options.option_groups import OptionGroups
from emu.options.qemuopts import QemuOpts
from emu.options.visitor import Visitor
from emu.report import Reporter

NOT_IN_BUILD = "Option not supported in this build"


@dataclass(frozen=True)
class Said:
    """An argument and the words it stood in, for messages of a later phase."""

    text: str
    where: tuple[str, ...]


@dataclass(frozen=True)
class SaidTree:
    """An argument that was key=value or JSON, as its schema read it, and the words it stood in."""

    tree: QDict
    where: tuple[str, ...]


@dataclass(frozen=True)
class SaidValues:
    """Values for an object or a device: as they were read, and the words they stood in."""

    values: Mapping[str, QValue]
    visitor: Visitor
    where: tuple[str, ...]


@dataclass(frozen=True)
class Lack:
    """Something that is right and that this build has not: QEMU's text for it, and a hint for the user."""

    text: str
    hint: str
    where: tuple[str, ...]


@dataclass
class Settings:
    """The record. Fields hold raw text where a later phase gives them their meaning.

    Options of groups (-drive, -device, -netdev, -chardev, -global, -mon, -numa, ...) are in `groups`: see
    `sets`. `off`: default devices that some option has switched off, by the names of
    `default_devices.ALL`. `lacks`: what will be refused when everything has been judged.
    """

    reporter: Reporter
    where: tuple[str, ...] = ()  # words of the option being recorded
    lacks: list[Lack] = field(default_factory=list)
    # the machine
    machine: Tree = field(default_factory=dict)
    cpu: str | None = None
    boot: Said | None = None
    mem_path: Said | None = None
    mem_prealloc: bool = False
    # back ends and devices that are not in groups
    objects: list[SaidValues] = field(default_factory=list)
    json_devices: list[SaidTree] = field(default_factory=list)
    blockdevs: list[SaidTree] = field(default_factory=list)
    netdevs: list[SaidTree] = field(default_factory=list)  # of the modern kinds
    audiodevs: list[SaidTree] = field(default_factory=list)
    serials: list[Said] = field(default_factory=list)
    parallels: list[Said] = field(default_factory=list)
    debugcons: list[Said] = field(default_factory=list)
    gdbs: list[Said] = field(default_factory=list)
    usb_devices: list[Said] = field(default_factory=list)
    monitors: int = 0  # that -monitor and -qmp have asked for
    qtest: Said | None = None
    qtest_log: str | None = None
    snapshot: bool = False
    # defaults and displays
    defaults: bool = True
    off: set[str] = field(default_factory=set)
    nographic: bool = False
    display: str | None = None  # type; None: not said
    vga: Said | None = None
    # how it runs and ends
    autostart: bool = True
    preconfig: Said | None = None
    daemonize: Said | None = None
    loadvm: Said | None = None
    incoming: Said | None = None
    pidfile: str | None = None
    user: Said | None = None  # -run-with
    chroot: Said | None = None
    # logs and messages
    log_items: str | None = None
    log_file: str | None = None
    trace_file: str | None = None  # takes the place of log_file
    # small things
    data_dirs: list[str] = field(default_factory=list)
    list_data_dirs: bool = False
    uuid: str | None = None
    seed: int | None = None
    escape: int = 0x01
    dump_vmstate: Said | None = None
    groups: OptionGroups = field(init=False)

    def __post_init__(self) -> None:
        self.groups = OptionGroups(self.warn, lambda: self.where)

    def said(self, text: str) -> Said:
        """`text` with the place of the option being recorded."""
        return Said(text, self.where)

    def parse(self, group: str, arg: str, *, implied: bool = False) -> QemuOpts:
        """Parse an argument into a new set of `group` (or its merged one).

        implied: the first value may leave its name out. Errors: OptionError; Leave for a help request.
        """
        return self.groups.parse_noisily(qemu_find_opts(group), arg, implied)

    def sets(self, group: str) -> list[QemuOpts]:
        """All sets of a group, in the order of the line."""
        return self.groups.sets(qemu_find_opts(group))

    def warn(self, text: str) -> None:
        """Print a warning line about the option being recorded."""
        self.reporter.warn(text, self.where)

    def lack(self, hint: str, text: str = NOT_IN_BUILD, where: tuple[str, ...] | None = None) -> None:
        """Note something that is right and that this build has not; `hint` is for the user."""
        self.lacks.append(Lack(text, hint, self.where if where is None else where))

    def machine_text(self, key: str) -> str | None:
        """A machine property given as plain text, or None."""
        value = self.machine.get(key)
        return value if isinstance(value, str) else None
