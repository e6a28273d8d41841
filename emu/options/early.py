"""Judges of small options that affect the process: descriptors, filters, policies, traces.

Each says what an argument means or what QEMU complains about; nothing here has an effect on the machine.
Source: BEHAVIOUR 3.3 (phases 3 and 5); texts by running QEMU 10.0.13.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from emu.errors import InFile, Leave, OptionError, UserError, strerror
from emu.options.qapi import Enum, Said, Struct, visit_argument
from emu.options.qemuopts import QemuOpts
from emu.options.settings import Settings

_STDERR = 2


@dataclass(frozen=True)
class FdSet:
    """A descriptor and the set it belongs to."""

    fd: int
    set: int
    opaque: str | None


def take_fd_sets(s: Settings) -> None:
    """Copies of what -add-fd hands over go to their sets. Errors: OptionError at the option."""
    if not s.sets("add-fd"):
        return
    from emu.core.fdsets import FD_SETS

    said = []
    for opts in s.sets("add-fd"):
        try:
            said.append(_judge_fd_set(opts))
        except OptionError as error:
            raise error.at(opts.where) from None
        one = said[-1]
        FD_SETS.add(os.dup(one.fd), one.set, one.opaque)
    for fd in {one.fd for one in said}:
        os.close(fd)


def _judge_fd_set(opts: QemuOpts) -> FdSet:
    fd, fd_set = _number(opts, "fd"), _number(opts, "set")
    if fd < 0:
        raise OptionError("fd option is required and must be non-negative")
    if fd <= _STDERR:
        raise OptionError("fd cannot be a standard I/O stream")
    try:
        # what was inherited is open across exec; what we opened ourselves is not
        inherited = not fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    except (OSError, OverflowError):
        inherited = False
    if not inherited:
        raise OptionError("fd is not valid or already in use")
    if fd_set < 0:
        raise OptionError("set option is required and must be non-negative")
    return FdSet(fd, fd_set, opts.get("opaque"))


def _number(opts: QemuOpts, name: str) -> int:
    """A number as a C int, -1 if it is not there."""
    value = opts.get_number(name, (1 << 32) - 1) & 0xFFFF_FFFF
    return value - (1 << 32) if value >> 31 else value


_SANDBOX = {
    "obsolete": ("allow", "deny"),
    "elevateprivileges": ("allow", "deny", "children"),
    "spawn": ("allow", "deny"),
    "resourcecontrol": ("allow", "deny"),
}


def judge_sandbox(s: Settings) -> None:
    """What -sandbox says. Errors: OptionError at the option."""
    for opts in s.sets("sandbox"):
        if not opts.get_bool("enable", False):
            continue
        for name, words in _SANDBOX.items():
            if opts.get(name, words[0]) not in words:
                raise OptionError(f"invalid argument for {name}", where=opts.where)
        s.lack("system calls are not filtered by this build",
               "-sandbox support is not enabled in this QEMU binary", where=opts.where)  # fmt: skip


_INPUT, _OUTPUT = Enum("accept", "reject", "crash"), Enum("accept", "hide")
_COMPAT = Struct({"deprecated-input?": _INPUT, "deprecated-output?": _OUTPUT,
                  "unstable-input?": _INPUT, "unstable-output?": _OUTPUT})  # fmt: skip


def judge_compat(arg: str) -> Said:
    """The policy of -compat. Errors: OptionError."""
    return visit_argument(_COMPAT, arg)


def judge_trace(s: Settings, opts: QemuOpts) -> None:
    """There are no trace events: what is named does not exist, and patterns match nothing.

    Errors: OptionError; Leave with the (empty) list for `help`.
    """
    enable, events = opts.get("enable", ""), opts.get("events")
    s.trace_file = opts.get("file") or s.trace_file
    if enable in ("help", "?"):
        raise Leave("")
    names = [enable]
    if events is not None:
        try:
            text = Path(events).read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise UserError(strerror(error), where=InFile((events,))) from error
        names += [line for line in text.splitlines() if line and not line.startswith("#")]
    for name in names:
        plain = name.removeprefix("-")
        if plain and not set("*?") & set(plain):
            s.warn(f"trace event '{plain}' does not exist")
        elif plain:
            s.warn(f"there are no trace events: '{plain}' matches none")


def open_vmstate_dump(s: Settings, path: str) -> None:
    """-dump-vmstate: the file must be writable, and only one is. Errors: OptionError."""
    if s.dump_vmstate is not None:
        raise OptionError("only one '-dump-vmstate' option may be given")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    except (OSError, ValueError) as error:
        why = strerror(error) if isinstance(error, OSError) else str(error)
        raise OptionError(f"open {path}: {why}") from error
    os.close(fd)
    s.dump_vmstate = s.said(path)
    s.lack("devices do not describe their state in this build")
