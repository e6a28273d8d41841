"""The guest clock: {offset, enabled} in the header under a sequence word; main writes, harts read.

Rule: guest time = offset + host CLOCK_MONOTONIC while enabled, offset alone while not; ns, wrapping at
2**64. One process writes. The sequence is odd while the pair changes; a reader takes the sequence,
the pair, the sequence again, and starts over if they differ or are odd.

Python stores in program order, which is enough on a host with total store order (x86-64). On others
the three steps need fences, which Python has not: `store` is then the engine's `clock_store`.
Pairs with time_ns in `vcpu_worker.hart.clock`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ipc.layout import View

MASK = (1 << 64) - 1
Store = Callable[[int, int], None]


class GuestClock:
    """Writer's side of the guest clock. Starts as the header says (a new one: 0, not enabled)."""

    def __init__(
        self, header: View, store: Store | None = None, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._header = header
        self._store = store or self._plain_store
        self._monotonic_ns = monotonic_ns

    def _plain_store(self, enabled: int, offset: int) -> None:
        h = self._header
        seq = h.get("clock_seq")
        h.set("clock_seq", (seq + 1) & MASK)
        h.set("clock_enabled", enabled)
        h.set("clock_offset", offset)
        h.set("clock_seq", (seq + 2) & MASK)

    @property
    def enabled(self) -> bool:
        """Whether guest time runs."""
        return self._header.get("clock_enabled") != 0

    def now_ns(self) -> int:
        """Guest time, ns."""
        offset = self._header.get("clock_offset")
        return (offset + self._monotonic_ns()) & MASK if self.enabled else offset

    def enable(self) -> None:
        """Let guest time run on from where it stands. Nothing if it runs."""
        if not self.enabled:
            self._store(1, (self._header.get("clock_offset") - self._monotonic_ns()) & MASK)

    def disable(self) -> None:
        """Stop guest time where it stands. Nothing if it is stopped."""
        if self.enabled:
            self._store(0, self.now_ns())

    def set_ns(self, now_ns: int) -> None:
        """Make guest time `now_ns`, running or not."""
        self._store(int(self.enabled), (now_ns - self._monotonic_ns() if self.enabled else now_ns) & MASK)
