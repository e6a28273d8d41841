"""Events that a guest could cause in any number are told at most once in a while; the last one is kept.

The first of a kind is told at once. Those that come before its period is over replace each other, and the
last is told when it is; then a new period begins. Events of one name about different things (a port, a
disk) are of different kinds.
Source: BEHAVIOUR 5.1; the clock is REALTIME, under qtest VIRTUAL.
"""

from __future__ import annotations

from collections.abc import Callable

from emu.core.qdict import QDict
from emu.loop.timers import Clock, Timer

SECOND_NS = 1_000_000_000


class _Kind:
    """One whose period is running. kept: the event to be told at its end."""

    def __init__(self, timer: Timer) -> None:
        self.timer = timer
        self.kept: QDict | None = None


class Throttle:
    """tell: pass an event on. periods_ns: of the events that are limited, by name. about: the member of the
    data that tells kinds of one name apart."""

    def __init__(
        self, clock: Clock, periods_ns: dict[str, int], about: dict[str, str], tell: Callable[[QDict], None]
    ) -> None:
        self._clock = clock
        self._periods_ns = periods_ns
        self._about = about
        self._tell = tell
        self._kinds: dict[tuple[str, object], _Kind] = {}

    def event(self, name: str, data: QDict, event: QDict) -> None:
        """Tell of it now, later or, if another of its kind comes first, never."""
        period_ns = self._periods_ns.get(name, 0)
        if not period_ns:
            self._tell(event)
            return
        key = name, data.get(self._about.get(name, ""))
        kind = self._kinds.get(key)
        if kind is not None:
            kind.kept = event
            return
        self._tell(event)
        timer = Timer(self._clock, lambda: self._over(key, period_ns))
        self._kinds[key] = _Kind(timer)
        timer.mod_ns(self._clock.now_ns() + period_ns)

    def _over(self, key: tuple[str, object], period_ns: int) -> None:
        kind = self._kinds[key]
        kept, kind.kept = kind.kept, None
        if kept is None:
            del self._kinds[key]
            return
        self._tell(kept)
        kind.timer.mod_ns(self._clock.now_ns() + period_ns)

    def close(self) -> None:
        """Forget what is kept."""
        for kind in self._kinds.values():
            kind.timer.cancel()
        self._kinds.clear()
