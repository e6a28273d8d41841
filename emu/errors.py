"""Errors by who must act: the user, the guest, a peer process, or us.

    EmuError
      UserError         options, files, arguments: one line, exit status 1
        OptionError     a word of the command line
        HostError       the host refuses something the machine needs (files, memory, sockets)
      StartFailed       what -preconfig had held back could not be made: the process ends
    Leave               not an error: an option that prints something and ends the program

Rules
- a UserError's text is QEMU's where QEMU has one (the texts are facts of the interface: scripts match them);
- guest mistakes are traps or log lines, never exceptions; a peer's death is a message (emu.workers);
- our own mistakes are assertions, and are not caught here;
- foreign errors (OSError, ...) become one of these where they arise, with `from`.
"""

from __future__ import annotations

import os


class InFile(tuple[str, ...]):
    """A place in a configuration file, where others are words of the command line: (path, line)."""


class EmuError(Exception):
    """Root of the errors that a user may see."""


class UserError(EmuError):
    """Something the user asked for cannot be.

    Attributes: text (one line, no full stop; empty if the consequences say all), consequences (further
    lines of the same kind: what failed because of it), hint (lines printed without a prefix, or ""),
    where (the words of the command line at fault, empty if the error has no such place).
    """

    qmp_class = "GenericError"  # the class a monitor tells

    def __init__(
        self, text: str, hint: str = "", where: tuple[str, ...] = (), consequences: tuple[str, ...] = ()
    ) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint
        self.where = where
        self.consequences = consequences

    def at(self, where: tuple[str, ...]) -> UserError:
        """This error, at `where` if it has no place yet."""
        if not self.where:
            self.where = where
        return self


class OptionError(UserError):
    """A word of the command line is wrong."""


class HostError(UserError):
    """The host refuses something the machine needs."""


class StartFailed(EmuError):
    """What -preconfig had held back could not be made: it is the process that fails, not the command."""

    def __init__(self, cause: UserError) -> None:
        super().__init__(cause.text)
        self.cause = cause


class Leave(Exception):
    """An option asked for something to be printed, and for the end: -h, -version, -machine help.

    Attributes: text (for standard output), status (exit status).
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


def strerror(error: OSError) -> str:
    """The host's text for an OSError, without Python's decoration."""
    return os.strerror(error.errno) if error.errno else str(error)
