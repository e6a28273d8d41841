"""What chardev-add takes: kinds of back ends and their parameters, and what they mean to the factory.

Source: QEMU's schema `char`; texts of QEMU 10.0.13.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

from emu.chardev.spec import Spec, check_roles
from emu.errors import UserError
from emu.monitor.types import U16, Named, Tag


@dataclass(frozen=True)
class ChardevCommon:
    """What every kind may have."""

    logfile: str | None = None
    logappend: bool = False


@dataclass(frozen=True)
class InetAddress:
    """A TCP address."""

    host: str
    port: str
    numeric: bool = False
    to: U16 = 0
    ipv4: bool | None = None
    ipv6: bool | None = None
    keep_alive: bool = False
    mptcp: bool = False


@dataclass(frozen=True)
class UnixAddress:
    """A unix socket."""

    path: str
    abstract: bool = False
    tight: bool = True


@dataclass(frozen=True)
class VsockAddress:
    """A socket of the hypervisor's."""

    cid: str
    port: str


@dataclass(frozen=True)
class FdAddress:
    """A descriptor: a number, or a name from getfd."""

    str_: Annotated[str, Named("str")]


@dataclass(frozen=True)
class InetAddressLegacy:
    """Host and port."""

    type: Literal["inet"]
    data: InetAddress


@dataclass(frozen=True)
class UnixAddressLegacy:
    """A path."""

    type: Literal["unix"]
    data: UnixAddress


@dataclass(frozen=True)
class VsockAddressLegacy:
    """A hypervisor's socket."""

    type: Literal["vsock"]
    data: VsockAddress


@dataclass(frozen=True)
class FdAddressLegacy:
    """A descriptor."""

    type: Literal["fd"]
    data: FdAddress


SocketAddressLegacy: TypeAlias = Annotated[
    InetAddressLegacy | UnixAddressLegacy | VsockAddressLegacy | FdAddressLegacy, Tag("type")
]


@dataclass(frozen=True)
class ChardevFile:
    """Output, input and how."""

    out: str
    in_: str | None = None
    append: bool = False
    logfile: str | None = None
    logappend: bool = False


@dataclass(frozen=True)
class ChardevHostdev:
    """A device or pipe of the host."""

    device: str
    logfile: str | None = None
    logappend: bool = False


@dataclass(frozen=True)
class ChardevSocket:
    """A stream socket. server is on unless said otherwise, unlike on the command line."""

    addr: SocketAddressLegacy
    tls_creds: str | None = None
    tls_authz: Annotated[str | None, Named("tls-authz")] = None
    server: bool = True
    wait: bool | None = None
    nodelay: bool = False
    telnet: bool = False
    tn3270: bool = False
    websocket: bool = False
    reconnect: int | None = None
    reconnect_ms: int | None = None
    logfile: str | None = None
    logappend: bool = False


@dataclass(frozen=True)
class ChardevUdp:
    """Datagrams."""

    remote: SocketAddressLegacy
    local: SocketAddressLegacy | None = None
    logfile: str | None = None
    logappend: bool = False


@dataclass(frozen=True)
class ChardevPty:
    """A pseudo-terminal."""

    path: str | None = None
    logfile: str | None = None
    logappend: bool = False


@dataclass(frozen=True)
class ChardevStdio:
    """The terminal."""

    signal: bool = True
    logfile: str | None = None
    logappend: bool = False


@dataclass(frozen=True)
class ChardevMux:
    """A multiplexer on a device that is there."""

    chardev: str
    logfile: str | None = None
    logappend: bool = False


@dataclass(frozen=True)
class ChardevRingbuf:
    """A ring of memory; bytes."""

    size: int | None = None
    logfile: str | None = None
    logappend: bool = False


@dataclass(frozen=True)
class FileBackend:
    """file"""

    type: Literal["file"]
    data: ChardevFile


@dataclass(frozen=True)
class SerialBackend:
    """serial"""

    type: Literal["serial"]
    data: ChardevHostdev


@dataclass(frozen=True)
class PipeBackend:
    """pipe"""

    type: Literal["pipe"]
    data: ChardevHostdev


@dataclass(frozen=True)
class SocketBackend:
    """socket"""

    type: Literal["socket"]
    data: ChardevSocket


@dataclass(frozen=True)
class UdpBackend:
    """udp"""

    type: Literal["udp"]
    data: ChardevUdp


@dataclass(frozen=True)
class PtyBackend:
    """pty"""

    type: Literal["pty"]
    data: ChardevPty


@dataclass(frozen=True)
class NullBackend:
    """null"""

    type: Literal["null"]
    data: ChardevCommon


@dataclass(frozen=True)
class MuxBackend:
    """mux"""

    type: Literal["mux"]
    data: ChardevMux


@dataclass(frozen=True)
class StdioBackend:
    """stdio"""

    type: Literal["stdio"]
    data: ChardevStdio


@dataclass(frozen=True)
class RingbufBackend:
    """ringbuf"""

    type: Literal["ringbuf"]
    data: ChardevRingbuf


@dataclass(frozen=True)
class MemoryBackend:
    """An old name of ringbuf."""

    type: Literal["memory"]
    data: ChardevRingbuf


ChardevBackend: TypeAlias = Annotated[
    FileBackend | SerialBackend | PipeBackend | SocketBackend | UdpBackend | PtyBackend | NullBackend
    | MuxBackend | StdioBackend | RingbufBackend | MemoryBackend,
    Tag("type"),
]  # fmt: skip


def _socket_spec(data: ChardevSocket) -> Spec:
    at = data.addr.data
    said = {name.replace("_", "-") for name in ("wait", "reconnect", "reconnect_ms", "tls_creds", "tls_authz")
            if getattr(data, name) is not None}  # fmt: skip
    check_roles(data.server, said, data.websocket, data.addr.type)
    for name in ("websocket", "tn3270", "tls_creds"):
        if getattr(data, name):
            raise UserError(f"chardev: socket: '{name.replace('_', '-')}' is not supported in this build")
    spec = Spec(
        "socket", server=data.server, wait=bool(data.wait), nodelay=data.nodelay, telnet=data.telnet,
        reconnect_ms=(data.reconnect or 0) * 1000 or data.reconnect_ms or 0,
    )  # fmt: skip
    return _with_address(spec, at)


def _with_address(spec: Spec, at: object) -> Spec:
    if isinstance(at, InetAddress):
        return replace(spec, host=at.host, port=at.port, to=at.to, ipv4=at.ipv4, ipv6=at.ipv6)
    if isinstance(at, UnixAddress):
        return replace(spec, path=at.path, abstract=at.abstract, tight=at.tight)
    if isinstance(at, FdAddress):
        return replace(spec, fd=at.str_)
    raise UserError("chardev: socket: 'vsock' is not supported in this build")


def _udp_spec(data: ChardevUdp) -> Spec:
    remote, local = data.remote.data, data.local.data if data.local else InetAddress("", "")
    if not isinstance(remote, InetAddress) or not isinstance(local, InetAddress):
        raise UserError("socket type unsupported for datagram")
    return Spec("udp", host=remote.host, port=remote.port, local_host=local.host, local_port=local.port)


def to_spec(backend: ChardevBackend) -> Spec:
    """As the command line would say it. Errors: UserError."""
    data = backend.data
    if isinstance(data, ChardevFile):
        spec = Spec("file", path=data.out, append=data.append, input_path=data.in_)
    elif isinstance(data, ChardevHostdev):
        spec = Spec(backend.type, path=data.device)
    elif isinstance(data, ChardevSocket):
        spec = _socket_spec(data)
    elif isinstance(data, ChardevUdp):
        spec = _udp_spec(data)
    elif isinstance(data, ChardevPty):
        spec = Spec("pty", path=data.path or "")
    elif isinstance(data, ChardevStdio):
        spec = Spec("stdio", signals=data.signal)
    elif isinstance(data, ChardevRingbuf):
        spec = Spec("ringbuf", size=data.size)
    else:
        spec = Spec("null")
    return replace(spec, log=data.logfile, log_append=data.logappend)
