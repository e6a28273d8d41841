"""The machine as an object: what every board has, and the properties that -machine sets.

Order (BEHAVIOUR 3.3): made (phase 10), properties (12), CPU model and RAM (14), `init` (15), devices of the
command line, `creation_done`.
Rule: properties are checked alone when they are set, against each other in `check`.
Source: BEHAVIOUR 3.2, 3.4, 4.2; `-machine X,help` of QEMU 10.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emu.backends.hostmem import STEP, MemoryBackend, ShmBackend
from emu.core.qdict import QValue
from emu.errors import OptionError, UserError
from emu.options.keyval import Tree
from emu.options.smp import Topology, topology
from emu.options.traits import MachineTraits
from emu.options.visitor import Visitor
from emu.qom.bus import SystemBus
from emu.qom.object import Container, Object, container
from emu.qom.property import Accessor, Bool, Enum, Text
from emu.qom.types import list_types, qom_type, type_by_name

if TYPE_CHECKING:
    from emu.chardev.base import Chardev
    from emu.chardev.factory import Chardevs
    from emu.core.rom import Rom
    from emu.qom.device import Device
    from emu.vm import Vm

SUFFIX = "-machine"
LIST_HINT = "Use -machine help to list supported machines"


def _refuse_on(name: str) -> object:
    def check(_machine: MachineState, value: bool | str) -> None:
        if value is True or value == "on":
            raise OptionError(f"{name}=on is not supported in this build")

    return check


def refused_flag(name: str, description: str) -> Bool:
    """A flag whose "on" this build has not."""
    return Bool(name, False, description, check=_refuse_on(name))  # type: ignore[arg-type]  # it is one


def refused_auto(name: str, description: str) -> Enum:
    """An on/off/auto whose "on" this build has not."""
    return Enum(name, "OnOffAuto", ("auto", "on", "off"), "auto", description,
                check=_refuse_on(name))  # type: ignore[arg-type]  # fmt: skip


def string(name: str, description: str, check: Callable[[Any, str], None] | None = None) -> Text:
    """A string property of a machine."""
    return Text(name, "", description, type="string", check=check)


@dataclass(frozen=True)
class RamConfig:
    """Guest RAM: bytes, whether it lies in a memfd, whether it is committed at start."""

    size: int
    memfd: bool = False
    prealloc: bool = False


def _set_smp(machine: MachineState, _flavour: Visitor, value: QValue) -> None:
    if not isinstance(value, dict):
        raise OptionError("Parameter 'smp' used inconsistently")
    machine.said_smp = value  # type: ignore[assignment]  # a keyval tree is what comes


def _set_memory(machine: MachineState, _flavour: Visitor, value: QValue) -> None:
    from emu.options.memory_size import judge_memory

    size = judge_memory(value, machine.default_ram)
    if isinstance(value, dict) and "size" in value:
        machine.said_ram = -(-size // STEP) * STEP


def _set_boot(machine: MachineState, _flavour: Visitor, value: QValue) -> None:
    from emu.options.boot_order import judge_boot

    machine.said_boot = judge_boot(value)


def _set_backend(machine: MachineState, visitor: Visitor, value: QValue) -> None:
    machine.said_backend = visitor.string("memory-backend", value)


def _smp_value(machine: MachineState) -> QValue:
    t = machine.smp
    others: dict[str, QValue] = dict.fromkeys(("drawers", "books", "dies", "clusters", "modules"), 1)
    return others | {"cpus": t.cpus, "sockets": t.sockets, "cores": t.cores, "threads": t.threads,
                     "maxcpus": t.max_cpus}  # fmt: skip


@qom_type("machine", abstract=True)
class MachineState(Object):
    """desc, max_cpus, default_ram (bytes), default_cpu, ram_id (its RAM's name), traits: of the class.

    vm: what runs it, set later. dynamic_sysbus: whether users may make devices for its system bus (`plugged`
    gives them a place). bits: the EXT_* word every hart has; ram: its RAM. Both are known after `check`.
    """

    desc = ""
    max_cpus = 1
    default_ram = 128 << 20
    default_cpu = ""
    ram_id = ""
    traits = MachineTraits()
    dynamic_sysbus = False

    append = string("append", "Linux kernel command line")
    dtb = string("dtb", "Linux kernel device tree file")
    dumpdtb = string("dumpdtb", "Dump current dtb to a file and quit")
    dt_compatible = string("dt-compatible", 'Overrides the "compatible" property of the dt root node')
    dump_guest_core = Bool("dump-guest-core", True, "Include guest memory in a core dump")
    firmware = string("firmware", "Firmware image")
    graphics = Bool("graphics", True, "Set on/off to enable/disable graphics emulation")
    initrd = string("initrd", "Linux initial ramdisk file")
    kernel = string("kernel", "Linux kernel image file")
    mem_merge = Bool("mem-merge", True, "Enable/disable memory merge support")
    shim = string("shim", "shim.efi file")
    usb = refused_flag("usb", "Set on/off to enable/disable usb")
    smp_property = Accessor("smp", "SMPConfiguration", _smp_value, _set_smp, "CPU topology")
    memory_property = Accessor("memory", "MemorySizeConfiguration", lambda self: {"size": self.ram.size},
                               _set_memory, "Memory size configuration")  # fmt: skip
    boot_property = Accessor("boot", "BootConfiguration", lambda self: self.said_boot, _set_boot,
                             "Boot configuration")  # fmt: skip
    backend_property = Accessor("memory-backend", "link<memory-backend>", lambda self: self.said_backend,
                                _set_backend, "Set RAM backend: ID of a memory-backend object")
    # For tests: the process stops there (emu.workers.checkpoints)
    checkpoint = Text("x-checkpoint", "")

    def instance_init(self) -> None:
        """Containers of QEMU's names; nothing said yet."""
        self.vm: Vm
        self.chardevs: Chardevs  # with the machine, before there is a vm
        self.smp = Topology()
        self.ram = RamConfig(self.default_ram)
        self.cpu_type = self.default_cpu
        self.said_smp: Tree = {}
        self.said_ram: int | None = None
        self.said_backend = ""
        self.said_boot: dict[str, QValue] = {}
        self.prealloc = False  # RAM that no back end was named for
        self.bits = 0
        for name in ("unattached", "peripheral", "peripheral-anon"):
            self.add_child(name, Container())
        self.sysbus = SystemBus(None, "main-system-bus")
        unattached = self.child("unattached")
        assert unattached is not None
        unattached.add_child("sysbus", self.sysbus)

    @property
    def name(self) -> str:
        """Its name without the suffix of machine types."""
        return self.qom_name.removesuffix(SUFFIX)

    def check(self) -> None:
        """What the properties come to, together. Errors: OptionError."""
        self.smp = topology(self.said_smp, self.name, self.max_cpus)
        self._check_ram()

    def _check_ram(self) -> None:
        size = self.default_ram if self.said_ram is None else self.said_ram
        self.ram = RamConfig(size, prealloc=self.prealloc)
        if not self.said_backend:
            return
        backend = container("/objects").child(self.said_backend)
        if not isinstance(backend, MemoryBackend):
            raise OptionError(f"Memory backend '{self.said_backend}' not found")
        if self.said_ram is not None and backend.size != size:
            raise OptionError("Machine memory size does not match the size of the memory backend")
        backend.used = True
        self.ram = RamConfig(backend.size, backend.memfd, backend.prealloc)

    def add_ram_object(self) -> None:
        """RAM that no back end was named for shows as one, as in QEMU."""
        if self.said_backend or not self.ram.size:
            return
        shown = ShmBackend()
        shown.set_properties({"size": self.ram.size, "prealloc": self.ram.prealloc})
        shown.complete()
        shown.used = True
        container("/objects").add_child(self.ram_id, shown)

    def serial_backend(self, n: int) -> Chardev | None:
        """What is connected to serial port `n`; None: nothing."""
        labels = self.vm.host.serial
        return self.chardevs.port(labels[n]) if n < len(labels) and labels[n] else None

    def init(self) -> None:
        """Make the board: memory, harts, devices, and what is booted. Errors: UserError."""

    def plugged(self, device: Device) -> None:
        """A device that a user may make was realized on the system bus. Errors: UserError refuses it."""

    def finish(self) -> None:
        """Devices of the command line are there: complete what depends on them. Errors: UserError."""

    def hart_deadline_ns(self) -> int:
        """ns until a hart's timer fires, -1 for never: for qtest, where no hart looks at it."""
        return -1

    def dump_dtb(self, path: str) -> None:
        """-machine dumpdtb=, for machines with a device tree. Errors: UserError."""
        raise UserError("This machine doesn't have an FDT")

    def rom_blobs(self) -> list[Rom]:
        """What was loaded into memory; a reset brings it back."""
        return []

    def reset_board(self) -> None:
        """Bring back memory contents. Devices and harts are reset by others."""


def machine_class(name: str) -> type[MachineState]:
    """The class of the machine `name`. Errors: OptionError."""
    found = type_by_name(name + SUFFIX)
    if found is None or found.abstract or not issubclass(found.cls, MachineState):
        raise OptionError(f'unsupported machine type: "{name}"', LIST_HINT)
    return found.cls


def machines() -> list[type[MachineState]]:
    """All machines, by name."""
    return [t.cls for t in list_types("machine")]


def machines_help() -> str:
    """What -machine help prints."""
    lines = [f"{cls.qom_name.removesuffix(SUFFIX):<20} {cls.desc}\n" for cls in machines()]
    return "Supported machines are:\n" + "".join(lines)


def machine_help(name: str) -> str:
    """What -machine NAME,help prints."""
    from emu.qom.help import property_lines

    props = machine_class(name).class_properties().values()
    shown = [p for p in props if p.writable and not p.name.startswith("x-")]
    return f"{name}-machine options:\n{property_lines(shown, defaults=False)}"
