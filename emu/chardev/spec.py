"""What the command line says of a character device: -chardev options, and the short forms of -serial.

A short form becomes a set of -chardev's options (`emu.chardev.short_form`), and a set of options becomes a
`Spec`, from which `emu.chardev.factory` makes the device. A monitor's chardev-add makes a Spec too.
Source: BEHAVIOUR 5.4; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emu.chardev.short_form import compat_items
from emu.errors import OptionError
from emu.options import groups
from emu.options.qemuopts import QemuOpts

MUX = "mux"  # on a device that is there
ALIASES = {"memory": "ringbuf"}


@dataclass(frozen=True)
class Spec:
    """A back end and its parameters; those of other back ends are ignored.

    path, input_path, append: of file, pipe, pty, serial, socket (unix); host, port, local_*: of socket, udp.
    size: of ringbuf, bytes. reconnect_ms: 0 for never. log, log_append: where all output is kept as well.
    """

    backend: str
    path: str = ""
    host: str = ""
    port: str = ""
    server: bool = False
    wait: bool = True
    append: bool = False
    input_path: str | None = None
    signals: bool = True
    mux: bool = False
    log: str | None = None
    log_append: bool = False
    local_host: str = ""
    local_port: str = ""
    chardev: str = ""  # what a multiplexer is put on
    size: int | None = None
    # of sockets
    fd: str = ""
    to: int = 0
    ipv4: bool | None = None
    ipv6: bool | None = None
    abstract: bool = False
    tight: bool = True
    telnet: bool = False
    nodelay: bool = False
    reconnect_ms: int = 0


def parse_short(text: str, *, mux: bool = True) -> Spec:
    """The meaning of a short form: null, pty, stdio, file:P, unix:P[,...], tcp:H:P[,...], mon:X.

    Errors: OptionError with QEMU's text, empty where QEMU has none.
    """
    return from_opts(QemuOpts(groups.CHARDEV, "short", compat_items(text, mux=mux)))


def from_opts(opts: QemuOpts) -> Spec:
    """The meaning of a set of -chardev options. Errors: OptionError with QEMU's texts."""
    from emu.chardev.registry import driver

    if opts.id is None:
        raise OptionError("chardev: no id specified")
    backend = opts.get("backend")
    if backend is None:
        raise OptionError(f'chardev: "{opts.id}" missing backend')
    backend = ALIASES.get(backend, backend)
    if backend != MUX and driver(backend) is None:
        raise OptionError(f"'{backend}' is not a valid char driver name")
    check = _CHECKS.get(backend)
    if check is not None:
        check(opts)
    return Spec(
        backend, path=opts.get("path", ""), host=opts.get("host", ""), port=opts.get("port", ""),
        server=opts.get_bool("server", False), append=opts.get_bool("append", False),
        input_path=opts.get("input-path"), signals=opts.get_bool("signal", True),
        mux=opts.get_bool("mux", False), wait=opts.get_bool("wait", True), log=opts.get("logfile"),
        log_append=opts.get_bool("logappend", False), local_host=opts.get("localaddr", ""),
        local_port=opts.get("localport", ""), chardev=opts.get("chardev", ""),
        size=opts.get_size("size", 0) or None, fd=opts.get("fd", ""),
        to=opts.get_number("to", 0) & 0xFFFF, ipv4=_maybe(opts, "ipv4"), ipv6=_maybe(opts, "ipv6"),
        abstract=opts.get_bool("abstract", False), tight=opts.get_bool("tight", True),
        telnet=opts.get_bool("telnet", False),
        nodelay=opts.get_bool("nodelay", not opts.get_bool("delay", True)),
        reconnect_ms=opts.get_number("reconnect", 0) * 1000 or opts.get_number("reconnect-ms", 0),
    )  # fmt: skip


def _maybe(opts: QemuOpts, name: str) -> bool | None:
    return None if opts.get(name) is None else opts.get_bool(name, False)


def _needs_path(text: str) -> Callable[[QemuOpts], None]:
    def check(opts: QemuOpts) -> None:
        if opts.get("path") is None:
            raise OptionError(text)

    return check


def _check_udp(opts: QemuOpts) -> None:
    if not opts.get("port"):
        raise OptionError("chardev: udp: remote port not specified")


def _check_socket(opts: QemuOpts) -> None:
    path, fd, host = (opts.get(name) is not None for name in ("path", "fd", "host"))
    if path + fd + host > 1:
        raise OptionError("None or one of 'path', 'fd' or 'host' option required.")
    port = opts.get("port")
    if host and port is None:
        raise OptionError("chardev: socket: no port given")
    check_roles(
        opts.get_bool("server", False), set(opts.to_qdict()), opts.get_bool("websocket", False),
        kind="unix" if path else "inet" if host else "fd",
    )  # fmt: skip
    for name in ("websocket", "tn3270", "tls-creds"):
        if opts.get(name) not in (None, "off", "no", "false", "n"):
            raise OptionError(f"chardev: socket: '{name}' is not supported in this build")
    if host and port is not None:
        check_port(opts.get("host", ""), port)
    if not (path or host) and not (text := opts.get("fd", "")).isdecimal():
        raise OptionError(f"Unable to parse FD number {text}")


def check_port(host: str, port: str) -> None:
    """A number, of which a TCP port takes the low 16 bits, or a service's name. Errors: OptionError."""
    if port.isascii() and port.isdecimal():
        return
    import socket

    try:
        socket.getservbyname(port, "tcp")
    except OSError:
        raise OptionError(
            f"address resolution failed for {host}:{port}: Servname not supported for ai_socktype"
        ) from None


def check_roles(server: bool, said: set[str], websocket: bool, kind: str) -> None:
    """What clients, servers and kinds of addresses cannot have. said: names. Errors: OptionError."""
    if kind == "fd" and "reconnect" in said:
        raise OptionError("'reconnect' option is incompatible with 'fd' address type")
    if kind == "unix" and "tls-creds" in said:
        raise OptionError("'tls_creds' option is incompatible with 'unix' address type")
    if "tls-authz" in said and "tls-creds" not in said:
        raise OptionError("'tls_authz' option requires 'tls_creds' option")
    if server:
        if "reconnect" in said:
            raise OptionError("'reconnect' option is incompatible with socket in server listen mode")
    else:
        if websocket:
            raise OptionError("Websocket client is not implemented")
        if "wait" in said:
            raise OptionError("'wait' option is incompatible with socket in client connect mode")
    if {"reconnect", "reconnect-ms"} <= said:
        raise OptionError("'reconnect' and 'reconnect-ms' are mutually exclusive")


def _check_mux(opts: QemuOpts) -> None:
    if opts.get("chardev") is None:
        raise OptionError("chardev: mux: no chardev given")


_CHECKS: dict[str, Callable[[QemuOpts], None]] = {
    "file": _needs_path("chardev: file: no filename given"),
    "pipe": _needs_path("chardev: pipe: no device path given"),
    "serial": _needs_path("chardev: serial/tty: no device path given"),
    MUX: _check_mux,
    "udp": _check_udp,
    "socket": _check_socket,
}
