"""virtio-serial: a bus of ports, hvcN consoles and named channels, over one virtio device.

    queue 0, 1    port 0: to the guest, from the guest
    queue 2, 3    control messages: to the guest, from the guest
    queue 2n+2, 2n+3   port n, from 1

Rules
- ports come and go while the machine runs; a guest with MULTIPORT is told by control messages, which wait
  here for buffers of the guest's (QEMU's are lost), up to MOST_WAITING of them;
- the guest's own control messages are taken at once, whatever waits for it: drivers spin until they are;
- a store of a character to emerg_wr reaches the first connected console without any queue.
Source: virtio 1.2, 5.3; properties, limits and messages are QEMU 10.0's.
"""

from __future__ import annotations

import enum
import struct
from collections import deque
from collections.abc import Callable

from emu.errors import OptionError
from emu.hw.virtio.device import VirtioDevice
from emu.hw.virtio.serial_port import VirtioSerialPort
from emu.qom.bus import Bus, automatic_name
from emu.qom.device import Category, Device
from emu.qom.property import Bool, Uint
from emu.qom.types import qom_type
from iothread.queue import Chain, Virtqueue

PORT_QUEUE, CONTROL_QUEUE = 128, 32  # descriptors
INPUT, OUTPUT, CONTROL_OUT = 0, 1, 3
MOST_PORTS = 511
F_MULTIPORT, F_EMERG_WRITE = 1 << 1, 1 << 2
CONFIG = struct.Struct("<HHII")  # columns, rows, max_nr_ports, emerg_wr
CONFIG_BYTES, WITHOUT_EMERG_WRITE = 12, 8
CONTROL = struct.Struct("<IHH")  # port, event, value
MOST_WAITING = 4096
ROOM = 4096  # bytes that a console is told of at once
WORD_BITS = 32  # QEMU looks for free numbers a word of a bitmap at a time


class Event(enum.IntEnum):
    """Of control messages."""

    DEVICE_READY = 0
    PORT_ADD = 1
    PORT_REMOVE = 2
    PORT_READY = 3
    CONSOLE_PORT = 4
    RESIZE = 5
    PORT_OPEN = 6
    PORT_NAME = 7


@qom_type("virtio-serial-bus")
class VirtioSerialBus(Bus):
    """The ports of one device."""

    hotplug = True


@qom_type("virtio-serial-device")
class VirtioSerial(VirtioDevice):
    """ports: by number."""

    device_id = 3
    category = Category.INPUT

    max_ports = Uint("max_ports", 32, 31)
    emergency_write = Bool("emergency-write", True)

    def instance_init(self) -> None:
        """No ports."""
        self.ports: dict[int, VirtioSerialPort] = {}
        self._waiting: deque[bytes] = deque()  # control messages without a buffer

    def device_features(self) -> int:
        """Several ports; the emergency write."""
        return (F_MULTIPORT if self.max_ports > 1 else 0) | (F_EMERG_WRITE if self.emergency_write else 0)

    def realize(self) -> None:
        """Queues for as many ports as there may be, and the bus."""
        if not self.max_ports:
            raise OptionError("Maximum number of serial ports not specified")
        if self.max_ports > MOST_PORTS:
            raise OptionError(f"maximum ports supported: {MOST_PORTS}")
        super().realize()
        self.config_size = CONFIG_BYTES if self.emergency_write else WITHOUT_EMERG_WRITE
        self._add_port_queues(0)
        self._control_in = self.add_queue(CONTROL_QUEUE, self._send_waiting)
        self.add_queue(CONTROL_QUEUE, self._control)
        for nr in range(1, self.max_ports):
            self._add_port_queues(nr)
        self.bus = VirtioSerialBus(self, automatic_name(self, VirtioSerialBus.qom_name))

    def _add_port_queues(self, nr: int) -> None:
        def given() -> None:
            port = self.ports.get(nr)
            if port is not None:
                port.guest_writable()

        def sent() -> None:
            port = self.ports.get(nr)
            if port is not None:
                port.flush()
            else:
                self._serve(self._number_of(nr, OUTPUT), lambda chain: None)

        self.add_queue(PORT_QUEUE, given)
        self.add_queue(PORT_QUEUE, sent)

    # -- numbers and queues

    def free_number(self) -> int | None:
        """The lowest free number but 0, which is kept for a console; None without one.

        As QEMU counts, it may be beyond max_ports: whole words of a bitmap are searched.
        """
        most = -(-self.max_ports // WORD_BITS) * WORD_BITS
        return next((nr for nr in range(1, most) if nr not in self.ports), None)

    def _number_of(self, nr: int, direction: int) -> int:
        return direction + (2 * nr + 2 if nr else 0)

    def input_of(self, nr: int) -> Virtqueue:
        """The queue to the guest of port `nr`."""
        return self.queues[self._number_of(nr, INPUT)]

    def output_of(self, nr: int) -> Virtqueue:
        """The queue from the guest of port `nr`."""
        return self.queues[self._number_of(nr, OUTPUT)]

    def _serve(self, n: int, each: Callable[[Chain], None]) -> None:
        """Take the guest's buffers of queue `n`, a turn's worth: it may add more all the time."""
        queue, pushed = self.queues[n], False
        for _ in range(queue.size):
            chain = queue.pop()
            if chain is None:
                break
            each(chain)
            queue.push(chain, 0)
            pushed = True
        else:
            self.kick_later(n)
        if pushed:
            queue.notify()

    @property
    def multiport(self) -> bool:
        """Whether the driver knows of ports other than 0."""
        return bool(self.guest_features & F_MULTIPORT)

    def queue_restarted(self, n: int) -> None:
        """A buffer of that queue is worth nothing any more."""
        for port in self.ports.values():
            if n == self._number_of(port.nr, OUTPUT):
                port.forget()

    # -- ports

    def plugged(self, device: Device) -> None:
        """A port has come."""
        assert isinstance(device, VirtioSerialPort)
        self._tell(device.nr, Event.PORT_ADD, 1)
        self.notify_config()

    def removed(self, port: VirtioSerialPort) -> None:
        """A port leaves; the guest gets the buffer back that was under way."""
        if port.sent is not None:
            self.output_of(port.nr).push(port.sent, 0)
            self.output_of(port.nr).notify()
            port.forget()
        self._tell(port.nr, Event.PORT_REMOVE, 1)
        del self.ports[port.nr]

    def tell_open(self, port: VirtioSerialPort) -> None:
        """The host's side of a port was opened or closed."""
        self._tell(port.nr, Event.PORT_OPEN, int(port.host_connected))

    def driver_ready(self) -> None:
        """A driver that knows one port alone has it open from here."""
        if not self.multiport and 0 in self.ports:
            self.ports[0].guest_connected = True
        self.resumed()

    def driver_gone(self) -> None:
        """Nothing is under way any more."""
        self._waiting.clear()
        for port in self.ports.values():
            port.driver_gone()

    def resumed(self) -> None:
        """What waits, what ports sent, what they may take: nobody asked while the machine stood."""
        self._send_waiting()
        for port in list(self.ports.values()):
            port.flush()
            port.guest_writable()

    # -- data to the guest

    def input_room(self, port: VirtioSerialPort) -> int:
        """Bytes that the guest takes of `port` now."""
        queue = self.input_of(port.nr)
        if not (self.vm_running and self.driver_ok and queue.ready and port.guest_connected):
            return 0
        return queue.room(ROOM)

    def send(self, port: VirtioSerialPort, data: bytes) -> int:
        """Fill buffers of the guest's; how many bytes had room."""
        queue, at = self.input_of(port.nr), 0
        while at < len(data) and (chain := queue.pop()) is not None:
            done = chain.write(data[at:])
            queue.push(chain, done)
            at += done
        queue.notify()
        return at

    # -- control messages

    def _tell(self, nr: int, event: Event, value: int, more: bytes = b"") -> None:
        """A message for the guest, if it has the queue for it."""
        if not self.multiport or not self._control_in.ready:
            return  # it hears of everything there is when it says DEVICE_READY
        if len(self._waiting) >= MOST_WAITING:
            self.guest_error(f"{event.name} of port {nr} is lost: no buffers for control messages")
            return
        self._waiting.append(CONTROL.pack(nr, event, value) + more)
        if self.vm_running:
            self._send_waiting()

    def _send_waiting(self) -> None:
        """As many messages as there are buffers."""
        queue, pushed = self._control_in, False
        while self._waiting and (chain := queue.pop()) is not None:
            queue.push(chain, chain.write(self._waiting.popleft()))
            pushed = True
        if pushed:
            queue.notify()

    def _control(self) -> None:
        """Messages of the guest's."""
        self._serve(CONTROL_OUT, lambda chain: self._obey(chain.read(CONTROL.size)))

    def _obey(self, message: bytes) -> None:
        if len(message) < CONTROL.size:
            self.guest_error(f"control message of {len(message)} bytes")
            return
        nr, event, value = CONTROL.unpack(message)
        port = self.ports.get(nr)
        if event == Event.DEVICE_READY:
            self._device_ready(bool(value))
        elif port is None:
            self.guest_error(f"unexpected port id {nr} in a control message")
        elif event == Event.PORT_READY:
            self._port_ready(port, bool(value))
        elif event == Event.PORT_OPEN:
            port.guest_connected = bool(value)
            port.guest_opened(bool(value))
            port.guest_writable()

    def _device_ready(self, success: bool) -> None:
        if not success:
            self.guest_error(f"guest failure in adding device {self.bus.name}")
            return
        for nr in sorted(self.ports):
            self._tell(nr, Event.PORT_ADD, 1)

    def _port_ready(self, port: VirtioSerialPort, success: bool) -> None:
        """The guest has made the port: it wants to know what it is."""
        if not success:
            self.guest_error(f"guest failure in adding port {port.nr} for device {self.bus.name}")
            return
        if port.is_console:
            self._tell(port.nr, Event.CONSOLE_PORT, 1)
        if port.port_name:
            self._tell(port.nr, Event.PORT_NAME, 1, port.port_name.encode("utf-8", "surrogateescape") + b"\0")
        if port.host_connected:
            self._tell(port.nr, Event.PORT_OPEN, 1)

    # -- configuration

    def config(self) -> bytes:
        """No size (a console tells it by RESIZE, if at all); how many ports."""
        return CONFIG.pack(0, 0, self.max_ports, 0)[: self.config_size]

    def config_written(self, config: bytes) -> None:
        """A character for the first connected console, before or without a driver."""
        if len(config) < CONFIG_BYTES:
            return
        character = CONFIG.unpack(config)[3]
        if not character:
            return
        for nr in sorted(self.ports):
            port = self.ports[nr]
            if port.is_console and port.host_connected:
                port.have_data(bytes((character & 0xFF,)))
                return

