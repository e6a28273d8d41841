"""What the command line said, before anything is made of it.

Rule: pass 2 fills this record and judges only what QEMU judges there (the grammar of a value); the
phases of `emu.main` judge the rest, in QEMU's order. So a wrong line gives the message QEMU gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from emu.core.qdict import QValue
from emu.options.keyval import Tree
from emu.options.option_groups import OptionGroups
from emu.options.qemuopts import QemuOpts
from emu.options.visitor import Visitor
from emu.report import Reporter


@dataclass(frozen=True)
class Said:
    """An argument and the words it stood in, for messages of a later phase."""

    text: str
    where: tuple[str, ...]


@dataclass(frozen=True)
class SaidOpts:
    """A set of options and the words it stood in."""

    opts: QemuOpts
    where: tuple[str, ...]


@dataclass(frozen=True)
class SaidValues:
    """Values for an object or a device: as they were read, and the words they stood in."""

    values: Mapping[str, QValue]
    visitor: Visitor
    where: tuple[str, ...]


@dataclass
class Settings:
    """The record. Fields hold raw text where a later phase gives them their meaning."""

    reporter: Reporter
    where: tuple[str, ...] = ()  # words of the option being recorded
    machine: Tree = field(default_factory=dict)
    accels: list[SaidOpts] = field(default_factory=list)
    cpu: str | None = None
    memory_size: str | None = None
    disks: list[Said] = field(default_factory=list)
    devices: list[SaidValues] = field(default_factory=list)
    device_help: Said | None = None
    chardevs: list[SaidOpts] = field(default_factory=list)
    serials: list[Said] = field(default_factory=list)
    monitors: list[Said] = field(default_factory=list)
    parallels: list[Said] = field(default_factory=list)
    objects: list[SaidValues] = field(default_factory=list)
    globals: list[SaidOpts] = field(default_factory=list)
    nographic: bool = False
    display: str | None = None  # type; None: not said
    defaults: bool = True
    autostart: bool = True
    log_items: str | None = None
    log_file: str | None = None
    pidfile: str | None = None
    qtest: Said | None = None
    qtest_log: str | None = None
    data_dirs: list[str] = field(default_factory=list)
    list_data_dirs: bool = False
    actions: dict[str, str] = field(default_factory=dict)
    unsupported: list[Said] = field(default_factory=list)
    name_in_messages: bool = False
    groups: OptionGroups = field(init=False)

    def __post_init__(self) -> None:
        self.groups = OptionGroups(self.warn, lambda: self.where)

    def said(self, text: str) -> Said:
        """`text` with the place of the option being recorded."""
        return Said(text, self.where)

    def warn(self, text: str) -> None:
        """Print a warning line about the option being recorded."""
        self.reporter.warn(text, self.where)

    def machine_text(self, key: str) -> str | None:
        """A machine property given as plain text, or None."""
        value = self.machine.get(key)
        return value if isinstance(value, str) else None
