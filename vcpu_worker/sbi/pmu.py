"""SBI PMU: the two counters there are, cycle and instret, and nothing pretended.

Counter numbers are OpenSBI's, which Linux takes for granted: 0 cycle, 2 instret, 1 (time) is none. They
are always bound to their events. Started and stopped is mcountinhibit. There are no programmable and no
firmware counters, no overflow interrupt, no privilege filters (the flags for them are ignored, as
OpenSBI does without Smcntrpmf), no snapshots.
Source: SBI 2.0, chapter 11; OpenSBI's sbi_pmu.c for what the specification leaves open.
"""

from __future__ import annotations

from ipc.sbi import Error
from vcpu_worker.native import native, prim
from vcpu_worker.sbi.state import VALUE

prim("clz64", "ctz64")

COUNTERS = 3
PRESENT = 0b101
CSR_CYCLE, CSR_MCYCLE, CSR_MCOUNTINHIBIT = 0xC00, 0xB00, 0x320
WIDTH_SHIFT = 12  # counter_info: bits 11:0 CSR, 17:12 width - 1, 63 firmware
TYPE_SHIFT, CODE_MASK = 16, 0xFFFF
TYPE_HARDWARE, TYPE_CACHE, TYPE_RAW, TYPE_RAW2, TYPE_FIRMWARE = 0, 1, 2, 3, 15
EVENT_CYCLES, EVENT_INSTRUCTIONS, LAST_HARDWARE_EVENT = 1, 2, 10
SKIP_MATCH, CLEAR_VALUE, AUTO_START = 1, 2, 4
SET_VALUE = 1
SNAPSHOT = 2  # in start and stop flags


@native("u64(u64, u64)")
def pmu_set(base, mask):
    """Counters base + i of the bits i of mask, as a word; 0 if it is empty or names one beyond the last."""
    if mask == 0 or base >= COUNTERS or base + (63 - clz64(mask)) >= COUNTERS:
        return 0
    return mask << base


@native("u64(HART, u64, u64, u64)")
def pmu_start(h, counter, value, set_value):
    """Let one counter count."""
    if PRESENT >> counter & 1 == 0:
        return Error.INVALID_PARAM
    inhibit = csr_peek(h, CSR_MCOUNTINHIBIT)
    if inhibit >> counter & 1 == 0:
        return Error.ALREADY_STARTED
    if set_value != 0:
        csr_poke(h, CSR_MCYCLE + counter, value)
    csr_poke(h, CSR_MCOUNTINHIBIT, inhibit & ~(1 << counter))
    return Error.SUCCESS


@native("u64(HART, u64)")
def pmu_stop(h, counter):
    """Stop one counter."""
    if PRESENT >> counter & 1 == 0:
        return Error.INVALID_PARAM
    inhibit = csr_peek(h, CSR_MCOUNTINHIBIT)
    if inhibit >> counter & 1 != 0:
        return Error.ALREADY_STOPPED
    csr_poke(h, CSR_MCOUNTINHIBIT, inhibit | (1 << counter))
    return Error.SUCCESS


@native("u64(HART, u64, u64)")
def pmu_start_stop(h, start, flags):
    """counter_start and counter_stop over a set; the last counter's error, as OpenSBI."""
    counters = pmu_set(h.x[10], h.x[11])
    error = Error.INVALID_PARAM
    if counters == 0:
        return error
    if flags & SNAPSHOT != 0:
        return Error.NO_SHMEM
    i = 0
    while i < COUNTERS:
        if counters >> i & 1 != 0:
            if start != 0:
                error = pmu_start(h, i, h.x[13], flags & SET_VALUE)
            else:
                error = pmu_stop(h, i)
        i = i + 1
    return error


@native("u64(u64)")
def pmu_event_error(event):
    """INVALID_PARAM if the number means no event, NOT_SUPPORTED if it means one that nothing counts."""
    kind = event >> TYPE_SHIFT
    code = event & CODE_MASK
    if kind == TYPE_HARDWARE:
        if code == EVENT_CYCLES or code == EVENT_INSTRUCTIONS:
            return Error.SUCCESS
        if code == 0 or code > LAST_HARDWARE_EVENT:
            return Error.INVALID_PARAM
        return Error.NOT_SUPPORTED
    if kind == TYPE_CACHE or kind == TYPE_RAW or kind == TYPE_RAW2 or kind == TYPE_FIRMWARE:
        return Error.NOT_SUPPORTED
    return Error.INVALID_PARAM


@native("u64(HART)")
def pmu_config(h):
    """counter_config_matching(base, mask, flags, event, data): the counter, in scratch[VALUE]."""
    counters = pmu_set(h.x[10], h.x[11])
    flags = h.x[12]
    if counters == 0:
        return Error.INVALID_PARAM
    if flags & SKIP_MATCH != 0:
        counter = ctz64(counters)
        if PRESENT >> counter & 1 == 0:
            return Error.INVALID_PARAM
    else:
        error = pmu_event_error(h.x[13])
        if error != 0:
            return error
        counter = (h.x[13] - EVENT_CYCLES) << 1
        if counters >> counter & 1 == 0:
            return Error.NOT_SUPPORTED
    if flags & CLEAR_VALUE != 0:
        csr_poke(h, CSR_MCYCLE + counter, 0)
    if flags & AUTO_START != 0:
        pmu_start(h, counter, 0, 0)
    h.scratch[VALUE] = counter
    return Error.SUCCESS


@native("u64(HART, u64)")
def pmu_info(h, counter):
    """counter_get_info: CSR and width, in scratch[VALUE]."""
    if counter >= COUNTERS or PRESENT >> (counter & 63) & 1 == 0:
        return Error.INVALID_PARAM
    h.scratch[VALUE] = (CSR_CYCLE + counter) | (63 << WIDTH_SHIFT)
    return Error.SUCCESS


@native("u64(HART, u64)")
def sbi_pmu(h, fid):
    """num_counters, get_info, config_matching, start, stop, fw_read, fw_read_hi; no snapshots."""
    if fid == 0:
        h.scratch[VALUE] = COUNTERS
        return Error.SUCCESS
    if fid == 1:
        return pmu_info(h, h.x[10])
    if fid == 2:
        return pmu_config(h)
    if fid == 3:
        return pmu_start_stop(h, 1, h.x[12])
    if fid == 4:
        return pmu_start_stop(h, 0, h.x[12])
    if fid == 5 or fid == 6:
        return Error.INVALID_PARAM  # no counter is a firmware counter
    return Error.NOT_SUPPORTED
