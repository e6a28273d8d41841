"""The table of breakpoints in the header, which every hart reads (vcpu_worker.hart.breakpoint acts on it).

Rule: main alone writes it, and only while every hart stands; the version goes up last, and the harts follow
when they are let go on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from emu.workers.debug_memory import HartRuns, stands
from ipc.layout import BREAKS, PAGE_HALVES, View

WORD = 64
PAGE = 4096


def set_breakpoints(header: View, slots: Sequence[View], addresses: Collection[int]) -> bool:
    """Stop every hart before the instructions at these gvas, and at no others. False: more than BREAKS.

    Errors: HartRuns.
    """
    for hart, slot in enumerate(slots):
        if not stands(slot):
            raise HartRuns(hart)
    if len(addresses) > BREAKS:
        return False
    marked = [0] * (PAGE_HALVES // WORD)
    for i, gva in enumerate(addresses):
        header.set("break_gva", gva, i)
        half = gva % PAGE // 2
        marked[half // WORD] |= 1 << half % WORD
    for i, bits in enumerate(marked):
        header.set("break_map", bits, i)
    header.set("break_count", len(addresses))
    header.set("break_version", header.get("break_version") + 1)
    return True
