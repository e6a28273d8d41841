"""Packets that let harts run, or end the session: ? c C s vCont D k vAttach vKill.

Signals that gdb wants delivered go nowhere: the machine has none.
Source: "Debugging with GDB", appendix E.2; BEHAVIOUR 8.
"""

from __future__ import annotations

from re import Match

from emu.gdbstub import threads
from emu.gdbstub.machine import Run
from emu.gdbstub.session import SIGTRAP, Session
from emu.gdbstub.table import HEX, Reply, packet

ACTIONS = {b"c": Run.CONTINUE, b"C": Run.CONTINUE, b"s": Run.STEP, b"S": Run.STEP}


@packet("!")
def extended_mode(s: Session, operands: Match[bytes]) -> bytes:
    """Remain when the program ends: a machine always does."""
    return Reply.OK


@packet("?", stops=True)
def why_stopped(s: Session, operands: Match[bytes]) -> None:
    """gdb has just come: it starts without breakpoints."""
    s.put_stop(SIGTRAP)
    s.remove_breakpoints()


def _jump(s: Session, operands: Match[bytes]) -> None:
    if operands[1]:
        s.machine.harts[s.for_control].set_pc(int(operands[1], 16))


@packet("c", f"{HEX}?", stops=True)
def cont(s: Session, operands: Match[bytes]) -> None:
    """Let all harts run, from an address if one is given."""
    _jump(s, operands)
    s.resume_all()


@packet("C", f"{HEX}(?:;.*)?", stops=True)
def cont_with_signal(s: Session, operands: Match[bytes]) -> None:
    """As `c`."""
    s.resume_all()


@packet("s", f"{HEX}?", stops=True)
def step(s: Session, operands: Match[bytes]) -> None:
    """One instruction of the hart for control; the others run."""
    _jump(s, operands)
    s.resume_all(Run.STEP)


@packet("vCont?")
def resume_actions(s: Session, operands: Match[bytes]) -> bytes:
    """What vCont can do."""
    return b"vCont;c;C;s;S"


@packet("vCont", "(;.*)", stops=True)
def resume(s: Session, operands: Match[bytes]) -> bytes | None:
    """Each hart by the first action that names it; the others stay stopped."""
    how: dict[int, Run] = {}
    count = len(s.machine.harts)
    for part in operands[1][1:].split(b";"):
        action, colon, name = part.partition(b":")
        if action[:1] not in ACTIONS or len(action) != (3 if action[:1] in (b"C", b"S") else 1):
            return Reply.UNKNOWN
        run = ACTIONS[action[:1]]
        thread = threads.parse(name) if colon else threads.ThreadId(threads.Which.ALL, 0, 0)
        if thread is None:
            return Reply.INVALID
        hart = thread.hart(count)
        if hart is None:
            return Reply.INVALID
        for named in range(count) if thread.which is threads.Which.ALL else (hart,):
            how.setdefault(named, run)
            s.for_control = named  # a stop from elsewhere is told of a hart that was running
    s.resume(how)
    return None


@packet("D", f"(?:;{HEX})?")
def detach(s: Session, operands: Match[bytes]) -> bytes:
    """The machine goes on as if there were no debugger."""
    process = threads.PROCESS
    if s.multiprocess:
        if not operands[1]:
            return Reply.INVALID
        process = int(operands[1], 16)
    if process == threads.PROCESS:
        s.remove_breakpoints()
        s.attached = False
        s.resume_all()
    return Reply.OK


@packet("vAttach;", HEX, stops=True)
def attach(s: Session, operands: Match[bytes]) -> bytes | None:
    """Debug the process of that number again."""
    if int(operands[1], 16) != threads.PROCESS:
        return Reply.INVALID
    s.attached = True
    s.for_control = s.for_state = 0
    s.put_stop(SIGTRAP)
    return None


@packet("k")
def kill(s: Session, operands: Match[bytes]) -> None:
    """End the emulator; there is no reply."""
    s.machine.terminate()


@packet("vKill;", HEX)
def kill_process(s: Session, operands: Match[bytes]) -> None:
    """The same, with a reply."""
    s.put(Reply.OK)
    s.machine.terminate()
