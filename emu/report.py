"""Messages to the user on standard error, with QEMU's prefixes.

`PROG: WORDS: text`, `PROG:FILE:LINE: text`, `PROG: warning: text`; hints follow on lines of their own.
`-msg timestamp=on` puts the time (ISO 8601, UTC) before, `guest-name=on` the guest's name.
Source: BEHAVIOUR 3.1, "Error location prefix".
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable

from emu.errors import InFile, UserError


def _to_stderr(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody listens any more: there is no place left to say so


def print_line(text: str) -> None:
    """A line without any prefix: for what QEMU prints so."""
    _to_stderr(text + "\n")


class Reporter:
    """Writes messages; `write` takes whole lines. `timestamp`, `shows_guest_name` as -msg sets them."""

    def __init__(self, prog: str, write: Callable[[str], None] = _to_stderr) -> None:
        self.prog = prog
        self.timestamp = False
        self.guest_name = ""
        self.shows_guest_name = False
        self._write = write

    def _prefix(self, where: tuple[str, ...]) -> str:
        out = ""
        if self.timestamp:
            now = datetime.datetime.now(datetime.UTC)
            out += now.strftime("%Y-%m-%dT%H:%M:%S.%fZ ")
        if self.shows_guest_name and self.guest_name:
            out += self.guest_name + " "
        if isinstance(where, InFile):
            return f"{out}{self.prog}:{':'.join(where)}: "
        place = " ".join(where) + ": " if where else ""
        return f"{out}{self.prog}: {place}"

    def error(self, error: UserError) -> None:
        """An error: its text at its place, what failed because of it, then its hint."""
        hint = error.hint.rstrip("\n") + "\n" if error.hint else ""
        prefix = self._prefix(error.where)
        lines = "".join(f"{prefix}{text}\n" for text in (error.text, *error.consequences) if text)
        self._write(lines + hint)

    def warn(self, text: str, where: tuple[str, ...] = ()) -> None:
        """A warning; further lines of `text` follow as they are."""
        self._write(f"{self._prefix(where)}warning: {text}\n")

    def info(self, text: str, where: tuple[str, ...] = ()) -> None:
        """Something worth knowing that is no fault."""
        self._write(f"{self._prefix(where)}info: {text}\n")

    def say(self, text: str, where: tuple[str, ...] = ()) -> None:
        """A line with the prefix alone."""
        self._write(f"{self._prefix(where)}{text}\n")
