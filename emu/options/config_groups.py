"""The tables of option lists: which groups exist, by name.

Lists register where they are declared (`qemu_add_opts`), in the order in which QEMU has them. Both tables
have a fixed size, the last place staying free as in QEMU; what does not fit is a mistake of ours and aborts.
Source: BEHAVIOUR 3.1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from emu.errors import OptionError
from emu.options.qemuopts import QemuOptsList


class GroupTable:
    """A table of `size` places, of which the last stays free."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._most = size - 1
        self._lists: list[QemuOptsList] = []

    def __iter__(self) -> Iterator[QemuOptsList]:
        return iter(self._lists)

    def add(self, opts_list: QemuOptsList) -> QemuOptsList:
        """Add a list and return it. No room: a line on standard error, and SIGABRT."""
        if len(self._lists) >= self._most:
            sys.stderr.write(f"ran out of space in {self._name}")
            sys.stderr.flush()
            os.abort()
        self._lists.append(opts_list)
        return opts_list

    def find(self, group: str) -> QemuOptsList | None:
        """The first list of that name, or None."""
        return next((found for found in self._lists if found.name == group), None)


VM_CONFIG_GROUPS = GroupTable("vm_config_groups", 48)
DRIVE_CONFIG_GROUPS = GroupTable("drive_config_groups", 5)


def qemu_add_opts(opts_list: QemuOptsList) -> QemuOptsList:
    """Register a list for -set, -readconfig and query-command-line-options; returns it."""
    return VM_CONFIG_GROUPS.add(opts_list)


def qemu_add_drive_opts(opts_list: QemuOptsList) -> QemuOptsList:
    """Register a list of what -drive takes, for query-command-line-options; returns it."""
    return DRIVE_CONFIG_GROUPS.add(opts_list)


def qemu_find_opts(group: str) -> QemuOptsList:
    """The list of that name. Errors: OptionError."""
    found = VM_CONFIG_GROUPS.find(group)
    if found is None:
        raise OptionError(f"There is no option group '{group}'")
    return found
