"""Carries out what was asked of the machine: start, stop, reset, shutdown, in QEMU's order.

Rules (BEHAVIOUR 1.3, 1.4)
- `should_exit` runs once a turn, before the loop waits; it reads and consumes the requests in the one
  order written there, which clients can observe (shutdown beats reset; STOP before SHUTDOWN);
- a stop changes the state only if the machine is live, a suspend only if it runs: what harts asked for
  before they were stopped for another reason is void; ticks are stopped before the stop is announced
  to the harts, and the state is told to others only after all of them have acknowledged;
- a hart that is lost (DESIGN law 5) makes a running machine internal-error; only a reset leads on. With
  nobody attached who could ask for one, the process reports and ends with status 1.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.errors import UserError
from emu.loop.notify import Caught, command_of
from emu.loop.timers import Clock
from emu.runstate.actions import Actions, PanicAction, ShutdownAction
from emu.runstate.events import EventData, Events
from emu.runstate.harts import Fleet, GuestTime, HartLoss, NoHarts
from emu.runstate.requests import Cause, Requests, WakeupReason
from emu.runstate.states import LEGAL, RunState, RunStates

if TYPE_CHECKING:
    from ipc.layout import Want

NEEDS_RESET_TEXT = "Resetting the Virtual Machine is required"
ChangeHandler = Callable[[bool, RunState], None]
EXIT_LOST = 1


@dataclass(frozen=True)
class _Change:
    """Who wants to know of starts and stops; order: among equal priorities, who came first."""

    priority: int
    order: int
    handler: ChangeHandler
    prepare: ChangeHandler | None


class ResetRequired(UserError):
    """The machine cannot go on from here without a reset. The text is QEMU's."""

    def __init__(self) -> None:
        super().__init__(NEEDS_RESET_TEXT)


class VmControl:
    """The machine's run control. Collaborators are given; `log` takes one line without a program name.

    guest_time may move to another clock later, and `connect` gives the harts: there is a control, and a
    state, before there is a machine (-preconfig).
    attached: whether somebody could ask for a reset (monitors, a debugger), each asked in turn.
    """

    def __init__(
        self,
        guest_time: GuestTime,
        virtual: Clock,
        notify: Callable[[], None],
        log: Callable[[str], None],
        actions: Actions | None = None,
    ) -> None:
        self.states = RunStates(self._publish)
        self.actions = actions or Actions()
        self.publish: Callable[[RunState, list[str]], None] = lambda state, pending: None
        self.requests = Requests(self.states, self.actions, self._asked)
        self.events = Events()
        self.attached: list[Callable[[], bool]] = []
        self.wakeup_supported = False
        self._fleet: Fleet = NoHarts()
        self._time = guest_time
        self._virtual = virtual
        self._notify = notify
        self._log = log
        self._event = self.events.emit
        self._was_suspended = False
        self._frozen = False
        self._exit_now = False
        self.report_kill = True  # a qtest driver ends us by a signal as a matter of course
        self._losses: list[HartLoss] = []
        self._change: list[_Change] = []
        self._handlers = 0  # ever registered: the order among equals
        self._reset: list[Callable[[Cause], None]] = []
        self._powerdown: list[Callable[[], None]] = []
        self._shutdown: list[Callable[[Cause], None]] = []
        self._suspend_handlers: list[Callable[[], None]] = []
        self._wakeup_handlers: list[Callable[[WakeupReason], None]] = []

    def connect(self, fleet: Fleet) -> None:
        """Here are the harts."""
        self._fleet = fleet
        self.requests.stop_current = fleet.stop_current

    def _asked(self) -> None:
        self._publish()
        self._notify()

    def _publish(self) -> None:
        """Whoever looks at the process from outside sees its state, and what it has still to do."""
        self.publish(self.states.current, self.requests.pending())

    # -- who wants to know

    def on_change(
        self, handler: ChangeHandler, priority: int = 0, prepare: ChangeHandler | None = None
    ) -> None:
        """handler(running, state) at each start (ascending priority) and stop (descending).

        prepare: called likewise, and all of those before the first handler.
        """
        self._handlers += 1
        insort(
            self._change, _Change(priority, self._handlers, handler, prepare),
            key=lambda change: (change.priority, change.order),
        )  # fmt: skip

    def off_change(self, handler: ChangeHandler) -> None:
        """Do not call it any more."""
        self._change = [change for change in self._change if change.handler != handler]

    def _state_changed(self, running: bool, state: RunState) -> None:
        """vm_state_notify."""
        changes = self._change if running else self._change[::-1]
        for change in changes:
            if change.prepare is not None:
                change.prepare(running, state)
        for change in changes:
            change.handler(running, state)

    def emit(self, name: str, data: EventData) -> None:
        """An event that a device has to tell."""
        self.events.emit(name, data)

    def on_suspend(self, handler: Callable[[], None]) -> None:
        """The machine has gone to sleep."""
        self._suspend_handlers.append(handler)

    def on_wakeup(self, handler: Callable[[WakeupReason], None]) -> None:
        """The machine is about to wake; its harts are stopped."""
        self._wakeup_handlers.append(handler)

    def support_wakeup(self) -> None:
        """The board has what it takes to sleep and to wake (qemu_register_wakeup_support)."""
        self.wakeup_supported = True

    def on_reset(self, handler: Callable[[Cause], None]) -> None:
        """Reset devices and memory contents; the harts follow after all handlers."""
        self._reset.append(handler)

    def on_powerdown(self, handler: Callable[[], None]) -> None:
        """The power button."""
        self._powerdown.append(handler)

    def off_powerdown(self, handler: Callable[[], None]) -> None:
        """Do not call it any more."""
        self._powerdown.remove(handler)

    def on_shutdown(self, handler: Callable[[Cause], None]) -> None:
        """The machine ends, or pauses instead of ending."""
        self._shutdown.append(handler)

    def hart_lost(self, loss: HartLoss) -> None:
        """A worker died in guest code. Dealt with on the next turn of the loop."""
        self._losses.append(loss)
        self._notify()

    def exit_at_once(self) -> None:
        """The process ends with status 0 on the next turn, and nobody is told (watchdog=poweroff)."""
        self._exit_now = True
        self.requests.any = True
        self._notify()

    def inject_nmi(self) -> None:
        """An NMI for the first CPU; RISC-V harts of this board have none. Errors: UserError."""
        raise UserError("machine does not provide NMIs")

    # -- start and stop

    def cont(self) -> None:
        """qmp_cont: let the machine run; a suspended one stays so. Errors: ResetRequired."""
        if self.states.current is not RunState.SUSPENDED:
            self.vm_start()

    def vm_start(self) -> None:
        """Let the machine run; nothing if it does. Errors: ResetRequired."""
        if self.vm_prepare_start():
            self._resume_vcpus()

    def vm_prepare_start(self) -> bool:
        """All of vm_start but the harts; whether they are to run now. Errors: ResetRequired."""
        if self.states.needs_reset or self._fleet.any_lost():
            raise ResetRequired
        asked = self.requests.take_vmstop()
        if self.states.running:
            if asked is not None:
                self._event("STOP", {})
                self._event("RESUME", {})
            return False
        self._event("RESUME", {})
        self._time.enable()
        was_suspended = self._was_suspended
        self.states.set(RunState.SUSPENDED if was_suspended else RunState.RUNNING)
        self._state_changed(True, self.states.current)
        self._was_suspended = False
        return not was_suspended

    def vm_stop(self, state: RunState, event: bool = True) -> None:
        """Stop the machine in `state`; nothing if it is not live. Returns when every hart has stopped."""
        old = self.states.current
        if not self.states.live or (old, state) not in LEGAL:
            return  # QEMU aborts where a suspended machine is to panic; here a guest can never abort us
        self._was_suspended = old is RunState.SUSPENDED
        self.states.set(state)
        self._time.disable()
        if old is RunState.RUNNING:
            self._pause_vcpus()
        self._state_changed(False, state)
        if event:
            self._event("STOP", {})

    def vm_stop_force_state(self, state: RunState) -> None:
        """As vm_stop; a machine that is not live takes the state all the same."""
        if self.states.live:
            self.vm_stop(state)
        else:
            self.states.set(state)

    def _pause_vcpus(self) -> None:
        self._virtual.enabled = False
        self._fleet.pause_all()

    def _resume_vcpus(self) -> None:
        if self.states.running:
            self._virtual.enabled = True
            self._fleet.resume_all()

    def resume_only(self, wants: Mapping[int, Want]) -> None:
        """Behind vm_prepare_start: let these harts run or run one instruction, and no others."""
        if self.states.running:
            self._virtual.enabled = True
            self._fleet.resume_only(wants)

    def freeze(self) -> None:
        """Ctrl-Z: hold the harts while the process is stopped. Nothing changes for the guest but time."""
        if self.states.running and not self._frozen:
            self._frozen = True
            self._pause_vcpus()

    def thaw(self) -> None:
        """`fg`: let them go on; nothing if they were not held."""
        frozen, self._frozen = self._frozen, False
        if frozen:
            self._resume_vcpus()

    def system_reset(self, cause: Cause) -> None:
        """Reset devices, then harts, which are stopped. The machine's first reset has cause NONE."""
        for handler in list(self._reset):
            handler(cause)
        self._fleet.reset_all()
        if cause not in (Cause.NONE, Cause.SUBSYSTEM_RESET, Cause.SNAPSHOT_LOAD):
            self._event("RESET", {"guest": cause.by_guest, "reason": cause.qmp})
        self._was_suspended = False

    # -- one turn

    def should_exit(self) -> int | None:
        """main_loop_should_exit: do what was asked, in order.

        The process's exit status if it is to end now, else None.
        """
        if not self.requests.any and not self._losses:
            return None
        self.requests.any = False
        status = self._do_requests()
        if status is None:
            self._fleet.go_on()
        self._publish()
        return status

    def _do_requests(self) -> int | None:
        r = self.requests
        if self._exit_now:
            return 0
        status = self._handle_losses()
        if status is not None:
            return status
        if r.take_debug():
            self.vm_stop(RunState.DEBUG)
        if r.take_suspend() and self.states.running:
            self._suspend()
        cause = r.take_shutdown()
        if cause is not Cause.NONE and self._shut_down(cause):
            return self._exit_status(cause)
        cause = r.take_reset()
        if cause is not Cause.NONE:
            self._pause_vcpus()
            self.system_reset(cause)
            self._resume_vcpus()
            if self.states.current not in (RunState.RUNNING, RunState.INMIGRATE, RunState.FINISH_MIGRATE):
                self.states.set(RunState.PRELAUNCH)
        if r.wakeup is not None:
            self._wake_up()
        if r.take_powerdown():
            self._event("POWERDOWN", {})
            for handler in list(self._powerdown):
                handler()
        state = r.take_vmstop()
        if state is not None:
            self.vm_stop(state)
        return None

    def _suspend(self) -> None:
        self._pause_vcpus()
        for handler in list(self._suspend_handlers):
            handler()
        self.states.set(RunState.SUSPENDED)
        self._event("SUSPEND", {})

    def _wake_up(self) -> None:
        self._pause_vcpus()
        reason = self.requests.wakeup
        assert reason is not None
        for handler in list(self._wakeup_handlers):
            handler(reason)
        self.requests.wakeup = None
        self._resume_vcpus()
        self._event("WAKEUP", {})

    def _shut_down(self, cause: Cause) -> bool:
        """Tell everybody. Whether the process ends; else the machine stops in state shutdown."""
        caught = self.requests.take_signal()
        if caught is not None and self.report_kill:
            self._log(kill_text(caught))
        self._event("SHUTDOWN", {"guest": cause.by_guest, "reason": cause.qmp})
        for handler in list(self._shutdown):
            handler(cause)
        if self.actions.shutdown is ShutdownAction.PAUSE:
            self.vm_stop(RunState.SHUTDOWN)
            return False
        return True

    def _exit_status(self, cause: Cause) -> int:
        if self.requests.exit_code:
            return self.requests.exit_code
        return int(cause is Cause.GUEST_PANIC and self.actions.panic is PanicAction.EXIT_FAILURE)

    def _handle_losses(self) -> int | None:
        losses, self._losses = self._losses, []
        for loss in losses:
            if not self._fleet.is_lost(loss.hart):
                continue  # a reset has given it a fresh worker meanwhile, and said so (fleet)
            if self.states.running:
                self.vm_stop(RunState.INTERNAL_ERROR)
            self._event(
                "X_VCPU_LOST", {"cpu-index": loss.hart, "signal": loss.signal, "last-pc": loss.last_pc}
            )
            self._log(loss.text)
            if not any(attached() for attached in self.attached):
                return EXIT_LOST
        return None

    def cleanup(self) -> None:
        """The end: stop without an event, end the workers."""
        self.vm_stop(RunState.SHUTDOWN, event=False)
        self._fleet.quit()


def kill_text(caught: Caught) -> str:
    """QEMU's line for a signal that ends the process."""
    if not caught.pid:
        return f"terminating on signal {caught.number}"
    who = command_of(caught.pid) or "<unknown process>"
    return f"terminating on signal {caught.number} from pid {caught.pid} ({who})"
