"""`info mem`: the leaves of a hart's page table, joined to ranges of the same rights.

Source: RISC-V privileged specification, "Sv39" to "Sv57"; screens of QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from emu.workers.hart_state import HartState

LEVELS = {8: 3, 9: 4, 10: 5}  # mode of satp -> levels of its table
PAGE_BITS, INDEX_BITS = 12, 9
PTE_V, PTE_RWX, PTE_SHOWN = 0x01, 0x0E, 0xFE  # V, any of RWX, all that a line shows
PPN_MASK = (1 << 44) - 1
_LETTERS = ((0x02, "r"), (0x04, "w"), (0x08, "x"), (0x10, "u"), (0x20, "g"), (0x40, "a"), (0x80, "d"))
_HEAD = f"{'vaddr':<16} {'paddr':<16} {'size':<16} attr\n{'-' * 16} {'-' * 16} {'-' * 16} {'-' * 7}\n"


class Leaf(NamedTuple):
    """`size` bytes at `gva` lie at `gpa`; attr: bits of the PTE."""

    gva: int
    gpa: int
    size: int
    attr: int


def show_mappings(hart: HartState) -> str:
    """The table of `info mem`."""
    satp = hart.csr("satp")
    levels = LEVELS.get(satp >> 60)
    if levels is None:
        return "No translation or protection\n"
    return _HEAD + "".join(_line(leaf) for leaf in joined(leaves(hart, levels, satp & PPN_MASK)))


def leaves(hart: HartState, levels: int, root: int) -> Iterator[Leaf]:
    """All of the table whose root page is `root`, by address. A page that is nowhere has none."""
    yield from _walk(hart, levels - 1, root << PAGE_BITS, 0, PAGE_BITS + INDEX_BITS * levels)


def _walk(hart: HartState, level: int, table: int, gva: int, bits: int) -> Iterator[Leaf]:
    data = hart.memory.read(table, 1 << PAGE_BITS)
    if data is None:
        return
    shift = PAGE_BITS + INDEX_BITS * level
    for index in range(1 << INDEX_BITS):
        pte = int.from_bytes(data[8 * index : 8 * index + 8], "little")
        at = gva | index << shift
        if not pte & PTE_V:
            continue
        page = (pte >> 10 & PPN_MASK) << PAGE_BITS
        if pte & PTE_RWX:
            high = -1 << bits if at >> (bits - 1) else 0
            yield Leaf((at | high) & (1 << 64) - 1, page, 1 << shift, pte & PTE_SHOWN)
        elif level:
            yield from _walk(hart, level - 1, page, at, bits)


def joined(found: Iterator[Leaf]) -> Iterator[Leaf]:
    """Neighbours of the same rights, whose physical pages are neighbours too, as one."""
    last: Leaf | None = None
    for leaf in found:
        if last:
            size = last.size
            if (leaf.gva, leaf.gpa, leaf.attr) == (last.gva + size, last.gpa + size, last.attr):
                last = last._replace(size=size + leaf.size)
                continue
        if last:
            yield last
        last = leaf
    if last:
        yield last


def _line(leaf: Leaf) -> str:
    attr = "".join(letter if leaf.attr & bit else "-" for bit, letter in _LETTERS)
    return f"{leaf.gva:016x} {leaf.gpa:016x} {leaf.size:016x} {attr}\n"
