"""Guest physical memory that compiled code reaches directly: RAM and ROM, as regions of the header.

Rule: the one place where a guest physical address becomes a host address (law 9). The whole access
must lie inside one region.
"""

from __future__ import annotations

from ipc.layout import HEADER, REGION_WRITE, REGIONS
from vcpu_worker.native import native


@native("u64(HART, u64, u64, u64)")
def ram_ptr(h, gpa, size, write):
    """Host address of [gpa, gpa+size), or 0 if it is not memory (write: or not writable)."""
    g = HEADER(h.header)
    i = 0
    while i < REGIONS:
        off = gpa - g.region_gpa[i]
        length = g.region_size[i]
        if off < length:
            if size <= length - off and (write == 0 or (g.region_flags[i] & REGION_WRITE) != 0):
                return h.region_host[i] + off
            return 0
        i += 1
    return 0


@native("u64(HART, u64)")
def page_index(h, gpa):
    """Index into page_map of the page at gpa, which is inside a region; all ones if it is not."""
    g = HEADER(h.header)
    i = 0
    while i < REGIONS:
        off = gpa - g.region_gpa[i]
        if off < g.region_size[i]:
            return h.region_first[i] + (off >> 12)
        i += 1
    return 0xFFFF_FFFF_FFFF_FFFF
