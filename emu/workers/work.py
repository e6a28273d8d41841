"""Work that harts do between two instructions when they are asked: run_on_cpu and its like.

Rules
- what can be asked is a closed list (`ipc.messages.WorkItem`, Query): processes share no functions;
- every request has exactly one answer, and a dead hart is one (law 5);
- a mailbox may be full of announcements that its hart has had no processor to read: what did not fit is
  sent again by `pump`, in order. (Announcements may be lost, their levels are not; these have no level.)
Source: BEHAVIOUR 1.5.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emu.workers.vcpu import Vcpu
from ipc.messages import Done, Query, Report, Work, WorkItem

MASK32 = 0xFFFF_FFFF
Answered = Callable[[Report | Done | None], None]


@dataclass(frozen=True)
class _Asked:
    hart: int
    answered: Answered


class WorkList:
    """What was asked and is not answered yet."""

    def __init__(self, vcpus: Sequence[Vcpu]) -> None:
        self._vcpus = vcpus
        self._asked: dict[int, _Asked] = {}
        self._unsent: deque[tuple[int, Query | Work]] = deque()
        self._unsent_again: deque[tuple[int, Query | Work]] = deque()
        self._seq = 0

    def ask(self, hart: int, item: WorkItem, done: Callable[[bool], None]) -> None:
        """Send it. done: False if the hart has no worker, or dies before it is done."""
        self._send(hart, lambda seq: Work(seq, item), lambda answer: done(answer is not None))

    def query(self, hart: int, answer: Callable[[Report | None], None]) -> None:
        """Ask for a Report."""
        self._send(hart, Query, lambda got: answer(got if isinstance(got, Report) else None))

    def _send(self, hart: int, make: Callable[[int], Query | Work], answered: Answered) -> None:
        vcpu = self._vcpus[hart]
        if not vcpu.alive:
            answered(None)
            return
        self._seq = (self._seq + 1) & MASK32
        self._asked[self._seq] = _Asked(hart, answered)
        self._unsent.append((hart, make(self._seq)))
        self.pump()

    def pump(self) -> bool:
        """Send what has not been sent. Whether all of it is."""
        for _ in range(len(self._unsent)):
            hart, message = self._unsent.popleft()
            full = any(waits == hart for waits, _ in self._unsent_again)
            if full or not self._vcpus[hart].ask(message):
                self._unsent_again.append((hart, message))
        self._unsent, self._unsent_again = self._unsent_again, self._unsent
        return not self._unsent

    def answered(self, answer: Report | Done) -> None:
        """A hart says so. What nobody has asked (a predecessor's answer) is dropped."""
        asked = self._asked.pop(answer.seq, None)
        if asked is not None:
            asked.answered(answer)

    def forget(self, hart: int) -> None:
        """A hart's worker is dead: that is the answer to all it was asked."""
        for seq in [seq for seq, asked in self._asked.items() if asked.hart == hart]:
            self._asked.pop(seq).answered(None)
        self._unsent = deque((waits, message) for waits, message in self._unsent if waits != hart)
