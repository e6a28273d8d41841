"""The lifecycle against naive models of it: every set of requests at once, and any sequence of commands."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from emu.errors import UserError
from emu.runstate.actions import RebootAction, ShutdownAction
from emu.runstate.harts import HartLoss
from emu.runstate.requests import Cause, WakeupReason
from emu.runstate.states import RunState
from emu.stress.model import NO_WAKEUP, Expected, Model
from tests.lib.lifecycle import Machine

S = RunState
REQUESTS = ("debug", "suspend", "shutdown", "reset", "wakeup", "powerdown", "vmstop")
STATES = (
    S.RUNNING, S.SUSPENDED, S.PAUSED, S.PRELAUNCH, S.SHUTDOWN, S.GUEST_PANICKED, S.WATCHDOG, S.DEBUG,
    S.IO_ERROR, S.INTERNAL_ERROR,
)  # fmt: skip
SETS = [c for n in range(len(REQUESTS) + 1) for c in itertools.combinations(REQUESTS, n)]


def in_state(state: RunState, **actions: object) -> Machine:
    """A machine that has come to `state` by legal steps."""
    m = Machine(**actions)  # type: ignore[arg-type]
    if state is not S.PRELAUNCH:
        m.started()
    if state is S.SUSPENDED:
        m.control.requests.suspend_request()
        m.control.should_exit()
    elif state not in (S.RUNNING, S.PRELAUNCH):
        m.control.vm_stop(state)
    assert m.state is state
    m.take()
    m.events.clear()
    return m


def ask(m: Machine, name: str) -> None:
    """Make one request; a wake-up only where it can be made."""
    r = m.control.requests
    if name == "debug":
        r.debug_request()
    elif name == "suspend":
        r.suspend_request()
    elif name == "shutdown":
        r.shutdown_request(Cause.GUEST_SHUTDOWN)
    elif name == "reset":
        r.reset_request(Cause.GUEST_RESET)
    elif name == "wakeup":
        if m.state is S.SUSPENDED:
            r.wakeup_request(WakeupReason.OTHER)
    elif name == "powerdown":
        r.powerdown_request()
    else:
        r.vmstop_request(S.WATCHDOG)


def naive(state: RunState, asked: tuple[str, ...], pauses: bool) -> tuple[list[str], bool, RunState]:
    """Events, whether the process ends, and the state then: BEHAVIOUR 1.3 read aloud."""
    events: list[str] = []
    live = (S.RUNNING, S.SUSPENDED)
    woken = "wakeup" in asked and state is S.SUSPENDED
    if woken:
        state = S.RUNNING
    if "debug" in asked and state is S.RUNNING:  # what harts asked for is void once they are stopped
        events, state = ["STOP"], S.DEBUG
    if "suspend" in asked and state is S.RUNNING:
        events, state = [*events, "SUSPEND"], S.SUSPENDED
    if "shutdown" in asked:
        events.append("SHUTDOWN")
        if not pauses:
            return events, True, state
        if state in live:
            events, state = [*events, "STOP"], S.SHUTDOWN
    if "reset" in asked:
        events.append("RESET")
        state = S.RUNNING if state is S.RUNNING else S.PRELAUNCH
    if woken:
        events.append("WAKEUP")
    if "powerdown" in asked:
        events.append("POWERDOWN")
    if "vmstop" in asked and state is S.RUNNING:
        events, state = [*events, "STOP"], S.WATCHDOG
    return events, False, state


@pytest.mark.parametrize("pauses", [False, True], ids=["poweroff", "pause"])
@pytest.mark.parametrize("state", STATES, ids=lambda s: s.value)
def test_every_set_of_requests_at_once_is_done_in_the_documented_order(
    state: RunState, pauses: bool
) -> None:
    action = ShutdownAction.PAUSE if pauses else ShutdownAction.POWEROFF
    for asked in SETS:
        for order in (asked, asked[::-1]):
            m = in_state(state, shutdown=action)
            if "wakeup" in order and "suspend" in order and state is S.SUSPENDED:
                order = tuple(n for n in order if n != "suspend")  # asked while asleep it is void
            for name in order:
                ask(m, name)
            status = m.control.should_exit()
            events, ends, after = naive(state, order, pauses)
            assert [name for name, _ in m.events] == events, (state, order)
            assert (status is not None) == ends, (state, order)
            if not ends:
                assert m.state is after, (state, order)
                m.events.clear()
                assert m.control.should_exit() is None
                assert not m.events, f"done twice: {state} {order}"


def test_no_reboot_makes_a_shutdown_of_each_reset_and_that_comes_before_the_rest() -> None:
    m = in_state(S.RUNNING, reboot=RebootAction.SHUTDOWN)
    m.control.requests.powerdown_request()
    m.control.requests.reset_request(Cause.HOST_QMP_SYSTEM_RESET)
    assert m.control.should_exit() == 0
    assert m.events == [("SHUTDOWN", {"guest": False, "reason": "host-qmp-system-reset"})]


class Commands(RuleBasedStateMachine):
    """What a monitor's client can do, against the model that `emu stress` uses on real machines."""

    def __init__(self) -> None:
        super().__init__()
        self.m = Machine()
        self.m.control.support_wakeup()
        self.model = Model(wakes=True)

    def same(self, expected: Expected, error: str = "") -> None:
        """Events, and the error of the reply (what comes before it is the monitor's business)."""
        assert self.m.control.should_exit() is None
        events = tuple(name for name, _ in self.m.events)
        self.m.events.clear()
        assert (events, error) == (expected.before + expected.after, expected.error)

    @rule()
    def stop(self) -> None:
        self.m.control.vm_stop(S.PAUSED)
        self.same(self.model.stop())

    @rule()
    def cont(self) -> None:
        error = ""
        try:
            self.m.control.cont()
        except UserError as refused:
            error = str(refused)
        self.same(self.model.cont(), error)

    @rule()
    def system_reset(self) -> None:
        self.m.control.requests.reset_request(Cause.HOST_QMP_SYSTEM_RESET)
        self.same(self.model.system_reset())

    @rule()
    def system_powerdown(self) -> None:
        self.m.control.requests.powerdown_request()
        self.same(self.model.system_powerdown())

    @rule()
    def system_wakeup(self) -> None:
        error = ""
        try:
            self.m.control.requests.wakeup_request(WakeupReason.OTHER)
        except UserError as refused:
            error = str(refused)
        self.same(self.model.system_wakeup(), error)

    @rule()
    def guest_suspends(self) -> None:
        if self.m.state is S.RUNNING:
            self.m.control.requests.suspend_request()
            self.same(self.model.guest_suspends())

    @rule(hart=st.integers(0, 3))
    def kill(self, hart: int) -> None:
        if self.model.runs:  # the fleet replaces a stopped one by itself
            self.m.lost.add(hart)
            self.m.control.hart_lost(HartLoss(hart, 9, 0, "gone"))
        self.same(self.model.hart_killed())

    @invariant()
    def same_state(self) -> None:
        assert self.m.state.value == self.model.state
        assert self.m.harts_run == self.model.runs


TestCommands = Commands.TestCase
TestCommands.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)


def test_the_model_knows_machines_that_cannot_sleep() -> None:
    assert Model().system_wakeup() == Expected(error=NO_WAKEUP)
