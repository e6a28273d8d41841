"""What the machine is made of: machine types, harts, memory, device tree.

Source: BEHAVIOUR 5.2; QEMU's QAPI and replies.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.errors import UserError
from emu.monitor.commands.identity import SysEmuTarget
from emu.monitor.commands.registry import qmp_command

if TYPE_CHECKING:
    from emu.emulator import Emulator


DYNAMIC = ("max", "rv64")  # models that may change with the version


@dataclass(frozen=True)
class CompatProperty:
    """A default that a machine type changes, to be like an older version."""

    qom_type: str
    property: str
    value: str


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
    compat_props: list[CompatProperty] | None = None


@qmp_command("query-machines")
def query_machines(_e: Emulator, compat_props: bool = False) -> list[MachineInfo]:
    """All machine types; none of them stands for an older version of another."""
    from emu.hw.machine import machines

    return [
        MachineInfo(
            cls.qom_name.removesuffix("-machine"), cls.max_cpus, hotpluggable_cpus=False,
            numa_mem_supported=cls.traits.numa, deprecated=False, acpi=cls.traits.acpi,
            default_cpu_type=cls.default_cpu or None, default_ram_id=cls.ram_id or None,
            compat_props=[] if compat_props else None,
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

    node_id: int | None = None
    drawer_id: int | None = None
    book_id: int | None = None
    socket_id: int | None = None
    die_id: int | None = None
    cluster_id: int | None = None
    module_id: int | None = None
    core_id: int | None = None
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
    from emu.hw.riscv.cpu import RiscvCpu

    processes = e.vm.fleet.processes() if e.vm is not None and e.vm.fleet is not None else {}
    harts = [one for one in e.machine.walk() if isinstance(one, RiscvCpu)]
    return [
        CpuInfoFast(
            cpu.index, cpu.canonical_path, processes.get(cpu.index, os.getpid()), SysEmuTarget.RISCV64,
            CpuInstanceProperties(core_id=cpu.index),
        )
        for cpu in sorted(harts, key=lambda cpu: cpu.index)
    ]  # fmt: skip


@dataclass(frozen=True)
class CpuDefinitionInfo:
    """A CPU model. static: whether it is the same in every version."""

    name: str
    typename: str
    static: bool
    deprecated: bool


@qmp_command("query-cpu-definitions")
def query_cpu_definitions(_e: Emulator) -> list[CpuDefinitionInfo]:
    """Every model of this build."""
    from emu.hw.riscv.cpu import SUFFIX
    from emu.qom.types import list_types

    return [
        CpuDefinitionInfo(
            one.name.removesuffix(SUFFIX), one.name, static=one.name.removesuffix(SUFFIX) not in DYNAMIC,
            deprecated=False,
        )
        for one in list_types("riscv-cpu")
    ]  # fmt: skip


@dataclass(frozen=True)
class HotpluggableCPU:
    """A CPU that could be plugged in."""

    type: str
    vcpus_count: int
    props: CpuInstanceProperties
    qom_path: str | None


@qmp_command("query-hotpluggable-cpus", preconfig=True)
def query_hotpluggable_cpus(_e: Emulator) -> list[HotpluggableCPU]:
    """Errors: UserError: harts of these boards are all there from the start."""
    raise UserError("machine does not support hot-plugging CPUs")


@qmp_command("dumpdtb")
def dumpdtb(e: Emulator, filename: str) -> None:
    """Write the device tree to a file. Errors: UserError."""
    e.machine.dump_dtb(filename)


@dataclass(frozen=True)
class IOThreadInfo:
    """A worker for input and output."""

    id: str
    thread_id: int
    poll_max_ns: int
    poll_grow: int
    poll_shrink: int
    aio_max_batch: int


@qmp_command("query-iothreads", preconfig=True)
def query_iothreads(_e: Emulator) -> list[IOThreadInfo]:
    """None: no object of that type exists in this build."""
    return []
