"""Sets of descriptors that somebody handed over: -add-fd, add-fd; opened by name as /dev/fdset/N.

Rules
- a set goes when its last descriptor is removed and nothing that was opened from it is open any more;
- a set that was left with descriptors when its client went stays: it is known by number.
Source: QEMU 10.0's monitor/fds and its replies.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field

from emu.errors import OptionError, UserError

DIRECTORY = "/dev/fdset/"


@dataclass(frozen=True)
class Held:
    """A descriptor, and what its giver says of it."""

    fd: int
    opaque: str | None


@dataclass
class _Set:
    held: list[Held] = field(default_factory=list)


class FdSets:
    """By number. The descriptors are ours."""

    def __init__(self) -> None:
        self._sets: dict[int, _Set] = {}

    def add(self, fd: int, number: int | None, opaque: str | None) -> int:
        """Take `fd` into a set, the first free one if none is named; its number. Errors: OptionError."""
        if number is None:
            number = next(n for n in range(len(self._sets) + 1) if n not in self._sets)
        elif number < 0:
            raise OptionError("Parameter 'fdset-id' expects a non-negative value")
        self._sets.setdefault(number, _Set()).held.append(Held(fd, opaque))
        return number

    def remove(self, number: int, fd: int | None) -> None:
        """Close one descriptor of a set, or all. Errors: UserError if there is no such thing."""
        found = self._sets.get(number)
        gone = [held for held in found.held if fd in (None, held.fd)] if found else []
        if found is None or (fd is not None and not gone):
            named = f"fdset-id:{number}" + (f", fd:{fd}" if fd is not None else "")
            raise UserError(f"File descriptor named '{named}' not found")
        for held in gone:
            os.close(held.fd)
            found.held.remove(held)
        if not found.held:
            del self._sets[number]

    def items(self) -> list[tuple[int, list[Held]]]:
        """Numbers and what they hold, in ascending order."""
        return [(number, list(self._sets[number].held)) for number in sorted(self._sets)]

    def open(self, path: str, flags: int) -> int:
        """A descriptor of one's own for /dev/fdset/N: of the first that was opened as `flags` say.

        Errors: UserError.
        """
        number = path.removeprefix(DIRECTORY)
        found = self._sets.get(int(number)) if number.isascii() and number.isdecimal() else None
        if found is None:
            raise UserError(f"Could not open '{path}': No such file or directory")
        for held in found.held:
            if fcntl.fcntl(held.fd, fcntl.F_GETFL) & os.O_ACCMODE == flags & os.O_ACCMODE:
                return fcntl.fcntl(held.fd, fcntl.F_DUPFD_CLOEXEC, 0)
        raise UserError(f"Could not open '{path}': Permission denied")

    def close(self) -> None:
        """Close all."""
        for number in list(self._sets):
            self.remove(number, None)
