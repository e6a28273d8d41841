"""Serves what harts ask: requests in their slots, posted writes in their rings, messages on their channels.

Rules
- a request of a hart is begun only while that hart has acknowledged the newest generation and runs;
  others stay for the hart to take back (law 4, `vcpu_worker.exits.round_trip`);
- posted writes of *all* harts are done before a request is begun: what one hart posted and another then
  waited for has happened;
- the reply is stored before `mmio_done`, and the hart is rung after it, always;
- a device that asks for a stop, reset or suspend holds the reply of the hart that it is serving
  (`hold_current`): that hart does not run on before the main loop has acted. The reply is given behind the
  announcement of the stop, so that the instruction ends and nothing follows, or when the turn is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from emu.workers.sbi import Answer
from emu.workers.vcpu import Vcpu
from ipc.codec import Malformed
from ipc.doorbell import Bell
from ipc.layout import HART, RING_SLOTS, Exit, View
from ipc.messages import Ack, Debugged, Done, Fatal, Message, Ready, Report
from ipc.segment import Reached

MASK32 = 0xFFFF_FFFF
LINGER_NS = 30_000  # after a request, while there is a processor to spare: less than two wake-ups cost
LINGER_MOST_NS = 1_000_000  # then everybody else has a turn


class Bus(Protocol):
    """The machine's address space (emu.core.address_space)."""

    def read(self, gpa: int, size: int) -> tuple[bool, int]:
        """(answered, value) of a load."""
        ...

    def write(self, gpa: int, size: int, value: int) -> bool:
        """Whether anything answered a store."""
        ...


SbiHandler = Callable[[int, int, int, tuple[int, ...]], Answer | None]


def _at(name: str, width: int) -> int:
    """Index of a field of HART in a slot seen as words of `width` bytes."""
    return HART.offset(name) // width


SEQ, BEGUN, DONE, ERROR = (_at(f"mmio_{n}", 4) for n in ("seq", "begun", "done", "error"))
REASON, SIZE, WRITE = (_at(f"exit_{n}", 4) for n in ("reason", "size", "write"))
HEAD, TAIL, RING_SIZE = (_at(f"ring_{n}", 4) for n in ("head", "tail", "size"))
GPA, VALUE, ARG = (_at(f"exit_{n}", 8) for n in ("gpa", "value", "arg"))
REPLY = _at("mmio_reply", 8)
RING_TICKET, RING_GPA, RING_VALUE = (_at(f"ring_{n}", 8) for n in ("ticket", "gpa", "value"))


class _Port:
    """A hart's slot as words: a turn of the loop looks at every hart, and View costs three times more."""

    def __init__(self, vcpu: Vcpu) -> None:
        self.vcpu = vcpu
        self.w4, self.w8 = vcpu.w4, vcpu.w8
        self.ring = vcpu.bell.ring
        self.held: int | None = None  # the request whose reply is ready and is held back


class ExitServer:
    """Serves requests and rings of all harts, on the main loop's bell."""

    def __init__(
        self,
        vcpus: Sequence[Vcpu],
        bus: Bus,
        sbi: SbiHandler,
        bell: Bell,
        reached: Reached,
        header: View,
    ) -> None:
        self._ports = [_Port(v) for v in vcpus]
        self._bus = bus
        self._sbi = sbi
        self._bell = bell
        self._reached = reached
        self._header = header
        self._served = 0
        self._serving: _Port | None = None
        self._hold = False

    def hold_current(self) -> None:
        """The hart that is being served, if one is, gets its reply only at `release`."""
        self._hold = self._serving is not None

    def release(self) -> None:
        """Give the replies that were held back."""
        for port in self._ports:
            if port.held is not None:
                self._reply(port, port.held)

    def forget(self, hart: int) -> None:
        """This hart has no worker any more: nobody waits for its reply."""
        self._ports[hart].held = None

    def on_bell(self) -> None:
        """A hart rang."""
        self._bell.hear()
        before = self._served
        self.serve()
        if self._served != before and self._spare_processor():
            self._linger()

    def _spare_processor(self) -> bool:
        return self._header.get("runnable") < self._header.get("host_cpus")

    def _linger(self) -> None:
        """Look for the next request for a little while: a driver seldom makes one access alone."""
        self._header.set("main_awake", 1)  # nobody need ring
        now = time.monotonic_ns()
        last, end, served = now, now + LINGER_MOST_NS, self._served
        while now - last < LINGER_NS and now < end:
            self.serve()
            if self._served != served:
                last, served = now, self._served
            now = time.monotonic_ns()

    def serve(self) -> None:
        """Do what lies in the rings, then every request that may be begun."""
        self.drain_rings()
        for port in self._ports:
            w4 = port.w4
            if w4[SEQ] != w4[DONE] and port.held is None and port.vcpu.may_begin():
                self.drain_rings()
                self._serving, self._hold = port, False
                self._begin(port, w4[SEQ])
                self._serving = None

    def drain_rings(self) -> None:
        """Do the posted writes of all harts in the order of their tickets.

        The counter is read before the heads: whatever a write with an older ticket follows has been
        published by then, so the smallest ticket in sight is the next write. Newer ones wait for the next
        look, which main takes before it sleeps.
        """
        if all(port.w4[HEAD] == port.w4[TAIL] for port in self._ports):
            return
        before = self._header.get("posted_tickets")
        while True:
            first, least = None, before
            for port in self._ports:
                tail = port.w4[TAIL]
                if port.w4[HEAD] != tail:
                    ticket = port.w8[RING_TICKET + tail % RING_SLOTS]
                    if ticket < least:
                        first, least = port, ticket
            if first is None:
                return
            self._take(first)

    def _take(self, port: _Port) -> None:
        w4, w8 = port.w4, port.w8
        tail = w4[TAIL]
        at = tail % RING_SLOTS
        gpa, value, size = w8[RING_GPA + at], w8[RING_VALUE + at], w4[RING_SIZE + at]
        w4[TAIL] = (tail + 1) & MASK32  # before the device, which may do anything: an entry is taken once
        self._bus.write(gpa, size, value)

    def _begin(self, port: _Port, seq: int) -> None:
        w4, w8 = port.w4, port.w8
        error, value = 0, 0
        if w4[REASON] == Exit.SBI:
            args = tuple(w8[ARG : ARG + 8])
            answer = self._sbi(port.vcpu.index, args[0], args[1], args[2:])
            if answer is None:
                return
            w4[BEGUN] = seq
            error, value = answer.error & MASK32, answer.value
        else:
            w4[BEGUN] = seq
            gpa, size = w8[GPA], w4[SIZE]
            if w4[WRITE]:
                error = int(not self._bus.write(gpa, size, w8[VALUE]))
            else:
                answered, value = self._bus.read(gpa, size)
                error = int(not answered)
        self._reached("in_mmio_reply")
        w8[REPLY] = value
        w4[ERROR] = error
        if self._hold:
            port.held = seq
        else:
            self._reply(port, seq)

    def _reply(self, port: _Port, seq: int) -> None:
        port.held = None
        port.w4[DONE] = seq
        port.ring()
        self._served += 1


class Upcalls:
    """Takes the messages that harts send. `answered` hears each Report and Done, `debugged` each Debugged."""

    def __init__(
        self,
        answered: Callable[[Report | Done], None],
        debugged: Callable[[Debugged], None] = lambda got: None,
    ) -> None:
        self._answered = answered
        self._debugged = debugged

    def read(self, vcpu: Vcpu) -> None:
        """Take every message of this hart."""
        while (got := vcpu.up.receive()) is not None:
            self._take(vcpu, got)

    def _take(self, vcpu: Vcpu, got: Message | Malformed) -> None:
        if isinstance(got, Malformed):
            vcpu.last_words = f"it broke the protocol: {got.why}"
            vcpu.kill()
        elif isinstance(got, Ready):
            vcpu.ready = True
        elif isinstance(got, Ack):
            return  # the level in the slot says it; this was the ring
        elif isinstance(got, Report | Done):
            self._answered(got)
        elif isinstance(got, Debugged):
            self._debugged(got)
        elif isinstance(got, Fatal):
            vcpu.last_words = got.text
