"""CPU models: `-cpu MODEL[,feature=value,...]` to the extensions of a hart.

What an extension is, and what depends on it, is said in `vcpu_worker.isa.ext`; here are QEMU's names for
models and features, and which of them this build can give.
Source: BEHAVIOUR 3.4 (models, feature syntax).
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.errors import Leave, OptionError
from emu.options.values import parse_bool, parse_number
from vcpu_worker.isa import ext

DEFAULT = "rv64"
OTHER_MODELS = [
    "lowrisc-ibex", "max32", "rv32", "rv32e", "rv32i", "rv64e", "rva22s64", "rva22u64", "rva23s64",
    "rva23u64", "shakti-c", "sifive-e31", "sifive-e34", "sifive-e51", "sifive-u34", "sifive-u54",
    "thead-c906", "tt-ascalon", "veyron-v1", "x-rv128", "xiangshan-nanhu",
]
# Declared without instructions; and what would change a default: with Svade, menvcfg.ADUE starts at 0
_NOT_IN_MAX = ("Zacas", "Svade")
_MODELS = {
    "max": ext.bits_of(e.name for e in ext.EXTENSIONS if e.name not in _NOT_IN_MAX),
    "rv64": ext.RV64_DEFAULT,
    "rv64i": ext.bits_of(["I", "S", "U", "Zicsr", "Zifencei"]),
}
# Properties with a value that is not "extension on or off": name -> the one value every hart here has
_FIXED = {"cbom_blocksize": 64, "cbop_blocksize": 64, "cboz_blocksize": 64}
# Properties that QEMU has and we have not
_REFUSED = frozenset({
    "pmu-num", "pmu-mask", "priv_spec", "vext_spec", "vlen", "elen", "mvendorid", "mimpid", "marchid",
    "resetvec", "short-isa-string", "sv64",
})
# Extensions that QEMU has and we have not: may be switched off, not on
_ABSENT = frozenset([
    "h", "v", "e", "zicfilp", "zicfiss", "zimop", "zcmop", "zacas", "zama16b",
    "zfbfmin", "zfh", "zfhmin", "zfinx", "zdinx", "zce", "zcf", "zcmp", "zcmt", "zbkb",
    "zbkc", "zbkx", "zk", "zkn", "zknd", "zkne", "zknh", "zkr", "zks", "zksed", "zksh", "zkt", "zhinx",
    "zhinxmin", "ztso", "zvbb", "zvbc", "zve32f", "zve32x", "zve64f", "zve64d", "zve64x", "zvfbfmin",
    "zvfbfwma", "zvfh", "zvfhmin", "zvkb", "zvkg", "zvkn", "zvknc", "zvkned", "zvkng", "zvknha", "zvknhb",
    "zvks", "zvksc", "zvksed", "zvksg", "zvksh", "zvkt", "smaia", "ssaia", "sscofpmf", "smcdeleg",
    "ssccfg", "smcntrpmf", "smcsrind", "sscsrind", "smdbltrp", "ssdbltrp", "smepmp", "smmpm", "smnpm",
    "ssnpm", "smrnmi", "smstateen", "ssctr", "smctr", "svvptc", "sspm", "supm", "svrsw60t59b", "sdtrig",
])  # fmt: skip


@dataclass(frozen=True)
class CpuModel:
    """What every hart of the machine is: name of the model, EXT_* bits."""

    name: str = DEFAULT
    bits: int = ext.RV64_DEFAULT


def cpu_help() -> str:
    """What -cpu help prints."""
    return "Available CPUs:\n" + "".join(f"  {name}\n" for name in sorted(_MODELS))


def parse_cpu(text: str | None) -> CpuModel:
    """The model of a -cpu argument (None: none was given).

    Errors: OptionError with QEMU's texts; Leave for `help`.
    """
    if text is None:
        return CpuModel()
    if text in ("help", "?"):
        raise Leave(cpu_help())
    name, _, features = text.partition(",")
    if not name:
        raise OptionError("-cpu option cannot be empty")
    if name not in _MODELS:
        if name in OTHER_MODELS:
            raise OptionError(f"CPU model '{name}' is not supported in this build")
        raise OptionError(f"unable to find CPU model '{name}'")
    bits = _MODELS[name]
    wanted: dict[str, bool] = {}
    for feature in filter(None, features.split(",")):
        key, eq, value = feature.partition("=")
        if not eq:
            raise OptionError(f"Expected key=value format, found {feature}.")
        flag = _feature(name, key, value)
        if flag is not None:
            wanted[flag[0]] = flag[1]
    bits = ext.without(bits, [n for n, on in wanted.items() if not on])
    bits |= ext.bits_of(n for n, on in wanted.items() if on)
    _check(bits, wanted)
    return CpuModel(name, bits)


def _feature(model: str, key: str, value: str) -> tuple[str, bool] | None:
    """(row or set of ext, on) of one feature, or None if it asks for what is so anyway."""

    def bad(why: str) -> OptionError:
        return OptionError(f"can't apply global {model}-riscv-cpu.{key}={value}: {why}")

    if key in _FIXED:
        if parse_number(key, value) != _FIXED[key]:
            raise bad(f"only {_FIXED[key]} is supported in this build")
        return None
    if key in _REFUSED:
        raise bad("not supported in this build")
    if key in ("mmu", "pmp"):
        row = None
    else:
        names = {n.lower(): n for n in (*ext.BY_NAME, *ext.SETS)}
        row = names.get(key.lower())
        if row is None and key not in _ABSENT:
            raise bad(f"Property '{model}-riscv-cpu.{key}' not found")
    try:
        on = parse_bool(key, value)
    except OptionError as error:
        raise bad(error.text) from None
    if row is None or key in _ABSENT:
        if on == (key in _ABSENT):
            raise bad("not supported in this build")
        return None
    return row, on


def _check(bits: int, wanted: dict[str, bool]) -> None:
    """A feature asked for must not have been lost to one that was switched off."""
    for name, on in wanted.items():
        row = ext.BY_NAME.get(name)
        if on and row and any(not ext.has(bits, n) for n in row.requires):
            missing = next(n for n in row.requires if not ext.has(bits, n))
            raise OptionError(f"{name} extension requires {missing} extension")
    for row in ext.EXTENSIONS:
        if bits & row.bit:
            for need in row.requires:
                if wanted.get(need) is False:
                    raise OptionError(f"{row.name} extension requires {need} extension")
