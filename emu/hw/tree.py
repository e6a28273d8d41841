"""Device tree nodes of devices: where a device stands on a board, and the parts every node has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emu.core.fdt import Node


@dataclass(frozen=True)
class Place:
    """A device's slot in the memory map, its interrupt source, and phandles.

    source: 0 for none; intc: phandle of the interrupt controller; phandle: the node's own, 0 for none.
    """

    base: int
    size: int
    source: int = 0
    intc: int = 0
    phandle: int = 0


def device_node(parent: Node, name: str, place: Place, compatible: Sequence[str]) -> Node:
    """`name@base` below `parent` with reg, compatible, interrupts and phandle as `place` has them."""
    node = parent.add(f"{name}@{place.base:x}")
    if place.source:
        node.cells("interrupts", place.source).cells("interrupt-parent", place.intc)
    if place.phandle:
        node.cells("phandle", place.phandle)
    return node.u64("reg", place.base, place.size).strings("compatible", *compatible)
