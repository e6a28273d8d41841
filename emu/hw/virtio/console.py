"""virtconsole and virtserialport: ports of virtio-serial with a character device behind them.

Rules
- a console is always open on the host's side, whoever reads there, and what its character device does not
  take at once is lost: the guest's hvc driver spins until its characters are gone;
- a virtserialport is open while its character device has a peer, and loses nothing: it throttles the guest;
- input waits in the character device while the guest has no buffers or the machine stands.
Source: QEMU 10.0's virtconsole and virtserialport; BEHAVIOUR 5.4.
"""

from __future__ import annotations

from emu.chardev.base import Chardev
from emu.chardev.property import ChardevProperty
from emu.errors import OptionError
from emu.hw.virtio.serial_port import VirtioSerialPort
from emu.qom.types import qom_type


@qom_type("virtserialport")
class VirtSerialPort(VirtioSerialPort):
    """A channel: /dev/vportNpM in the guest, found there by its name."""

    chardev = ChardevProperty()

    @property
    def backend(self) -> Chardev | None:
        """The character device, None without one."""
        return self.chardev

    def check(self) -> None:
        """Port 0 is a console's. Errors: OptionError."""
        if not self.nr and not self.is_console:
            raise OptionError(
                "Port number 0 on virtio-serial devices reserved for virtconsole devices"
                " for backward compatibility."
            )

    def realize(self) -> None:
        """Follow the character device's peer; a console does not care for it."""
        super().realize()
        backend = self.backend
        if backend is None:
            return
        if not self.is_console:
            backend.on_connection = self._connection
        if self.is_console or backend.connected:
            self.host_connected = True  # the guest hears of it when it has made the port

    def unrealize(self) -> None:
        """Closed."""
        if self.backend is not None:
            self.backend.on_connection = lambda connected: None
        self.host_connected = False
        super().unrealize()

    def finalize(self) -> None:
        """Give the character device back."""
        if self.backend is not None:
            self.backend.detach()
        super().finalize()

    def _connection(self, connected: bool) -> None:
        if connected:
            self.open()
        else:
            self.close()

    # -- from the guest

    def have_data(self, data: bytes) -> int:
        """To the character device."""
        backend = self.backend
        if backend is None:
            return len(data)
        done = backend.write(data)
        if self.is_console:
            return len(data)
        if done < len(data):
            self.throttle(True)
            backend.watch_writable()
        return done

    def guest_opened(self, opened: bool) -> None:
        """A user who gave the port an id is told."""
        if self.id:
            self.vm.run.emit("VSERPORT_CHANGE", {"id": self.id, "open": opened})

    def guest_writable(self) -> None:
        """Read on."""
        if self.backend is not None:
            self.backend.accept_input()

    # -- front end of the character device

    def can_receive(self) -> int:
        """What the guest has buffers for; 0 before the port is complete."""
        return self.room() if self.realized and self.host_connected else 0

    def receive(self, data: bytes) -> None:
        """To the guest."""
        self.send(data)

    def receive_break(self) -> None:
        """There is no such thing on this port."""

    def backend_changed(self, backend: Chardev) -> None:
        """Another back end has taken the old one's place."""
        self.__dict__["chardev"] = backend  # past the property, which would attach it
        self.backend_writable()

    def backend_writable(self) -> None:
        """Go on, if it was throttled."""
        if self.throttled:
            self.throttle(False)


@qom_type("virtconsole")
class VirtConsole(VirtSerialPort):
    """hvcN in the guest."""

    is_console = True
