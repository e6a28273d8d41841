"""The harts and their time as run control sees them: what it asks of a fleet, and what it is told.

`emu.workers.fleet` is the real one; `NoHarts` stands for it while there is no machine, and where no hart
executes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ipc.layout import Want


@dataclass(frozen=True)
class HartLoss:
    """A hart whose worker died in guest code. `text` is the report's line."""

    hart: int
    signal: int  # 0: it ended by itself
    last_pc: int  # as of the last block
    text: str


class Fleet(Protocol):
    """What the control uses of `emu.workers.fleet.Fleet`."""

    def pause_all(self) -> None:
        """Return when every hart has acknowledged a stop."""

    def resume_all(self) -> None:
        """Let every hart run."""

    def resume_only(self, wants: Mapping[int, Want]) -> None:
        """Let the harts named run, or run one instruction; the others stay stopped."""

    def reset_all(self) -> None:
        """Give every hart its reset state, a fresh worker to one that lost its own. Harts are stopped."""

    def is_lost(self, hart: int) -> bool:
        """Whether this hart has no worker any more."""

    def any_lost(self) -> bool:
        """Whether some hart has none."""

    def stop_current(self) -> None:
        """The hart that is being served now gets its reply when this turn has done what was asked."""

    def go_on(self) -> None:
        """What was asked is done: give the replies that `stop_current` has held back."""

    def quit(self) -> None:
        """End every worker."""


class GuestTime(Protocol):
    """What the control uses of `ipc.clock.GuestClock`."""

    def enable(self) -> None:
        """Let guest time run."""

    def disable(self) -> None:
        """Stop guest time."""

    def now_ns(self) -> int:
        """Guest time, ns."""
        ...


class NoHarts:
    """A fleet of none: every request is done at once."""

    def pause_all(self) -> None:
        """Done."""

    def resume_all(self) -> None:
        """Done."""

    def resume_only(self, wants: Mapping[int, Want]) -> None:
        """Done."""

    def reset_all(self) -> None:
        """Done."""

    def is_lost(self, hart: int) -> bool:
        """Never."""
        return False

    def any_lost(self) -> bool:
        """Never."""
        return False

    def stop_current(self) -> None:
        """There is none."""

    def go_on(self) -> None:
        """There is nothing to hold back."""

    def quit(self) -> None:
        """Done."""
