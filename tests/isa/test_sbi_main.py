"""The built-in SBI's calls for the main loop, its PMU and the calls of SBI 0.1."""

from __future__ import annotations

import random

import pytest

from ipc.layout import Exit
from ipc.sbi import Eid, Error, Hsm, Wait
from tests.lib.firmware import ALL, FDT, KERNEL, Firmware, S
from tests.lib.hart import RAM_BASE
from vcpu_worker.isa.sbi_rom import SBI_TRAP


@pytest.fixture
def fw() -> Firmware:
    """Two harts, the first in S-mode at the kernel, the second stopped."""
    made = Firmware()
    made.start()
    return made


# -- calls for the main loop


def test_console_calls_are_the_main_loops(fw: Firmware) -> None:
    assert fw.begin(Eid.DBCN, 0, 5, KERNEL, 0) == Exit.SBI
    assert fw.asked() == [Eid.DBCN, 0, 5, KERNEL]
    assert fw.harts[0].step() == Exit.SBI  # withdrawn, asked again
    assert fw.answer(0, 3) == Exit.STEP
    assert fw.finish() == (0, 3)
    assert fw.begin(Eid.DBCN, 1, 8, KERNEL, 0) == Exit.SBI
    assert fw.answer(Error.FAILED & 0xFFFF_FFFF, 0) == Exit.STEP
    assert fw.finish() == (Error.FAILED, 0)
    assert fw.begin(Eid.DBCN, 2, 0x141) == Exit.SBI
    assert fw.asked(3) == [Eid.DBCN, 2, 0x41]
    assert fw.answer(0, 0) == Exit.STEP


@pytest.mark.parametrize(
    ("fid", "size", "low", "high", "result"),
    [
        (0, 1, KERNEL, 1, (-3, 0)), (0, 0, 0, 0, (0, 0)),
        (1, 1, 0x1000, 0, (-3, 0)), (0, 1, 0x100, 0, (-3, 0)),  # ROM is not written; nothing is there
        (0, 0x1_0001, RAM_BASE, 0, (-3, 0)), (0, ALL, RAM_BASE, 0, (-3, 0)),
        (1, 2, RAM_BASE + 0xFFFF, 0, (-3, 0)),
    ],
)  # fmt: skip
def test_console_memory_is_proven(
    fw: Firmware, fid: int, size: int, low: int, high: int, result: tuple[int, int]
) -> None:
    assert fw.call(Eid.DBCN, fid, size, low, high) == result


def test_system_reset_never_returns(fw: Firmware) -> None:
    h = fw.harts[0]
    h.mie = h.mip_soft = 2
    assert fw.begin(Eid.SRST, 0, 1, 0) == Exit.SBI
    assert fw.asked() == [Eid.SRST, 0, 1, 0]
    assert fw.answer(0, 0) == Exit.SLEEP
    assert h.mie == 0
    assert h.step() == Exit.SLEEP
    h.call("sbi_reset_hart")
    assert (h.sbi_wait, h.hsm_state) == (Wait.NONE, Hsm.START_PENDING)


@pytest.mark.parametrize(("kind", "reason"), [(3, 0), (0, 2), (1 << 32, 0), (ALL, 0)])
def test_system_reset_errors(fw: Firmware, kind: int, reason: int) -> None:
    assert fw.call(Eid.SRST, 0, kind, reason) == (Error.INVALID_PARAM, 0)


def test_system_suspend_resumes_at_its_address(fw: Firmware) -> None:
    h = fw.harts[0]
    fw.header.set("sbi_flags", 1)
    assert fw.call(Eid.BASE, 3, Eid.SUSP) == (0, 1)
    assert fw.begin(Eid.SUSP, 0, 0, KERNEL + 16, 5) == Exit.SBI
    assert fw.asked() == [Eid.SUSP, 0, 0, KERNEL + 16]
    assert fw.answer(0, 0) == Exit.EVENT
    assert (h.pc, h.sbi_wait) == (SBI_TRAP, Wait.RESUME)
    assert h.step() == Exit.STEP
    assert h.step() == Exit.STEP
    assert (h.pc, h.priv, h.x[10], h.x[11]) == (KERNEL + 16, S, 0, 5)


@pytest.mark.parametrize(
    ("fid", "kind", "gpa", "error"),
    [
        (1, 0, KERNEL, Error.NOT_SUPPORTED), (ALL, 0, KERNEL, Error.NOT_SUPPORTED),
        (0, 1, KERNEL, Error.INVALID_PARAM), (0, 0x7FFF_FFFF, KERNEL, Error.INVALID_PARAM),
        (0, 0x8000_0000, KERNEL, Error.INVALID_PARAM), (0, 0xFFFF_FFFF, KERNEL, Error.INVALID_PARAM),
        (0, ALL, KERNEL, Error.INVALID_PARAM),
        (0, 0, 3, Error.INVALID_ADDRESS), (0, 0, KERNEL + 1, Error.INVALID_ADDRESS),
        (0, 0, RAM_BASE + 0x1_0000, Error.INVALID_ADDRESS), (0, 0, 0x1000_0000, Error.INVALID_ADDRESS),
        (0, 0, ALL - 1, Error.INVALID_ADDRESS), (0, 1, 3, Error.INVALID_PARAM),
    ],
)  # fmt: skip
def test_system_suspend_errors(fw: Firmware, fid: int, kind: int, gpa: int, error: Error) -> None:
    fw.header.set("sbi_flags", 1)
    assert fw.call(Eid.SUSP, fid, kind, gpa, 0) == (error, 0)


def test_system_suspend_takes_a_sleep_type_of_32_bits(fw: Firmware) -> None:
    fw.header.set("sbi_flags", 1)
    assert fw.begin(Eid.SUSP, 0, 7 << 32, KERNEL, 0) == Exit.SBI


def test_without_the_flag_there_is_no_system_suspend(fw: Firmware) -> None:
    assert fw.call(Eid.BASE, 3, Eid.SUSP) == (0, 0)
    assert fw.call(Eid.SUSP, 0, 0, KERNEL, 0) == (Error.NOT_SUPPORTED, 0)


@pytest.mark.parametrize("state", [Hsm.STARTED, Hsm.START_PENDING, Hsm.CLAIMED, Hsm.SUSPENDED])
def test_system_suspend_is_denied_while_another_hart_is_not_stopped(fw: Firmware, state: Hsm) -> None:
    """After a tenth of a second of guest time: the hart may be on its way."""
    fw.header.set("sbi_flags", 1)
    fw.harts[1].hsm_state = state
    assert fw.begin(Eid.SUSP, 0, 0, KERNEL, 0) == Exit.EVENT
    fw.header.set("clock_offset", fw.header.get("clock_offset") + 99_999_999)
    assert fw.harts[0].step() == Exit.EVENT
    fw.header.set("clock_offset", fw.header.get("clock_offset") + 1)
    assert fw.harts[0].step() == Exit.STEP
    assert fw.finish() == (Error.DENIED, 0)
    assert fw.begin(Eid.SUSP, 0, 0, KERNEL, 0) == Exit.EVENT, "and so again"


def test_system_suspend_waits_for_a_hart_that_stops(fw: Firmware) -> None:
    fw.header.set("sbi_flags", 1)
    fw.harts[1].hsm_state = Hsm.STARTED
    assert fw.begin(Eid.SUSP, 0, 0, KERNEL + 16, 5) == Exit.EVENT
    fw.harts[1].hsm_state = Hsm.STOPPED
    assert fw.harts[0].step() == Exit.SBI
    assert fw.answer(0, 0) == Exit.EVENT
    assert fw.harts[0].step() == Exit.STEP
    assert fw.harts[0].step() == Exit.STEP
    assert (fw.harts[0].pc, fw.harts[0].sbi_wait) == (KERNEL + 16, Wait.NONE)


# -- PMU


def test_the_pmu_has_cycle_and_instret_and_says_so(fw: Firmware) -> None:
    assert fw.call(Eid.PMU, 0) == (0, 3)
    assert fw.call(Eid.PMU, 1, 0) == (0, 0xC00 | 63 << 12)
    assert fw.call(Eid.PMU, 1, 2) == (0, 0xC02 | 63 << 12)
    for counter in (1, 3, 64, ALL):
        assert fw.call(Eid.PMU, 1, counter) == (Error.INVALID_PARAM, 0)
    assert fw.call(Eid.PMU, 5, 0) == (Error.INVALID_PARAM, 0)


@pytest.mark.parametrize(
    ("base", "mask", "flags", "event", "result"),
    [
        (0, 7, 0, 1, (0, 0)), (0, 7, 0, 2, (0, 2)), (2, 1, 0, 2, (0, 2)), (0, 3, 0, 2, (-2, 0)),
        (0, 7, 0, 3, (-2, 0)), (0, 7, 0, 0, (-3, 0)), (0, 7, 0, 11, (-3, 0)), (0, 7, 0, 0x1_0000, (-2, 0)),
        (0, 7, 0, 0x2_0000, (-2, 0)), (0, 7, 0, 0xF_0000, (-2, 0)), (0, 7, 0, 0x4_0000, (-3, 0)),
        (0, 8, 0, 1, (-3, 0)), (3, 1, 0, 1, (-3, 0)), (ALL, 1, 0, 1, (-3, 0)), (0, 0, 0, 1, (-3, 0)),
        (0, 4, 1, 99, (0, 2)), (0, 2, 1, 1, (-3, 0)),
    ],
)  # fmt: skip
def test_counters_are_found_by_their_event(
    fw: Firmware, base: int, mask: int, flags: int, event: int, result: tuple[int, int]
) -> None:
    assert fw.call(Eid.PMU, 2, base, mask, flags, event) == result


def test_counters_stop_and_start(fw: Firmware) -> None:
    h = fw.harts[0]
    assert fw.call(Eid.PMU, 3, 0, 5, 0, 0) == (Error.ALREADY_STARTED, 0)
    assert fw.call(Eid.PMU, 4, 2, 1, 0) == (0, 0)
    assert fw.call(Eid.PMU, 4, 2, 1, 0) == (Error.ALREADY_STOPPED, 0)
    stopped = h.call("csr_peek", 0xC02)
    assert fw.call(Eid.BASE, 0)[0] == 0
    assert h.call("csr_peek", 0xC02) == stopped
    assert fw.call(Eid.PMU, 3, 2, 1, 1, 1000) == (0, 0)
    assert 1000 <= h.call("csr_peek", 0xC02) <= 1004
    assert fw.call(Eid.PMU, 4, 0, 1, 2) == (Error.NO_SHMEM, 0)
    assert fw.call(Eid.PMU, 4, 0, 2, 0) == (Error.INVALID_PARAM, 0)


# -- legacy


def test_legacy_calls_leave_a1_alone(fw: Firmware) -> None:
    assert fw.call(Eid.SET_TIMER, 99, ALL, 77) == (0, 77)
    assert fw.call(Eid.CLEAR_IPI, 0, 0, 78) == (0, 78)
    fw.harts[0].ssip_set = 1
    assert fw.call(Eid.CLEAR_IPI, 0, 0, 78) == (1, 78)
    assert fw.harts[0].call("mip_now") & 2 == 0


def test_legacy_console(fw: Firmware) -> None:
    assert fw.begin(Eid.CONSOLE_PUTCHAR, 0, 0x142, 5) == Exit.SBI
    assert fw.asked(3) == [Eid.DBCN, 2, 0x42]
    assert fw.answer(0, 0) == Exit.STEP
    assert fw.finish() == (0, 5)
    assert fw.begin(Eid.CONSOLE_GETCHAR, 0, 0, 5) == Exit.SBI
    assert fw.asked(2) == [Eid.CONSOLE_GETCHAR, 0]
    assert fw.answer(0, ALL) == Exit.STEP
    assert fw.finish() == (-1, 5)


def test_legacy_masks_are_read_from_the_callers_memory(fw: Firmware) -> None:
    fw.harts[1].hsm_state = Hsm.STARTED
    rng = random.Random(1)
    for _ in range(20):
        at = FDT + rng.randrange(64)
        mask = rng.choice((0, 1, 2, 3, 0b1110, ALL))
        fw.put(at, mask, size=8)
        for h in fw.harts:
            h.mip_soft = h.ssip_set = 0
        assert fw.call(Eid.SEND_IPI, 0, at)[0] == 0
        assert [h.call("mip_now") >> 1 & 1 for h in fw.harts] == [mask & 1, mask >> 1 & 1]
    assert fw.call(Eid.REMOTE_SFENCE_VMA, 0, 0)[0] == 0
    assert fw.harts[1].flush_want == 1


def test_a_fault_at_a_legacy_mask_is_the_callers(fw: Firmware) -> None:
    h = fw.harts[0]
    h.stvec = RAM_BASE + 0x3000
    h.mstatus = h.mstatus | 2
    assert fw.begin(Eid.REMOTE_FENCE_I, 0, 0x100) == Exit.STEP
    assert h.step() == Exit.STEP
    assert (h.pc, h.priv, h.scause, h.stval, h.sepc) == (RAM_BASE + 0x3000, S, 5, 0x100, KERNEL)
    assert h.mstatus & 0x122 == 0x120  # SPP, SPIE, not SIE
    assert h.x[10] == 0x100


def test_legacy_shutdown(fw: Firmware) -> None:
    assert fw.begin(Eid.SHUTDOWN, 0, 9, 9) == Exit.SBI
    assert fw.asked() == [Eid.SRST, 0, 0, 0]
