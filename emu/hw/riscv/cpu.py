"""Harts as objects: CPU models, their features as properties, and the word of extensions that results.

What an extension is, and what depends on it, is said in `vcpu_worker.isa.ext`; here are QEMU's names for
models and features, and which of them this build can give. A feature of -cpu is a -global of the model's
type.
Source: BEHAVIOUR 3.4 (models, feature syntax), 4.3; RISC-V profiles 1.0 (RVA22); texts of QEMU 10.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emu.errors import OptionError
from emu.hw.sysbus import SysBusDevice
from emu.qom import compat
from emu.qom.device import Category, Device
from emu.qom.object import Object
from emu.qom.property import Bool, Property, Text, Uint
from emu.qom.types import TYPES, list_types, qom_type, type_by_name
from vcpu_worker.isa import ext

SUFFIX = "-riscv-cpu"
CACHE_BLOCK = 64
RESET_VECTOR = 0x1000
OTHER_MODELS = frozenset([
    "lowrisc-ibex", "max32", "rv32", "rv32e", "rv32i", "rv64e", "rva23s64", "rva23u64", "shakti-c",
    "sifive-e31", "sifive-e34", "sifive-e51", "sifive-u34", "sifive-u54", "thead-c906", "tt-ascalon",
    "veyron-v1", "x-rv128", "xiangshan-nanhu",
])  # fmt: skip
# Extensions that QEMU has and we have not: may be switched off, not on
ABSENT = (
    "h", "v", "e", "zicfilp", "zicfiss", "zimop", "zcmop", "zacas", "zama16b",
    "zfbfmin", "zfh", "zfhmin", "zfinx", "zdinx", "zce", "zcf", "zcmp", "zcmt", "zbkb",
    "zbkc", "zbkx", "zk", "zkn", "zknd", "zkne", "zknh", "zkr", "zks", "zksed", "zksh", "zkt", "zhinx",
    "zhinxmin", "ztso", "zvbb", "zvbc", "zve32f", "zve32x", "zve64f", "zve64d", "zve64x", "zvfbfmin",
    "zvfbfwma", "zvfh", "zvfhmin", "zvkb", "zvkg", "zvkn", "zvknc", "zvkned", "zvkng", "zvknha", "zvknhb",
    "zvks", "zvksc", "zvksed", "zvksg", "zvksh", "zvkt", "smaia", "ssaia", "sscofpmf", "smcdeleg",
    "ssccfg", "smcntrpmf", "smcsrind", "sscsrind", "smdbltrp", "ssdbltrp", "smepmp", "smmpm", "smnpm",
    "ssnpm", "smrnmi", "smstateen", "ssctr", "smctr", "svvptc", "sspm", "supm", "svrsw60t59b", "sdtrig",
)  # fmt: skip
# Properties with a value other than on and off that QEMU has and we have not
_REFUSED = ("pmu-num", "pmu-mask", "priv_spec", "vext_spec", "vlen", "elen", "mvendorid", "mimpid", "marchid",
            "short-isa-string", "sv64")  # fmt: skip
# Declared without instructions; and what would change a default: with Svade, menvcfg.ADUE starts at 0
_NOT_IN_MAX = ("Zacas", "Svade")
# Of the mandatory ones, Zfhmin and Zkt are missing
_RVA22U = ("I", "M", "A", "F", "D", "C", "U", "Zicsr", "Zicntr", "Zihpm", "Zihintpause", "Zba", "Zbb", "Zbs",
           "Zicbom", "Zicbop", "Zicboz")  # fmt: skip
_RVA22S = (*_RVA22U, "S", "Zifencei", "Sv39", "Svade", "Svpbmt", "Svinval")

NOT_SUPPORTED = "not supported in this build"


class Feature(Bool):
    """An extension or a set of them, on or off. What was said is kept apart: it decides about conflicts."""

    def __init__(self, row: str) -> None:
        super().__init__(row.lower())
        self.row = row

    def get_value(self, obj: Object) -> bool:
        """Whether the hart has it."""
        assert isinstance(obj, RiscvCpu)
        return ext.has(obj.bits, self.row)

    def set_from(self, obj: Object, flavour: Any, value: Any) -> None:
        """Note what is wanted; `realize` judges."""
        assert isinstance(obj, RiscvCpu)
        obj.refuse_late(self)
        obj.wanted[self.row] = self.read(obj, flavour, value)


def _only(what: str) -> Callable[[Any, Any], None]:
    """A check for a property that this build has at one value alone."""

    def check(_cpu: object, value: object) -> None:
        if value != _ONE_VALUE[what]:
            only = f"only {_ONE_VALUE[what]} is supported in this build"
            raise OptionError(NOT_SUPPORTED if isinstance(value, bool) else only)

    return check


_ONE_VALUE: dict[str, object] = {"mmu": True, "pmp": True, "cbom_blocksize": CACHE_BLOCK,
                                 "cbop_blocksize": CACHE_BLOCK, "cboz_blocksize": CACHE_BLOCK}  # fmt: skip


class _Refused(Text):
    """A property that QEMU has and we have not."""

    def read(self, obj: Object, flavour: Any, value: Any) -> str:
        """Never."""
        raise OptionError(NOT_SUPPORTED)


def _absent(name: str) -> Bool:
    def check(_cpu: object, on: bool) -> None:
        if on:
            raise OptionError(NOT_SUPPORTED)

    return Bool(name, False, check=check)


def _properties() -> dict[str, Property]:
    made: dict[str, Property] = {}
    for row in (*ext.BY_NAME, *ext.SETS):
        made[row.lower()] = Feature(row)
        if len(row) > 1 and row.startswith("Z"):
            made[row] = Feature(row)  # QEMU's older spelling, capital first
            made[row].name = row
    for name in ABSENT:
        made.setdefault(name, _absent(name))
    for name in _REFUSED:
        made[name] = _Refused(name)
    for name, value in _ONE_VALUE.items():
        if isinstance(value, bool):
            made[name] = Bool(name, True, check=_only(name))
        else:
            made[name] = Uint(name, 16, CACHE_BLOCK, check=_only(name))
    return made


@qom_type("cpu", abstract=True)
class Cpu(Device):
    """A processor. Users do not make them by -device: a board's -smp does."""

    category = Category.CPU
    user_creatable = False
    hotpluggable = False


@qom_type("riscv-cpu", abstract=True)
class RiscvCpu(Cpu):
    """index: of the hart. base: EXT_* bits of the model; bits: those of this hart, after `realize`."""

    base = 0

    def instance_init(self) -> None:
        """As the model has it."""
        self.index = 0
        self.wanted: dict[str, bool] = {}
        self.bits = self.base

    def realize(self) -> None:
        """Add and take away what was said. Errors: OptionError with QEMU's texts."""
        bits = ext.without(self.base, [n for n, on in self.wanted.items() if not on])
        bits |= ext.bits_of(n for n, on in self.wanted.items() if on)
        for name, on in self.wanted.items():
            row = ext.BY_NAME.get(name)
            missing = next((n for n in row.requires if not ext.has(bits, n)), "") if row and on else ""
            if missing:
                raise OptionError(f"{name} extension requires {missing} extension")
        for row in ext.EXTENSIONS:
            need = next((n for n in row.requires if self.wanted.get(n) is False), "")
            if bits & row.bit and need:
                raise OptionError(f"{row.name} extension requires {need} extension")
        self.bits = bits


for _name, _property in _properties().items():
    setattr(RiscvCpu, "feature_" + _name.replace("-", "_"), _property)
    if hasattr(_property, "__set_name__"):
        _property.__set_name__(RiscvCpu, "feature_" + _name.replace("-", "_"))


def _model(name: str, bits: int) -> None:
    """Declare a model. Its class has nothing of its own but the bits."""
    qom_type(name + SUFFIX)(type(f"Cpu_{name}", (RiscvCpu,), {"base": bits, "__module__": __name__}))


_model("max", ext.bits_of(e.name for e in ext.EXTENSIONS if e.name not in _NOT_IN_MAX))
_model("rv64", ext.RV64_DEFAULT)
_model("rv64i", ext.bits_of(["I", "S", "U", "Zicsr", "Zifencei"]))
_model("rva22s64", ext.bits_of(_RVA22S))
_model("rva22u64", ext.bits_of(_RVA22U))


@qom_type("riscv.hart_array")
class HartArray(SysBusDevice):
    """All harts of a socket, children harts[N]."""

    num_harts = Uint("num-harts", 32, 1)
    hartid_base = Uint("hartid-base", 32)
    cpu_type = Text("cpu-type")
    resetvec = Uint("resetvec", 64, RESET_VECTOR)

    def instance_init(self) -> None:
        """None yet."""
        self.harts: list[RiscvCpu] = []

    def realize(self) -> None:
        """Make and realize the harts. Errors: OptionError about their model."""
        cls = TYPES[self.cpu_type].cls
        assert issubclass(cls, RiscvCpu)
        for i in range(self.num_harts):
            cpu = self.add_child(f"harts[{i}]", cls())
            cpu.index = self.hartid_base + i
            cpu.realize_on(None)
            self.harts.append(cpu)


def cpu_models() -> list[str]:
    """Names of the models of this build, sorted."""
    return sorted(t.name.removesuffix(SUFFIX) for t in list_types("riscv-cpu"))


def cpu_help() -> str:
    """What -cpu help prints."""
    return "Available CPUs:\n" + "".join(f"  {name}\n" for name in cpu_models())


def parse_cpu(text: str) -> str:
    """The type that -cpu names; its features become -global properties of it. Errors: OptionError."""
    name, _, features = text.partition(",")
    if not name:
        raise OptionError("-cpu option cannot be empty")
    found = type_by_name(name + SUFFIX)
    if found is None or found.abstract:
        if name in OTHER_MODELS:
            raise OptionError(f"CPU model '{name}' is not supported in this build")
        raise OptionError(f"unable to find CPU model '{name}'")
    for feature in filter(None, features.split(",")):
        key, eq, value = feature.partition("=")
        if not eq:
            raise OptionError(f"Expected key=value format, found {feature}.")
        compat.register(found.name, key, value)
    return found.name
