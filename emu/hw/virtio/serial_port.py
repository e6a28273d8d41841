"""virtio-serial-port: one port of a virtio-serial device, whatever is behind it.

Rules
- a port is open on the host's side while somebody reads there, on the guest's while a program has it open;
  the guest is told of the first, and tells the second (without MULTIPORT port 0 is open from DRIVER_OK);
- what the guest sends goes to `have_data` piece by piece; a port that takes no more is throttled, and its
  buffer stays where it is until it is let go: back-pressure reaches the guest as buffers that do not return;
- one turn of the main loop moves at most TURN_PIECES of a port's: a driver may queue any amount.
Source: virtio 1.2, 5.3; numbering rules and messages are QEMU 10.0's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.errors import OptionError
from emu.qom.device import Category, Device
from emu.qom.object import root
from emu.qom.property import Text, Uint
from emu.qom.types import qom_type
from iothread.queue import Chain, Virtqueue

if TYPE_CHECKING:
    from emu.hw.virtio.serial import VirtioSerial

ANY_ID = 0xFFFF_FFFF
PIECE = 1 << 15  # bytes
TURN_PIECES = 128


@qom_type("virtio-serial-port", abstract=True)
class VirtioSerialPort(Device):
    """is_console: hvcN to the guest. nr: its number; unsaid, the bus gives one.

    host_connected, guest_connected: open on either side. sent: the buffer from the guest that is under way.
    """

    category = Category.INPUT
    bus_type = "virtio-serial-bus"
    is_console = False

    nr = Uint("nr", 32, ANY_ID)
    port_name = Text("name")

    def instance_init(self) -> None:
        """Closed on both sides."""
        self.host_connected = False
        self.guest_connected = False
        self.throttled = False
        self.sent: Chain | None = None
        self._sent_bytes = 0  # of it, that were taken

    # -- for ports to override

    def check(self) -> None:
        """The number is known. Errors: UserError refuses it."""

    def have_data(self, data: bytes) -> int:
        """Bytes from the guest; how many were taken. If not all, it throttles itself for a while."""
        return len(data)

    def guest_writable(self) -> None:
        """The guest has given buffers: it may take input."""

    def guest_opened(self, opened: bool) -> None:
        """A program of the guest's has opened or closed the port."""

    # -- life

    @property
    def serial(self) -> VirtioSerial:
        """The device it belongs to."""
        from emu.hw.virtio.serial import VirtioSerial

        assert self.parent_bus is not None
        assert isinstance(self.parent_bus.owner, VirtioSerial)
        return self.parent_bus.owner

    def realize(self) -> None:
        """Get a number. Errors: OptionError with QEMU's texts."""
        serial = self.serial
        prefix = "virtio-serial-bus: "
        if self.nr in serial.ports:
            raise OptionError(f"{prefix}A port already exists at id {self.nr}")
        if self.port_name and self._named(self.port_name):
            raise OptionError(f"{prefix}A port already exists by name {self.port_name}")
        nr = self.nr
        if nr == ANY_ID:
            # the first console is port 0, which drivers without MULTIPORT know alone
            first_console = self.is_console and 0 not in serial.ports
            free = 0 if first_console else serial.free_number()
            if free is None:
                raise OptionError(f"{prefix}Maximum port limit for this device reached")
            nr = free
        if nr >= serial.max_ports:
            most = serial.max_ports - 1
            raise OptionError(f"{prefix}Out-of-range port id specified, max. allowed: {most}")
        self.nr = nr
        self.check()
        self._flush_later = self.vm.loop.deferred.new(self.flush)
        serial.ports[nr] = self

    def _named(self, name: str) -> bool:
        ports = (one for one in root().walk() if isinstance(one, VirtioSerialPort))
        return any(port.realized and port.port_name == name for port in ports)

    def unrealize(self) -> None:
        """Tell the guest that the port is gone."""
        self._flush_later.cancel()
        self.serial.removed(self)

    # -- from the guest

    @property
    def _output(self) -> Virtqueue:
        return self.serial.output_of(self.nr)

    def flush(self) -> None:
        """Move what the guest has sent, as far as the port takes it; nowhere if nobody reads there."""
        queue = self._output
        if not self.serial.vm_running or not queue.ready:
            return
        pushed = False
        for _ in range(TURN_PIECES):
            if self.throttled or not self._under_way():
                break
            assert self.sent is not None
            if self.host_connected:
                data = self.sent.read(PIECE, skip=self._sent_bytes)
                self._sent_bytes += self.have_data(data) if data else 0
            if not self.host_connected or self._sent_bytes >= self.sent.readable_bytes:
                queue.push(self.sent, 0)
                self.forget()
                pushed = True
        else:
            self._flush_later.schedule()
        if pushed:
            queue.notify()

    def _under_way(self) -> bool:
        """Whether there is a buffer to work on; the next one, if the last is done."""
        if self.sent is None:
            self.sent, self._sent_bytes = self._output.pop(), 0
        return self.sent is not None

    def forget(self) -> None:
        """What was under way is done, or nobody's any more."""
        self.sent, self._sent_bytes = None, 0

    def driver_gone(self) -> None:
        """As after power on, for the guest's side."""
        self.forget()
        if self.guest_connected:
            self.guest_connected = False
            self.guest_opened(False)

    def throttle(self, on: bool) -> None:
        """Take no more of the guest's data, or go on with it on the next turn."""
        self.throttled = on
        if not on:
            self._flush_later.schedule()

    # -- to the guest

    def room(self) -> int:
        """Bytes that the guest would take now."""
        return self.serial.input_room(self)

    def send(self, data: bytes) -> int:
        """Bytes for the guest; how many it took."""
        if not (self.host_connected and self.guest_connected):
            return 0
        return self.serial.send(self, data)

    def open(self) -> None:
        """Somebody reads on the host's side."""
        if not self.host_connected:
            self.host_connected = True
            self.serial.tell_open(self)

    def close(self) -> None:
        """Nobody does any more: what the guest has sent goes nowhere."""
        if self.host_connected:
            self.host_connected = False
            self.throttled = False
            self.flush()
            self.serial.tell_open(self)
