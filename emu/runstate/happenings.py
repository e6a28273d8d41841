"""What a guest does to itself and the machine answers as it was told: panic, crash kernel, watchdog.

Source: BEHAVIOUR 1.6. These run in device code, so that a stop is a request (BEHAVIOUR 1.4): the hart whose
store told of it stands still until the main loop has acted (`Requests.stop_current`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emu.core.qdict import QDict
from emu.runstate.actions import PanicAction, ShutdownAction, WatchdogAction
from emu.runstate.requests import Cause
from emu.runstate.states import RunState

if TYPE_CHECKING:
    from emu.runstate.control import VmControl


def guest_panicked(run: VmControl, log: Callable[[str], None], info: QDict | None = None) -> None:
    """The guest has crashed (qemu_system_guest_panicked). `log` takes the line of -d guest_errors."""
    log("Guest crashed")
    action = run.actions.panic
    stays = action is PanicAction.SHUTDOWN and run.actions.shutdown is ShutdownAction.PAUSE
    if action is PanicAction.PAUSE or stays:
        _tell_of_panic(run, "pause", info)
        run.requests.vmstop_request(RunState.GUEST_PANICKED)
    elif action is PanicAction.NONE:
        _tell_of_panic(run, "run", info)
    else:
        _tell_of_panic(run, "poweroff", info)
        run.requests.vmstop_request(RunState.GUEST_PANICKED)
        run.requests.shutdown_request(Cause.GUEST_PANIC)


def _tell_of_panic(run: VmControl, action: str, info: QDict | None) -> None:
    data: QDict = {"action": action}
    if info is not None:
        data["info"] = info
    run.emit("GUEST_PANICKED", data)


def guest_crashloaded(run: VmControl, log: Callable[[str], None], info: QDict | None = None) -> None:
    """The guest has crashed and deals with it by a kernel of its own."""
    log("Guest crash loaded")
    data: QDict = {"action": "run"}
    if info is not None:
        data["info"] = info
    run.emit("GUEST_CRASHLOADED", data)


def guest_pvshutdown(run: VmControl) -> None:
    """The guest asks its host for a shutdown by way of its panic device."""
    run.emit("GUEST_PVSHUTDOWN", {})
    run.requests.shutdown_request(Cause.GUEST_SHUTDOWN)


def watchdog_perform_action(run: VmControl, say: Callable[[str], None]) -> None:
    """A watchdog has expired. `say` takes a line for standard error."""
    action = run.actions.watchdog
    run.emit("WATCHDOG", {"action": action.value})
    if action is WatchdogAction.RESET:
        run.requests.reset_request(Cause.GUEST_RESET)
    elif action is WatchdogAction.SHUTDOWN:
        run.requests.powerdown_request()
    elif action is WatchdogAction.POWEROFF:
        run.exit_at_once()
    elif action is WatchdogAction.PAUSE:
        run.requests.vmstop_request(RunState.WATCHDOG)
    elif action is WatchdogAction.DEBUG:
        say("watchdog: timer fired")
    # inject-nmi: no hart of these boards takes one, and QEMU's attempt is silent too
