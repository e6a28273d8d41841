"""The built-in SBI between harts: IPI, remote fences, HSM."""

from __future__ import annotations

import threading

import pytest

from ipc.layout import EV_FLUSH, EV_IRQ, EV_MSG, Exit
from ipc.sbi import Eid, Error, Hsm, Wait
from tests.lib.firmware import ALL, KERNEL, Firmware, M, S
from vcpu_worker.isa.sbi_rom import SBI_BOOT

PLATFORM_SUSPEND = 0x1000_0000
NON_RETENTIVE = 0x8000_0000


@pytest.fixture
def fw() -> Firmware:
    """Two harts, the first in S-mode at the kernel, the second stopped."""
    made = Firmware()
    made.start()
    return made


# -- IPI


@pytest.mark.parametrize(
    ("mask", "base", "error", "hit"),
    [
        (0b101, 0, 0, {0, 2}), (0b11, 1, 0, {1, 2}), (0, 0, 0, set()), (0, 77, 0, set()),
        (123, ALL, 0, {0, 1, 2}), (0b1000, 0, -3, set()), (1, 3, -3, set()), (2, 2, -3, set()),
        (1, ALL - 1, -3, set()), (1 << 63, ALL - 62, -3, set()),
    ],
)  # fmt: skip
def test_send_ipi(mask: int, base: int, error: int, hit: set[int]) -> None:
    fw = Firmware(harts=3)
    fw.start()
    for h in fw.harts:
        h.hsm_state = Hsm.STARTED
        h.event = 0
    assert fw.call(Eid.IPI, 0, mask, base) == (error, 0)
    assert {i for i, h in enumerate(fw.harts) if h.call("mip_now") & 2} == hit
    assert {i for i, h in enumerate(fw.harts) if h.event & EV_IRQ} >= hit - {0}


def test_a_stopped_hart_gets_no_ipi(fw: Firmware) -> None:
    assert fw.call(Eid.IPI, 0, 3, 0) == (0, 0)
    assert [h.call("mip_now") & 2 for h in fw.harts] == [2, 0]


# -- RFENCE


@pytest.mark.parametrize("fid", [0, 1, 2])
def test_nobody_waits_for_a_hart_outside_guest_code(fw: Firmware, fid: int) -> None:
    other = fw.harts[1]
    assert fw.call(Eid.RFENCE, fid, 3, 0, 0, 0, 0) == (0, 0)
    assert other.flush_want == other.flush_done + 1
    assert other.event == EV_FLUSH
    assert fw.harts[0].flush_want == 0


def test_a_fence_waits_for_a_hart_in_guest_code_and_runs_again(fw: Firmware) -> None:
    h, other = fw.harts
    other.in_guest = 1
    other.flush_want = other.flush_done = 0xFFFF_FFFF  # the counters wrap
    assert fw.begin(Eid.RFENCE, 1, 3, 0) == Exit.EVENT
    assert (h.sbi_wait, other.flush_want) == (Wait.FENCE, 0)
    assert h.step() == Exit.EVENT
    assert other.flush_want == 0
    assert h.mepc == KERNEL
    other.flush_want = 1  # somebody else asks too; our ticket is the older one
    other.flush_done = 0
    assert h.step() == Exit.STEP
    assert fw.finish() == (0, 0)
    assert h.sbi_wait == Wait.NONE


def test_a_waiting_caller_does_the_flushes_asked_of_itself_and_leaves_for_messages(fw: Firmware) -> None:
    h, other = fw.harts
    other.in_guest = 1
    h.flush_want = 5
    h.event = EV_MSG
    assert fw.begin(Eid.RFENCE, 0, 2, 0) == Exit.EVENT
    assert h.flush_done == 5
    assert h.event == EV_MSG
    other.in_guest = 0
    assert h.step() == Exit.STEP
    assert fw.finish() == (0, 0)


def test_harts_that_fence_each_other_all_finish() -> None:
    fw = Firmware(harts=3)
    for i, h in enumerate(fw.harts):
        h.hsm_state, h.hsm_addr = Hsm.START_PENDING, KERNEL
        fw.start(i)
    fenced = [0, 0, 0]

    def loop(hart: int) -> None:
        h = fw.harts[hart]
        for _ in range(300):
            reason = fw.begin(Eid.RFENCE, 1, ALL, ALL, hart=hart)
            while reason == Exit.EVENT:
                reason = h.step()
            assert fw.finish(hart)[0] == 0
            fenced[hart] += 1

    threads = [threading.Thread(target=loop, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert fenced == [300] * 3
    assert [h.flush_want for h in fw.harts] == [600] * 3


def test_own_fences_are_done_at_once(fw: Firmware) -> None:
    h = fw.harts[0]
    epoch = h.code_epoch
    assert fw.call(Eid.RFENCE, 1, 1, 0) == (0, 0)
    assert h.code_epoch == epoch
    assert fw.call(Eid.RFENCE, 0, 1, 0) == (0, 0)
    assert h.code_epoch == epoch + 1


def test_fences_of_harts_that_do_not_exist_are_refused(fw: Firmware) -> None:
    assert fw.call(Eid.RFENCE, 0, 4, 0) == (Error.INVALID_PARAM, 0)
    assert [h.flush_want for h in fw.harts] == [0, 0]


# -- HSM


def test_start_status_and_stop(fw: Firmware) -> None:
    other = fw.harts[1]
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.STOPPED)
    assert fw.call(Eid.HSM, 0, 1, KERNEL, 0x1234) == (0, 0)
    assert other.event & EV_IRQ
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.START_PENDING)
    assert fw.call(Eid.HSM, 0, 1, KERNEL, 1) == (Error.INVALID_PARAM, 0)
    other.ssip_set = 1
    fw.start(1)
    assert (other.pc, other.x[10], other.x[11]) == (KERNEL, 1, 0x1234)
    assert other.call("mip_now") & 2 == 0
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.STARTED)
    assert fw.call(Eid.HSM, 0, 1, KERNEL, 1) == (Error.ALREADY_AVAILABLE, 0)
    other.mie = 0x222
    other.mstatus |= 0x0074_0000  # SUM, TVM, TW, TSR: firmware's to clear
    assert fw.begin(Eid.HSM, 1, hart=1) == Exit.STEP
    assert (other.pc, other.priv, other.mie) == (SBI_BOOT, M, 0)
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.STOPPED)
    assert other.step() == Exit.SLEEP
    assert fw.call(Eid.HSM, 0, 1, KERNEL + 2, 7) == (0, 0)
    fw.start(1)
    assert (other.pc, other.x[11]) == (KERNEL + 2, 7)
    assert other.mstatus & ~(0xF << 32) == 0x6080  # FS, and mret's MPIE


@pytest.mark.parametrize(
    ("hart", "gpa", "error"),
    [
        (2, KERNEL, -3),
        (ALL, KERNEL, -3),
        (1, KERNEL + 1, -5),
        (1, 0x4000_0000, -5),
        (1, ALL - 1, -5),
        (0, KERNEL, -6),
    ],
)
def test_hart_start_errors(fw: Firmware, hart: int, gpa: int, error: int) -> None:
    assert fw.call(Eid.HSM, 0, hart, gpa, 0) == (error, 0)
    assert fw.harts[1].hsm_state == Hsm.STOPPED


def test_a_half_written_start_reads_as_start_pending(fw: Firmware) -> None:
    fw.harts[1].hsm_state = Hsm.CLAIMED
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.START_PENDING)
    assert fw.harts[1].step() == Exit.SLEEP
    assert fw.call(Eid.HSM, 2, 2) == (Error.INVALID_PARAM, 0)


def test_retentive_suspend_sleeps_until_an_enabled_interrupt(fw: Firmware) -> None:
    h = fw.harts[0]
    h.mie = 2
    assert fw.begin(Eid.HSM, 3, 0) == Exit.SLEEP
    assert h.hsm_state == Hsm.SUSPENDED
    assert h.step() == Exit.SLEEP
    h.ssip_set = 1
    assert h.step() == Exit.STEP
    assert h.hsm_state == Hsm.STARTED
    assert fw.finish() == (0, 0)


def test_non_retentive_suspend_resumes_at_its_address(fw: Firmware) -> None:
    h = fw.harts[0]
    h.mie = 2
    assert fw.begin(Eid.HSM, 3, NON_RETENTIVE, KERNEL + 8, 99) == Exit.SLEEP
    h.satp = 8 << 60
    h.mip_soft = 2
    assert h.step() == Exit.STEP
    assert h.step() == Exit.STEP
    assert (h.pc, h.priv, h.x[10], h.x[11], h.satp, h.mie) == (KERNEL + 8, S, 0, 99, 0, 0)
    assert (h.hsm_state, h.sbi_wait) == (Hsm.STARTED, Wait.NONE)


@pytest.mark.parametrize(
    ("kind", "error"),
    [(1, -3), (PLATFORM_SUSPEND - 1, -3), (PLATFORM_SUSPEND, -2), (NON_RETENTIVE | 1, -3),
     (NON_RETENTIVE | PLATFORM_SUSPEND, -2), (NON_RETENTIVE, -5)],
)  # fmt: skip
def test_suspend_errors(fw: Firmware, kind: int, error: int) -> None:
    assert fw.call(Eid.HSM, 3, kind, 1, 0) == (error, 0)
    assert fw.harts[0].hsm_state == Hsm.STARTED
