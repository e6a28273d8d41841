"""The debug server of an emulator: one device, one session, both replaced by a second start.

    -gdb DEV, -s, the monitor's gdbserver  ->  gdbserver_start  ->  a Session on the device "gdb"

A debugger that connects stops the machine; one that only hangs up leaves it as it is, with its breakpoints.
Rules
- bytes for gdb leave at the end of a turn of the loop: who listens to events hears STOP before gdb does;
- they never block the loop; what the device does not take waits here.
Source: BEHAVIOUR 8; texts of QEMU 10.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.chardev.base import Chardev
from emu.errors import OptionError, UserError
from emu.gdbstub.live import LiveMachine
from emu.gdbstub.packets import PACKET_SIZE
from emu.gdbstub.registers import Registers
from emu.gdbstub.session import Session
from emu.loop.timers import MS, Timer
from emu.runstate.states import RunState

if TYPE_CHECKING:
    from emu.emulator import Emulator
    from emu.vm import Vm

LABEL = "gdb"
EXISTING = "chardev:"
NO_HARTS = "gdbstub: meaningless to attach gdb to a machine without any CPU."
NO_DEVICE = "gdbstub: missing connection string"
NO_CHARDEV = "gdbstub: couldn't create chardev"
LAST_WORD_MS = 1000
TCP_ALSO = ",wait=off,nodelay=on,server=on"


class GdbServer:
    """A session's place in an emulator: it hears of the machine, and of the device when there is one."""

    def __init__(self, e: Emulator, vm: Vm) -> None:
        machine = LiveMachine(e, vm)
        self.session = Session(machine, Registers(machine.harts[0]), self._send)
        self._vm = vm
        self._loop = e.loop
        self._port: Chardev | None = None
        self.made_port = False  # the device was made for us
        self._waiting = bytearray()
        self._flush_later = e.loop.deferred.new(self._flush)
        vm.on_debug.append(self.session.stopped_by)
        vm.run.on_change(self._changed)
        vm.run.attached.append(self._connected)

    def connect(self, port: Chardev | None) -> None:
        """Serve on this device from now on; None: on none."""
        if self._port is not None:
            self._port.detach()
        self._waiting.clear()
        self._port = port
        if port is not None:
            port.on_connection = self._connection
            port.attach(self)
            if port.connected:
                self._connection(True)

    def exited(self, status: int) -> None:
        """The emulator ends with this status. A debugger that waits is told, and has a moment to take it.

        Without that its acknowledgement meets a closed socket, and it reports an error for an exit.
        """
        self.session.exited(status)
        timer = Timer(self._loop.clocks.realtime, lambda: None, MS)
        timer.mod(self._loop.clocks.realtime.now_ns() // MS + LAST_WORD_MS)
        while timer.pending and self._connected() and not self.session.acknowledged:
            self._loop.wait()
        timer.cancel()

    def _connected(self) -> bool:
        return self._port is not None and self._port.connected

    def _connection(self, connected: bool) -> None:
        self._waiting.clear()
        if connected:
            self.session.connected()
            self._vm.run.vm_stop(RunState.PAUSED)

    def _changed(self, running: bool, state: RunState) -> None:
        if self._port is not None:
            self.session.changed(running, state)

    # -- the device's front end

    def can_receive(self) -> int:
        """A packet's length."""
        return PACKET_SIZE

    def receive(self, data: bytes) -> None:
        """From gdb."""
        self.session.feed(data)

    def receive_break(self) -> None:
        """Nothing: gdb's interrupt is a character."""

    def backend_writable(self) -> None:
        """There is room again."""
        self._flush()

    def _send(self, data: bytes) -> None:
        self._waiting += data
        self._flush_later.schedule()

    def _flush(self) -> None:
        while self._waiting and self._port is not None:
            taken = self._port.write(bytes(self._waiting))
            if not taken:
                self._port.watch_writable()
                return
            del self._waiting[:taken]


def gdbserver_start(e: Emulator, device: str) -> None:
    """Let gdb connect to `device`, a short form of a character device or `chardev:ID`; "none": no more.

    Errors: UserError with QEMU's texts.
    """
    if e.vm is None or not e.vm.slots:
        raise OptionError(NO_HARTS)
    if not device:
        raise OptionError(NO_DEVICE)
    if e.gdb is not None:
        e.gdb.connect(None)
        if e.gdb.made_port:
            e.gdb.made_port = False
            e.chardevs.discard(LABEL)
    port = _port(e, device) if device != "none" else None
    if e.gdb is None:
        e.gdb = GdbServer(e, e.vm)
    e.gdb.made_port = port is not None and not device.startswith(EXISTING)
    e.gdb.connect(port)


def _port(e: Emulator, device: str) -> Chardev:
    from emu.chardev.spec import parse_short

    if device.startswith(EXISTING):
        port = e.chardevs.port(device.removeprefix(EXISTING))
        if port is None:
            raise OptionError(NO_CHARDEV)
        return port
    try:
        e.chardevs.make(parse_short(device + (TCP_ALSO if device.startswith("tcp:") else "")), LABEL)
    except UserError as error:
        error.consequences = (NO_CHARDEV,)
        raise
    port = e.chardevs.port(LABEL)
    assert port is not None
    return port
