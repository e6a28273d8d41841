"""Short forms of character devices: what -serial, -monitor, -qmp, -gdb take, as options of -chardev.

QEMU's qemu_chr_parse_compat: null, pty, stdio, file:P, pipe:P, unix:P[,...], tcp:H:P[,...], telnet:...,
udp:..., /dev/..., and mon: before any of them.
Source: BEHAVIOUR 5.4; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

import re

from emu.errors import OptionError
from emu.options import groups
from emu.options.qemuopts import QemuOpts

_PLAIN = ("null", "pty", "stdio", "msmouse", "wctablet", "braille", "testdev")
_SOCKETS = {"tcp": "", "telnet": "telnet", "tn3270": "tn3270", "websocket": "websocket"}
_HOST_PORT = re.compile(r"(?:([^:]{1,64})|):([^,]{1,32})")
_UDP = re.compile(r"(?:([^:]{1,64})|):([^@,]{1,32})")
_VC = re.compile(r"([0-9]{1,7})(C?)x([0-9]{1,7})")

Items = list[tuple[str, str]]


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
