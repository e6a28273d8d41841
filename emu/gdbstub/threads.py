"""Names of harts in the protocol: process 1, thread hart + 1.

    p1.2   hart 1, once gdb has said that it knows processes ("multiprocess")
    2      the same, before that
Numbers are hexadecimal; 0 means any, -1 all. A process is a cluster of harts: this board has one.
Source: "Debugging with GDB", appendix E.2 "thread-id syntax"; BEHAVIOUR 8.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

PROCESS = 1
_ID = re.compile(rb"(?:p(-?[0-9a-fA-F]+)(?:\.(-?[0-9a-fA-F]+))?|(-?[0-9a-fA-F]+))")


class Which(enum.Enum):
    """How many threads an id names."""

    ONE = enum.auto()
    ALL = enum.auto()


@dataclass(frozen=True)
class ThreadId:
    """An id as gdb sent it. pid, tid: 0 for any; no meaning with ALL, where pid -1 or 0 is any process."""

    which: Which
    pid: int
    tid: int

    def hart(self, harts: int) -> int | None:
        """The hart that it names, the first one of several; None if there is none."""
        if self.pid not in (0, PROCESS):
            return None
        if self.tid == 0:
            return 0
        return self.tid - 1 if self.tid <= harts else None


def parse(text: bytes) -> ThreadId | None:
    """The id in `text`, all of which it must be; None if it is none."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    if found[3] is not None:
        pid, tid = 0, int(found[3], 16)
    else:
        pid = int(found[1], 16)
        tid = int(found[2], 16) if found[2] is not None else -1
    if pid < -1 or tid < -1:
        return None
    if pid == -1 or tid == -1:
        return ThreadId(Which.ALL, max(pid, 0), 0)
    return ThreadId(Which.ONE, pid, tid)


def name(hart: int, multiprocess: bool) -> str:
    """The id of a hart, as QEMU writes it."""
    return f"p{PROCESS:02x}.{hart + 1:02x}" if multiprocess else f"{hart + 1:02x}"
