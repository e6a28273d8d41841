"""What the built-in SBI asks of the main loop: console, reset, suspend. One function each.

Rules
- what reaches us is proven by compiled code (ipc.sbi): a bad argument here is a bug, not a guest's doing;
- a handler answers at once, or gives None: the request then counts as not begun, the hart takes it back
  when it is asked to stop, and asks again when it runs again.
Source: ipc.sbi for the calls; SBI 2.0, chapters 10, 12, 13; causes as OpenSBI's sifive_test driver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from emu.runstate.requests import Cause, Requests
from ipc.sbi import Eid, Error

MOST_BYTES = 64 * 1024  # of one console call; the guest is told how many went
NOTHING_WAITS = (1 << 64) - 1


class Console(Protocol):
    """The machine's first serial line, as the debug console uses it."""

    def write(self, data: bytes) -> int:
        """Bytes taken, may be fewer."""
        ...

    def read(self, most: int) -> bytes:
        """Bytes that wait, at most `most`; b"" if none do."""
        ...


class GuestMemory(Protocol):
    """Guest physical memory."""

    def read(self, gpa: int, size: int) -> bytes:
        """`size` bytes at `gpa`, which is memory."""
        ...

    def write(self, gpa: int, data: bytes) -> None:
        """Store `data` at `gpa`, which is RAM."""
        ...


@dataclass(frozen=True)
class Answer:
    """What a call returns: a0 and a1."""

    error: Error
    value: int = 0


SUCCESS = Answer(Error.SUCCESS)
NOT_SUPPORTED = Answer(Error.NOT_SUPPORTED)
Call = Callable[["Sbi", int, tuple[int, ...]], Answer | None]
CALLS: dict[tuple[Eid, int], Call] = {}


def sbi_call(eid: Eid, fid: int) -> Callable[[Call], Call]:
    """Register the decorated handler. Errors: ValueError for a call that has one."""

    def register(handler: Call) -> Call:
        old = CALLS.get((eid, fid))
        if old is not None:
            raise ValueError(f"SBI {eid.name} {fid} has two handlers: {old} and {handler}")
        CALLS[eid, fid] = handler
        return handler

    return register


class Sbi:
    """Main's part of the built-in SBI. Collaborators are the machine's."""

    def __init__(self, requests: Requests, memory: GuestMemory, console: Console) -> None:
        self.requests = requests
        self.memory = memory
        self.console = console
        self._asleep: int | None = None  # the hart whose SUSP the machine sleeps for
        self._woken = False

    def __call__(self, hart: int, eid: int, fid: int, args: tuple[int, ...]) -> Answer | None:
        """Answer a call, or None: not now."""
        handler = CALLS.get((Eid(eid), fid)) if eid in Eid.__members__.values() else None
        return NOT_SUPPORTED if handler is None else handler(self, hart, args)

    def woken(self) -> None:
        """The machine was suspended and wakes."""
        self._woken = True

    def reset(self) -> None:
        """Forget what a guest asked for before."""
        self._asleep = None
        self._woken = False


@sbi_call(Eid.DBCN, 0)
def console_write(sbi: Sbi, hart: int, args: tuple[int, ...]) -> Answer:
    """Write a0 bytes of RAM at a1."""
    data = sbi.memory.read(args[1], min(args[0], MOST_BYTES))
    return Answer(Error.SUCCESS, sbi.console.write(data))


@sbi_call(Eid.DBCN, 1)
def console_read(sbi: Sbi, hart: int, args: tuple[int, ...]) -> Answer:
    """Read up to a0 bytes to RAM at a1."""
    data = sbi.console.read(min(args[0], MOST_BYTES))
    sbi.memory.write(args[1], data)
    return Answer(Error.SUCCESS, len(data))


@sbi_call(Eid.DBCN, 2)
def console_write_byte(sbi: Sbi, hart: int, args: tuple[int, ...]) -> Answer:
    """Write the byte a0."""
    sbi.console.write(bytes([args[0] & 0xFF]))
    return SUCCESS


@sbi_call(Eid.CONSOLE_GETCHAR, 0)
def console_getchar(sbi: Sbi, hart: int, args: tuple[int, ...]) -> Answer:
    """The character that waits, all ones if none does."""
    data = sbi.console.read(1)
    return Answer(Error.SUCCESS, data[0] if data else NOTHING_WAITS)


@sbi_call(Eid.SRST, 0)
def system_reset(sbi: Sbi, hart: int, args: tuple[int, ...]) -> Answer:
    """a0: 0 shut down, 1 and 2 reboot; a1: 0 no reason, 1 system failure."""
    kind, reason = args[0], args[1]
    if kind != 0:
        sbi.requests.reset_request(Cause.GUEST_RESET)
    elif reason == 0:
        sbi.requests.shutdown_request(Cause.GUEST_SHUTDOWN)
    else:
        sbi.requests.shutdown_request(Cause.GUEST_PANIC)
    return SUCCESS


@sbi_call(Eid.SUSP, 0)
def system_suspend(sbi: Sbi, hart: int, args: tuple[int, ...]) -> Answer | None:
    """Suspend to RAM. Answered when the machine has slept and woken, so that nothing runs before.

    A request that was void because the machine stopped first (for a debugger, a client) is made again: the
    hart asks again when it runs again, and nobody else will.
    """
    # A client may wake, stop and start the machine at one go: harts run then before the wake-up is told of
    if sbi._asleep == hart and (sbi._woken or sbi.requests.wakeup is not None):
        sbi.reset()
        return SUCCESS
    sbi._asleep, sbi._woken = hart, False
    if not sbi.requests.suspend:
        sbi.requests.suspend_request()
    return None
