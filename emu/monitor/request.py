"""What a client sent, taken apart: a request, or what is wrong with it.

Source: BEHAVIOUR 5.1; texts, and which fault is found first, by running QEMU 10.0.
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.core.qdict import QDict, QValue, qdict_items
from emu.errors import UserError


class CommandNotFound(UserError):
    """A command that does not exist, or not now."""

    qmp_class = "CommandNotFound"


@dataclass(frozen=True)
class Request:
    """command: its name; arguments: as sent; oob: to be done at once, whatever is waiting."""

    command: str
    arguments: QDict
    oob: bool


def is_oob(value: QValue) -> bool:
    """Whether it asks to be done out of band: such a thing is not queued, right or wrong."""
    return isinstance(value, dict) and "exec-oob" in value and "execute" not in value


def parse_request(value: QValue, oob: bool) -> Request:
    """The request that an object is. oob: whether the client has enabled the capability.

    Errors: UserError.
    """
    if not isinstance(value, dict):
        raise UserError("QMP input must be a JSON object")
    key = ""
    for name, member in qdict_items(value):
        if name == "execute" or (name == "exec-oob" and oob):
            if not isinstance(member, str):
                raise UserError(f"QMP input member '{name}' must be a string")
            if key:
                raise UserError(f"QMP input member '{name}' clashes with '{key}'")
            key = name
        elif name == "arguments":
            if not isinstance(member, dict):
                raise UserError("QMP input member 'arguments' must be an object")
        elif name != "id":
            raise UserError(f"QMP input member '{name}' is unexpected")
    if not key:
        raise UserError("QMP input lacks member 'execute'")
    arguments = value.get("arguments", {})
    assert isinstance(arguments, dict)
    return Request(str(value[key]), arguments, key == "exec-oob")
