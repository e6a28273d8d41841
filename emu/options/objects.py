"""-object: objects that other options name. Those that exist are back ends for the guest's memory.

Source: BEHAVIOUR 4.1 (object-add); texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from typing import cast

from emu.core.qdict import QDict
from emu.errors import Leave, OptionError
from emu.options.config_groups import qemu_find_opts
from emu.options.keyval import Tree
from emu.options.members import json_object
from emu.options.qemuopts import QemuOpts
from emu.options.settings import Settings

MEMORY_BACKENDS = ("memory-backend-memfd", "memory-backend-shm")
HELP = "List of user creatable objects:\n" + "".join(f"  {name}\n" for name in MEMORY_BACKENDS)


def judge_object(s: Settings, arg: str) -> None:
    """Record one -object. Errors: OptionError; Leave for `help`."""
    if arg.startswith("{"):
        _judge(s.groups.from_qdict(qemu_find_opts("object"), json_object(arg)))
    else:
        _judge(s.parse("object", arg, implied=True))


def judge_object_tree(s: Settings, tree: Tree) -> None:
    """Record an object of a configuration file. Errors: OptionError."""
    _judge(s.groups.from_qdict(qemu_find_opts("object"), cast("QDict", tree)))


def _judge(opts: QemuOpts) -> None:
    kind = opts.get("qom-type")
    if kind is None:
        raise OptionError("Parameter 'qom-type' is missing")
    if kind in ("help", "?"):
        raise Leave(HELP)
    if kind not in MEMORY_BACKENDS:
        raise OptionError(f"Parameter 'qom-type' does not accept value '{kind}'")
    if opts.id is None:
        raise OptionError("Parameter 'id' is missing")
