"""Questions about the server and the machine: q and Q packets.

Source: "Debugging with GDB", appendix E.4; BEHAVIOUR 8; qemu.* by the documentation of QEMU 10.0.
"""

from __future__ import annotations

from re import Match

from emu.gdbstub import threads
from emu.gdbstub.packets import PACKET_SIZE, escape, unhex
from emu.gdbstub.session import STEP_FLAGS, Session
from emu.gdbstub.table import HEX, Reply, packet
from ipc.layout import SSTEP_ENABLE, SSTEP_NOIRQ, SSTEP_NOTIMER

MOST_TRANSFER = (PACKET_SIZE - 5) // 2  # each byte may need an escape
MOST_OUTPUT = (PACKET_SIZE - 5) // 2  # each byte is two digits
NO_SUCH_ANNEX = b"E00"
NOT_HEX = b"E01"


@packet("qSupported", "(?::(.*))?")
def supported(s: Session, operands: Match[bytes]) -> bytes:
    """What each side can do."""
    if b"multiprocess+" in (operands[1] or b"").split(b";"):
        s.multiprocess = True
    return b"PacketSize=%x;qXfer:features:read+;vContSupported+;multiprocess+" % PACKET_SIZE


@packet("qXfer:features:read:", f"([^:]*):{HEX},{HEX}")
def read_feature(s: Session, operands: Match[bytes]) -> bytes:
    """A part of a file of the target's description."""
    text = s.registers.files.get(operands[1].decode("ascii", "replace"))
    start, length = int(operands[2], 16), int(operands[3], 16)
    if text is None or start > len(text):
        return NO_SUCH_ANNEX
    part = text[start : start + min(length, MOST_TRANSFER)]
    more = b"m" if start + len(part) < len(text) else b"l"
    return more + escape(part)


@packet("qC")
def current_thread(s: Session, operands: Match[bytes]) -> bytes:
    """The first of the process, whatever "current" may mean."""
    return f"QC{s.name(0)}".encode()


@packet("qfThreadInfo")
def first_thread(s: Session, operands: Match[bytes]) -> bytes:
    """The list of threads begins."""
    s.listed = 0
    return _list_one(s)


@packet("qsThreadInfo")
def next_thread(s: Session, operands: Match[bytes]) -> bytes:
    """One more, until there is none."""
    return _list_one(s)


def _list_one(s: Session) -> bytes:
    if s.listed >= len(s.machine.harts) or not s.attached:
        return b"l"
    s.listed += 1
    return f"m{s.name(s.listed - 1)}".encode()


@packet("qThreadExtraInfo,", "(.*)")
def thread_text(s: Session, operands: Match[bytes]) -> bytes:
    """A text about a thread, for people."""
    thread = threads.parse(operands[1])
    hart = None if thread is None else thread.hart(len(s.machine.harts))
    if hart is None:
        return Reply.INVALID
    state = "halted " if s.machine.is_halted(hart) else "running"
    return f"CPU#{hart} [{state}]".encode().hex().encode()


@packet("qAttached", "(?::.*)?")
def attached(s: Session, operands: Match[bytes]) -> bytes:
    """The machine was there before gdb: to be left, not killed, at gdb's end."""
    return b"1"


@packet("qRcmd,", "(.*)")
def monitor_command(s: Session, operands: Match[bytes]) -> bytes:
    """`monitor TEXT`: a line for the monitor, its answer for gdb's console."""
    line = unhex(operands[1])
    if line is None:
        return NOT_HEX
    for text in s.machine.monitor(line.decode("utf-8", "replace")).splitlines():
        shown = text.encode() + b"\r\n"
        for start in range(0, len(shown), MOST_OUTPUT):
            s.put(b"O" + shown[start : start + MOST_OUTPUT].hex().encode())
    return Reply.OK


@packet("qqemu.Supported")
def qemu_supported(s: Session, operands: Match[bytes]) -> bytes:
    """QEMU's own packets."""
    return b"sstepbits;sstep;PhyMemMode"


@packet("qqemu.sstepbits")
def step_bits(s: Session, operands: Match[bytes]) -> bytes:
    """What the flags of single steps mean."""
    return b"ENABLE=%x,NOIRQ=%x,NOTIMER=%x" % (SSTEP_ENABLE, SSTEP_NOIRQ, SSTEP_NOTIMER)


@packet("qqemu.sstep")
def step_flags(s: Session, operands: Match[bytes]) -> bytes:
    """The flags."""
    return b"0x%x" % s.step_flags


@packet("Qqemu.sstep", f"[:=](?:0[xX])?{HEX}")
def set_step_flags(s: Session, operands: Match[bytes]) -> bytes:
    """Other flags."""
    flags = int(operands[1], 16)
    if flags & ~STEP_FLAGS:
        return Reply.INVALID
    s.step_flags = flags
    return Reply.OK


@packet("qqemu.PhyMemMode")
def physical_mode(s: Session, operands: Match[bytes]) -> bytes:
    """Whether addresses of m and M are physical."""
    return b"%d" % s.physical


@packet("Qqemu.PhyMemMode:", HEX)
def set_physical_mode(s: Session, operands: Match[bytes]) -> bytes:
    """Let them be, or not."""
    s.physical = int(operands[1], 16) != 0
    return Reply.OK
