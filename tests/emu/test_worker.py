"""A hart's worker and the main loop's side of it, in one process: each does its part when the other waits."""

from __future__ import annotations

import ctypes
import os
import random
from collections.abc import Callable, Iterator

import pytest

from emu.workers.handlers import ExitServer, Upcalls
from emu.workers.sbi import Answer
from emu.workers.vcpu import Vcpu
from ipc.channel import Channel
from ipc.doorbell import Bell
from ipc.layout import RING_SLOTS, TRACE_ASM, TRACE_INT, Exit, HartState, View, Want
from ipc.messages import (
    FROM_MAIN,
    Ack,
    Done,
    Fatal,
    FatalKind,
    Kick,
    KickCause,
    Message,
    Query,
    Ready,
    Report,
    Work,
    WorkItem,
)
from ipc.sbi import Error
from ipc.segment import Control
from tests.lib.fake_engine import FakeEngine
from vcpu_worker.exits import HANDLERS
from vcpu_worker.parts import Parts
from vcpu_worker.trace import trap_text
from vcpu_worker.trace_log import TraceLog
from vcpu_worker.worker import Worker

Step = Callable[[View], Exit]


class ServingBell(Bell):
    """The main loop's bell when the main loop is a function call away."""

    def __init__(self) -> None:
        super().__init__()
        self.on_ring: Callable[[], None] = lambda: None
        self.rings = 0

    def ring(self) -> None:
        self.rings += 1
        super().ring()
        self.on_ring()


class WaitingBell(Bell):
    """A hart's bell: where the hart would wait for ever, `on_wait` does main's part."""

    def __init__(self) -> None:
        super().__init__(blocking=False)
        self.on_wait: Callable[[], None] = lambda: pytest.fail("the hart waits for ever")

    def hear(self) -> bool:
        while not super().hear():
            self.on_wait()
        return True


class Desk:
    """One hart, its worker not yet born, and main's side. `script`: what each slice of guest code does."""

    def __init__(self) -> None:
        self.control = Control.create(1)
        self.script: list[Step] = []
        self.engine = FakeEngine(self.control, [self._slice])
        self.vcpu = Vcpu(0, self.control, self.engine)
        self.slot = self.vcpu.slot
        self.vcpu.bell.close()
        self.bell = self.vcpu.bell = WaitingBell()
        self.main_bell = ServingBell()
        self.accesses: list[tuple[str, int, int, int]] = []
        self.sbi_answer: Answer | None = Answer(Error.SUCCESS)
        self.sbi_calls: list[tuple[int, ...]] = []
        self.reached: list[str] = []
        self.server = ExitServer(
            (self.vcpu,), self, self._sbi, self.main_bell, self.reached.append, self.control.header
        )
        self.main_bell.on_ring = self.server.on_bell
        self.gen = 0
        self.inbox: list[Message] = []

    def _slice(self, slot: View) -> Exit:
        return self.script.pop(0)(slot)

    def read(self, gpa: int, size: int) -> tuple[bool, int]:
        self.accesses.append(("read", gpa, size, 0))
        return gpa != 0xBAD, gpa + size

    def write(self, gpa: int, size: int, value: int) -> bool:
        self.accesses.append(("write", gpa, size, value))
        return gpa != 0xBAD

    def _sbi(self, hart: int, eid: int, fid: int, args: tuple[int, ...]) -> Answer | None:
        self.sbi_calls.append((hart, eid, fid, *args))
        return self.sbi_answer

    def want(self, want: Want) -> int:
        self.gen += 1
        self.vcpu.request(want, self.gen)
        return self.gen

    def then(self, *steps: Step | Exit | Want) -> Desk:
        """Append slices: a function, an Exit, or a request that main makes while the hart runs."""
        for s in steps:
            if isinstance(s, Want):
                self.script.append(lambda slot, s=s: self._wanted(s))  # type: ignore[misc]
            elif isinstance(s, Exit):
                self.script.append(lambda slot, s=s: s)  # type: ignore[misc]
            else:
                self.script.append(s)
        return self

    def _wanted(self, want: Want) -> Exit:
        self.want(want)
        return Exit.EVENT

    def born(self) -> Worker:
        parts = Parts(
            hart=0,
            parent=0,
            gen=self.slot.get("acked_gen"),
            control=self.control,
            engine=self.engine,
            regions=(),
            arena_bytes=0,
            mailbox=self.vcpu._mail_in,
            up=self.vcpu._up_worker,
            bell=self.bell,
            main_bell=self.main_bell,
            kick_fds=(self.vcpu.kick_fd,),
        )
        return Worker(parts)

    def live(self) -> int:
        """Run a worker to its end; its exit status. What it sent is in `inbox`."""
        status = self.born().run()
        while (got := self.vcpu.up.receive()) is not None:
            assert isinstance(got, Message)
            self.inbox.append(got)
        return status

    def close(self) -> None:
        self.vcpu.close()
        self.main_bell.close()
        self.control.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def mmio(gpa: int, size: int = 4, store: int | None = None) -> Step:
    """A load, or a store of `store`: asks main, then takes the reply and retires."""

    def step(slot: View) -> Exit:
        if slot.get("mmio_ready"):
            slot.set("mmio_ready", 0)
            slot.set("pc", slot.get("pc") + 4)
            return Exit.STEP
        slot.set("exit_gpa", gpa)
        slot.set("exit_size", size)
        slot.set("exit_write", int(store is not None))
        slot.set("exit_value", store or 0)
        slot.set("exit_reason", Exit.MMIO)
        return Exit.MMIO

    return step


def test_every_exit_has_a_handler() -> None:
    assert set(HANDLERS) == set(Exit)


def test_a_worker_starts_stopped_and_says_so(desk: Desk) -> None:
    desk.slot.set("acked_gen", 7)
    desk.slot.set("wanted_gen", 7)
    desk.gen = 7
    worker = desk.born()
    assert not worker.request_pending(), "the current generation counts as acknowledged"
    desk.want(Want.QUIT)
    assert desk.live() == 0
    assert desk.inbox[0] == Ready(0, desk.slot.get("worker_pid"), 7)
    assert desk.inbox[1] == Ack(0, 8, HartState.STOPPED)


def test_what_was_asked_before_birth_is_latched(desk: Desk) -> None:
    desk.slot.set("pc", 0xDEAD)
    desk.want(Want.RESET)
    desk.then(Want.QUIT)
    worker = desk.born()
    assert worker.request_pending()
    worker._obey()
    assert desk.slot.get("pc") == 0x1000
    assert (desk.slot.get("state"), desk.slot.get("acked_gen")) == (HartState.STOPPED, 1)


def test_run_stop_run_reset_quit(desk: Desk) -> None:
    states: list[tuple[int, int]] = []

    def look(slot: View) -> Exit:
        states.append((slot.get("state"), slot.get("acked_gen")))
        return Exit.NONE

    desk.want(Want.RUN)
    desk.then(look, look, Want.STOP)
    worker = desk.born()
    for _ in range(4):
        if worker.request_pending():
            worker._obey()
        else:
            HANDLERS[desk.engine.run(worker.address)](worker)
    assert states == [(HartState.RUNNING, 1)] * 2
    worker._obey()
    assert desk.vcpu.acknowledged
    assert desk.slot.get("state") == HartState.STOPPED
    assert not desk.vcpu.may_begin()


def test_only_the_newest_generation_is_acknowledged(desk: Desk) -> None:
    desk.want(Want.RUN)
    desk.want(Want.STOP)
    desk.want(Want.RUN)
    desk.want(Want.QUIT)
    assert desk.live() == 0
    assert [m for m in desk.inbox if isinstance(m, Ack)] == [Ack(0, 4, HartState.STOPPED)]
    assert desk.slot.get("acked_gen") == 4


def test_a_load_and_a_store_go_round(desk: Desk) -> None:
    replies: list[int] = []

    def after(slot: View) -> Exit:
        assert slot.get("mmio_ready") == 1
        replies.append(slot.get("mmio_reply"))
        return mmio(0)(slot)

    desk.want(Want.RUN)
    desk.then(mmio(0x1000_0005, 1), after, mmio(0x1000_0000, 1, store=0x41), mmio(0), Want.QUIT)
    assert desk.live() == 0
    assert desk.accesses == [("read", 0x1000_0005, 1, 0), ("write", 0x1000_0000, 1, 0x41)]
    assert replies == [0x1000_0006]
    assert desk.slot.get("n_mmio") == 2
    assert desk.slot.get("pc") == 8
    assert desk.reached == ["in_mmio_reply"] * 2


@pytest.mark.parametrize("store", [None, 5])
def test_an_access_that_nobody_answers_is_an_error_for_the_hart(desk: Desk, store: int | None) -> None:
    seen: list[int] = []

    def after(slot: View) -> Exit:
        seen.append(slot.get("mmio_error"))
        return mmio(0)(slot)

    desk.want(Want.RUN)
    desk.then(mmio(0xBAD, store=store), after, mmio(0x10, store=store), after, Want.QUIT)
    assert desk.live() == 0
    assert seen == [1, 0]


def test_a_request_main_has_not_begun_is_taken_back_and_made_again(desk: Desk) -> None:
    desk.want(Want.RUN)
    desk.then(mmio(0x10), mmio(0x10), mmio(0x10), Want.QUIT)
    desk.main_bell.on_ring = lambda: None  # main is busy and does not look

    def stopped() -> None:
        """The hart waits, stopped."""
        assert desk.slot.get("state") == HartState.STOPPED
        assert desk.vcpu.acknowledged
        assert desk.slot.get("mmio_seq") == desk.slot.get("mmio_done"), "taken back"
        assert desk.slot.get("pc") == 0, "still at the instruction"
        desk.server.serve()
        assert desk.accesses == []
        desk.main_bell.on_ring = desk.server.on_bell
        desk.want(Want.RUN)

    def waits_for_the_reply() -> None:
        assert desk.slot.get("mmio_seq") == 1
        desk.want(Want.STOP)
        desk.server.serve()  # main goes on serving while it waits for acknowledgements
        assert desk.accesses == [], "but begins nothing of a hart that it has asked to stop"

    desk.bell.on_wait = waits_for_the_reply
    worker = desk.born()
    waits: list[int] = []

    def wait(timeout_ns: int) -> None:
        waits.append(timeout_ns)
        stopped()

    worker.wait = wait  # type: ignore[method-assign]
    assert worker.run() == 0
    assert waits == [-1]
    assert desk.accesses == [("read", 0x10, 4, 0)], "done exactly once"
    assert desk.slot.get("pc") == 4


def test_a_request_main_has_begun_is_finished_before_the_acknowledgement(desk: Desk) -> None:
    desk.want(Want.RUN)
    desk.then(mmio(0x10), mmio(0x10))

    def begun() -> None:
        desk.slot.set("mmio_begun", desk.slot.get("mmio_seq"))

    desk.main_bell.on_ring = begun
    moments: list[str] = []

    def on_wait() -> None:
        if not moments:
            moments.append("asked to stop")
            desk.want(Want.QUIT)
        else:
            moments.append("answered")
            assert not desk.vcpu.acknowledged
            desk.slot.set("mmio_reply", 99)
            desk.slot.set("mmio_done", desk.slot.get("mmio_seq"))
            desk.bell.ring()

    desk.bell.on_wait = on_wait
    assert desk.live() == 0
    assert moments == ["asked to stop", "answered"]
    assert desk.engine.calls.count("run_step") == 1
    assert desk.slot.get("pc") == 4, "the instruction has retired"
    assert desk.slot.get("mmio_ready") == 0
    assert desk.vcpu.acknowledged


def test_a_request_that_compiled_code_has_made_is_not_made_again(desk: Desk) -> None:
    def waited_in_vain(slot: View) -> Exit:
        slot.set("mmio_seq", 1)  # as hart.roundtrip does before it sleeps, and is woken by something else
        return mmio(0x10)(slot)

    desk.want(Want.RUN)
    desk.then(waited_in_vain, mmio(0x10), Want.QUIT)
    desk.bell.on_wait = desk.server.serve
    assert desk.live() == 0
    assert desk.main_bell.rings == 0, "compiled code has rung, or knows that main looks"
    assert desk.accesses == [("read", 0x10, 4, 0)]
    assert desk.slot.get("pc") == 4


def test_a_reset_drops_a_reply(desk: Desk) -> None:
    desk.want(Want.RUN)

    def reset_meanwhile(slot: View) -> Exit:
        desk.want(Want.RESET)
        slot.set("mmio_ready", 1)
        return Exit.NONE

    desk.then(reset_meanwhile)
    worker = desk.born()
    worker._obey()
    HANDLERS[desk.engine.run(worker.address)](worker)
    worker._obey()
    assert "run_step" not in desk.engine.calls
    assert desk.slot.get("mmio_ready") == 0
    assert desk.slot.get("pc") == 0x1000


def test_posted_writes_of_all_come_before_a_request(desk: Desk) -> None:
    def post(n: int) -> Step:
        def step(slot: View) -> Exit:
            for _ in range(n):
                head = slot.get("ring_head")
                at = head % RING_SLOTS
                slot.set("ring_gpa", 0x1000_0000, at)
                slot.set("ring_value", head & 0xFF, at)
                slot.set("ring_size", 1, at)
                ticket = desk.control.header.get("posted_tickets")
                slot.set("ring_ticket", ticket, at)
                desk.control.header.set("posted_tickets", ticket + 1)
                slot.set("ring_head", (head + 1) & 0xFFFF_FFFF)
            return Exit.NONE

        return step

    desk.slot.set("ring_head", 0xFFFF_FFF0)  # the counters wrap
    desk.slot.set("ring_tail", 0xFFFF_FFF0)
    desk.want(Want.RUN)
    desk.then(post(RING_SLOTS), mmio(0x1000_0005, 1), mmio(0), post(3), Want.QUIT)
    assert desk.live() == 0
    desk.server.drain_rings()
    order = [(kind, value) for kind, _, _, value in desk.accesses]
    posted = [("write", (0xF0 + i) & 0xFF) for i in range(RING_SLOTS + 3)]
    assert order == [*posted[:RING_SLOTS], ("read", 0), *posted[RING_SLOTS:]]


def test_posted_writes_of_several_harts_keep_their_order() -> None:
    """Rings of three harts filled in a random order, drained at random moments: the order of the tickets."""
    control = Control.create(3)
    vcpus = [Vcpu(i, control, FakeEngine(control, [])) for i in range(3)]
    bell = Bell()
    done: list[int] = []

    class Device:
        def read(self, gpa: int, size: int) -> tuple[bool, int]:
            return True, 0

        def write(self, gpa: int, size: int, value: int) -> bool:
            done.append(value)
            return True

    server = ExitServer(vcpus, Device(), lambda *a: None, bell, lambda name: None, control.header)
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    try:
        for n in range(2000):
            slot = rng.choice(vcpus).slot
            head = slot.get("ring_head")
            if head - slot.get("ring_tail") == RING_SLOTS or rng.random() < 0.02:
                server.drain_rings()
            slot.set("ring_ticket", n, head % RING_SLOTS)
            slot.set("ring_value", n, head % RING_SLOTS)
            control.header.set("posted_tickets", n + 1)
            slot.set("ring_head", head + 1)
        server.drain_rings()
        assert done == list(range(2000))
    finally:
        for v in vcpus:
            v.close()
        bell.close()
        control.close()


def test_a_write_posted_while_another_hart_is_served_comes_before_the_next_request() -> None:
    control = Control.create(2)
    engine = FakeEngine(control, [])
    vcpus = [Vcpu(i, control, engine) for i in range(2)]
    bell = Bell()
    order: list[str] = []

    class Device:
        def read(self, gpa: int, size: int) -> tuple[bool, int]:
            order.append(f"read for hart {gpa}")
            if gpa == 0:  # while main is busy with hart 0, hart 1 posts, and has asked for something since
                slot = vcpus[1].slot
                slot.set("ring_size", 1)
                control.header.set("posted_tickets", 1)
                slot.set("ring_head", 1)
            return True, 0

        def write(self, gpa: int, size: int, value: int) -> bool:
            order.append("posted by hart 1")
            return True

    server = ExitServer(vcpus, Device(), lambda *a: None, bell, lambda name: None, control.header)
    for v in vcpus:
        v.slot.set("wanted", Want.RUN)
        v.slot.set("exit_reason", Exit.MMIO)
        v.slot.set("exit_gpa", v.index)
        v.slot.set("mmio_seq", 1)
    server.serve()
    assert order == ["read for hart 0", "posted by hart 1", "read for hart 1"]
    for v in vcpus:
        v.close()
    bell.close()
    control.close()


def test_an_sbi_call_goes_round(desk: Desk) -> None:
    got: list[tuple[int, int]] = []

    def call(slot: View) -> Exit:
        if slot.get("mmio_ready"):
            slot.set("mmio_ready", 0)
            got.append((slot.get("mmio_error"), slot.get("mmio_reply")))
            return Exit.STEP
        for i in range(8):
            slot.set("exit_arg", 10 + i, i)
        slot.set("exit_reason", Exit.SBI)
        return Exit.SBI

    desk.sbi_answer = Answer(Error.INVALID_PARAM, 77)
    desk.want(Want.RUN)
    desk.then(call, call, Want.QUIT)
    assert desk.live() == 0
    assert desk.sbi_calls == [(0, 10, 11, 12, 13, 14, 15, 16, 17)]
    assert got == [(0xFFFF_FFFD, 77)]


def test_a_call_without_an_answer_counts_as_not_begun(desk: Desk) -> None:
    def call(slot: View) -> Exit:
        slot.set("exit_reason", Exit.SBI)
        return Exit.SBI

    desk.sbi_answer = None
    desk.want(Want.RUN)
    desk.then(call)
    desk.bell.on_wait = lambda: (desk.want(Want.QUIT), None)[1]
    assert desk.live() == 0
    assert desk.slot.get("mmio_begun") == desk.slot.get("mmio_done") == desk.slot.get("mmio_seq") == 0


def test_a_kick_wakes_a_sleeper_and_its_mark_is_taken_away(desk: Desk) -> None:
    def kicked(slot: View) -> Exit:
        assert slot.get("kick_sent") == 0, "cleared before the levels were looked at"
        assert slot.get("asleep") == 0
        desk.want(Want.QUIT)
        return Exit.EVENT

    real = desk.engine._sleep_ns

    def just_before_it_sleeps(address: int) -> int:
        assert desk.slot.get("asleep") == 1
        desk.slot.set("event", 1)
        desk.slot.set("kick_sent", 1)
        desk.vcpu.mailbox.send(Kick(KickCause.IPI, FROM_MAIN, 0))
        return real(address)

    desk.engine._sleep_ns = just_before_it_sleeps  # type: ignore[method-assign]
    desk.want(Want.RUN)

    def wfi(slot: View) -> Exit:
        slot.set("event", 0)
        return Exit.SLEEP

    desk.then(wfi, kicked)
    assert desk.live() == 0
    assert desk.engine.calls.count("prepare_sleep") == 1


def test_a_level_set_before_the_sleep_prevents_it(desk: Desk) -> None:
    def wfi(slot: View) -> Exit:
        slot.set("event", 1)
        return Exit.SLEEP

    desk.want(Want.RUN)
    desk.then(wfi, Want.QUIT)
    assert desk.live() == 0
    assert "sleep_ns" not in desk.engine.calls


def test_a_deadline_ends_a_sleep(desk: Desk) -> None:
    left = [1_000_000, 0]
    desk.engine._sleep_ns = lambda address: left.pop(0)  # type: ignore[method-assign]

    def wfi(slot: View) -> Exit:
        slot.set("event", 0)
        return Exit.SLEEP

    desk.want(Want.RUN)
    desk.then(wfi, Want.QUIT)
    assert desk.live() == 0
    assert left == []


def test_a_stop_ends_a_sleep_and_an_edge_may_get_lost(desk: Desk) -> None:
    desk.want(Want.RUN)

    def wfi(slot: View) -> Exit:
        slot.set("event", 0)
        return Exit.SLEEP

    def asked(address: int) -> int:
        desk.gen += 1
        desk.slot.set("wanted", Want.QUIT)
        desk.slot.set("wanted_gen", desk.gen)
        desk.bell.ring()  # no message, no event: the level and any ring are enough
        return 10**12

    desk.engine._sleep_ns = asked  # type: ignore[method-assign]
    desk.then(wfi)
    assert desk.live() == 0


def test_a_query_is_answered_running_or_not(desk: Desk) -> None:
    slot = desk.slot
    slot.set("pc", 0x8000_1234)
    slot.set("priv", 1)
    slot.set("instret_base", 100)
    slot.set("bud", 40)
    desk.want(Want.RUN)

    def asked(slot: View) -> Exit:
        desk.vcpu.ask(Query(5))
        return Exit.EVENT

    desk.then(asked, Want.QUIT)
    desk.vcpu.tell(Query(4))
    assert desk.live() == 0
    reports = [m for m in desk.inbox if isinstance(m, Report)]
    assert [r.seq for r in reports] == [4, 5]
    assert (reports[1].pc, reports[1].priv, reports[1].retired) == (0x8000_1234, 1, 60)


def test_work_is_done_between_instructions_and_answered(desk: Desk) -> None:
    desk.slot.set("code_epoch", 41)
    desk.want(Want.RUN)

    def asked(slot: View) -> Exit:
        desk.vcpu.ask(Work(8, WorkItem.BARRIER))
        return Exit.EVENT

    desk.then(asked, Want.QUIT)
    desk.vcpu.tell(Work(7, WorkItem.FORGET_CODE))
    assert desk.live() == 0
    assert [m for m in desk.inbox if isinstance(m, Done)] == [Done(0, 7), Done(0, 8)]
    assert desk.slot.get("code_epoch") == 42


def fatal_of(desk: Desk) -> Fatal:
    assert desk.live() == 1
    last = desk.inbox[-1]
    assert isinstance(last, Fatal)
    return last


def test_garbage_in_the_mailbox_ends_the_worker_with_a_reason(desk: Desk) -> None:
    desk.vcpu.mailbox.sock.send(b"\x00\x01")
    desk.want(Want.RUN)
    desk.then(Exit.EVENT)
    fatal = fatal_of(desk)
    assert fatal.kind == FatalKind.PROTOCOL
    assert "bad message in the mailbox" in fatal.text


def test_an_exception_in_the_worker_is_told_and_not_printed(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    def bug(slot: View) -> Exit:
        raise KeyError("no such thing")

    desk.want(Want.RUN)
    desk.then(bug)
    fatal = fatal_of(desk)
    assert fatal.kind == FatalKind.BUG
    assert "KeyError" in fatal.text
    assert capfd.readouterr().err == ""


def test_an_impossible_state_of_the_engine_is_told(desk: Desk) -> None:
    def stuck(slot: View) -> Exit:
        slot.set("exit_arg", 0x5B1)
        return Exit.FATAL

    desk.want(Want.RUN)
    desk.then(stuck)
    fatal = fatal_of(desk)
    assert (fatal.kind, fatal.detail) == (FatalKind.ENGINE, 0x5B1)
    assert "0x5b1" in fatal.text


def test_main_takes_what_a_hart_sends(desk: Desk) -> None:
    desk.want(Want.QUIT)
    desk.vcpu.ask(Query(9))
    reports: list[Report] = []
    assert desk.born().run() == 0
    up = Upcalls(reports.append)
    up.read(desk.vcpu)
    assert desk.vcpu.ready
    Channel(desk.vcpu._up_worker, "main").send(Fatal(0, FatalKind.BUG, 0, "last words"))
    desk.vcpu._up_worker.send(b"garbage")
    up.read(desk.vcpu)
    assert desk.vcpu.last_words.startswith("it broke the protocol: not msgpack")


def test_a_ring_of_the_posted_ring_rings_main(desk: Desk) -> None:
    desk.want(Want.RUN)
    desk.then(Exit.RING, Want.QUIT)
    assert desk.live() == 0
    assert desk.main_bell.rings == 1


def test_what_a_hart_has_for_the_log_is_written_by_it(desk: Desk) -> None:
    code = ctypes.create_string_buffer(b"\x13\x00\x00\x00\x13\x00")

    def tell(slot: View) -> Exit:
        slot.set("trace_ready", TRACE_INT | TRACE_ASM)
        slot.set("trace_cause", 9)
        slot.set("trace_pc", 0x8000_0FFC)
        slot.set("trace_code", ctypes.addressof(code))
        return Exit.TRACE

    desk.want(Want.RUN)
    desk.then(tell, Want.QUIT)
    worker = desk.born()
    read, write = os.pipe()
    worker.log = TraceLog(write)
    assert worker.run() == 0
    os.close(write)
    with os.fdopen(read) as log:
        lines = log.read().splitlines()
    assert lines[3].startswith("0x0000000080000ffc:  00000013 ")
    assert lines[4:] == ["", trap_text(0, 9, 0, 0).rstrip()], "to the end of the page, then the trap"
    assert desk.slot.get("trace_ready") == 0


def test_a_log_that_nobody_reads_does_not_make_a_hart_deaf() -> None:
    read, write = os.pipe()
    log, asked = TraceLog(write), [False, False, True]
    text = "x" * (1 << 17)  # twice what a pipe takes
    try:
        log.write(text, lambda: asked.pop(0))
        assert not asked, "it looked until it was asked for"
        got = os.read(read, 1 << 17)
        log.write("end", lambda: True)
        while not got.endswith(b"end"):
            got += os.read(read, 1 << 17)
            log.write("", lambda: True)
        assert got == text.encode() + b"end", "what was left came first"
    finally:
        os.close(read)
        log.write("nobody", lambda: False)
        os.close(write)
    TraceLog(-1).write("nowhere", lambda: False)


def test_a_full_channel_to_main_is_waited_for(desk: Desk) -> None:
    reports: list[Report] = []
    up = Upcalls(reports.append)

    def asked(slot: View) -> Exit:
        desk.vcpu.ask(Query(slot.get("n_traps")))
        slot.set("n_traps", slot.get("n_traps") + 1)
        return Exit.EVENT

    desk.want(Want.RUN)
    desk.then(*[asked] * 1000, Want.QUIT)
    worker = desk.born()

    class Room:
        def poll(self) -> None:
            up.read(desk.vcpu)

    worker._room = Room()  # type: ignore[assignment]
    assert worker.run() == 0
    up.read(desk.vcpu)
    assert [r.seq for r in reports] == list(range(1000)), "none is dropped"


@pytest.mark.parametrize("seed", range(30))
def test_every_access_is_done_exactly_once_whatever_main_does_meanwhile(desk: Desk, seed: int) -> None:
    rng = random.Random(seed)
    todo = list(range(1, 41))

    def guest(slot: View) -> Exit:
        desk.script.append(guest)
        if slot.get("mmio_ready"):
            slot.set("mmio_ready", 0)
            todo.pop(0)
        if not todo:
            desk.want(Want.QUIT)
            return Exit.EVENT
        slot.set("exit_gpa", todo[0])
        slot.set("exit_size", 4)
        slot.set("exit_write", 0)
        slot.set("exit_reason", Exit.MMIO)
        if slot.get("wanted_gen") != slot.get("acked_gen") and rng.random() < 0.5:
            return Exit.EVENT
        return Exit.MMIO

    def main_acts() -> None:
        what = rng.random()
        if what < 0.4:
            desk.server.serve()
        elif what < 0.7:
            desk.want(rng.choice((Want.STOP, Want.RUN)))
        elif what < 0.8:
            desk.vcpu.ask(Query(1))
        else:
            desk.bell.ring()

    desk.main_bell.on_ring = lambda: main_acts() if rng.random() < 0.5 else None
    desk.bell.on_wait = main_acts
    desk.want(Want.RUN)
    desk.then(guest)
    worker = desk.born()

    def stopped(timeout_ns: int) -> None:
        assert desk.slot.get("mmio_seq") == desk.slot.get("mmio_done")
        main_acts()
        if rng.random() < 0.5:
            desk.want(Want.RUN)
        worker.read_mailbox()

    worker.wait = stopped  # type: ignore[method-assign]
    assert worker.run() == 0
    assert [gpa for _, gpa, _, _ in desk.accesses] == list(range(1, 41))
