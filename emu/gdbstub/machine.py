"""What the debug server uses of a machine: its harts, stop and resume, breakpoints, a monitor.

`emu.gdbstub.live` has the real one; tests give a machine without processes.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from emu.runstate.states import RunState


class Run(enum.Enum):
    """How a hart is resumed."""

    CONTINUE = enum.auto()
    STEP = enum.auto()  # one instruction


class Memory(Protocol):
    """Guest physical memory (emu.workers.debug_memory)."""

    def read(self, gpa: int, size: int) -> bytes | None:
        """The bytes; None if something of them is nowhere."""
        ...

    def write(self, gpa: int, data: bytes) -> bool:
        """Whether they are stored."""
        ...


class Hart(Protocol):
    """A stopped hart (emu.workers.hart_state). Registers are unsigned words."""

    @property
    def memory(self) -> Memory: ...

    @property
    def pc(self) -> int: ...

    @property
    def priv(self) -> int: ...

    def set_pc(self, gva: int) -> None:
        """Go on there."""

    def set_priv(self, priv: int) -> None:
        """In this mode."""

    def x(self, number: int) -> int:
        """Integer register."""
        ...

    def set_x(self, number: int, value: int) -> None:
        """Of x0: nothing."""

    def f(self, number: int) -> int:
        """Floating-point register."""
        ...

    def set_f(self, number: int, value: int) -> None:
        """Its bits."""

    def csr_numbers(self) -> list[int]:
        """Those it has."""
        ...

    def read_csr(self, number: int) -> int:
        """Whatever the mode."""
        ...

    def write_csr(self, number: int, value: int) -> None:
        """By its WARL rule."""

    def read(self, gva: int, size: int) -> bytes | None:
        """Memory as the hart sees it."""
        ...

    def write(self, gva: int, data: bytes) -> bool:
        """As `read`."""
        ...


class Machine(Protocol):
    """The machine under the debugger. Harts are numbered from 0."""

    @property
    def harts(self) -> Sequence[Hart]: ...

    @property
    def running(self) -> bool: ...

    @property
    def state(self) -> RunState: ...

    def stop(self) -> None:
        """Pause it; returns when every hart stands."""

    def resume(self, how: Mapping[int, Run]) -> bool:
        """Let these harts go on, the others stay. False: nothing runs before a reset."""
        ...

    def is_halted(self, hart: int) -> bool:
        """Whether it waits for an interrupt."""
        ...

    def set_breakpoints(self, addresses: Collection[int]) -> bool:
        """Stop before these instructions from now on, and no others. False: too many."""
        ...

    def set_step_flags(self, flags: int) -> None:
        """SSTEP_* bits (ipc.layout) of single steps from now on."""

    def monitor(self, line: str) -> str:
        """What a monitor answers to a line; text for people."""
        ...

    def terminate(self) -> None:
        """End the emulator: the debugger killed it."""
