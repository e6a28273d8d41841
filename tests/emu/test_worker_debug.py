"""A hart under a debugger: breakpoints and single steps under generations, told once, never when stale."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.workers.handlers import Upcalls
from ipc.layout import SSTEP_ENABLE, SSTEP_NOIRQ, Debug, Exit, HartState, View, Want
from ipc.messages import Ack, Debugged
from tests.emu.test_worker import Desk, mmio

MASKED = SSTEP_ENABLE | SSTEP_NOIRQ


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    made.control.header.set("sstep", MASKED)
    yield made
    made.close()


def live(desk: Desk, *requests: Want) -> list[Debugged]:
    """A worker's life; each time it would sleep, main makes the next request. What it told of stops."""
    worker, left = desk.born(), list(requests)

    def wait(timeout_ns: int) -> None:
        assert timeout_ns == -1
        desk.want(left.pop(0))

    worker.wait = wait  # type: ignore[method-assign]
    assert worker.run() == 0
    assert not left
    while (got := desk.vcpu.up.receive()) is not None:
        desk.inbox.append(got)  # type: ignore[arg-type]
    return [m for m in desk.inbox if isinstance(m, Debugged)]


def test_a_breakpoint_is_told_and_the_hart_waits_for_a_request(desk: Desk) -> None:
    desk.want(Want.RUN)
    desk.then(Exit.NONE, Exit.DEBUG)
    assert live(desk, Want.STOP, Want.QUIT) == [Debugged(0, 1, Debug.BREAKPOINT)]
    assert (desk.slot.get("debug_why"), desk.slot.get("debug_gen")) == (Debug.BREAKPOINT, 1)
    assert [m.gen for m in desk.inbox if isinstance(m, Ack)] == [1, 2, 3]


def test_a_step_is_one_instruction_under_its_generation(desk: Desk) -> None:
    ran: list[int] = []

    def one(slot: View) -> Exit:
        assert slot.get("state") == HartState.RUNNING
        assert slot.get("acked_gen") == 1
        ran.append(1)
        return Exit.STEP

    desk.want(Want.STEP)
    desk.then(one)
    assert live(desk, Want.STOP, Want.QUIT) == [Debugged(0, 1, Debug.STEP)]
    assert ran == [1]
    assert "run" not in desk.engine.calls


def test_a_step_over_a_device_waits_for_the_reply(desk: Desk) -> None:
    desk.want(Want.STEP)
    desk.then(mmio(0x10), mmio(0x10))
    assert live(desk, Want.STOP, Want.QUIT) == [Debugged(0, 1, Debug.STEP)]
    assert desk.accesses == [("read", 0x10, 4, 0)]
    assert desk.slot.get("pc") == 4


def test_a_stop_before_main_begins_takes_a_steps_access_back(desk: Desk) -> None:
    desk.want(Want.STEP)
    desk.then(mmio(0x10))
    desk.main_bell.on_ring = lambda: None
    desk.bell.on_wait = lambda: (desk.want(Want.STOP), None)[1]  # type: ignore[func-returns-value]
    assert live(desk, Want.QUIT) == []
    assert desk.accesses == []
    assert desk.slot.get("pc") == 0
    assert desk.slot.get("mmio_seq") == desk.slot.get("mmio_done")


def test_a_step_of_wfi_does_not_sleep(desk: Desk) -> None:
    desk.want(Want.STEP)
    desk.then(Exit.SLEEP)
    assert live(desk, Want.STOP, Want.QUIT) == [Debugged(0, 1, Debug.STEP)]


def test_interrupts_are_taken_by_a_step_only_if_it_may(desk: Desk) -> None:
    desk.engine.pending = 8
    desk.want(Want.STEP)
    desk.then(Exit.STEP)
    assert len(live(desk, Want.STOP, Want.QUIT)) == 1
    assert desk.engine.taken == []
    desk.control.header.set("sstep", SSTEP_ENABLE)
    desk.gen = desk.slot.get("wanted_gen")
    desk.want(Want.STEP)
    live(desk, Want.STOP, Want.QUIT)
    assert desk.engine.taken == [7]


def test_a_run_after_a_step_is_a_run(desk: Desk) -> None:
    desk.want(Want.STEP)
    desk.then(Exit.STEP, Exit.NONE, Want.QUIT)
    assert len(live(desk, Want.RUN)) == 1
    assert not desk.script


def test_main_begins_the_access_of_a_step(desk: Desk) -> None:
    desk.want(Want.STEP)
    assert not desk.vcpu.may_begin()
    desk.slot.set("acked_gen", desk.gen)
    assert desk.vcpu.may_begin()


def test_what_harts_tell_of_stops_reaches_the_fleet(desk: Desk) -> None:
    heard: list[Debugged] = []
    desk.want(Want.RUN)
    desk.then(Exit.DEBUG)
    worker = desk.born()
    worker.wait = lambda timeout_ns: (desk.want(Want.QUIT), None)[1]  # type: ignore
    assert worker.run() == 0
    Upcalls(lambda report: None, heard.append).read(desk.vcpu)
    assert heard == [Debugged(0, 1, Debug.BREAKPOINT)]
