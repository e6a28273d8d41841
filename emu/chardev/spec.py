"""What the command line says of a character device: -chardev options, and the short forms of -serial.

A short form becomes a set of -chardev's options (`compat_items`, QEMU's qemu_chr_parse_compat), and a set of
options becomes a `Spec`, from which `emu.chardev.factory` makes the device.
Source: BEHAVIOUR 5.4; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emu.errors import OptionError
from emu.options import groups
from emu.options.qemuopts import QemuOpts

BACKENDS = ("file", "null", "pty", "socket", "stdio")
_PLAIN = ("null", "pty", "stdio", "msmouse", "wctablet", "braille", "testdev")
_SOCKETS = {"tcp": "", "telnet": "telnet", "tn3270": "tn3270", "websocket": "websocket"}
_HOST_PORT = re.compile(r"(?:([^:]{1,64})|):([^,]{1,32})")
_UDP = re.compile(r"(?:([^:]{1,64})|):([^@,]{1,32})")
_VC = re.compile(r"([0-9]{1,7})(C?)x([0-9]{1,7})")

Items = list[tuple[str, str]]


@dataclass(frozen=True)
class Spec:
    """A back end and its parameters; those of other back ends are ignored."""

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


def compat_items(text: str, *, mux: bool = True) -> Items:
    """The options of -chardev that a short form stands for. mux: whether `mon:` may stand before it.

    Errors: OptionError; its text is empty where QEMU says nothing but that it failed.
    """
    if mux and text.startswith("mon:"):
        inner = text.removeprefix("mon:")
        signal = [("signal", "off")] if inner == "stdio" else []
        return [("mux", "on"), *signal, *compat_items(inner, mux=False)]
    if text in _PLAIN:
        return [("backend", text)]
    kind, colon, rest = text.partition(":")
    if text.startswith("vc") and (colon or text == "vc"):
        return _vc(rest if colon else None)
    if colon and kind in ("file", "pipe", "pty"):
        return [("backend", kind), ("path", rest)]
    if colon and kind in _SOCKETS:
        return _socket(kind, rest)
    if colon and kind == "udp":
        return _udp(rest)
    if colon and kind == "unix":
        return [("backend", "socket"), *_more(rest, "path")]
    if text.startswith("/dev/"):
        kind = "parallel" if text.startswith(("/dev/parport", "/dev/ppi")) else "serial"
        return [("backend", kind), ("path", text)]
    raise OptionError(f"'{text}' is not a valid char driver")


def _more(text: str, firstname: str = "") -> Items:
    """Options of -chardev that are written behind a short form."""
    opts = QemuOpts(groups.CHARDEV)
    opts.do_parse(text, firstname)
    return opts.items


def _vc(size: str | None) -> Items:
    if size is None:
        return [("backend", "vc")]
    m = _VC.match(size)
    if m is None:
        raise OptionError("")
    names = ("cols", "rows") if m[2] else ("width", "height")
    return [("backend", "vc"), (names[0], m[1]), (names[1], m[3])]


def _socket(kind: str, rest: str) -> Items:
    m = _HOST_PORT.match(rest)
    if m is None:
        raise OptionError("")
    items = [("backend", "socket"), ("host", m[1] or ""), ("port", m[2])]
    if rest[m.end() : m.end() + 1] == ",":
        items += _more(rest[m.end() + 1 :])
    return [*items, (_SOCKETS[kind], "on")] if _SOCKETS[kind] else items


def _udp(rest: str) -> Items:
    m = _UDP.match(rest)
    if m is None:
        raise OptionError("")
    items = [("backend", "udp"), ("host", m[1] or ""), ("port", m[2])]
    if rest[m.end() : m.end() + 1] == "@":
        local = _HOST_PORT.match(rest[m.end() + 1 :])
        if local is None:
            raise OptionError("")
        items += [("localaddr", local[1] or ""), ("localport", local[2])]
    return items


def parse_short(text: str, *, mux: bool = True) -> Spec:
    """The meaning of a short form: null, pty, stdio, file:P, unix:P[,...], tcp:H:P[,...], mon:X.

    Errors: OptionError with QEMU's text, empty where QEMU has none.
    """
    return from_opts(QemuOpts(groups.CHARDEV, "short", compat_items(text, mux=mux)))


def from_opts(opts: QemuOpts) -> Spec:
    """The meaning of a set of -chardev options. Errors: OptionError with QEMU's texts."""
    if opts.id is None:
        raise OptionError("chardev: no id specified")
    backend = opts.get("backend")
    if backend is None:
        raise OptionError(f'chardev: "{opts.id}" missing backend')
    if backend not in BACKENDS:
        raise OptionError(f"'{backend}' is not a valid char driver name")
    spec = Spec(
        backend, path=opts.get("path", ""), host=opts.get("host", ""), port=opts.get("port", ""),
        server=opts.get_bool("server", False), append=opts.get_bool("append", False),
        input_path=opts.get("input-path"), signals=opts.get_bool("signal", True),
        mux=opts.get_bool("mux", False), wait=opts.get_bool("wait", True),
    )  # fmt: skip
    if backend == "file" and opts.get("path") is None:
        raise OptionError("chardev: file: no filename given")
    if backend == "socket":
        _check_socket(opts, spec)
    if opts.get("logfile") is not None:
        raise OptionError("logfile is not supported in this build")
    return spec


def is_port(text: str) -> bool:
    """Whether it is a number, of which a TCP port takes the low 16 bits (as the C library does)."""
    return text.isascii() and text.isdecimal()


def _check_socket(opts: QemuOpts, spec: Spec) -> None:
    if sum(opts.get(name) is not None for name in ("path", "fd", "host")) > 1:
        raise OptionError("None or one of 'path', 'fd' or 'host' option required.")
    if opts.get("host") is not None and opts.get("port") is None:
        raise OptionError("chardev: socket: no port given")
    if opts.get("wait") is not None and not spec.server:
        raise OptionError("'wait' option is incompatible with socket in client connect mode")
    if opts.get("reconnect") is not None and opts.get("reconnect-ms") is not None:
        raise OptionError("'reconnect' and 'reconnect-ms' are mutually exclusive")
    if opts.get_bool("websocket", False) and not spec.server:
        raise OptionError("Websocket client is not implemented")
    for name in ("telnet", "websocket", "tn3270", "tls-creds", "reconnect", "reconnect-ms", "abstract"):
        if opts.get(name) not in (None, "off", "no", "false", "n", "0"):
            raise OptionError(f"chardev: socket: '{name}' is not supported in this build")
    if opts.get("path") is None and opts.get("host") is None:
        raise OptionError(_fd_fault(opts.get("fd", "")))
    if opts.get("host") is not None and not is_port(spec.port):
        raise OptionError(
            f"address resolution failed for {spec.host}:{spec.port}: Servname not supported for ai_socktype"
        )


def _fd_fault(text: str) -> str:
    """What is wrong with a socket that is given by its descriptor."""
    if not (text.isascii() and text.isdecimal()):
        return f"Unable to parse FD number {text}"
    return "chardev: socket: 'fd' is not supported in this build"
