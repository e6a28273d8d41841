"""What can go wrong between a user and the guests: one family, each with one line to print."""

from __future__ import annotations

from emu.errors import UserError


class FetchError(UserError):
    """The fetch cannot go on; the text is the line that the user sees."""


class BuildError(UserError):
    """A guest could not be built from source; the hint is what the compiler said."""

    def __str__(self) -> str:
        return f"{self.text}\n{self.hint}" if self.hint else self.text
