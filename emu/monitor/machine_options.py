"""The parameters of -machine for query-command-line-options: the properties of all machines together.

Source: the reply of QEMU 10.0: a property that several machines have is there once.
"""

from __future__ import annotations

from emu.core.qdict import QDict
from emu.hw.machine import machines

_TYPES = {"bool": "boolean"}


def machine_parameters() -> list[QDict]:
    """By machine and in the order of their properties, each name once."""
    found: dict[str, QDict] = {}
    for cls in machines():
        for prop in cls.class_properties().values():
            if prop.writable and not prop.name.startswith("x-") and prop.name not in found:
                found[prop.name] = {"name": prop.name, "type": _TYPES.get(prop.type, "string")}
                if prop.description:
                    found[prop.name]["help"] = prop.description
    return list(found.values())
