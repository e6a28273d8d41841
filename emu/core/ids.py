"""Identifiers that users give to devices, back ends and option sets, and those made for the nameless.

Rule: a made identifier begins with `#`, which no user's can, so the two never meet.
Source: BEHAVIOUR 3.1.
"""

from __future__ import annotations

import enum
import itertools
import os
import re
from collections.abc import Iterator

_WELL_FORMED = re.compile(r"[a-zA-Z][a-zA-Z0-9._-]*")
ID_EXPECTED = "Parameter '{}' expects an identifier"
ID_HINT = "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter."


def id_wellformed(text: str) -> bool:
    """Whether a user may call something so: an ASCII letter, then letters, digits, '-', '.', '_'."""
    return _WELL_FORMED.fullmatch(text) is not None


class IdSubsystem(enum.Enum):
    """Who makes identifiers: each counts for itself."""

    QDEV = "qdev"
    BLOCK = "block"
    CHR = "chr"
    NET = "net"


_counters: dict[IdSubsystem, Iterator[int]] = {s: itertools.count() for s in IdSubsystem}


def id_generate(subsystem: IdSubsystem) -> str:
    """A new identifier, `#block123`: subsystem, a running number, two random digits (nobody may guess it)."""
    return f"#{subsystem.value}{next(_counters[subsystem])}{int.from_bytes(os.urandom(4)) % 100:02}"
