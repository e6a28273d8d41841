"""PMP, the naive way: bytes are looked at one by one, registers are plain numbers.

Written from Privileged 1.13, 3.7, without a look at vcpu_worker.mem.pmp.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

ENTRIES = 16
R, W, X, L = 1, 2, 4, 0x80
FETCH, LOAD, STORE = 0, 1, 2
M_MODE = 3


def mode(cfg: int) -> str:
    """The A field by name."""
    return ("OFF", "TOR", "NA4", "NAPOT")[cfg >> 3 & 3]


@dataclass
class NaivePmp:
    """The registers, and what they decide."""

    cfg: list[int] = field(default_factory=lambda: [0] * ENTRIES)
    address: list[int] = field(default_factory=lambda: [0] * ENTRIES)

    def write_cfg(self, i: int, value: int) -> None:
        """One byte of a pmpcfg register."""
        if self.cfg[i] & L:
            return
        value &= 0x9F  # bits 5 and 6 are read-only zero
        if value & W and not value & R:
            return  # reserved
        self.cfg[i] = value

    def write_address(self, i: int, value: int) -> None:
        """A pmpaddr register."""
        if self.cfg[i] & L:
            return
        if i + 1 < ENTRIES and self.cfg[i + 1] & L and mode(self.cfg[i + 1]) == "TOR":
            return
        self.address[i] = value % (1 << 54)

    def bounds(self, i: int) -> range:
        """The bytes entry i is about."""
        kind = mode(self.cfg[i])
        top = 4 * self.address[i]
        if kind == "OFF":
            return range(0)
        if kind == "TOR":
            return range(4 * self.address[i - 1] if i else 0, top)
        if kind == "NA4":
            return range(top, top + 4)
        ones = 0
        while self.address[i] >> ones & 1:
            ones += 1
        size = 8 << ones
        start = top // size * size
        return range(start, start + size)

    def allows(self, gpa: int, size: int, access: int, priv: int) -> bool:
        """Whether an access of size bytes is allowed."""
        for i in range(ENTRIES):
            span = self.bounds(i)
            matched = [gpa + k in span for k in range(size)]
            if any(matched):
                if not all(matched):
                    return False
                if priv == M_MODE and not self.cfg[i] & L:
                    return True
                return bool(self.cfg[i] & {FETCH: X, LOAD: R, STORE: W}[access])
        return priv == M_MODE

    def edges(self) -> list[int]:
        """Addresses at and around which decisions change."""
        found = [0]
        for i in range(ENTRIES):
            span = self.bounds(i)
            found += [span.start, span.stop]
        return found


def random_pmp(rng: random.Random, base: int, size: int, entries: int) -> NaivePmp:
    """Some entries set, with edges in and around a range of memory. Entries may overlap."""
    pmp = NaivePmp()
    for i in rng.sample(range(ENTRIES), entries):
        pmp.address[i] = random_address(rng, base, size)
        pmp.cfg[i] = rng.choice((R, R | W, X, R | X, R | W | X, 0)) | rng.randrange(4) << 3
        if rng.random() < 0.2:
            pmp.cfg[i] |= L
    return pmp


def random_address(rng: random.Random, base: int, size: int) -> int:
    """A pmpaddr value: the word of an address in the range, often at a page, often with trailing ones."""
    if rng.random() < 0.05:
        return (1 << rng.randrange(55)) - 1
    at = base + rng.randrange(size)
    if rng.random() < 0.5:
        at &= ~0xFFF
    ones = rng.randrange(0, 14)
    return (at >> 2 & ~((1 << ones) - 1)) | ((1 << ones) - 1) >> rng.randrange(2)
