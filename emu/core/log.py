"""The log that -d turns on: items, and the file of -D.

Rule: `Log.wants(item)` before any text is made; a log nobody reads costs one test.
Source: `qemu -d help` (QEMU 10.0); BEHAVIOUR 3.3 phase 5.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TextIO

from emu.errors import HostError, Leave, strerror

_STDERR = 2


@dataclass(frozen=True)
class Item:
    """A name of -d, and whether this build has anything to say under it."""

    name: str
    help: str
    works: bool = False


ITEMS = (
    Item("out_asm", "show generated host assembly code for each compiled TB"),
    Item("in_asm", "show target assembly code for each compiled TB", works=True),
    Item("op", "show micro ops for each compiled TB"),
    Item("op_opt", "show micro ops after optimization"),
    Item("op_ind", "show micro ops before indirect lowering"),
    Item("op_plugin", "show micro ops before plugin injection"),
    Item("int", "show interrupts/exceptions in short format", works=True),
    Item("exec", "show trace before each executed TB (lots of logs)"),
    Item("cpu", "show CPU registers before entering a TB (lots of logs)"),
    Item("fpu", "include FPU registers in the 'cpu' logging"),
    Item("mmu", "log MMU-related activities"),
    Item("pcall", "x86 only: show protected mode far calls/returns/exceptions"),
    Item("cpu_reset", "show CPU state before CPU resets"),
    Item("unimp", "log unimplemented functionality", works=True),
    Item("guest_errors", "log when the guest OS does something invalid (eg accessing a\n"
         "non-existent register)", works=True),
    Item("page", "dump pages at beginning of user mode emulation"),
    Item("nochain", "do not chain compiled TBs so that \"exec\" and \"cpu\" show\ncomplete traces"),
    Item("plugin", "output from TCG plugins"),
    Item("strace", "log every user-mode syscall, its input, and its result"),
    Item("tid", "open a separate log file per thread; filename must contain '%d'"),
    Item("vpu", "include VPU registers in the 'cpu' logging"),
    Item("invalid_mem", "log invalid memory accesses", works=True),
)  # fmt: skip
_BY_NAME = {item.name: item for item in ITEMS}


def items_help() -> str:
    """What `-d help` and a bad item print."""
    lines = [f"{i.name:<15} {i.help}" for i in ITEMS] + ["trace:PATTERN   enable trace events"]
    tail = "\n\nUse \"-d trace:help\" to get a list of trace events.\n\n"
    return "Log items (comma separated):\n" + "\n".join(lines) + tail


def parse_items(text: str) -> frozenset[str]:
    """The items of a -d argument; "all" is every one. Errors: Leave with the list and status 1."""
    names = text.split(",")
    if "all" in names:
        return frozenset(_BY_NAME)
    if any(name not in _BY_NAME for name in names):
        raise Leave(items_help(), 1)
    return frozenset(names)


def without_effect(items: frozenset[str]) -> list[str]:
    """Items that were asked for and say nothing in this build."""
    return sorted(name for name in items if not _BY_NAME[name].works)


class Log:
    """Lines for the items that are wanted, to a file or to standard error."""

    def __init__(self, items: frozenset[str] = frozenset(), out: TextIO | None = None) -> None:
        self.items = items
        self._out = out

    @classmethod
    def open(cls, items: frozenset[str], path: str | None) -> Log:
        """A log of `items` in the file `path` (standard error without one).

        Errors: HostError with QEMU's text.
        """
        if path is None:
            return cls(items)
        name = path.replace("%d", str(os.getpid()), 1)
        try:
            # Line by line: who looks at a log wants to see it grow, and a kill must not lose it
            return cls(items, open(name, "w", buffering=1, encoding="utf-8"))
        except OSError as error:
            raise HostError(f"Error opening logfile {name}: {strerror(error)}") from error

    def choose(self, items: frozenset[str]) -> None:
        """Other items from now on."""
        self.items = items

    def move(self, path: str) -> None:
        """Another file from now on. Errors: HostError, and the old one stays."""
        other = Log.open(self.items, path)
        if self._out is not None:
            self._out.close()
        self._out = other._out

    def wants(self, item: str) -> bool:
        """Whether lines of `item` are written."""
        return item in self.items

    def write(self, item: str, text: str) -> None:
        """One line (no newline) under `item`, if it is wanted. A full disk ends the log, not the machine."""
        if item not in self.items:
            return
        out = self._out if self._out is not None else sys.stderr
        try:
            out.write(text + "\n")
        except OSError:
            self.items = frozenset()

    def fileno(self) -> int:
        """The descriptor that workers write their lines to."""
        return self._out.fileno() if self._out is not None else _STDERR

    def guest_error(self, text: str) -> None:
        """The guest did something invalid."""
        self.write("guest_errors", text)

    def close(self) -> None:
        """End the log."""
        self.items = frozenset()
        if self._out is not None:
            self._out.close()
