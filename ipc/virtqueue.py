"""Split virtqueues in guest memory: what driver and device agree on, declared once.

    descriptor table   16 bytes each: address u64, length u32, flags u16, next u16
    available ring     flags u16, idx u16, ring u16[n], used_event u16       (the driver writes)
    used ring          flags u16, idx u16, {id u32, length u32}[n], avail_event u16   (the device writes)

Units: gpa and sizes in bytes; indices count modulo 2**16. Little-endian, as every host and guest here.
Source: virtio 1.2, 2.7 and 6; 2.7.2 for the legacy layout.
"""

from __future__ import annotations

from dataclasses import dataclass

DESC_BYTES, DESC_ALIGN = 16, 16
AVAIL_ALIGN, USED_ALIGN = 2, 4
USED_ELEM_BYTES = 8
RING_HEAD_BYTES = 4  # flags and idx
EVENT_BYTES = 2  # used_event, avail_event: there with EVENT_IDX only

DESC_F_NEXT, DESC_F_WRITE, DESC_F_INDIRECT = 1, 2, 4
AVAIL_F_NO_INTERRUPT = 1
USED_F_NO_NOTIFY = 1

MAX_SIZE = 1024  # descriptors of a queue, and of a chain: QEMU's limit, below the specification's 32768
INDEX_MASK = 0xFFFF

# feature bits that every device and transport shares (virtio 1.2, 6)
F_NOTIFY_ON_EMPTY = 1 << 24  # legacy
F_ANY_LAYOUT = 1 << 27  # legacy
F_INDIRECT_DESC = 1 << 28
F_EVENT_IDX = 1 << 29
F_UNUSED_30 = 1 << 30  # legacy: set by drivers of a draft by mistake
F_VERSION_1 = 1 << 32
F_ACCESS_PLATFORM = 1 << 33
F_RING_PACKED = 1 << 34
F_IN_ORDER = 1 << 35
F_RING_RESET = 1 << 40


@dataclass(frozen=True)
class Rings:
    """Where the three parts of a queue lie: guest physical addresses."""

    desc: int
    avail: int
    used: int


def avail_bytes(n: int, event_idx: bool) -> int:
    """Size of the available ring of a queue of `n`."""
    return RING_HEAD_BYTES + 2 * n + (EVENT_BYTES if event_idx else 0)


def used_bytes(n: int, event_idx: bool) -> int:
    """Size of the used ring of a queue of `n`."""
    return RING_HEAD_BYTES + USED_ELEM_BYTES * n + (EVENT_BYTES if event_idx else 0)


def legacy_rings(gpa: int, n: int, align: int) -> Rings:
    """The layout of a legacy queue of `n` at `gpa`; the used ring starts at a multiple of `align` bytes."""
    avail = gpa + DESC_BYTES * n
    end = avail + avail_bytes(n, event_idx=True)
    return Rings(gpa, avail, -(-end // align) * align)


def wants_event(event: int, new: int, old: int) -> bool:
    """Whether an index that went from `old` to `new` has passed `event`: who published it wants to hear."""
    return (new - event - 1) & INDEX_MASK < (new - old) & INDEX_MASK
