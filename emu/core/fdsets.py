"""Sets of descriptors that somebody handed over (-add-fd, add-fd), opened by name as /dev/fdset/N.

There is one collection a process, as in QEMU: a file name means the same wherever it is given.
Source: QEMU 10.0's replies; which descriptor of a set is opened, and with what flags, by running it.
"""

from __future__ import annotations

import errno
import fcntl
import os
from dataclasses import dataclass

from emu.errors import OptionError, UserError

DIRECTORY = "/dev/fdset/"
_SETTABLE = os.O_APPEND | os.O_NONBLOCK


@dataclass(frozen=True)
class Held:
    """A descriptor, and what its giver says of it."""

    fd: int
    opaque: str | None


class FdSets:
    """By number. The descriptors are ours."""

    def __init__(self) -> None:
        self._sets: dict[int, list[Held]] = {}

    def add(self, fd: int, number: int | None, opaque: str | None) -> int:
        """Take `fd` into a set, the first free one if none is named; its number. Errors: OptionError."""
        if number is None:
            number = next(n for n in range(len(self._sets) + 1) if n not in self._sets)
        elif number < 0:
            raise OptionError("Parameter 'fdset-id' expects a non-negative value")
        self._sets.setdefault(number, []).append(Held(fd, opaque))
        return number

    def remove(self, number: int, fd: int | None) -> None:
        """Close one descriptor of a set, or all. Errors: UserError if there is no such thing."""
        held = self._sets.get(number, [])
        gone = [one for one in held if fd in (None, one.fd)]
        if not gone:
            named = f"fdset-id:{number}" + (f", fd:{fd}" if fd is not None else "")
            raise UserError(f"File descriptor named '{named}' not found")
        for one in gone:
            os.close(one.fd)
            held.remove(one)
        if not held:
            del self._sets[number]

    def items(self) -> list[tuple[int, list[Held]]]:
        """Numbers and what they hold, the highest number first."""
        return [(number, list(self._sets[number])) for number in sorted(self._sets, reverse=True)]

    def open(self, path: str, flags: int) -> int:
        """A descriptor for the name /dev/fdset/N: of the newest there that was opened to read or write so.

        Its file position and flags are those of the one that was handed over. Errors: OSError.
        """
        text = path.removeprefix(DIRECTORY)
        if not (text.isascii() and text.isdecimal()):
            raise OSError(errno.EINVAL, path)
        if int(text) not in self._sets:
            raise OSError(errno.ENOENT, path)
        for one in reversed(self._sets[int(text)]):
            have = fcntl.fcntl(one.fd, fcntl.F_GETFL)
            if have & os.O_ACCMODE == flags & os.O_ACCMODE:
                return _like(fcntl.fcntl(one.fd, fcntl.F_DUPFD_CLOEXEC, 0), have, flags)
        raise OSError(errno.EACCES, path)

    def close(self) -> None:
        """Close all."""
        for number in list(self._sets):
            self.remove(number, None)


def _like(fd: int, have: int, flags: int) -> int:
    """`fd` as a file is that was opened with `flags`."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, (have & ~_SETTABLE) | (flags & _SETTABLE))
        if flags & os.O_TRUNC:
            os.ftruncate(fd, 0)
    except OSError:
        os.close(fd)
        raise
    return fd


FD_SETS = FdSets()


def open_path(path: str, flags: int, mode: int = 0o666) -> int:
    """open(2), where a name may mean a descriptor of a set. Errors: OSError."""
    if path.startswith(DIRECTORY):
        return FD_SETS.open(path, flags)
    return os.open(path, flags, mode)
