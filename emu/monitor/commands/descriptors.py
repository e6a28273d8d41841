"""Descriptors that clients hand over (SCM_RIGHTS): by name for this monitor, or in sets for everybody.

Source: QEMU 10.0's replies.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.core.fdsets import FD_SETS
from emu.errors import OptionError, UserError
from emu.monitor.commands.registry import qmp_command

if TYPE_CHECKING:
    from emu.emulator import Emulator
    from emu.monitor.monitor import Monitor

NONE_CAME = "No file descriptor supplied via SCM_RIGHTS"


@qmp_command("getfd")
def getfd(_e: Emulator, monitor: Monitor, fdname: str) -> None:
    """Name the descriptor that came with the command; one of that name is closed. Errors: UserError."""
    fd = monitor.chardev.take_fd()
    if fd is None:
        raise UserError(NONE_CAME)
    if fdname[:1].isascii() and fdname[:1].isdigit():
        os.close(fd)
        raise OptionError("Parameter 'fdname' expects a name not starting with a digit")
    before = monitor.take_fd(fdname)
    if before is not None:
        os.close(before)
    monitor.fds[fdname] = fd


@qmp_command("closefd")
def closefd(_e: Emulator, monitor: Monitor, fdname: str) -> None:
    """Close the one of that name. Errors: UserError."""
    fd = monitor.take_fd(fdname)
    if fd is None:
        raise UserError(f"File descriptor named '{fdname}' not found")
    os.close(fd)


@dataclass(frozen=True)
class AddfdInfo:
    """fd: its number here."""

    fdset_id: int
    fd: int


@qmp_command("add-fd")
def add_fd(
    _e: Emulator, monitor: Monitor, fdset_id: int | None = None, opaque: str | None = None
) -> AddfdInfo:
    """Take the descriptor that came with the command into a set. Errors: UserError."""
    fd = monitor.chardev.take_fd()
    if fd is None:
        raise UserError(NONE_CAME)
    try:
        return AddfdInfo(FD_SETS.add(fd, fdset_id, opaque), fd)
    except UserError:
        os.close(fd)
        raise


@qmp_command("remove-fd")
def remove_fd(_e: Emulator, fdset_id: int, fd: int | None = None) -> None:
    """Close a descriptor of a set, or all. Errors: UserError."""
    FD_SETS.remove(fdset_id, fd)


@dataclass(frozen=True)
class FdsetFdInfo:
    """A descriptor in a set."""

    fd: int
    opaque: str | None


@dataclass(frozen=True)
class FdsetInfo:
    """A set."""

    fdset_id: int
    fds: list[FdsetFdInfo]


@qmp_command("query-fdsets")
def query_fdsets(_e: Emulator) -> list[FdsetInfo]:
    """All sets."""
    return [
        FdsetInfo(number, [FdsetFdInfo(held.fd, held.opaque) for held in fds])
        for number, fds in FD_SETS.items()
    ]
