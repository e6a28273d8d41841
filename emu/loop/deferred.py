"""Bottom halves: callbacks that run on the next turn of the main loop.

Rules (BEHAVIOUR 2.4)
- scheduling twice before it runs is running once; cancelling only forgets the schedule;
- a turn takes the whole list as a slice, newest first, and runs it; what is scheduled meanwhile waits
  for a later slice;
- an idle one caps the loop's sleep at 10 ms instead of ending it, and is no progress.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

IDLE_NS = 10_000_000


class BottomHalf:
    """One deferred callback. Made by `Deferred.new`."""

    def __init__(self, owner: Deferred, callback: Callable[[], None]) -> None:
        self._owner = owner
        self.callback = callback
        self.pending = False  # in the list
        self.scheduled = False
        self.idle = False

    def schedule(self) -> None:
        """Run on the next turn."""
        self._enqueue(idle=False)

    def schedule_idle(self) -> None:
        """Run on the next turn, which may be 10 ms away."""
        self._enqueue(idle=True)

    def cancel(self) -> None:
        """Do not run after all."""
        self.scheduled = False

    def _enqueue(self, idle: bool) -> None:
        self.scheduled = True
        self.idle = idle
        if not self.pending:
            self.pending = True
            self._owner.pending.append(self)


class Deferred:
    """The bottom halves of one loop."""

    def __init__(self) -> None:
        self.pending: list[BottomHalf] = []
        self._slices: deque[list[BottomHalf]] = deque()

    def new(self, callback: Callable[[], None]) -> BottomHalf:
        """A bottom half that is not scheduled."""
        return BottomHalf(self, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Schedule `callback` once."""
        self.new(callback).schedule()

    def timeout_ns(self) -> int:
        """How long the loop may sleep: 0 if one waits, 10 ms if an idle one does, -1 if none."""
        timeout = -1
        for bh in self.pending:
            if bh.scheduled:
                if not bh.idle:
                    return 0
                timeout = IDLE_NS
        return timeout

    def run(self) -> bool:
        """Run a slice, and what an outer turn has left of its own. Whether one that is not idle ran."""
        if not self.pending and not self._slices:
            return False
        taken, self.pending = self.pending, []
        self._slices.append(taken)
        progress = False
        while self._slices:
            current = self._slices[0]
            if not current:
                self._slices.popleft()
                continue
            bh = current.pop()
            bh.pending = False
            if bh.scheduled:
                bh.scheduled = False
                progress = progress or not bh.idle
                bh.callback()
        return progress
