"""What the machine is made of: machine types, harts, memory, device tree.

Source: BEHAVIOUR 5.2; QEMU's QAPI and replies.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.errors import OptionError, UserError, strerror
from emu.monitor.commands.identity import SysEmuTarget
from emu.monitor.commands.registry import qmp_command
from emu.monitor.types import U64, Named

if TYPE_CHECKING:
    from emu.emulator import Emulator

CHUNK = 1 << 20


@dataclass(frozen=True)
class MachineInfo:
    """A machine type."""

    name: str
    cpu_max: int
    hotpluggable_cpus: bool
    numa_mem_supported: bool
    deprecated: bool
    acpi: bool
    alias: str | None = None
    is_default: bool | None = None
    default_cpu_type: str | None = None
    default_ram_id: str | None = None


@qmp_command("query-machines", preconfig=True)
def query_machines(_e: Emulator, compat_props: bool = False) -> list[MachineInfo]:
    """All machine types."""
    from emu.hw.machine import machines

    return [
        MachineInfo(
            cls.qom_name.removesuffix("-machine"), cls.max_cpus, hotpluggable_cpus=False,
            numa_mem_supported=cls.traits.numa, deprecated=False, acpi=cls.traits.acpi,
            default_cpu_type=cls.default_cpu or None, default_ram_id=cls.ram_id,
        )
        for cls in machines()
    ]  # fmt: skip


@dataclass(frozen=True)
class CurrentMachineParams:
    """Of the machine that runs."""

    wakeup_suspend_support: bool


@qmp_command("query-current-machine")
def query_current_machine(e: Emulator) -> CurrentMachineParams:
    """Whether system_wakeup may work."""
    return CurrentMachineParams(e.run.wakeup_supported)


@dataclass(frozen=True)
class CpuInstanceProperties:
    """Where a hart is in the topology."""

    core_id: int | None = None
    node_id: int | None = None
    socket_id: int | None = None
    cluster_id: int | None = None
    thread_id: int | None = None


@dataclass(frozen=True)
class CpuInfoFast:
    """A hart. thread_id: the process that executes it."""

    cpu_index: int
    qom_path: str
    thread_id: int
    target: SysEmuTarget
    props: CpuInstanceProperties | None = None


@qmp_command("query-cpus-fast")
def query_cpus_fast(e: Emulator) -> list[CpuInfoFast]:
    """All harts; they are not asked for anything."""
    from emu.hw.riscv.cpu import harts

    fleet = e.vm.fleet if e.vm is not None else None
    return [
        CpuInfoFast(
            cpu.index, cpu.canonical_path, fleet.vcpus[cpu.index].pid if fleet else os.getpid(),
            SysEmuTarget.RISCV64, CpuInstanceProperties(core_id=cpu.index),
        )
        for cpu in harts()
    ]  # fmt: skip
