"""How much memory the machine has: what -m and the machine's property `memory` come to.

Source: BEHAVIOUR 3.4 (-m); texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.core.qdict import QValue
from emu.errors import OptionError
from emu.options.config_groups import qemu_find_opts
from emu.options.keyval import Tree
from emu.options.qapi import SIZE, UINT64, Said, Struct, visit_value

if TYPE_CHECKING:
    from emu.options.settings import Settings

_MEMORY = Struct({"memory": Struct({"size?": SIZE, "max-size?": SIZE, "slots?": UINT64})})


def memory_property(s: Settings) -> Tree:
    """What -m says, as the machine's property: a bare number is in MiB, 0 is as if nothing was said."""
    opts = s.groups.first(qemu_find_opts("memory"))
    tree: Tree = {}
    size = opts.get("size")
    if size is not None and opts.get_size("size", 0):
        tree["size"] = size + "M" if size[-1] in "0123456789" else size
    for name, key in (("maxmem", "max-size"), ("slots", "slots")):
        value = opts.get(name)
        if value is not None:
            tree[key] = value
    return tree


def judge_memory(value: QValue, default: int) -> int:
    """The size that the property `memory` means. Errors: OptionError.

    Slots and a larger maximum are for memory that is plugged in later, which this machine has no place for:
    they are judged, and have no effect, as in QEMU.
    """
    said = visit_value(_MEMORY, {"memory": value})["memory"]
    assert isinstance(said, dict)
    size = _number(said, "size") or default
    if "max-size" in said:
        _check_most(size, _number(said, "max-size"), _number(said, "slots"))
    elif _number(said, "slots"):
        raise OptionError("slots specified but no max-size")
    return size


def _number(said: Said, name: str) -> int:
    value = said.get(name, 0)
    assert isinstance(value, int)
    return value


def _check_most(size: int, most: int, slots: int) -> None:
    if most < size:
        raise OptionError(
            f"invalid value of maxmem: maximum memory size ({most:#x}) must be at least the initial memory "
            f"size ({size:#x})"
        )
    if slots and most == size:
        raise OptionError(
            f"invalid value of maxmem: memory slots were specified but maximum memory size ({most:#x}) is "
            f"equal to the initial memory size ({size:#x})"
        )
