"""Address translation, the naive way, and random page tables to try it on.

`walk` follows the numbered steps of Privileged 1.13, 4.3.2 with the rules of 4.4-4.6, Svnapot, Svpbmt
and Svadu, on a memory that is a dict of PTEs; written without a look at vcpu_worker.mem.walk.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

FETCH, LOAD, STORE = 0, 1, 2
LEVELS = {8: 3, 9: 4, 10: 5}
V, R, W, X, U, G, A, D = (1 << i for i in range(8))
N, PBMT_SHIFT, RESERVED = 1 << 63, 61, 0x7F << 54


@dataclass
class Space:
    """All that decides a translation. `ptes`: gpa -> PTE, for the words of memory that are not zero."""

    mode: int
    root: int  # gpa of the root table
    ptes: dict[int, int] = field(default_factory=dict)
    memory: range = range(0)  # where PTEs can be
    priv: int = 1  # effective
    sum: bool = False
    mxr: bool = False
    updates: bool = True  # A and D by hardware
    napot: bool = True
    pbmt: bool = True
    allowed: Callable[[int, int], bool] = lambda gpa, access: True  # PMP for S-mode words


@dataclass(frozen=True)
class Found:
    """A translation. dirty: the page is writable and marked so by now."""

    gpa: int
    dirty: bool


@dataclass(frozen=True)
class PageFault:
    pass


@dataclass(frozen=True)
class AccessFault:
    pass


Result = Found | PageFault | AccessFault


def walk(s: Space, va: int, access: int) -> Result:
    """Translate; marks A and D in s.ptes."""
    levels = LEVELS[s.mode]
    top = 12 + 9 * levels
    sign = va >> (top - 1)
    if sign not in (0, (1 << 64 - top + 1) - 1):
        return PageFault()
    a = s.root  # step 1
    i = levels - 1
    while True:
        at = a + (va >> 12 + 9 * i & 0x1FF) * 8  # step 2
        if at not in s.memory or not s.allowed(at, LOAD):
            return AccessFault()
        pte = s.ptes.get(at, 0)
        v, r, w, x = bool(pte & V), bool(pte & R), bool(pte & W), bool(pte & X)
        if not v or (not r and w):  # step 3
            return PageFault()
        if pte & RESERVED:
            return PageFault()
        leaf = r or x
        pbmt = pte >> PBMT_SHIFT & 3
        if pbmt and (not s.pbmt or pbmt == 3 or not leaf):
            return PageFault()
        if pte & N and (not s.napot or not leaf):
            return PageFault()
        ppn = pte >> 10 & (1 << 44) - 1
        if not leaf:  # step 4
            if pte & (A | D | U):
                return PageFault()
            i -= 1
            if i < 0:
                return PageFault()
            a = ppn << 12
            continue
        if i > 0 and ppn % (1 << 9 * i):  # step 5: misaligned superpage
            return PageFault()
        if pte & N and (i > 0 or ppn % 16 != 8):
            return PageFault()
        if pte & U:
            if s.priv == 1 and (not s.sum or access == FETCH):
                return PageFault()
        elif s.priv == 0:
            return PageFault()
        if not {FETCH: x, LOAD: r or (x and s.mxr), STORE: w}[access]:
            return PageFault()
        missing = not pte & A or (access == STORE and not pte & D)
        if missing:  # step 9
            if not s.updates:
                return PageFault()
            if not s.allowed(at, STORE):
                return AccessFault()
            pte |= A | (D if access == STORE else 0)
            s.ptes[at] = pte
        size = 65536 if pte & N else 4096 << 9 * i
        base = (ppn << 12) // size * size
        return Found(base + va % size, bool(pte & W and pte & D))


def random_space(rng: random.Random, memory: range, pages: int) -> tuple[Space, list[int]]:
    """Tables of a few pages with some entries each, many of them wrong; and addresses worth trying."""
    mode = rng.choice((8, 9, 10))
    levels = LEVELS[mode]
    frames = rng.sample(range(memory.start >> 12, memory.stop >> 12), pages)
    s = Space(mode, frames[0] << 12, memory=memory)
    slots = [*rng.sample(range(512), 4), 0, 511]
    for frame in frames:
        for slot in slots:
            if rng.random() < 0.85:
                s.ptes[(frame << 12) + slot * 8] = random_pte(rng, frames)
    addresses = []
    for _ in range(24):
        va = 0
        for _ in range(levels):
            va = va << 9 | rng.choice(slots)
        va = va << 12 | rng.randrange(4096)
        if va >> (12 + 9 * levels - 1):
            va |= (1 << 64) - (1 << 12 + 9 * levels)
        if rng.random() < 0.03:
            va ^= 1 << rng.randrange(12 + 9 * levels - 1, 64)
        addresses.append(va)
    return s, addresses


def random_pte(rng: random.Random, frames: list[int]) -> int:
    """Mostly something sensible, pointer or leaf, with one thing wrong now and then."""
    if rng.random() < 0.5:
        flags = V
        frame = rng.choice(frames)
    else:
        flags = V | rng.choice((R, R | W, X, R | X, R | W | X)) | rng.choice((0, U)) | rng.choice((0, G))
        flags |= rng.choice((0, A, A | D, A | D, D))
        frame = rng.choice((rng.choice(frames), rng.getrandbits(44)))
        if rng.random() < 0.6:
            frame &= ~((1 << rng.choice((9, 18, 27, 36))) - 1)
        if rng.random() < 0.15:
            flags |= N
            frame = frame & ~15 | (8 if rng.random() < 0.8 else rng.randrange(16))
        if rng.random() < 0.2:
            flags |= rng.randrange(4) << PBMT_SHIFT
    pte = frame << 10 | flags | rng.randrange(4) << 8
    if rng.random() < 0.06:
        pte ^= 1 << rng.choice((0, 1, 2, 3, 4, 6, 7, 54, 57, 60, 61, 62, 63))
    if rng.random() < 0.03:
        pte = frame << 10 & ~(0xFFFF << 46) | rng.getrandbits(8)
    return pte
