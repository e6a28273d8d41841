"""The guest-physical address space as the main loop sees it: which device answers where.

RAM and ROM are not here: harts reach them without us. A device answers for the bytes it decodes, which
may be fewer than its slot of the memory map; everything else is unassigned, and an access there is an
access fault for the hart.
Units: gpa and sizes in bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Decoder(Protocol):
    """What answers accesses: a device. `off` is from its base, `size` 1, 2, 4 or 8."""

    def read(self, off: int, size: int) -> int:
        """The value, zero-extended."""
        ...

    def write(self, off: int, size: int, value: int) -> None:
        """Store `value`, zero above `size`."""
        ...


@dataclass(frozen=True)
class Region:
    """Bytes base..end-1 belong to `device`, which takes accesses of at most `max_access` bytes."""

    base: int
    end: int
    name: str
    device: Decoder
    max_access: int = 4


class AddressSpace:
    """Regions of devices. `unassigned` hears of accesses nobody answers."""

    def __init__(self, unassigned: Callable[[str], None] = lambda text: None) -> None:
        self._regions: list[Region] = []
        self._bases: list[int] = []
        self._last: Region | None = None  # accesses come in runs: a console is written byte by byte
        self._unassigned = unassigned

    def add(self, base: int, size: int, name: str, device: Decoder, max_access: int = 4) -> None:
        """Let `device` answer `size` bytes at `base`. Overlaps are a mistake of the board."""
        new = Region(base, base + size, name, device, max_access)
        for old in self._regions:
            assert new.end <= old.base or old.end <= new.base, f"{name} overlaps {old.name}"
        self._regions.append(new)
        self._regions.sort(key=lambda r: r.base)
        self._bases = [r.base for r in self._regions]

    def regions(self) -> list[Region]:
        """All regions by address."""
        return list(self._regions)

    def find(self, gpa: int) -> Region | None:
        """The region that holds the byte at `gpa`."""
        last = self._last
        if last is not None and last.base <= gpa < last.end:
            return last
        at = bisect_right(self._bases, gpa) - 1
        if at < 0 or gpa >= self._regions[at].end:
            return None
        self._last = self._regions[at]
        return self._last

    def read(self, gpa: int, size: int) -> tuple[bool, int]:
        """(answered, value) of a load. Not answered: nothing is there."""
        region = self.find(gpa)
        if region is None:
            self._unassigned(f"unassigned: read of {size} bytes at {gpa:#x}")
            return False, 0
        return True, region.device.read(gpa - region.base, size)

    def write(self, gpa: int, size: int, value: int) -> bool:
        """Whether anything answered a store."""
        region = self.find(gpa)
        if region is None:
            self._unassigned(f"unassigned: write of {size} bytes at {gpa:#x}")
            return False
        region.device.write(gpa - region.base, size, value)
        return True
