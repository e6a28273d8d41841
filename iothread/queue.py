"""The device's side of a split virtqueue: buffers the driver made available, buffers handed back, interrupts.

    pop -> Chain (read, write) -> push -> notify          one data plane for the main loop and I/O workers

Rules
- a descriptor is read once, copied, and checked before it is used: no later store of the driver changes what
  a `Chain` says (law 9). Indirect tables are copied whole;
- a mistake of the driver is one call of `mistake` with a line for the log; the queue is dead until `reset`,
  and nothing is raised. Lengths, loops, addresses, indices: all of it is the driver's word only;
- a chain belongs to the life of the queue in which it was popped: pushed in a later one it vanishes;
- ordering: an index is read before its ring entry, an entry is stored before its index, and each store that
  the other side may sleep on is followed by a fence and a second look (`ipc.fence`).
Units: gpa and lengths in bytes; indices modulo 2**16.
Source: virtio 1.2, 2.7 (the split virtqueue); what counts as a mistake follows QEMU 10.0.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable

from ipc.dma import Dma
from ipc.fence import fence
from ipc.virtqueue import (
    AVAIL_ALIGN,
    AVAIL_F_NO_INTERRUPT,
    DESC_ALIGN,
    DESC_BYTES,
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    F_EVENT_IDX,
    F_NOTIFY_ON_EMPTY,
    INDEX_MASK,
    MAX_SIZE,
    USED_ALIGN,
    Rings,
    avail_bytes,
    used_bytes,
    wants_event,
)

Segment = tuple[int, int]  # gpa, bytes
Descriptor = tuple[int, int, int, int]  # gpa, bytes, flags, next
_DESCRIPTOR = struct.Struct("<QIHH")
MOST_INDIRECT = (INDEX_MASK + 1) * DESC_BYTES  # what `next` can reach of a table


class DriverMistake(Exception):
    """What the driver did. Never leaves this module."""


class Chain:
    """A buffer: segments the device may read, then segments it may write; `head` names it to the driver."""

    __slots__ = ("_dma", "head", "life", "readable", "writable")

    def __init__(self, dma: Dma, head: int, life: int) -> None:
        self._dma = dma
        self.head = head
        self.life = life
        self.readable: list[Segment] = []
        self.writable: list[Segment] = []

    @property
    def readable_bytes(self) -> int:
        """Bytes the driver wrote for the device."""
        return sum(size for _, size in self.readable)

    @property
    def writable_bytes(self) -> int:
        """Room for the device's answer."""
        return sum(size for _, size in self.writable)

    def read(self, most: int, skip: int = 0) -> bytes:
        """At most `most` readable bytes, after `skip`. Drivers say any length: ask for a sane one."""
        parts = []
        for gpa, size in self.readable:
            if skip >= size:
                skip -= size
                continue
            if most <= 0:
                break
            take = min(size - skip, most)
            parts.append(self._dma.read(gpa + skip, take))
            most -= take
            skip = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, data: bytes) -> int:
        """Store to the writable segments from their start; how much fitted."""
        done = 0
        view = memoryview(data)
        for gpa, size in self.writable:
            if done == len(view):
                break
            part = view[done : done + size]
            self._dma.write(gpa, part)
            done += len(part)
        return done


class Virtqueue:
    """One queue. size: descriptors, until the driver chooses; mistake: hears what the driver did wrong.

    interrupt: asks the driver to look at the used ring.
    """

    def __init__(
        self, dma: Dma, size: int, mistake: Callable[[str], None], interrupt: Callable[[], None]
    ) -> None:
        self._dma = dma
        self._default_size = size
        self._mistake = mistake
        self._interrupt = interrupt
        self._life = 0
        self.features = 0
        self.reset()

    # -- set up by the transport

    def reset(self) -> None:
        """As after power on: no rings, nothing seen. Chains that are out belong to a former life."""
        self.size = self._default_size
        self.rings: Rings | None = None
        self.broken = False
        self._opened = False
        self._life += 1
        self._ahead: deque[Chain] = deque()  # read by `room`, not popped yet
        self._last = 0  # index of the next available entry that was not read
        self._seen = 0  # the driver's index when it was looked at last
        self._used = 0
        self._out = 0  # chains read and not pushed
        self._signalled: int | None = None  # used index at the last decision about an interrupt

    def place(self, rings: Rings | None) -> None:
        """Where the rings are; None: nowhere, the queue rests. Indices go on where they were."""
        self.rings = rings
        self._opened = False

    def set_size(self, n: int) -> None:
        """The driver chose `n` descriptors. A number that cannot be is ignored, as QEMU does."""
        if self._default_size and 0 < n <= MAX_SIZE:
            self.size = n
            self._opened = False

    def set_features(self, features: int) -> None:
        """What was negotiated."""
        self.features = features
        self._opened = False

    @property
    def ready(self) -> bool:
        """Whether there is anything to work on."""
        return self.rings is not None and not self.broken

    # -- the driver's buffers

    def pop(self) -> Chain | None:
        """The next buffer that the driver made available, or None."""
        if self._ahead:
            return self._ahead.popleft()
        return self._take()

    def put_back(self, chains: Iterable[Chain]) -> None:
        """Take these pops back, given in their order: they are available again, before all others."""
        self._ahead.extendleft(reversed(list(chains)))

    def room(self, most: int) -> int:
        """Writable bytes of the available buffers, counted until they reach `most`."""
        room = sum(chain.writable_bytes for chain in self._ahead)
        while room < most and (chain := self._take()) is not None:
            self._ahead.append(chain)
            room += chain.writable_bytes
        return room

    @property
    def empty(self) -> bool:
        """Whether no buffer is available."""
        return not self._ahead and not self._arrived()

    def push(self, chain: Chain, written: int) -> None:
        """Hand a buffer back; `written`: bytes the device stored. Nothing if it is of a former life."""
        if chain.life != self._life or not self._open():
            return
        self._out -= 1
        at = (self._used_at >> 2) + 1 + 2 * (self._used % self.size)
        words = self._dma.u32
        words[at] = chain.head
        words[at + 1] = written
        self._used = (self._used + 1) & INDEX_MASK
        fence()  # the element before the index; pairs with the driver's read barrier
        self._dma.u16[(self._used_at >> 1) + 1] = self._used
        if self._signalled is not None and self._used == self._signalled:
            self._signalled = None  # once around: the comparison would say "nothing new"

    def notify(self) -> None:
        """Interrupt the driver, unless it said that it does not want to hear of what was pushed."""
        if self._open() and self._interrupt_wanted():
            self._interrupt()

    def _interrupt_wanted(self) -> bool:
        fence()  # the used index before the question; pairs with the driver's between question and index
        words = self._dma.u16
        if self.features & F_NOTIFY_ON_EMPTY and not self._out and self._avail_index() == self._last:
            return True
        if not self.features & F_EVENT_IDX:
            return not words[self._avail_at >> 1] & AVAIL_F_NO_INTERRUPT
        before, self._signalled = self._signalled, self._used
        event = words[(self._avail_at >> 1) + 2 + self.size]
        return before is None or wants_event(event, self._used, before)

    # -- rings

    def _open(self) -> bool:
        """Whether the rings may be touched; the first time, check and commit them."""
        if self._opened:
            return not self.broken
        if self.rings is None or self.broken:
            return False
        try:
            self._pin(self.rings)
        except DriverMistake as what:
            self._die(str(what))
            return False
        self._opened = True
        return True

    def _pin(self, rings: Rings) -> None:
        event_idx = bool(self.features & F_EVENT_IDX)
        parts = (
            ("descriptor table", rings.desc, DESC_BYTES * self.size, DESC_ALIGN),
            ("available ring", rings.avail, avail_bytes(self.size, event_idx), AVAIL_ALIGN),
            ("used ring", rings.used, used_bytes(self.size, event_idx), USED_ALIGN),
        )
        for name, gpa, size, align in parts:
            if gpa % align:
                raise DriverMistake(f"{name} at {gpa:#x} is not aligned to {align} bytes")
            if not self._dma.holds(gpa, size):
                raise DriverMistake(f"{name} of {size} bytes at {gpa:#x} is not in RAM")
        at = [self._dma.pin(gpa, size) for _, gpa, size, _ in parts]
        self._desc_at, self._avail_at, self._used_at = at

    def _avail_index(self) -> int:
        index: int = self._dma.u16[(self._avail_at >> 1) + 1]
        return index

    def _arrived(self) -> bool:
        """Whether an available entry was not read yet."""
        if self._seen != self._last and self._opened:
            return not self.broken
        if not self._open():
            return False
        # Between avail_event (stored in _take) and this look; pairs with the driver's between index and
        # event: either it sees our event and kicks, or we see its index
        fence()
        self._seen = self._avail_index()
        new = (self._seen - self._last) & INDEX_MASK
        if new > self.size:
            self._die(f"available index went from {self._last} to {self._seen}, the queue has {self.size}")
            return False
        fence()  # the index before the entries it covers
        return new != 0

    def _take(self) -> Chain | None:
        """Read the next available entry."""
        if not self._arrived():
            return None
        try:
            if self._out >= self.size:
                raise DriverMistake(f"more than {self.size} buffers at once")
            words = self._dma.u16
            head = words[(self._avail_at >> 1) + 2 + self._last % self.size]
            if head >= self.size:
                raise DriverMistake(f"available entry names descriptor {head} of {self.size}")
            chain = Chain(self._dma, head, self._life)
            self._collect(chain)
        except DriverMistake as what:
            self._die(str(what))
            return None
        self._last = (self._last + 1) & INDEX_MASK
        self._out += 1
        if self.features & F_EVENT_IDX:
            words[(self._used_at >> 1) + 2 + 4 * self.size] = self._last
        return chain

    def _die(self, what: str) -> None:
        self.broken = True
        self._ahead.clear()
        self._mistake(what)

    # -- descriptors

    def _descriptor(self, n: int) -> Descriptor:
        """Descriptor `n` of the queue's own table."""
        at = (self._desc_at >> 3) + 2 * n
        words = self._dma.u64
        gpa, rest = words[at], words[at + 1]
        return gpa, rest & 0xFFFF_FFFF, rest >> 32 & 0xFFFF, rest >> 48

    def _collect(self, chain: Chain) -> None:
        """The segments of the chain that starts at its head."""
        read: Callable[[int], Descriptor] = self._descriptor
        entries, n = self.size, 0
        descriptor = read(chain.head)
        indirect = False
        while True:
            gpa, size, flags, following = descriptor
            if flags & DESC_F_INDIRECT:
                if indirect:
                    raise DriverMistake("indirect descriptor in an indirect table")
                indirect = True
                read, entries = self._table(gpa, size)
                descriptor = read(0)
                continue
            n += 1
            if n > MAX_SIZE or (not indirect and n > entries):
                raise DriverMistake("looped descriptor")
            self._segment(chain, gpa, size, bool(flags & DESC_F_WRITE))
            if not flags & DESC_F_NEXT:
                return
            if following >= entries:
                raise DriverMistake(f"next descriptor is {following} of {entries}")
            descriptor = read(following)

    def _segment(self, chain: Chain, gpa: int, size: int, writable: bool) -> None:
        if not writable and chain.writable:
            raise DriverMistake("readable descriptor after a writable one")
        if not size:
            raise DriverMistake("zero sized buffers are not allowed")
        if not self._dma.holds(gpa, size):
            raise DriverMistake(f"buffer of {size} bytes at {gpa:#x} is not in RAM")
        (chain.writable if writable else chain.readable).append((gpa, size))

    def _table(self, gpa: int, size: int) -> tuple[Callable[[int], Descriptor], int]:
        """(reader, number of entries) of a copy of the indirect table."""
        if not size or size % DESC_BYTES:
            raise DriverMistake(f"invalid size {size} of an indirect table")
        if not self._dma.holds(gpa, size):
            raise DriverMistake(f"indirect table of {size} bytes at {gpa:#x} is not in RAM")
        copy = self._dma.read(gpa, min(size, MOST_INDIRECT))
        entries = len(copy) // DESC_BYTES

        def entry(n: int) -> Descriptor:
            gpa, size, flags, following = _DESCRIPTOR.unpack_from(copy, n * DESC_BYTES)
            return gpa, size, flags, following

        return entry, entries
