"""Where a socket of a character device is: a unix path, host and port, or a descriptor; texts about it.

Source: unix(7), getaddrinfo(3); texts of QEMU 10.0.13.
"""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from emu.errors import HostError, UserError, strerror

Where: TypeAlias = "str | tuple[str, int] | tuple[str, int, int, int]"
_ABSTRACT_BYTES = 107  # of a name, behind its NUL: sun_path has 108


@dataclass(frozen=True)
class Address:
    """One of: path, host and port (text: also a service's name), fd (a number as text).

    to: the last port that a server may try, 0 for none. ipv4, ipv6: None where nothing was said.
    abstract: the name is in no file system; tight: it is not filled up with NULs.
    """

    path: str = ""
    host: str = ""
    port: str = ""
    fd: str = ""
    abstract: bool = False
    tight: bool = True
    to: int = 0
    ipv4: bool | None = None
    ipv6: bool | None = None

    def __str__(self) -> str:
        if self.fd:
            return self.fd
        return self.path or f"{self.host}:{self.port}"

    @property
    def sun_path(self) -> str:
        """As bind(2) and connect(2) want a unix path."""
        if not self.abstract:
            return self.path
        name = "\0" + self.path
        return name if self.tight else name.ljust(_ABSTRACT_BYTES + 1, "\0")

    def shown(self, kind: str, server: bool) -> str:
        """As query-chardev shows it while nobody is connected. kind: tcp or telnet."""
        end = ",server=on" if server else ""
        if self.fd:
            return f"fd:{self.fd}{end}"
        if self.path:
            tight = ",tight=on" if self.abstract and self.tight else ""
            return f"unix:{self.path}{',abstract=on' if self.abstract else ''}{tight}{end}"
        return f"{kind}:{self.host}:{self.port}{end}"

    def _family(self) -> socket.AddressFamily:
        if (self.ipv4 and not self.ipv6) or (self.ipv6 is False and self.ipv4 is None):
            return socket.AF_INET
        if (self.ipv6 and not self.ipv4) or (self.ipv4 is False and self.ipv6 is None):
            return socket.AF_INET6
        return socket.AF_UNSPEC

    def candidates(self, passive: bool) -> list[tuple[socket.AddressFamily, Where]]:
        """Families and addresses to try, in order. Errors: HostError."""
        if self.path:
            return [(socket.AF_UNIX, self.sun_path)]
        flags = socket.AI_PASSIVE if passive else 0
        try:
            found = socket.getaddrinfo(
                self.host or None, self.port, self._family(), socket.SOCK_STREAM, flags=flags
            )
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise HostError(f"address resolution failed for {self.host}:{self.port}: {why}") from error
        return [(family, cast(Where, where)) for family, _, _, _, where in found]


def too_long(path: str) -> HostError:
    """The error for a unix path that no address has room for."""
    hint = f"Path must be less than {_ABSTRACT_BYTES + 1} bytes"
    return HostError(f"UNIX socket path '{path}' is too long", hint)


def connect(address: Address) -> socket.socket:
    """A connected socket. Errors: HostError with QEMU's text."""
    if address.fd:
        return _given(address)
    if len(os.fsencode(address.path)) > _ABSTRACT_BYTES:
        raise too_long(address.path)
    error: OSError | None = None
    for family, where in address.candidates(passive=False):
        s = socket.socket(family, socket.SOCK_STREAM)
        try:
            s.connect(where)
        except OSError as caught:
            s.close()
            error = caught
        else:
            return s
    assert error is not None
    raise HostError(f"Failed to connect to '{address}': {strerror(error)}") from error


def start_connecting(address: Address) -> socket.socket:
    """A socket whose connecting is under way or done: writable when it is known. Errors: OSError."""
    try:
        family, where = address.candidates(passive=False)[0]
    except HostError as error:
        raise OSError(0, error.text) from error
    s = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        s.connect(where)
    except BlockingIOError:
        pass
    except OSError:
        s.close()
        raise
    return s


def listen(address: Address, backlog: int = 1) -> socket.socket:
    """A listening socket. Errors: HostError with QEMU's text."""
    if address.fd:
        s = _given(address)
        s.setblocking(False)
        return s
    if len(os.fsencode(address.path)) > _ABSTRACT_BYTES:
        raise too_long(address.path)
    error: OSError | None = None
    for family, where in address.candidates(passive=True):
        for at in _ports(where, address.to):
            s = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                if address.path and not address.abstract:
                    remove_ghost(address.path)
                elif not address.path:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if not address.host else 1)
                s.bind(at)
                s.listen(backlog)
            except OSError as caught:
                s.close()
                error = caught
            else:
                return s
    assert error is not None
    if address.path:
        raise HostError(f"Failed to bind socket to {address}: {strerror(error)}") from error
    raise HostError(f"Failed to find an available port: {strerror(error)}") from error


def _ports(where: Where, to: int) -> list[Where]:
    """`where`, and the same with the ports up to `to`."""
    if not to or not isinstance(where, tuple):
        return [where]
    return [(where[0], port) if len(where) == 2 else (where[0], port, where[2], where[3])
            for port in range(where[1], to + 1)]


def listening_at(address: Address, listener: socket.socket) -> Address:
    """The address as it came out: a name resolved, a port chosen by the host."""
    if address.path or address.fd:
        return address
    at = listener.getsockname()
    return replace(address, host=at[0], port=str(at[1]))


def _given(address: Address) -> socket.socket:
    """A socket that we were started with. Errors: UserError."""
    if not (address.fd.isascii() and address.fd.isdecimal()):
        raise UserError(f"Unable to parse FD number {address.fd}")
    fd = int(address.fd)
    try:
        is_socket = stat.S_ISSOCK(os.fstat(fd).st_mode)
    except (OSError, OverflowError):
        is_socket = False
    if not is_socket:
        raise UserError(f"File descriptor '{address.fd}' is not a socket")
    os.set_inheritable(fd, False)
    return socket.socket(fileno=fd)


def shown_pair(s: socket.socket, kind: str, server: bool) -> str | None:
    """Both ends of a connection as query-chardev shows them, None for what is no address of the internet."""
    try:
        here, there = s.getsockname(), s.getpeername()
    except OSError:
        return None
    if s.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    v6 = s.family == socket.AF_INET6
    ends = [f"[{at[0]}]:{at[1]}" if v6 else f"{at[0]}:{at[1]}" for at in (here, there)]
    return f"{kind}:{ends[0]}{',server=on' if server else ''} <-> {ends[1]}"


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
