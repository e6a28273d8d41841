"""One debugger's session: acknowledgements, packets and stop replies, in the order gdb expects.

    bytes in -> Decoder -> a command's function -> reply out, kept until gdb has acknowledged it
    the machine stops   -> one stop reply, if gdb waits for one

Rules (QEMU's, but for the second)
- while the machine runs, any byte stops it; only the interrupt character (3) is answered by a stop reply;
- one that comes while the machine stands stops it at its next resume, as gdb's manual has it (QEMU loses it,
  and gdb, which sent it in the moment before a `continue`, waits for ever);
- a packet goes out once more for each `-`; it is done with `+`, or with the start of gdb's next packet;
- there is one stop reply a resume: what stops the machine while gdb does not wait for it is not told;
- nothing that gdb sends ends the session or the emulator by an exception: what cannot be done has an error
  reply, what is not known an empty one.
Source: "Debugging with GDB", appendix E; BEHAVIOUR 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from emu.errors import UserError
from emu.gdbstub import threads
from emu.gdbstub.machine import Hart, Machine, Run
from emu.gdbstub.packets import ACK, DOLLAR, INTERRUPT, NACK, Damaged, Decoder, Junk, Packet, frame
from emu.gdbstub.registers import Registers
from emu.gdbstub.table import Reply, find
from emu.runstate.states import RunState
from ipc.layout import SSTEP_ENABLE, SSTEP_NOIRQ, SSTEP_NOTIMER

SIGINT, SIGQUIT, SIGTRAP, SIGABRT, SIGALRM, SIGSTOP, SIGXCPU, UNKNOWN = 2, 3, 5, 6, 14, 17, 24, 143
SIGNAL_OF = {
    RunState.DEBUG: SIGTRAP,
    RunState.PAUSED: SIGINT,
    RunState.SHUTDOWN: SIGQUIT,
    RunState.IO_ERROR: SIGSTOP,
    RunState.WATCHDOG: SIGALRM,
    RunState.INTERNAL_ERROR: SIGABRT,
    RunState.FINISH_MIGRATE: SIGXCPU,
}
SILENT = (RunState.SAVE_VM, RunState.RESTORE_VM)
STEP_FLAGS = SSTEP_ENABLE | SSTEP_NOIRQ | SSTEP_NOTIMER


class Session:
    """What gdb knows of the machine, and waits for. send: takes bytes for gdb."""

    def __init__(self, machine: Machine, registers: Registers, send: Callable[[bytes], None]) -> None:
        self.machine = machine
        self.registers = registers
        self._send = send
        self.breakpoints: Counter[int] = Counter()
        self.step_flags = STEP_FLAGS
        self.physical = False  # addresses of m and M are guest physical
        self.connected()

    def connected(self) -> None:
        """A debugger has come: nothing of an earlier one's is left but breakpoints, as in QEMU."""
        self._decoder = Decoder()
        self._unacknowledged = b""
        self.attached = True
        self.multiprocess = False
        self.wants_stop = False  # gdb waits for a stop reply
        self._interrupted = False
        self.for_control = 0  # the hart of c, s and stop replies
        self.for_state = 0  # the hart of registers and memory
        self.listed = 0  # how many harts gdb's present listing has shown

    @property
    def acknowledged(self) -> bool:
        """Whether gdb has taken all packets."""
        return not self._unacknowledged

    # -- bytes

    def feed(self, data: bytes) -> None:
        """Bytes from gdb."""
        for byte in data:
            self._byte(byte)

    def _byte(self, byte: int) -> None:
        if self._unacknowledged:
            if byte == NACK:
                self._send(self._unacknowledged)
            elif byte in (ACK, DOLLAR):
                self._unacknowledged = b""
            if byte != DOLLAR:
                return
        if self.machine.running:
            self.wants_stop = self.wants_stop or byte == INTERRUPT
            self.machine.stop()
            return
        item = self._decoder.push(byte)
        if item == Junk(INTERRUPT):
            self._interrupted = True
        elif isinstance(item, Damaged):
            self._send(bytes([NACK]))
        elif isinstance(item, Packet):
            self._send(bytes([ACK]))
            self._do(item.payload)

    def put(self, payload: bytes) -> None:
        """A packet for gdb."""
        self._unacknowledged = frame(payload)
        self._send(self._unacknowledged)

    def _do(self, payload: bytes) -> None:
        found = find(payload)
        if found is None:
            self.put(b"")
            return
        command, operands = found
        match = command.operands.fullmatch(operands)
        if match is None:
            self.put(command.malformed)
            return
        self.wants_stop = command.stops
        try:
            reply = command.function(self, match)
        except UserError:
            reply = Reply.INVALID
        if reply is not None:
            self.wants_stop = False
            self.put(reply)

    # -- harts

    def hart(self) -> Hart:
        """The one whose registers and memory are meant."""
        return self.machine.harts[self.for_state]

    def name(self, hart: int) -> str:
        """A hart's thread id."""
        return threads.name(hart, self.multiprocess)

    def stopped_by(self, hart: int) -> None:
        """This hart is about to stop the machine: what follows is about it."""
        self.for_control = self.for_state = hart

    def resume(self, how: dict[int, Run]) -> None:
        """Let harts go on. Where they cannot, gdb is told at once that they stand."""
        self.machine.set_step_flags(self.step_flags)
        interrupted, self._interrupted = self._interrupted, False
        if not self.machine.resume(how):
            if self.wants_stop:
                self.put_stop(SIGNAL_OF.get(self.machine.state, UNKNOWN))
        elif interrupted and self.wants_stop:
            self.machine.stop()

    def resume_all(self, first: Run = Run.CONTINUE) -> None:
        """Let every hart go on; the one for control as `first` says."""
        how = dict.fromkeys(range(len(self.machine.harts)), Run.CONTINUE)
        how[self.for_control] = first
        self.resume(how)

    # -- breakpoints

    def place_breakpoints(self) -> bool:
        """Tell the machine of a change. False: too many."""
        return self.machine.set_breakpoints(list(self.breakpoints))

    def remove_breakpoints(self) -> None:
        """All of them."""
        if self.breakpoints:
            self.breakpoints.clear()
            self.place_breakpoints()

    # -- what the machine does

    def changed(self, running: bool, state: RunState) -> None:
        """A change of the run state: a stop is told, if gdb waits for it."""
        if running or not self.attached or not self.wants_stop or state in SILENT:
            return
        self.for_state = self.for_control
        self.put_stop(SIGNAL_OF.get(state, UNKNOWN))

    def put_stop(self, signal: int) -> None:
        """The stop reply that gdb waits for."""
        self.put(f"T{signal:02x}thread:{self.name(self.for_control)};".encode())
        self.wants_stop = False

    def exited(self, status: int) -> None:
        """The emulator ends; told if gdb waits for a stop."""
        if self.wants_stop:
            self.put(b"W%02x" % (status & 0xFF))
            self.wants_stop = False
