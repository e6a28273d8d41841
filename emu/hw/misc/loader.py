"""Generic loader (`-device loader`): a file or a word into guest memory, at every reset.

Source: BEHAVIOUR 4.1; QEMU docs/system/generic-loader.rst.
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.core.rom import Roms
from emu.errors import OptionError
from emu.hw.riscv.image import ImageError, Kind, read_image
from emu.options.qemuopts import QemuOpts
from emu.options.values import parse_bool, parse_number

NO_CPU = 0xFFFF_FFFF
HELP = """\
loader options:
  addr=<uint64>          -  (default: 0)
  cpu-num=<uint32>       -  (default: 4294967295)
  data-be=<bool>         - on/off (default: off)
  data-len=<uint8>       -  (default: 0)
  data=<uint64>          -  (default: 0)
  file=<str>
  force-raw=<bool>       - on/off (default: off)
"""
_INTEGERS = {"addr": (64, "integer"), "cpu-num": (32, "uint32_t"), "data-len": (8, "uint8_t"),
             "data": (64, "integer")}  # fmt: skip
_BOOLS = ("data-be", "force-raw")


@dataclass
class Loader:
    """What one -device loader asks for, checked against itself."""

    addr: int = 0
    cpu: int = NO_CPU
    data: int = 0
    data_len: int = 0
    data_be: bool = False
    file: str = ""
    force_raw: bool = False

    @property
    def sets_pc(self) -> bool:
        """Whether the hart `cpu` starts at `addr` (at a file's entry)."""
        return self.cpu != NO_CPU and not self.data_len


def parse_loader(opts: QemuOpts, harts: int) -> Loader:
    """The loader that the options mean. Errors: OptionError with QEMU's texts."""
    values: dict[str, int] = {}
    for name, text in opts.to_qdict().items():
        if name in _INTEGERS:
            bits, kind = _INTEGERS[name]
            values[name] = _integer(name, text, bits, kind)
        elif name in _BOOLS:
            values[name] = parse_bool(name, text)
        elif name not in ("driver", "file"):
            raise OptionError(f"Property 'loader.{name}' not found")
    made = Loader(
        values.get("addr", 0), values.get("cpu-num", NO_CPU), values.get("data", 0),
        values.get("data-len", 0), bool(values.get("data-be", 0)), opts.get("file", ""),
        bool(values.get("force-raw", 0)),
    )  # fmt: skip
    _check(made)
    if made.cpu != NO_CPU and made.cpu >= harts:
        raise OptionError(f"Specified boot CPU#{made.cpu} is nonexistent")
    return made


def _integer(name: str, text: str, bits: int, kind: str) -> int:
    try:
        value = parse_number(name, text)
    except OptionError:
        raise OptionError(f"Parameter '{name}' expects {kind}") from None
    if value >> bits:
        raise OptionError(f"Parameter '{name}' expects {kind}")
    return value


def _check(x: Loader) -> None:
    if x.data or x.data_len or x.data_be:
        if x.file:
            raise OptionError("Specifying a file is not supported when loading memory values")
        if x.force_raw:
            raise OptionError("Specifying force-raw is not supported when loading memory values")
        if not x.data_len:
            raise OptionError("Both data and data-len must be specified")
        if x.data_len > 8:
            raise OptionError("data-len cannot be greater then 8 bytes")
    elif not (x.file or x.force_raw):
        if not x.addr:
            raise OptionError("please include valid arguments")
        if x.cpu == NO_CPU:
            raise OptionError("cpu_num must be specified when setting a program counter")


def load(x: Loader, roms: Roms, ram_base: int, ram_end: int) -> None:
    """Add what it loads to the machine's blobs; `addr` becomes the entry of an ELF file.

    Errors: OptionError with QEMU's text, and why.
    """
    if x.data_len:
        order = "big" if x.data_be else "little"
        word = (x.data & ((1 << 8 * x.data_len) - 1)).to_bytes(x.data_len, order)  # type: ignore[arg-type]
        _inside(x.addr, x.data_len, ram_base, ram_end, f"Cannot load data at {x.addr:#x}")
        roms.add("loader", x.addr, word, patch=True)
    if not x.file:
        return
    failed = f"Cannot load specified image {x.file}"
    try:
        image = read_image(x.file, x.addr, ram_end - ram_base, raw_only=x.force_raw)
    except ImageError as error:
        raise OptionError(failed, f"{x.file}: {error.why}" if error.why else "") from error
    for segment in image.segments:
        _inside(segment.gpa, len(segment.data), ram_base, ram_end, failed)
        roms.add(x.file, segment.gpa, segment.data, patch=True)
    if image.kind is Kind.ELF:
        x.addr = image.entry


def _inside(gpa: int, size: int, ram_base: int, ram_end: int, failed: str) -> None:
    if gpa < ram_base or gpa + size > ram_end:
        raise OptionError(
            failed, f"{gpa:#x}..{gpa + size:#x} is not in RAM ({ram_base:#x}..{ram_end:#x})"
        )
