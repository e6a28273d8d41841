"""Properties of the machine object, and what they come to: `MachineConfig`, which the board is built from.

`judge` runs after the whole line was read, in the order in which QEMU's machine object gets its
properties: type, then each property, then CPU model. -kernel and the like are properties too.
Source: BEHAVIOUR 3.3 (phases 4, 10 to 14), 3.4, 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emu.errors import OptionError
from emu.options.config_groups import qemu_find_opts
from emu.options.cpu import CpuModel, parse_cpu
from emu.options.keyval import Tree, Value, dashify, merge
from emu.options.memory_size import judge_memory, memory_property
from emu.options.settings import Settings
from emu.options.smp import Topology, topology
from emu.options.topics.machine import MACHINES
from emu.options.values import parse_bool, parse_size
from emu.options.visitor import KEYVAL
from ipc.layout import MAX_HARTS

MIB = 1 << 20
DEFAULT_RAM = 128 * MIB
RAM_STEP = 8 << 10  # QEMU rounds RAM up to this
NEED_KERNEL = ("append", "shim", "initrd")

_AIA_GUESTS = "Set number of guest MMIO pages for AIA IMSIC. Valid value should be between 0 and 7."
# name -> (type, help), as `-machine virt,help` prints them
PROPERTIES: dict[str, tuple[str, str]] = {
    "aclint": ("bool", "(TCG only) Set on/off to enable/disable emulating ACLINT devices"),
    "acpi": ("OnOffAuto", "Enable ACPI"),
    "aia": ("string", "Set type of AIA interrupt controller. Valid values are none, aplic, and aplic-imsic."),
    "aia-guests": ("string", _AIA_GUESTS),
    "append": ("string", "Linux kernel command line"),
    "dtb": ("string", "Linux kernel device tree file"),
    "dump-guest-core": ("bool", "Include guest memory in a core dump"),
    "dumpdtb": ("string", "Dump current dtb to a file and quit"),
    "firmware": ("string", "Firmware image"),
    "graphics": ("bool", "Set on/off to enable/disable graphics emulation"),
    "initrd": ("string", "Linux initial ramdisk file"),
    "iommu-sys": ("OnOffAuto", "Enable IOMMU platform device"),
    "kernel": ("string", "Linux kernel image file"),
    "mem-merge": ("bool", "Enable/disable memory merge support"),
    "memory": ("MemorySizeConfiguration", "Memory size configuration"),
    "memory-backend": ("link<memory-backend>", "Set RAM backend. Valid value is ID of hostmem based backend"),
    "smp": ("SMPConfiguration", "CPU topology"),
    "usb": ("bool", "Set on/off to enable/disable usb"),
}  # fmt: skip
# Flags that choose nothing here, or whose "on" this build has not
_ONLY_OFF = ("acpi", "iommu-sys", "usb")


@dataclass(frozen=True)
class RamConfig:
    """Guest RAM: bytes, whether it lies in a memfd, whether it is committed at start."""

    size: int = DEFAULT_RAM
    memfd: bool = False
    prealloc: bool = False


@dataclass(frozen=True)
class MachineConfig:
    """What the board is built from. Paths as the user wrote them; "" means not given."""

    type: str = "virt"
    smp: Topology = field(default_factory=Topology)
    ram: RamConfig = field(default_factory=RamConfig)
    cpu: CpuModel = field(default_factory=CpuModel)
    aclint: bool = False
    firmware: str = ""  # "" and "default": the built-in SBI
    kernel: str = ""
    initrd: str = ""
    append: str = ""
    dtb: str = ""
    dumpdtb: str = ""
    checkpoint: str = ""  # hidden, for tests: see emu.workers.checkpoints


def properties_help(machine: str) -> str:
    """What `-machine TYPE,help` prints."""
    rows = PROPERTIES if machine == "virt" else {}
    lines = [f"  {name}=<{kind}>".ljust(24) + f" - {text}\n" for name, (kind, text) in sorted(rows.items())]
    return f"{machine}-machine options:\n" + "".join(lines)


def validate(s: Settings) -> None:
    """What QEMU checks right after reading the line."""
    if not s.machine_text("kernel"):
        for key in NEED_KERNEL:
            if s.machine_text(key) is not None:
                raise OptionError(f"-{key} only allowed with -kernel option")


def machine_type(s: Settings) -> str:
    """The machine's name. Errors: none given, unknown."""
    hint = "Use -machine help to list supported machines"
    name = s.machine_text("type")
    if name is None:
        raise OptionError("No machine specified, and there is no default", hint)
    if name not in MACHINES:
        raise OptionError(f'unsupported machine type: "{name}"', hint)
    return name


def judge(s: Settings) -> MachineConfig:
    """The configuration that the settings mean. Errors: OptionError with QEMU's texts."""
    name = machine_type(s)
    props = dashify(s.machine)
    props.pop("type", None)
    accel = props.pop("accel", None)
    if name == "none":
        _judge_boot(s, props)
        _judge_ram(s, _tree(props, "memory"), None)
        _judge_accel(s, accel)
        return MachineConfig(type="none")
    _judge_boot(s, props)
    checkpoint = props.pop("x-checkpoint", "")
    props.pop("shim", None)
    text: dict[str, str] = {}
    for key, value in props.items():
        if key not in PROPERTIES:
            raise OptionError(f"Property '{name}-machine.{key}' not found")
        if isinstance(value, str):
            text[key] = value
        elif key not in ("smp", "memory"):
            raise OptionError(f"Parameter '{key}' expects string")
    flags = {k: parse_bool(k, text[k]) for k, (kind, _) in PROPERTIES.items() if kind == "bool" and k in text}
    _judge_absent(text, flags)
    smp = topology(_tree(props, "smp"), name, MAX_HARTS)
    ram = _judge_ram(s, _tree(props, "memory"), text.get("memory-backend"))
    _judge_accel(s, accel)
    return MachineConfig(
        name, smp, ram, parse_cpu(s.cpu), flags.get("aclint", False),
        firmware=text.get("firmware", ""), kernel=text.get("kernel", ""), initrd=text.get("initrd", ""),
        append=text.get("append", ""), dtb=text.get("dtb", ""), dumpdtb=text.get("dumpdtb", ""),
        checkpoint=checkpoint if isinstance(checkpoint, str) else "",
    )  # fmt: skip


def _judge_boot(s: Settings, props: Tree) -> None:
    """The property `boot`: nothing tells firmware of it yet."""
    from emu.options.boot_order import is_default, judge_boot

    boot = props.pop("boot", {})
    if not isinstance(boot, dict):
        raise OptionError("Invalid parameter type for 'boot', expected: object")
    if boot and not is_default(judge_boot(boot)):
        s.lack("firmware cannot be told an order in this build", where=s.boot.where if s.boot else ())


def _tree(props: Tree, key: str) -> Tree:
    value = props.get(key, {})
    if not isinstance(value, dict):
        raise OptionError(f"Parameter '{key}' expects object")
    return value


def _judge_absent(text: dict[str, str], flags: dict[str, bool]) -> None:
    aia = text.get("aia", "none")
    if aia not in ("none", "aplic", "aplic-imsic"):
        raise OptionError(
            "Invalid AIA interrupt controller type", "Valid values are none, aplic, and aplic-imsic."
        )
    guests = text.get("aia-guests", "0")
    if guests not in tuple("01234567"):
        raise OptionError("Invalid number of AIA IMSIC guests", "Valid values be between 0 and 7.")
    if aia != "none" or int(guests):
        raise OptionError(f"aia={aia} is not supported in this build")
    for key in _ONLY_OFF:
        value = text.get(key, "off")
        if PROPERTIES[key][0] == "OnOffAuto" and value not in ("on", "off", "auto"):
            raise OptionError(f"Parameter '{key}' does not accept value '{value}'")
        if value == "on" or flags.get(key):
            raise OptionError(f"{key}=on is not supported in this build")


def _judge_ram(s: Settings, memory: Tree, backend: str | None) -> RamConfig:
    merge(memory, memory_property(s))
    size, said = judge_memory(memory, DEFAULT_RAM), "size" in memory
    size = -(-size // RAM_STEP) * RAM_STEP
    if s.mem_path is not None and backend is not None:
        raise OptionError("'-mem-path' can't be used together with'-machine memory-backend'")
    if backend is None:
        return RamConfig(size, prealloc=s.mem_prealloc)
    found = next((o for o in s.sets("object") if o.id == backend), None)
    if found is None:
        raise OptionError(f"Memory backend '{backend}' not found")
    unknown = set(dict(found.items)) - {"qom-type", "size", "prealloc", "share"}
    if unknown:
        kind = found.get("qom-type", "")
        raise OptionError(f"Property '{kind}.{min(unknown)}' not found", where=found.where)
    try:
        of_backend = parse_size("size", found.get("size", "0"))
        prealloc = found.get_bool("prealloc", s.mem_prealloc)
    except OptionError as error:
        raise error.at(found.where) from None
    if said and of_backend != size:
        raise OptionError("Machine memory size does not match the size of the memory backend")
    if not of_backend or of_backend % RAM_STEP:
        raise OptionError("can't create backend with size 0" if not of_backend else
                          f"backend size must be a multiple of {RAM_STEP:#x}", where=found.where)  # fmt: skip
    return RamConfig(of_backend, found.get("qom-type", "").endswith("memfd"), prealloc)


def _judge_accel(s: Settings, machine_accel: Value | None) -> None:
    if machine_accel is not None and s.sets("accel"):
        raise OptionError('The -accel and "-machine accel=" options are incompatible')
    if isinstance(machine_accel, str) and "tcg" not in machine_accel.split(":"):
        raise OptionError(f"invalid accelerator {machine_accel.split(':')[0]}")
    for said in s.sets("accel"):
        name = said.get("accel", "")
        if name != "tcg":
            raise OptionError(f"invalid accelerator {name}", where=said.where)
        for key, value in said.items:
            _judge_tcg(s, key, value, said.where)


def _judge_tcg(s: Settings, key: str, value: str, where: tuple[str, ...]) -> None:
    if key == "thread":
        if value not in ("single", "multi"):
            raise OptionError(f"Invalid 'thread' setting {value}", where=where)
        if value == "multi" and s.groups.first(qemu_find_opts("icount")).get("shift") is not None:
            raise OptionError("No MTTCG when icount is enabled", where=where)
        if value == "single":
            raise OptionError("thread=single is not supported in this build", where=where)
    elif key in ("one-insn-per-tb", "split-wx"):
        try:
            on = parse_bool(key, value)
        except OptionError as error:
            raise error.at(where) from None
        if on:
            raise OptionError(f"{key}=on is not supported in this build", where=where)
    elif key == "tb-size":
        try:
            KEYVAL.int64(key, value)
        except OptionError as error:
            raise error.at(where) from None
    elif key != "accel":
        raise OptionError(f"Property 'tcg-accel.{key}' not found", where=where)

