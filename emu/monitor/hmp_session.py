"""Who asks an HMP command, and where its answer goes.

Rule: a session outlives its commands; what it remembers (chosen hart, history) is one monitor's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emu.errors import OptionError, UserError
from emu.monitor.hmp_formats import LAST_USED

if TYPE_CHECKING:
    from emu.emulator import Emulator
    from emu.vm import Vm


class Session:
    """e: the emulator. history: lines entered before, oldest first. `print` gathers the answer."""

    def __init__(self, e: Emulator, history: Sequence[str] = ()) -> None:
        self.e = e
        self.history = history
        self.formats = LAST_USED
        self._hart = 0
        self._out: list[str] = []

    def print(self, text: str) -> None:
        """Add to the answer. Line ends are single newlines."""
        self._out.append(text)

    def taken(self) -> str:
        """The answer since the last call."""
        out = "".join(self._out)
        self._out.clear()
        return out

    def error(self, error: UserError) -> None:
        """An error as monitors show it."""
        lines = "".join(f"{text}\n" for text in error.consequences)
        hint = error.hint.rstrip("\n") + "\n" if error.hint else ""
        self.print(f"Error: {error.text}\n{lines}{hint}")

    @property
    def ready(self) -> bool:
        """Whether the board is there: false while -preconfig waits."""
        return self.e.vm is not None and self.e.vm.ready

    @property
    def vm(self) -> Vm:
        """The machine. Only commands that are not for -preconfig may ask."""
        assert self.e.vm is not None
        return self.e.vm

    @property
    def harts(self) -> int:
        """How many there are."""
        return len(self.e.vm.slots) if self.e.vm is not None else 0

    @property
    def hart(self) -> int | None:
        """The one that commands are about, None if there is none."""
        return self._hart if self._hart < self.harts else None

    def choose_hart(self, index: int) -> None:
        """Errors: OptionError if there is no such hart."""
        if not 0 <= index < self.harts:
            raise OptionError("Parameter 'index' expects a CPU number")
        self._hart = index

    def register(self, name: str) -> int | None:
        """The value of a register of the chosen hart in an expression, None if there is none."""
        if self.hart is None:
            return None
        from emu.monitor.hmp_registers import read_named

        return read_named(self.vm, self.hart, name)
