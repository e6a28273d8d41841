"""Rows of tests/vectors/options.csv: an option's text, and what becomes of it.

    reader    which reader takes the text (below)
    text      the text; the only escapes in the file are \\n, \\t, \\x.. and \\\\
    flags     flags that are warned about, `raw>name=value`, separated by blanks
    outcome   `= value`; `! error`, with its hint as a second line; `?` for help
    replay    `yes` if the reference QEMU can be asked (tests/system/test_option_oracle.py does)
    source    BEHAVIOUR section, or the run of QEMU the row was seen in

Readers: `opts LIST` and `opts LIST abbrev` (QemuOpts as on a command line; the value is the set, printed),
`keyval IMPLIED` (`-`: none; the value is JSON), `machine` (several, separated by ` | `), `json`, and
`READER:TYPE` for a single value: `qemuopts:`, `keyval:`, `string:`, `opts:`, `json:`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emu.core.json_strings import JsonError
from emu.core.json_writer import to_json
from emu.core.qdict import QValue
from emu.core.qjson import from_json
from emu.errors import Leave, OptionError
from emu.options import groups as groups  # declares the lists
from emu.options import keyval, values
from emu.options.config_groups import qemu_find_opts
from emu.options.option_groups import OptionGroups
from emu.options.visitor import JSON, KEYVAL, OPTS, STRING, IntType, Visitor

FILE = Path(__file__).resolve().parents[1] / "vectors" / "options.csv"
SHORT_FORM = "short-form boolean option '{}' deprecated\nPlease use {} instead"

# reader and type of a value -> the name of an option with it, and the words that give it a text
PLACES: dict[str, tuple[str, Callable[[str], list[str]]]] = {
    "qemuopts:size": ("size", lambda t: ["-m", f"size={t}"]),
    "qemuopts:number": ("set", lambda t: ["-add-fd", f"fd=99,set={t}"]),
    "qemuopts:bool": ("timestamp", lambda t: ["-msg", f"timestamp={t}"]),
    "keyval:uint8": ("data-len", lambda t: ["-device", f"loader,data-len={t}"]),
    "keyval:uint16": ("slot", lambda t: ["-device", f"pcie-root-port,slot={t}"]),
    "keyval:uint32": ("cpu-num", lambda t: ["-device", f"loader,cpu-num={t}"]),
    "keyval:uint64": ("addr", lambda t: ["-device", f"loader,addr={t}"]),
    "keyval:int32": ("bootindex", lambda t: ["-device", f"virtio-net-pci,bootindex={t}"]),
    "keyval:bool": ("data-be", lambda t: ["-device", f"loader,data-be={t}"]),
    "keyval:size": ("x-max-bounce-buffer-size",
                    lambda t: ["-device", f"pci-testdev,x-max-bounce-buffer-size={t}"]),
    "keyval:OnOffAuto": ("disable-legacy", lambda t: ["-device", f"virtio-net-pci,disable-legacy={t}"]),
    "string:uint8": ("data-len", lambda t: ["-global", f"loader.data-len={t}", "-device", "loader"]),
    "string:uint32": ("cpu-num", lambda t: ["-global", f"loader.cpu-num={t}", "-device", "loader"]),
    "string:uint64": ("addr", lambda t: ["-global", f"loader.addr={t}", "-device", "loader"]),
    "string:int32": ("bootindex", lambda t: ["-global", f"virtio-net-pci.bootindex={t}",
                                             "-device", "virtio-net-pci"]),
    "string:bool": ("data-be", lambda t: ["-global", f"loader.data-be={t}", "-device", "loader"]),
    "string:size": ("x-max-bounce-buffer-size",
                    lambda t: ["-global", f"pci-testdev.x-max-bounce-buffer-size={t}",
                               "-device", "pci-testdev"]),
    "string:OnOffAuto": ("disable-legacy", lambda t: ["-global", f"virtio-net-pci.disable-legacy={t}",
                                                      "-device", "virtio-net-pci"]),
    "opts:int64": ("poll-max-ns", lambda t: ["-object", f"iothread,id=a,poll-max-ns={t}"]),
    "opts:uint32": ("prealloc-threads", lambda t: ["-object", f"{_RAM},prealloc-threads={t}"]),
    "opts:bool": ("share", lambda t: ["-object", f"{_RAM},share={t}"]),
    "opts:size": ("size", lambda t: ["-object", f"memory-backend-ram,id=x,size={t}"]),
    "json:uint8": ("data-len", lambda t: ["-device", f'{{"driver":"loader","data-len":{t}}}']),
    "json:uint64": ("addr", lambda t: ["-device", f'{{"driver":"loader","addr":{t}}}']),
    "json:int32": ("bootindex", lambda t: ["-device", f'{{"driver":"virtio-net-pci","bootindex":{t}}}']),
    "json:bool": ("data-be", lambda t: ["-device", f'{{"driver":"loader","data-be":{t}}}']),
    "json:str": ("file", lambda t: ["-device", f'{{"driver":"loader","file":{t}}}']),
    "json:size": ("x-max-bounce-buffer-size",
                  lambda t: ["-device", f'{{"driver":"pci-testdev","x-max-bounce-buffer-size":{t}}}']),
}  # fmt: skip
_RAM = "memory-backend-ram,id=x,size=4096"
_VISITORS: dict[str, Visitor] = {"keyval": KEYVAL, "string": STRING, "opts": OPTS, "json": JSON}
_QEMUOPTS: dict[str, Callable[[str, str], QValue]] = {
    "size": values.parse_size, "number": values.parse_number, "bool": values.parse_bool,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row; texts without escapes."""

    reader: str
    text: str
    flags: str
    outcome: str
    replay: bool
    source: str

    @property
    def error(self) -> str | None:
        """The error and its hint, or None."""
        return self.outcome[2:] if self.outcome.startswith("! ") else None

    @property
    def warnings(self) -> list[str]:
        """The texts of the warnings."""
        return [SHORT_FORM.format(*flag.split(">")) for flag in self.flags.split()]


def _unescape(text: str) -> str:
    return text.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape")


def escape(text: str) -> str:
    """A text as the file has it."""
    raw = text.encode("utf-8", "surrogateescape")
    plain = {0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\"}
    return "".join(plain.get(b) or (chr(b) if 32 <= b < 127 else f"\\x{b:02x}") for b in raw)


def load() -> list[Row]:
    """All rows."""
    with FILE.open(encoding="ascii", newline="") as file:
        return [
            Row(r["reader"], _unescape(r["text"]), r["flags"], _unescape(r["outcome"]),
                r["replay"] == "yes", r["source"])
            for r in csv.DictReader(file)
        ]  # fmt: skip


def judge(reader: str, text: str) -> tuple[str, list[str]]:
    """What our readers make of a text: outcome, and texts of warnings."""
    warnings: list[str] = []
    try:
        return "= " + _read(reader, text, warnings), warnings
    except Leave:
        return "?", warnings
    except OptionError as error:
        return "! " + "\n".join(filter(None, (error.text, error.hint))), warnings
    except JsonError as error:
        return "! " + error.text, warnings


def _read(reader: str, text: str, warnings: list[str]) -> str:
    if ":" in reader:
        return to_json(_value(*reader.split(":"), text))
    kind, *words = reader.split()
    if kind == "opts":
        made = OptionGroups(warnings.append)
        return made.parse_noisily(qemu_find_opts(words[0]), text, "abbrev" in words).to_text()
    if kind == "json":
        return to_json(from_json(text))
    tree: keyval.Tree = {}
    if kind == "keyval":
        tree = keyval.parse(text, words[0].strip("-"))
    else:
        assert kind == "machine"
        for part in text.split(" | "):
            if keyval.parse_into(tree, part, "type"):
                raise Leave("")
        tree = keyval.dashify(tree)
    return to_json(tree)  # type: ignore[arg-type]  # text, lists and dicts are values, too


def _value(reader: str, kind: str, text: str) -> QValue:
    name = PLACES[f"{reader}:{kind}"][0]
    if reader == "qemuopts":
        return _QEMUOPTS[kind](name, text)
    visitor = _VISITORS[reader]
    value = from_json(text) if reader == "json" else text
    match kind:
        case "bool":
            return visitor.boolean(name, value)
        case "str":
            return visitor.string(name, value)
        case "size":
            return visitor.size(name, value)
        case "OnOffAuto":
            return visitor.on_off_auto(name, value)
    return visitor.integer(name, value, IntType[kind.upper()])
