"""Datagrams as a character device: what is written goes to one address, what comes from there is input.

Rules
- a datagram that does not fit is kept until the front end has taken it; further ones are the host's to drop;
- the host refusing to send (nobody listens there) is no error: it is UDP.
Source: udp(7); BEHAVIOUR 5.4.
"""

from __future__ import annotations

import socket
from typing import cast

from emu.chardev.address import Where
from emu.chardev.base import Chardev
from emu.chardev.registry import Opening, char_driver
from emu.errors import HostError, strerror
from emu.loop.poll import MainLoop

MOST_BYTES = 4096  # of a datagram: longer ones are cut
SENT_AT_ONCE = 4096


class Udp(Chardev):
    """local: (host, port) to receive at, None for any. Errors: HostError with QEMU's texts."""

    filename = "udp"
    reachable = True

    def __init__(
        self, label: str, loop: MainLoop, remote: tuple[str, str], local: tuple[str, str] | None
    ) -> None:
        super().__init__(label)
        self._loop = loop
        self._socket = _connected(remote, local)
        self._kept = b""
        self._reading = False
        self.accept_input()

    def put(self, data: bytes) -> int:
        """A datagram. A full queue of the host takes nothing."""
        data = data[:SENT_AT_ONCE]
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def watch_writable(self) -> None:
        """As `Chardev`."""
        self._loop.watch(self._socket, self._read if self._reading else None, self._writable)

    def _writable(self) -> None:
        self._rewatch()
        self.frontend.backend_writable()

    def _rewatch(self) -> None:
        self._loop.watch(self._socket, self._read if self._reading else None)

    def accept_input(self) -> None:
        """As `Chardev`."""
        self._deliver()
        if not self._reading and not self._kept and self.frontend.can_receive() > 0:
            self._reading = True
            self._rewatch()

    def _read(self) -> None:
        try:
            self._kept = self._socket.recv(MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            return  # what we sent was refused: the next one may be taken
        self._deliver()
        if self._kept or self.frontend.can_receive() <= 0:
            self._reading = False
            self._rewatch()

    def _deliver(self) -> None:
        while self._kept and (room := self.frontend.can_receive()) > 0:
            data, self._kept = self._kept[:room], self._kept[room:]
            self.frontend.receive(data)

    def close(self) -> None:
        """Nothing waits to be written."""
        self._loop.watch(self._socket)
        self._socket.close()


def _resolve(host: str, port: str, family: int, passive: bool) -> tuple[int, Where]:
    flags = socket.AI_PASSIVE if passive else 0
    try:
        found = socket.getaddrinfo(host or None, port, family, socket.SOCK_DGRAM, flags=flags)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise HostError(f"address resolution failed for {host or '(null)'}:{port}: {why}") from error
    return found[0][0], cast(Where, found[0][4])


def _connected(remote: tuple[str, str], local: tuple[str, str] | None) -> socket.socket:
    family, there = _resolve(remote[0] or "localhost", remote[1], socket.AF_UNSPEC, False)
    here = _resolve(local[0], local[1] or "0", family, True)[1] if local else None
    s = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    what = "bind"
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if here is not None:
            s.bind(here)
        what = "connect"
        s.connect(there)
    except OSError as error:
        s.close()
        text = "Failed to bind socket" if what == "bind" else "Failed to connect socket"
        raise HostError(f"{text}: {strerror(error)}") from error
    return s


@char_driver("udp")
def open_udp(o: Opening) -> Chardev:
    """As `Udp`."""
    spec = o.spec
    local = (spec.local_host, spec.local_port) if spec.local_host or spec.local_port else None
    return Udp(o.label, o.loop, (spec.host, spec.port), local)
