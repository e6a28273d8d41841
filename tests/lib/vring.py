"""A naive virtio driver's side of one split virtqueue, on RAM as bytes: the other side of `iothread.queue`.

It shares nothing with the code under test but the constants; every store is explicit, so that a test can do
each of them wrong.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from ipc.ram import Ram
from ipc.virtqueue import (
    AVAIL_F_NO_INTERRUPT,
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    USED_F_NO_NOTIFY,
    Rings,
)


@dataclass
class Buffer:
    """Segments (gpa, bytes, device writes) that the driver made available under `head`."""

    head: int
    segments: list[tuple[int, int, bool]]
    descriptors: list[int]


@dataclass
class Driver:
    """Driver's side of a queue of `size` at `rings`; `heap` is where it takes buffers from."""

    ram: Ram
    base: int
    rings: Rings
    size: int
    event_idx: bool = False
    avail: int = 0
    used: int = 0
    free: list[int] = field(default_factory=list)
    out: dict[int, Buffer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.free = list(range(self.size))

    # -- memory

    def store(self, gpa: int, form: str, *values: int) -> None:
        """Store values packed as struct `form`, little-endian."""
        self.ram.write(gpa - self.base, struct.pack("<" + form, *values))

    def load(self, gpa: int, form: str) -> tuple[int, ...]:
        """The reverse."""
        data = self.ram.read(gpa - self.base, struct.calcsize("<" + form))
        return struct.unpack("<" + form, data)

    def clear(self) -> None:
        """Rings all zero, as a driver starts."""
        self.ram.write(self.rings.desc - self.base, bytes(16 * self.size))
        self.ram.write(self.rings.avail - self.base, bytes(6 + 2 * self.size))
        self.ram.write(self.rings.used - self.base, bytes(6 + 8 * self.size))
        self.avail = self.used = 0
        self.free = list(range(self.size))
        self.out.clear()

    def descriptor(self, n: int, gpa: int, size: int, flags: int = 0, following: int = 0) -> None:
        """Store descriptor `n`."""
        self.store(self.rings.desc + 16 * n, "QIHH", gpa, size, flags, following)

    # -- driver

    def add(self, segments: list[tuple[int, int, bool]], table: int = 0) -> Buffer:
        """Make a buffer available; with `table`, through an indirect table there."""
        if table:
            for i, (gpa, size, writable) in enumerate(segments):
                last = i == len(segments) - 1
                flags = (DESC_F_WRITE if writable else 0) | (0 if last else DESC_F_NEXT)
                self.store(table + 16 * i, "QIHH", gpa, size, flags, 0 if last else i + 1)
            used = [self.free.pop()]
            self.descriptor(used[0], table, 16 * len(segments), DESC_F_INDIRECT)
        else:
            used = [self.free.pop() for _ in segments]
            for i, (gpa, size, writable) in enumerate(segments):
                last = i == len(segments) - 1
                flags = (DESC_F_WRITE if writable else 0) | (0 if last else DESC_F_NEXT)
                self.descriptor(used[i], gpa, size, flags, 0 if last else used[i + 1])
        buffer = Buffer(used[0], segments, used)
        self.publish(buffer.head)
        self.out[buffer.head] = buffer
        return buffer

    def publish(self, head: int) -> None:
        """An available entry, then the index."""
        self.store(self.rings.avail + 4 + 2 * (self.avail % self.size), "H", head)
        self.avail = (self.avail + 1) & 0xFFFF
        self.store(self.rings.avail + 2, "H", self.avail)

    def wants_kick(self, before: int) -> bool:
        """Whether the device must be kicked after `avail` went on from `before`."""
        if self.event_idx:
            (event,) = self.load(self.rings.used + 4 + 8 * self.size, "H")
            return (self.avail - event - 1) & 0xFFFF < (self.avail - before) & 0xFFFF
        (flags,) = self.load(self.rings.used, "H")
        return not flags & USED_F_NO_NOTIFY

    def ask_no_interrupts(self, on: bool) -> None:
        """Set or clear the flag."""
        self.store(self.rings.avail, "H", AVAIL_F_NO_INTERRUPT if on else 0)

    def set_used_event(self, index: int) -> None:
        """Interrupt me when the used index passes this."""
        self.store(self.rings.avail + 4 + 2 * self.size, "H", index)

    def take(self) -> list[tuple[Buffer, int]]:
        """What the device has handed back since: (buffer, bytes it stored)."""
        (index,) = self.load(self.rings.used + 2, "H")
        found = []
        while self.used != index:
            head, written = self.load(self.rings.used + 4 + 8 * (self.used % self.size), "II")
            buffer = self.out.pop(head)
            self.free += buffer.descriptors
            found.append((buffer, written))
            self.used = (self.used + 1) & 0xFFFF
        return found
