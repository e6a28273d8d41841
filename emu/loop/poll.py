"""main_loop_wait: one turn of the main loop, in QEMU's order.

    poll notifiers (FILL) -> soonest of their timeout and the timers' deadline -> wait
    -> descriptors and bottom halves -> poll notifiers (OK or ERR) -> icount warp -> expired timers

Rules (BEHAVIOUR 2.1)
- there is no priority between descriptors and timers beyond this order;
- timeouts keep nanoseconds: epoll counts milliseconds, so a finite one waits by ppoll on the epoll;
- with nothing to do the loop sleeps without a timeout: 0 % of a processor.
"""

from __future__ import annotations

import enum
import select
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from emu.loop.deferred import Deferred
from emu.loop.notify import NotifyEvent
from emu.loop.timers import Clocks, soonest
from ipc.doorbell import Waiter

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
GONE = select.EPOLLHUP | select.EPOLLERR
NO_TIMEOUT = 0xFFFF_FFFF  # ms
Ready = Callable[[], None]


class Phase(enum.Enum):
    """When a poll notifier is called."""

    FILL = "before the wait"
    OK = "after it"
    ERR = "after a wait that the host refused"


@dataclass
class PollRecord:
    """What a poll notifier sees; in FILL it may lower `timeout_ms`."""

    phase: Phase
    timeout_ms: int


PollNotifier = Callable[[PollRecord], None]


def _no_icount() -> None:
    """Guest time does not follow the instructions: there is nothing to warp."""


class HasFileno(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int:
        """The descriptor."""


@dataclass
class _Watch:
    read: Ready | None
    write: Ready | None

    def mask(self) -> int:
        return (READ if self.read else 0) | (WRITE if self.write else 0)


class MainLoop:
    """Descriptors, bottom halves (`deferred`), timers (`clocks`) and the notify event of one process."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.deferred = Deferred()
        self.event = NotifyEvent()
        self._epoll = select.epoll()
        self._epoll_wait = Waiter((self._epoll.fileno(),))
        self._watches: dict[int, _Watch] = {}
        self._notifiers: tuple[PollNotifier, ...] = ()
        self.warp: Callable[[], None] = _no_icount  # icount_start_warp_timer
        self.watch(self.event, read=self.event.clear)

    def notify(self) -> None:
        """Make the next turn not sleep; from wherever."""
        self.event.notify()

    def watch(self, what: HasFileno | int, read: Ready | None = None, write: Ready | None = None) -> None:
        """Call `read` and `write` while the descriptor is readable and writable; None for neither.

        Replaces what was asked before. Both None: forget the descriptor (also when it is closed already).
        Hang-ups and errors call `read`, else `write`: the next read or write will tell.
        """
        fd = what if isinstance(what, int) else what.fileno()
        new = _Watch(read, write)
        old = self._watches.pop(fd, None)
        if not new.mask():
            if old is not None:
                self._forget(fd)
            return
        try:
            if old is not None:
                self._epoll.modify(fd, new.mask())
        except FileNotFoundError:
            old = None  # that one was closed, and its number is another descriptor's now
        if old is None:
            self._epoll.register(fd, new.mask())
        self._watches[fd] = new

    def _forget(self, fd: int) -> None:
        try:
            self._epoll.unregister(fd)
        except OSError:
            return  # closed: the kernel has forgotten it

    def add_poll_notifier(self, notifier: PollNotifier) -> None:
        """Call `notifier` before and after each wait."""
        self._notifiers = (*self._notifiers, notifier)

    def remove_poll_notifier(self, notifier: PollNotifier) -> None:
        """Do not call it any more."""
        self._notifiers = tuple(n for n in self._notifiers if n != notifier)

    def wait(self, nonblocking: bool = False) -> bool:
        """One turn (main_loop_wait). Whether a descriptor was ready."""
        record = PollRecord(Phase.FILL, 0 if nonblocking else NO_TIMEOUT)
        self._tell(record)
        timeout_ns = -1 if record.timeout_ms == NO_TIMEOUT else record.timeout_ms * 1_000_000
        timeout_ns = soonest(timeout_ns, self.clocks.deadline_ns())
        timeout_ns = soonest(timeout_ns, self.deferred.timeout_ns())
        ready = self._host_wait(timeout_ns)
        record.phase = Phase.ERR if ready is None else Phase.OK
        self._tell(record)
        self.warp()
        self.clocks.run()
        return bool(ready)

    def _tell(self, record: PollRecord) -> None:
        for notifier in self._notifiers:
            notifier(record)

    def _host_wait(self, timeout_ns: int) -> bool | None:
        """Whether a descriptor was ready; None if the host refused to wait. Bottom halves run in any case."""
        try:
            events = self._poll(timeout_ns)
        except OSError:
            self.deferred.run()
            return None
        for fd, mask in events:
            self._dispatch(fd, mask)
        self.deferred.run()
        return bool(events)

    def _poll(self, timeout_ns: int) -> list[tuple[int, int]]:
        if timeout_ns < 0:
            return self._epoll.poll()
        if timeout_ns > 0:
            self._epoll_wait.wait(timeout_ns)
        return self._epoll.poll(0)

    def _dispatch(self, fd: int, mask: int) -> None:
        watch = self._watches.get(fd)
        if watch is None:
            return  # forgotten by a handler that ran before in this turn
        if mask & (READ | GONE) and watch.read:
            watch.read()
            watch = self._watches.get(fd)
        if watch and watch.write and (mask & WRITE or (mask & GONE and not watch.read)):
            watch.write()

    def close(self) -> None:
        """Give the descriptors back."""
        self._epoll.close()
        self.event.close()
