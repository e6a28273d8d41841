"""The registry of packets: a function each, declared where it stands.

    @packet("m", r"([0-9a-fA-F]+),([0-9a-fA-F]+)")
    def read_memory(s: Session, operands: Match[bytes]) -> bytes | None: ...

A packet is for the declaration with the longest name that it begins with; the pattern must match all that
follows the name, else the reply is `malformed`, empty ("not understood") unless told.
Rules
- a function returns the reply's payload, or None: no reply now, a stop reply follows;
- it raises UserError for what the machine refuses, which becomes E22; nothing else;
- two functions with one name fail at import, naming both places.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from re import Match
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emu.gdbstub.session import Session

Function = Callable[["Session", Match[bytes]], bytes | None]
HEX = "([0-9a-fA-F]+)"


class Reply:
    """Replies that many packets have. The numbers are errno's."""

    OK = b"OK"
    UNKNOWN = b""
    FAULT = b"E14"
    INVALID = b"E22"


@dataclass(frozen=True)
class Command:
    """A declared packet. stops: the reply is a stop reply, now or when the machine stops.

    malformed: the reply where the operands are none.
    """

    name: bytes
    operands: re.Pattern[bytes]
    function: Function
    stops: bool
    malformed: bytes


_COMMANDS: dict[bytes, Command] = {}
_loaded = False


def packet(
    name: str, operands: str = "", *, stops: bool = False, malformed: bytes = Reply.UNKNOWN
) -> Callable[[Function], Function]:
    """Declare the decorated function. Errors: ValueError for a name declared twice."""

    def register(function: Function) -> Function:
        key = name.encode()
        old = _COMMANDS.get(key)
        if old is not None:
            raise ValueError(f"packet {name!r} is declared twice: {old.function} and {function}")
        _COMMANDS[key] = Command(key, re.compile(operands.encode(), re.DOTALL), function, stops, malformed)
        return function

    return register


def commands() -> dict[bytes, Command]:
    """All of them, by name."""
    global _loaded
    if not _loaded:
        from emu.gdbstub import commands as package

        for info in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{info.name}")
        _loaded = True
    return _COMMANDS


def find(payload: bytes) -> tuple[Command, bytes] | None:
    """The packet's command and what follows its name; None if it is not understood."""
    known = commands()
    fits = [name for name in known if payload.startswith(name)]
    if not fits:
        return None
    best = max(fits, key=len)
    return known[best], payload[len(best) :]
