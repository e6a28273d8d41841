"""The private part of a slot: host addresses and tables that mean something in one worker only.

Filled by the worker itself before it says that it is ready, so that a fresh worker can take over the
slot of a dead one with nothing but what is architectural left in it: TLBs are emptied, decoded pages
forgotten. Mapping numbers: page_map holds 4 bytes for each guest page, the arena one decoded page
of PAGE_STRIDE bytes for each page the hart executes; both are committed by the first touch.
"""

from __future__ import annotations

import mmap

from ipc.codec import kick_template
from ipc.engine import host_calls
from ipc.layout import REGIONS, View
from ipc.messages import KickCause
from ipc.segment import address_of
from vcpu_worker.mem.fetch import PAGE_STRIDE
from vcpu_worker.parts import Parts, Region

FIRST_SLICE = 20_000  # instructions; the hart calibrates it to about 100 us
NO_TLB = b"\xff"
PAGE = 4096


def _anonymous(size: int) -> mmap.mmap:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    return mmap.mmap(-1, max(size, PAGE), flags, mmap.PROT_READ | mmap.PROT_WRITE)


def _fill_regions(slot: View, regions: tuple[Region, ...]) -> int:
    """Host addresses and first pages; returns the number of guest pages."""
    if len(regions) > REGIONS:
        raise ValueError(f"{len(regions)} regions, at most {REGIONS}")
    pages = 0
    for i in range(REGIONS):
        region = regions[i] if i < len(regions) else None
        slot.set("region_host", region.host if region else 0, i)
        slot.set("region_first", pages, i)
        pages += region.size // PAGE if region else 0
    return pages


class PrivatePart:
    """What the worker maps for itself; lives as long as the worker."""

    def __init__(self, parts: Parts) -> None:
        slot = parts.control.hart(parts.hart)
        pages = _fill_regions(slot, parts.regions)
        self._page_map = _anonymous(4 * pages)
        arena_pages = max(parts.arena_bytes // PAGE_STRIDE, 2)
        self._arena = _anonymous(arena_pages * PAGE_STRIDE)
        kick = kick_template(KickCause.IPI, parts.hart)
        slot.bytes("kick_msg")[: len(kick)] = kick
        words = {
            **host_calls(),
            "header": parts.control.header_address,
            "slots": parts.control.hart_address(0),
            "kick_len": len(kick),
            "main_fd": parts.main_bell.fileno(),
            "bell_fd": parts.bell.fileno(),
            "dispatch": parts.engine.dispatch_address,
            "stop_table": parts.engine.stop_address,
            "decode_tables": parts.engine.tables_address,
            "page_map": address_of(self._page_map),
            "page_map_len": pages,
            "arena": address_of(self._arena),
            "arena_pages": arena_pages,
            "arena_used": 0,
            "mode_step": 0,
            "exact_run": 0,
            "slice": FIRST_SLICE,
            "in_guest": 0,
            "fault": 0,
        }
        for name, value in words.items():
            slot.set(name, value)
        for name in ("load_tlb", "store_tlb", "fetch_tlb"):
            field = slot.bytes(name)
            field[:] = NO_TLB * len(field)
