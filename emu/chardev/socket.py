"""A stream socket as a character device: server or client, one peer at a time.

Rules
- a server goes on listening when its client leaves; output without a client vanishes;
- a client with `reconnect` tries again so many ms after each failure, the first one included, and tells of
  the first of a row; without it, it connects now or is an error, and a peer that left does not come back;
- a unix socket's file is removed at exit; a file that nobody listens on is a ghost of a killed process and
  is replaced, one that somebody listens on is an error;
- `wait` (a server's default) holds the start of the machine until a client is there, and says so.
Source: BEHAVIOUR 5.4.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable

from emu.chardev.address import (
    Address,
    connect,
    listen,
    listening_at,
    remove_file,
    shown_pair,
    start_connecting,
)
from emu.chardev.base import Chardev
from emu.chardev.registry import Opening, char_driver
from emu.chardev.streamed import Streamed
from emu.chardev.telnet import OFFERS, Telnet
from emu.errors import strerror
from emu.loop.poll import MainLoop
from emu.loop.timers import MS, Timer

MOST_FDS = 16  # that come with one message


class SocketChardev(Streamed):
    """server: listen, else connect. Bytes of a peer that left go nowhere. reconnect_ms: 0 for never."""

    def __init__(
        self, label: str, loop: MainLoop, address: Address, server: bool, *, telnet: bool = False,
        nodelay: bool = False, reconnect_ms: int = 0, say: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        super().__init__(label, loop)
        self._address = address
        self._kind = "telnet" if telnet else "tcp"
        self._is_telnet, self._nodelay = telnet, nodelay
        self._telnet = Telnet()
        self._pair: str | None = None
        self._listener: socket.socket | None = None
        self._fds: list[int] = []  # that came with what was read last
        self._connecting: socket.socket | None = None
        self._reconnect_ms = reconnect_ms
        self._say = say
        self._told = False  # that connecting failed
        self._retry = Timer(loop.clocks.realtime, self._try, MS) if reconnect_ms else None
        self._file = os.path.abspath(address.path) if address.path and not address.abstract else ""
        if server:
            self._listener = listen(address)
            self._address = listening_at(address, self._listener)
            loop.watch(self._listener, read=self._accept)
        elif reconnect_ms:
            self._try()
        else:
            self._connected(connect(address))

    @property
    def filename(self) -> str:  # type: ignore[override]  # it changes as peers come and go
        """As query-chardev shows it."""
        shown = self._address.shown(self._kind, self._listener is not None)
        if self.stream is None:
            return f"disconnected:{shown}"
        return self._pair or shown

    @property
    def reachable(self) -> bool:
        """Whether there is a peer, or one may come."""
        return self.stream is not None or self._listener is not None or self._retry is not None

    def wait_for_client(self) -> None:
        """Return when a client is connected."""
        if self._listener is not None and self.stream is None:
            self._listener.setblocking(True)
            peer, _ = self._listener.accept()
            self._listener.setblocking(False)
            self._connected(peer)

    # -- a peer comes

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return  # it left before we looked
        self._connected(peer)

    def _try(self) -> None:
        """Connect without waiting; what becomes of it is heard of."""
        try:
            self._connecting = start_connecting(self._address)
        except OSError as error:
            self._failed(strerror(error))
            return
        self.loop.watch(self._connecting, write=self._answered)

    def _answered(self) -> None:
        s, self._connecting = self._connecting, None
        assert s is not None
        self.loop.watch(s)
        number = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            s.close()
            self._failed(os.strerror(number))
        else:
            self._connected(s)

    def _failed(self, why: str) -> None:
        if not self._told:
            self._told = True
            text = f"Failed to connect to '{self._address}': {why}"
            self._say(f"Unable to connect character device {self.label}: {text}")
        self._try_later()

    def _try_later(self) -> None:
        if self._retry is not None:
            self._retry.mod(self.loop.clocks.realtime.now_ns() // MS + self._reconnect_ms)

    def _connected(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        if self._listener is not None:
            self.loop.watch(self._listener)  # the next one waits until this one leaves
        self._pair = shown_pair(peer, self._kind, self._listener is not None)
        if self._nodelay and self._pair is not None:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._told = False
        fd = peer.detach()
        self.open_stream(fd, fd, self._ended, self._read if self._address.path else None)
        if self._is_telnet:
            self._telnet = Telnet()
            self.put(OFFERS)
        self.on_connection(True)

    # -- it talks, and leaves

    def received(self, data: bytes) -> None:
        """As `Streamed`; what belongs to telnet is taken out."""
        if not self._is_telnet:
            self.frontend.receive(data)
            return
        data, breaks = self._telnet.strip(data)
        if data:
            self.frontend.receive(data)
        for _ in range(breaks):
            self.frontend.receive_break()

    def _ended(self) -> None:
        """The peer has left, in one direction at least: that is enough."""
        if self.stream is None:
            return
        self._keep_fds([])
        self.drop_stream()
        if self._listener is not None:
            self.loop.watch(self._listener, read=self._accept)
        self._try_later()

    def hang_up(self) -> None:
        """Shut the connection down, whatever it is waiting for; the peer is then seen to have left."""
        if self.stream:
            peer = socket.socket(fileno=os.dup(self.stream.fileno()))
            with peer, contextlib.suppress(OSError):  # it has left already
                peer.shutdown(socket.SHUT_RDWR)

    # -- descriptors

    def _read(self, fd: int, size: int) -> bytes:
        """recvmsg(2): descriptors that come replace those before them."""
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=fd)
        try:
            data, fds, _, _ = socket.recv_fds(peer, size, MOST_FDS, socket.MSG_CMSG_CLOEXEC)
        finally:
            peer.detach()
        if fds:
            self._keep_fds(fds)
        return data

    def _keep_fds(self, fds: list[int]) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds = fds

    def take_fd(self) -> int | None:
        """The first of them; the others are closed."""
        fd = self._fds.pop(0) if self._fds else None
        self._keep_fds([])
        return fd

    def close(self) -> None:
        """Write the rest, hang up, remove the socket's file."""
        if self._retry is not None:
            self._retry.cancel()
        stream, self.stream = self.stream, None
        if stream:
            stream.close()
        self._keep_fds([])
        for s in (self._listener, self._connecting):
            if s is not None:
                self.loop.watch(s)
                s.close()
        if self._listener is not None and self._file:
            remove_file(self._file)
        self._listener = self._connecting = None


@char_driver("socket")
def open_socket(o: Opening) -> Chardev:
    """A server waits here for its first client, if it is to."""
    spec = o.spec
    address = Address(
        spec.path, spec.host, spec.port, spec.fd, spec.abstract, spec.tight, spec.to, spec.ipv4, spec.ipv6
    )
    made = SocketChardev(
        o.label, o.loop, address, spec.server, telnet=spec.telnet, nodelay=spec.nodelay,
        reconnect_ms=spec.reconnect_ms, say=o.say,
    )  # fmt: skip
    if spec.server and spec.wait:
        o.info(f"QEMU waiting for connection on: {made.filename}")
        made.wait_for_client()
    return made
