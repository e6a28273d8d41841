"""Run states: the whole 16 x 16 table, and what a machine's clients see in which order."""

from __future__ import annotations

import itertools
import os
from typing import NoReturn

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from emu.loop.notify import Caught
from emu.runstate.actions import PanicAction, RebootAction, ShutdownAction
from emu.runstate.control import ResetRequired
from emu.runstate.harts import HartLoss
from emu.runstate.requests import Cause, NotSuspended, WakeupReason
from emu.runstate.states import LEGAL, RunState, RunStates
from tests.lib.lifecycle import Machine

S = RunState
# BEHAVIOUR 1.1, typed a second time, as a matrix: rows from, columns to, in the order of RunState
#  debug inmigrate internal-error io-error paused postmigrate prelaunch finish-migrate
#  restore-vm running save-vm shutdown suspended watchdog guest-panicked colo
MATRIX = """
debug          ......XX .X..X...
inmigrate      ..XXXXXX .X.XXXXX
internal-error ....X.XX ........
io-error       ......XX .X......
paused         .....XXX .X..X..X
postmigrate    ......XX .X......
prelaunch      .X.....X .X..X...
finish-migrate ..XXXXX. .X.XXXXX
restore-vm     ......X. .X..X...
running        X.XXX..X X.XXXXXX
save-vm        ........ .X..X...
shutdown       ....X.XX .......X
suspended      ....X.XX XXXX...X
watchdog       ......XX .X.....X
guest-panicked ......XX .X......
colo           ......X. .X.X....
"""


class Aborted(Exception):
    """Stands for SIGABRT."""


@pytest.fixture
def abort(monkeypatch: pytest.MonkeyPatch) -> None:
    def instead() -> NoReturn:
        raise Aborted

    monkeypatch.setattr(os, "abort", instead)


def test_the_matrix_names_every_state_once() -> None:
    assert [line.split()[0] for line in MATRIX.split("\n") if line] == [s.value for s in S]


@pytest.mark.usefixtures("abort")
@pytest.mark.parametrize(("old", "new"), list(itertools.product(S, S)), ids=lambda s: s.value)
def test_every_pair_of_states(old: RunState, new: RunState, capsys: pytest.CaptureFixture[str]) -> None:
    row = next(line for line in MATRIX.split("\n") if line.split()[:1] == [old.value])
    legal = "".join(row.split()[1:])[list(S).index(new)] == "X"
    states = RunStates()
    states.current = old
    if old is new:
        assert not legal
        states.set(new)
    elif legal:
        assert (old, new) in LEGAL
        states.set(new)
        assert states.current is new
    else:
        with pytest.raises(Aborted):
            states.set(new)
        assert capsys.readouterr().err == f"invalid runstate transition: '{old.value}' -> '{new.value}'\n"
        assert states.current is old


def test_the_first_state_is_prelaunch() -> None:
    assert RunStates().current is S.PRELAUNCH


def test_start_and_stop() -> None:
    m = Machine()
    m.control.vm_start()
    assert m.take() == ["RESUME", "ticks on", "resume"]
    assert m.state is S.RUNNING
    assert m.virtual.enabled
    m.control.vm_stop(S.PAUSED)
    assert m.take() == ["ticks off", "pause", "STOP"]
    assert m.state is S.PAUSED
    assert not m.virtual.enabled
    m.control.vm_stop(S.PAUSED)
    assert m.take() == [], "stop while stopped is a successful no-op without event"
    m.control.vm_start()
    assert m.take() == ["RESUME", "ticks on", "resume"]
    m.control.vm_start()
    assert m.take() == [], "cont while running as well"


def test_stop_before_launch_changes_nothing() -> None:
    m = Machine()
    m.control.vm_stop(S.PAUSED)
    assert m.take() == []
    assert m.state is S.PRELAUNCH


def test_a_pending_stop_is_dropped_by_a_start_and_told() -> None:
    m = Machine().started()
    m.control.requests.vmstop_request(S.PAUSED)
    m.control.vm_start()
    assert m.take() == ["STOP", "RESUME"]
    assert m.control.should_exit() is None
    assert m.state is S.RUNNING


def test_change_handlers_run_up_at_start_and_down_at_stop() -> None:
    m = Machine()
    for name, priority in (("bus", 0), ("leaf", 2), ("device", 1), ("bus too", 0)):
        m.control.on_change(lambda run, s, n=name: m.seen.append(f"{n} {run} {s.value}"), priority)  # type: ignore[misc]
    m.control.vm_start()
    assert m.take()[2:-1] == [f"{n} True running" for n in ("bus", "bus too", "device", "leaf")]
    m.control.vm_stop(S.PAUSED)
    assert m.take()[2:-1] == [f"{n} False paused" for n in ("leaf", "device", "bus too", "bus")]


def test_a_guests_power_off_ends_with_status_0_or_its_code() -> None:
    m = Machine().started()
    m.control.requests.shutdown_request(Cause.GUEST_SHUTDOWN)
    assert m.control.should_exit() == 0
    assert m.events[-1] == ("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
    assert "STOP" not in m.take(), "a power-off is not a stop"
    m = Machine().started()
    m.control.requests.shutdown_request(Cause.GUEST_SHUTDOWN, 42)
    assert m.control.should_exit() == 42


@pytest.mark.parametrize(
    ("action", "code", "status"),
    [
        (PanicAction.SHUTDOWN, 0, 0),
        (PanicAction.EXIT_FAILURE, 0, 1),
        (PanicAction.SHUTDOWN, 7, 7),
        (PanicAction.EXIT_FAILURE, 7, 7),
    ],
)
def test_a_guests_panic_and_its_status(action: PanicAction, code: int, status: int) -> None:
    m = Machine(panic=action).started()
    m.control.requests.shutdown_request(Cause.GUEST_PANIC, code)
    assert m.control.should_exit() == status


def test_no_shutdown_pauses_instead_and_needs_a_reset() -> None:
    m = Machine(shutdown=ShutdownAction.PAUSE).started()
    m.control.requests.shutdown_request(Cause.GUEST_SHUTDOWN)
    assert m.control.should_exit() is None
    assert m.take() == ["SHUTDOWN", "ticks off", "pause", "STOP"]
    assert m.state is S.SHUTDOWN
    with pytest.raises(ResetRequired, match="Resetting the Virtual Machine is required"):
        m.control.vm_start()
    m.control.requests.shutdown_request(Cause.GUEST_SHUTDOWN)
    assert m.control.should_exit() is None
    assert m.take() == ["SHUTDOWN"], "a second one changes nothing"
    m.control.requests.reset_request(Cause.HOST_QMP_SYSTEM_RESET)
    assert m.control.should_exit() is None
    assert m.take() == ["pause", "reset", "RESET"]
    assert m.state is S.PRELAUNCH
    m.control.vm_start()
    assert m.state is S.RUNNING


def test_a_reset_while_running_goes_on_running() -> None:
    m = Machine().started()
    m.control.on_reset(lambda cause: m.seen.append(f"devices {cause.qmp}"))
    m.control.requests.reset_request(Cause.GUEST_RESET)
    assert m.control.should_exit() is None
    assert m.take() == ["pause", "devices guest-reset", "reset", "RESET", "resume"]
    assert m.events[-1] == ("RESET", {"guest": True, "reason": "guest-reset"})
    assert m.state is S.RUNNING
    assert m.time_runs, "ticks go on during a reset"


def test_the_first_reset_makes_no_event() -> None:
    m = Machine()
    m.control.system_reset(Cause.NONE)
    assert m.take() == ["reset"]


def test_no_reboot_turns_a_reset_into_an_end_but_not_a_subsystems() -> None:
    m = Machine(reboot=RebootAction.SHUTDOWN).started()
    m.control.requests.reset_request(Cause.GUEST_RESET)
    assert m.control.should_exit() == 0
    assert m.events[-1] == ("SHUTDOWN", {"guest": True, "reason": "guest-reset"})
    m = Machine(reboot=RebootAction.SHUTDOWN).started()
    m.control.requests.reset_request(Cause.SUBSYSTEM_RESET)
    assert m.control.should_exit() is None
    assert m.take() == ["pause", "reset", "resume"]


def test_shutdown_beats_reset() -> None:
    m = Machine().started()
    m.control.requests.reset_request(Cause.GUEST_RESET)
    m.control.requests.shutdown_request(Cause.HOST_QMP_QUIT)
    assert m.control.should_exit() == 0
    assert m.take() == ["SHUTDOWN"]


def test_reset_comes_before_powerdown() -> None:
    m = Machine().started()
    m.control.on_powerdown(lambda: m.seen.append("button"))
    m.control.requests.powerdown_request()
    m.control.requests.reset_request(Cause.HOST_QMP_SYSTEM_RESET)
    m.control.should_exit()
    assert m.take() == ["pause", "reset", "RESET", "resume", "POWERDOWN", "button"]
    assert m.control.should_exit() is None
    assert m.take() == []


def test_debug_then_shutdown_gives_stop_then_shutdown() -> None:
    m = Machine().started()
    m.control.requests.shutdown_request(Cause.HOST_UI)
    m.control.requests.debug_request()
    assert m.control.should_exit() == 0
    assert m.take() == ["ticks off", "pause", "STOP", "SHUTDOWN"]


def test_quit_while_paused_emits_shutdown_only() -> None:
    m = Machine().started()
    m.control.vm_stop(S.PAUSED)
    m.take()
    m.control.requests.shutdown_request(Cause.HOST_QMP_QUIT)
    assert m.control.should_exit() == 0
    assert m.take() == ["SHUTDOWN"]


def test_a_signal_ends_even_under_no_shutdown_and_says_who_sent_it() -> None:
    m = Machine(shutdown=ShutdownAction.PAUSE).started()
    m.control.requests.killed(Caught(15, os.getpid()))
    assert m.control.should_exit() == 0
    assert len(m.lines) == 1
    assert m.lines[0].startswith(f"terminating on signal 15 from pid {os.getpid()} (")
    assert m.events[-1] == ("SHUTDOWN", {"guest": False, "reason": "host-signal"})
    m = Machine().started()
    m.control.requests.killed(Caught(2, 0))
    assert m.control.should_exit() == 0
    assert m.lines == ["terminating on signal 2"]
    m = Machine().started()
    m.control.requests.killed(Caught(1, 2**22 + 1))
    m.control.should_exit()
    assert m.lines == [f"terminating on signal 1 from pid {2**22 + 1} (<unknown process>)"]


def test_suspend_and_wakeup() -> None:
    m = Machine().started()
    with pytest.raises(NotSuspended, match="Unable to wake up: guest is not in suspended state"):
        m.control.requests.wakeup_request(WakeupReason.OTHER)
    m.control.requests.suspend_request()
    m.control.should_exit()
    assert m.take() == ["pause", "SUSPEND"]
    assert m.state is S.SUSPENDED
    assert m.time_runs
    assert not m.virtual.enabled
    m.control.requests.suspend_request()
    m.control.should_exit()
    assert m.take() == [], "a suspend while suspended is ignored"
    m.control.requests.wakeup_request(WakeupReason.OTHER)
    assert m.state is S.RUNNING, "at once"
    m.control.should_exit()
    assert m.take() == ["pause", "resume", "WAKEUP"]


def test_stop_and_cont_of_a_suspended_machine_leave_it_suspended() -> None:
    m = Machine().started()
    m.control.requests.suspend_request()
    m.control.should_exit()
    m.take()
    m.control.vm_stop(S.PAUSED)
    assert m.take() == ["ticks off", "STOP"]
    m.control.vm_start()
    assert m.take() == ["RESUME", "ticks on"]
    assert m.state is S.SUSPENDED
    assert not m.harts_run


def loss(hart: int = 1) -> HartLoss:
    return HartLoss(hart, 9, 0x8020_0000, f"hart {hart}: gone")


def test_a_lost_hart_makes_an_internal_error_until_a_reset() -> None:
    m = Machine().started()
    m.lost.add(1)
    m.control.hart_lost(loss())
    assert m.control.should_exit() is None
    assert m.take() == ["ticks off", "pause", "STOP", "X_VCPU_LOST"]
    assert m.events[-1][1] == {"cpu-index": 1, "signal": 9, "last-pc": 0x8020_0000}
    assert m.lines == ["hart 1: gone"]
    assert m.state is S.INTERNAL_ERROR
    with pytest.raises(ResetRequired):
        m.control.vm_start()
    m.control.requests.reset_request(Cause.HOST_QMP_SYSTEM_RESET)
    m.control.should_exit()
    assert m.state is S.PRELAUNCH
    m.control.vm_start()
    assert m.state is S.RUNNING


def test_a_lost_hart_ends_a_process_that_nobody_is_attached_to() -> None:
    m = Machine(attached=False).started()
    m.lost.add(1)
    m.control.hart_lost(loss())
    assert m.control.should_exit() == 1
    assert m.lines == ["hart 1: gone"]


def test_a_hart_lost_in_a_stop_refuses_cont_though_the_state_is_paused() -> None:
    m = Machine().started()
    m.control.vm_stop(S.PAUSED)
    m.lost.add(0)
    m.control.hart_lost(loss(0))
    m.control.should_exit()
    assert m.state is S.PAUSED
    with pytest.raises(ResetRequired):
        m.control.vm_start()


def test_a_loss_that_a_reset_has_mended_is_no_news() -> None:
    m = Machine(attached=False).started()
    m.control.hart_lost(loss())
    assert m.control.should_exit() is None
    assert m.take() == []


def test_cleanup_stops_without_an_event() -> None:
    m = Machine().started()
    m.control.cleanup()
    assert m.take() == ["ticks off", "pause", "quit"]


class Lifecycle(RuleBasedStateMachine):
    """Any requests in any order: only legal steps (an illegal one aborts), and harts run iff it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.m = Machine(shutdown=ShutdownAction.PAUSE)
        self.control = self.m.control

    @rule(cause=st.sampled_from((Cause.GUEST_SHUTDOWN, Cause.HOST_UI)))
    def shutdown(self, cause: Cause) -> None:
        self.control.requests.shutdown_request(cause)

    @rule(cause=st.sampled_from((Cause.GUEST_RESET, Cause.HOST_QMP_SYSTEM_RESET)))
    def reset(self, cause: Cause) -> None:
        self.control.requests.reset_request(cause)

    @rule()
    def debug(self) -> None:
        self.control.requests.debug_request()

    @rule()
    def suspend(self) -> None:
        self.control.requests.suspend_request()

    @rule()
    def powerdown(self) -> None:
        self.control.requests.powerdown_request()

    @precondition(lambda self: self.m.state is S.SUSPENDED)
    @rule()
    def wakeup(self) -> None:
        self.control.requests.wakeup_request(WakeupReason.OTHER)

    @rule(state=st.sampled_from((S.PAUSED, S.WATCHDOG, S.GUEST_PANICKED, S.IO_ERROR)))
    def stop_later(self, state: RunState) -> None:
        self.control.requests.vmstop_request(state)

    @precondition(lambda self: self.m.state in (S.RUNNING, S.PRELAUNCH, S.PAUSED))
    @rule()
    def stop(self) -> None:
        self.control.vm_stop(S.PAUSED)

    @precondition(lambda self: self.control.requests.wakeup is None)
    @rule()
    def cont(self) -> None:
        if self.m.state is S.SUSPENDED:
            return
        try:
            self.control.vm_start()
        except ResetRequired:
            assert self.m.state in (S.INTERNAL_ERROR, S.SHUTDOWN) or self.m.lost

    @precondition(lambda self: self.m.state is S.RUNNING)
    @rule(hart=st.integers(0, 3))
    def lose(self, hart: int) -> None:
        self.m.lost.add(hart)
        self.control.hart_lost(loss(hart))

    @rule()
    def turn(self) -> None:
        assert self.control.should_exit() is None

    @invariant()
    def harts_run_iff_the_state_is_running(self) -> None:
        if self.control.requests.wakeup is None:
            assert self.m.harts_run == (self.m.state is S.RUNNING)
            assert self.m.virtual.enabled == self.m.harts_run
        assert not self.m.harts_run or self.m.time_runs


TestLifecycle = pytest.mark.usefixtures("abort")(Lifecycle.TestCase)
TestLifecycle.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
