"""Run control: stop, cont, reset, power, wakeup, what happens at happenings.

Source: BEHAVIOUR 1.6, 1.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.errors import StartFailed, UserError
from emu.monitor.commands.registry import qmp_command
from emu.runstate.actions import PanicAction, RebootAction, ShutdownAction, WatchdogAction
from emu.runstate.requests import Cause, WakeupReason
from emu.runstate.states import RunState

if TYPE_CHECKING:
    from emu.emulator import Emulator


@dataclass(frozen=True)
class StatusInfo:
    """running: whether harts run guest code."""

    running: bool
    status: RunState


@qmp_command("query-status", preconfig=True)
def query_status(e: Emulator) -> StatusInfo:
    """What the machine is doing."""
    return StatusInfo(e.run.states.running, e.run.states.current)


@qmp_command("stop")
def stop(e: Emulator) -> None:
    """STOP comes before the reply; nothing if it is not live."""
    e.run.vm_stop(RunState.PAUSED)


@qmp_command("cont")
def cont(e: Emulator) -> None:
    """RESUME comes before the reply; nothing if it runs. Errors: ResetRequired."""
    e.run.cont()


@qmp_command("system_reset")
def system_reset(e: Emulator) -> None:
    """RESET comes after the reply."""
    e.run.requests.reset_request(Cause.HOST_QMP_SYSTEM_RESET)


@qmp_command("system_powerdown")
def system_powerdown(e: Emulator) -> None:
    """Press the power button. POWERDOWN comes after the reply."""
    e.run.requests.powerdown_request()


@qmp_command("system_wakeup")
def system_wakeup(e: Emulator) -> None:
    """Wake a guest that sleeps. Errors: UserError if it does not, or cannot."""
    if not e.run.wakeup_supported:
        raise UserError("wake-up from suspend is not supported by this guest")
    e.run.requests.wakeup_request(WakeupReason.OTHER)


@qmp_command("quit", preconfig=True)
def quit(e: Emulator) -> None:
    """SHUTDOWN comes after the reply, then the end."""
    e.run.actions.shutdown = ShutdownAction.POWEROFF
    e.run.requests.shutdown_request(Cause.HOST_QMP_QUIT)


@qmp_command("inject-nmi")
def inject_nmi(e: Emulator) -> None:
    """To the first CPU. Errors: UserError on these boards, as on QEMU's."""
    e.run.inject_nmi()


@qmp_command("set-action", preconfig=True)
def set_action(
    e: Emulator, reboot: RebootAction | None = None, shutdown: ShutdownAction | None = None,
    panic: PanicAction | None = None, watchdog: WatchdogAction | None = None,
) -> None:  # fmt: skip
    """What the machine does at a reboot, shutdown, panic, or when a watchdog fires."""
    said = {"reboot": reboot, "shutdown": shutdown, "panic": panic, "watchdog": watchdog}
    e.run.actions.set({name: one.value for name, one in said.items() if one is not None})


@qmp_command("watchdog-set-action")
def watchdog_set_action(e: Emulator, action: WatchdogAction) -> None:
    """The same for the watchdog alone."""
    set_action(e, watchdog=action)


@qmp_command("x-exit-preconfig", preconfig=True, features=("unstable",))
def x_exit_preconfig(e: Emulator) -> None:
    """Make the board, then run it unless -S. Errors: UserError if that is done; StartFailed."""
    from emu.init import qemu_exit_preconfig

    if e.vm is not None:
        raise UserError("The command is permitted only before machine initialization")
    try:
        qemu_exit_preconfig(e)
    except UserError as error:
        raise StartFailed(error) from error
