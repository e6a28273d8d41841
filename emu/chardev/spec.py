"""What the command line says of a character device: -chardev options, and the short forms of -serial.

`Spec` is the meaning of either; `emu.chardev.factory` makes the device.
Source: BEHAVIOUR 5.4; QEMU's `qemu_chr_parse_compat`.
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.errors import OptionError
from emu.options import groups
from emu.options.qemuopts import QemuOpts
from emu.options.values import parse_bool

BACKENDS = ("file", "null", "pty", "socket", "stdio")
# QEMU's other back ends: known, and not in this build
_ABSENT = ("pipe", "udp", "ringbuf", "vc", "serial", "parallel", "msmouse", "wctablet", "braille", "testdev",
           "hub", "qemu-vdagent", "dbus", "spicevmc", "spiceport", "mux", "memory")  # fmt: skip
_PLAIN = ("null", "pty", "stdio")


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


def parse_short(text: str) -> Spec:
    """The short forms: null, pty, stdio, file:P, unix:P[,...], tcp:H:P[,...], mon:X.

    Errors: OptionError with QEMU's text.
    """
    if text.startswith("mon:"):
        inner = parse_short(text[4:])
        return Spec(**{**inner.__dict__, "mux": True, "signals": text[4:] != "stdio"})
    if text in _PLAIN:
        return Spec(text)
    kind, colon, rest = text.partition(":")
    if colon and kind == "file":
        return Spec("file", path=rest)
    if colon and kind in ("unix", "tcp"):
        return _parse_socket(kind, rest)
    if text.startswith("/dev/") or text.split(",")[0].split(":")[0] in (*_ABSENT, "telnet", "websocket"):
        raise OptionError("Option not supported in this build")
    raise OptionError(f"'{text}' is not a valid char driver")


def _parse_socket(kind: str, rest: str) -> Spec:
    opts = QemuOpts(groups.CHARDEV)
    opts.do_parse(f"backend=socket,path={rest}")
    if kind == "unix":
        return from_opts(opts)
    host, colon, port = opts.get("path", "").rpartition(":")
    if not colon or not is_port(port):
        raise OptionError("chardev: socket: no port given")
    items = [(n, v) for n, v in opts.items if n != "path"]
    return from_opts(QemuOpts(opts.opts_list, None, [*items, ("host", host), ("port", port)]))


def from_opts(opts: QemuOpts) -> Spec:
    """The meaning of a set of -chardev options. Errors: OptionError with QEMU's texts."""
    backend = opts.get("backend", "")
    if backend not in BACKENDS:
        if backend in _ABSENT:
            raise OptionError("Option not supported in this build")
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
    return spec


def is_port(text: str) -> bool:
    """Whether it is a TCP port's number."""
    return text.isascii() and text.isdecimal() and int(text) < 1 << 16


def _check_socket(opts: QemuOpts, spec: Spec) -> None:
    for name in ("telnet", "websocket", "tn3270", "tls-creds", "reconnect", "reconnect-ms", "fd", "abstract"):
        value = opts.get(name)
        if value is not None and value not in ("off", "no", "false", "n", "0"):
            raise OptionError(f"chardev: socket: '{name}' is not supported in this build")
    if not spec.path and not spec.host:
        raise OptionError("None or one of 'path', 'fd' or 'host' option required.")
    if spec.host and not is_port(spec.port):
        raise OptionError("chardev: socket: no port given")
    wait = opts.get("wait")
    if wait is not None and not spec.server and parse_bool("wait", wait):
        raise OptionError("'wait' option is incompatible with socket in client connect mode")
