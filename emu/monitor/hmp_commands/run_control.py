"""Commands that start, stop, reset and end the machine.

Source: BEHAVIOUR 1.7; texts of QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Iterable

from emu.errors import UserError
from emu.monitor.commands import run_control as qmp
from emu.monitor.hmp_arguments import Word
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command, info_command
from emu.runstate.actions import WatchdogAction
from emu.runstate.states import RunState


@hmp_command("quit|q", help="end the emulator", preconfig=True)
def quit_command(s: Session) -> None:
    """At the end of this turn of the main loop."""
    qmp.quit(s.e)


@hmp_command("exit_preconfig", help="leave the state that -preconfig began", preconfig=True)
def exit_preconfig(s: Session) -> None:
    """Make the board, and run it unless -S."""
    qmp.x_exit_preconfig(s.e)


@hmp_command("stop|s", help="stop emulation")
def stop(s: Session) -> None:
    """All harts and guest time."""
    qmp.stop(s.e)


@hmp_command("cont|c", help="resume emulation")
def cont(s: Session) -> None:
    """From where it stopped."""
    qmp.cont(s.e)


@hmp_command("system_reset", help="reset the system")
def system_reset(s: Session) -> None:
    """Requested; done before the next command."""
    qmp.system_reset(s.e)


@hmp_command("system_powerdown", help="press the power button")
def system_powerdown(s: Session) -> None:
    """The guest decides what it does about that."""
    qmp.system_powerdown(s.e)


@hmp_command("system_wakeup", help="wake the guest from suspend")
def system_wakeup(s: Session) -> None:
    """If it sleeps and can wake."""
    qmp.system_wakeup(s.e)


@hmp_command("nmi", help="inject an NMI")
def nmi(s: Session) -> None:
    """Where the machine has such."""
    qmp.inject_nmi(s.e)


def _watchdog_actions(_s: Session, words: list[str]) -> Iterable[str]:
    return (action.value for action in WatchdogAction) if len(words) == 1 else ()


@hmp_command("watchdog_action", "[reset|shutdown|poweroff|pause|debug|none|inject-nmi]",
             "what the machine does when the watchdog fires",
             args=(Word("action"),), complete=_watchdog_actions)  # fmt: skip
def watchdog_action(s: Session, action: str) -> None:
    """As -watchdog-action."""
    try:
        found = WatchdogAction(action)
    except ValueError:
        raise UserError(f"invalid parameter value: {action}") from None
    qmp.watchdog_set_action(s.e, found)


@info_command("status", "the run state", preconfig=True)
def info_status(s: Session) -> None:
    """running, or paused and why."""
    state = s.e.run.states.current
    text = "running" if s.e.run.states.running else "paused"
    if state not in (RunState.RUNNING, RunState.PAUSED):
        text += f" ({state.value})"
    s.print(f"VM status: {text}\n")
