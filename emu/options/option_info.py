"""What the lists of options look like to a monitor's client (`query-command-line-options`).

Source: QAPI's CommandLineOptionInfo; order and content checked against the answer of QEMU 10.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from emu.core.qdict import QDict
from emu.errors import OptionError
from emu.options import groups
from emu.options.config_groups import DRIVE_CONFIG_GROUPS, VM_CONFIG_GROUPS
from emu.options.qemuopts import QemuOptDesc, QemuOptType

_TYPES = {
    QemuOptType.STRING: "string", QemuOptType.BOOL: "boolean",
    QemuOptType.NUMBER: "number", QemuOptType.SIZE: "size",
}  # fmt: skip


def query_command_line_options(
    option: str | None = None, machine: Sequence[QDict] = ()
) -> list[QDict]:
    """The options that have parameters, or the one of that name; the last registered first.

    machine: the parameters of -machine, which are the properties of all machines and not an option list.
    Errors: OptionError for a name that is none.
    """
    found: list[QDict] = []
    if option in (None, "machine"):
        found.append({"parameters": list(machine), "option": "machine"})
    for opts_list in reversed(list(VM_CONFIG_GROUPS)):
        if option in (None, opts_list.name):
            drive = opts_list is groups.DRIVE
            parameters = _drive_parameters() if drive else _parameters(opts_list.desc)
            found.append({"parameters": list(parameters), "option": opts_list.name})
    if not found:
        raise OptionError(f"invalid option name: {option}")
    return found


def _parameters(desc: Iterable[QemuOptDesc]) -> list[QDict]:
    """The last described first."""
    out: list[QDict] = []
    for d in desc:
        parameter: QDict = {"name": d.name, "type": _TYPES[d.type]}
        if d.help:
            parameter["help"] = d.help
        if d.def_value_str is not None:
            parameter["default"] = d.def_value_str
        out.insert(0, parameter)
    return out


def _drive_parameters() -> list[QDict]:
    """Those of the lists that -drive is taken apart with.

    What several lists have is shown once, but for one that stands right behind another repetition: QEMU steps
    over it, and a client sees `werror` twice.
    """
    out: list[QDict] = []
    stepped_over = True  # the very first cannot repeat anything
    for parameter in [p for opts_list in DRIVE_CONFIG_GROUPS for p in _parameters(opts_list.desc)]:
        repeats = parameter["name"] in [p["name"] for p in out]
        if repeats and not stepped_over:
            stepped_over = True
        else:
            out.append(parameter)
            stepped_over = False
    return out
