"""Who and what is this: version, name, UUID, target, accelerator.

Source: BEHAVIOUR 5.2; QEMU's QAPI.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.monitor.commands.registry import qmp_command
from emu.version import PACKAGE, QEMU_VERSION

if TYPE_CHECKING:
    from emu.emulator import Emulator

NO_UUID = "00000000-0000-0000-0000-000000000000"


class SysEmuTarget(enum.Enum):
    """The targets; we are one of them."""

    RISCV64 = "riscv64"


@dataclass(frozen=True)
class VersionTriple:
    """Of the interface."""

    major: int
    minor: int
    micro: int


@dataclass(frozen=True)
class VersionInfo:
    """qemu: whose interface this is. package: who we are."""

    qemu: VersionTriple
    package: str


@qmp_command("query-version", preconfig=True)
def query_version(_e: Emulator) -> VersionInfo:
    """As in the greeting."""
    return VersionInfo(VersionTriple(*QEMU_VERSION), PACKAGE)


@dataclass(frozen=True)
class NameInfo:
    """name: None if -name gave none."""

    name: str | None


@qmp_command("query-name", preconfig=True)
def query_name(e: Emulator) -> NameInfo:
    """-name's."""
    return NameInfo(e.reporter.guest_name or None)


@dataclass(frozen=True)
class UuidInfo:
    """UUID in QEMU's spelling of the member."""

    UUID: str


@qmp_command("query-uuid", preconfig=True)
def query_uuid(e: Emulator) -> UuidInfo:
    """-uuid's; without one, zeros."""
    return UuidInfo(e.settings.uuid or NO_UUID)


@dataclass(frozen=True)
class TargetInfo:
    """arch: of the guest."""

    arch: SysEmuTarget


@qmp_command("query-target")
def query_target(_e: Emulator) -> TargetInfo:
    """riscv64."""
    return TargetInfo(SysEmuTarget.RISCV64)


@dataclass(frozen=True)
class KvmInfo:
    """enabled: in use; present: in this build."""

    enabled: bool
    present: bool


@qmp_command("query-kvm")
def query_kvm(_e: Emulator) -> KvmInfo:
    """Never."""
    return KvmInfo(enabled=False, present=False)
