"""A stream socket as a character device: server or client, one peer at a time.

Rules
- a server goes on listening when its client leaves; output without a client vanishes;
- a unix socket's file is removed at exit; a file that nobody listens on is a ghost of a killed process and
  is replaced, one that somebody listens on is an error;
- `wait` (a server's default) holds the start of the machine until a client is there, and says so.
Source: BEHAVIOUR 5.4.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from emu.chardev.base import Chardev
from emu.chardev.stream import Stream
from emu.errors import HostError, strerror
from emu.loop.poll import MainLoop


@dataclass(frozen=True)
class Address:
    """Where: a unix path, or host and port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_UNIX if self.path else socket.AF_INET

    @property
    def python(self) -> str | tuple[str, int]:
        """As Python's socket module wants it."""
        return self.path or (self.host, self.port)

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


class SocketChardev(Chardev):
    """server: listen, else connect now. Bytes of a peer that left go nowhere."""

    def __init__(self, label: str, loop: MainLoop, address: Address, server: bool) -> None:
        super().__init__(label)
        self._loop = loop
        self._address = address
        self._stream: Stream | None = None
        self._peer: socket.socket | None = None
        self._listener: socket.socket | None = None
        if server:
            self._listener = _listen(address)
            loop.watch(self._listener, read=self._accept)
        else:
            self._connected(_connect(address))

    @property
    def filename(self) -> str:  # type: ignore[override]  # it changes as peers come and go
        """As query-chardev shows it."""
        kind = "unix" if self._address.path else "tcp"
        state = "" if self._stream else "disconnected:"
        return f"{state}{kind}:{self._address}" + (",server=on" if self._listener else "")

    @property
    def connected(self) -> bool:  # type: ignore[override]  # it changes as peers come and go
        """Whether there is a peer."""
        return self._stream is not None

    def wait_for_client(self) -> None:
        """Return when a client is connected."""
        if self._listener is not None and self._stream is None:
            self._listener.setblocking(True)
            peer, _ = self._listener.accept()
            self._listener.setblocking(False)
            self._connected(peer)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return  # it left before we looked
        self._connected(peer)

    def _connected(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        if self._listener is not None:
            self._loop.watch(self._listener)  # the next one waits until this one leaves
        self._peer = peer
        fd = peer.fileno()
        self._stream = Stream(
            self._loop, fd, fd, lambda: self.frontend.can_receive(), lambda data: self.frontend.receive(data),
            lambda: self.frontend.backend_writable(), self._ended,
        )  # fmt: skip
        peer.detach()
        self.on_connection(True)

    def _ended(self) -> None:
        """The peer has left, in one direction at least: that is enough."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        stream.close()
        self.on_connection(False)
        self.frontend.backend_writable()  # whoever waited for it waits in vain
        if self._listener is not None:
            self._loop.watch(self._listener, read=self._accept)

    def put(self, data: bytes) -> int:
        """To the peer, if there is one."""
        return self._stream.write(data) if self._stream else len(data)

    def watch_writable(self) -> None:
        """As `Chardev`."""
        if self._stream:
            self._stream.watch_writable()
        else:
            self.frontend.backend_writable()

    def accept_input(self) -> None:
        """As `Chardev`."""
        if self._stream:
            self._stream.accept_input()

    def close(self) -> None:
        """Write the rest, hang up, remove the socket's file."""
        stream, self._stream = self._stream, None
        if stream:
            stream.close()
        listener, self._listener = self._listener, None
        if listener:
            self._loop.watch(listener)
            listener.close()
            if self._address.path:
                remove_file(self._address.path)


def _connect(address: Address) -> socket.socket:
    s = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        s.connect(address.python)
    except OSError as error:
        s.close()
        raise HostError(f"Failed to connect to '{address}': {strerror(error)}") from error
    return s


def _listen(address: Address) -> socket.socket:
    s = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if address.path:
            remove_ghost(address.path)
        else:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(address.python)
        s.listen(1)
    except OSError as error:
        s.close()
        raise HostError(f"Failed to bind socket to {address}: {strerror(error)}") from error
    s.setblocking(False)
    return s


def remove_ghost(path: str) -> None:
    """Remove the socket file at `path` if nobody listens on it. Errors: OSError if somebody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            remove_file(path)
        except OSError:
            return  # no file, or none of ours to judge: bind will tell


def remove_file(path: str) -> None:
    """Remove a file; that it is gone is no error."""
    try:
        os.unlink(path)
    except OSError:
        return
