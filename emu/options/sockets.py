"""Addresses of sockets, as structured options write them: addr.type=inet,addr.host=...,addr.port=...

Source: QEMU's schema `SocketAddress`; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.options.qapi import BOOL, STR, UINT16, Enum, Struct

SOCKET_ADDRESS = Struct({"type": Enum("inet", "unix", "vsock", "fd")}, "type", {
    "inet": Struct({
        "host": STR, "port": STR, "numeric?": BOOL, "to?": UINT16, "ipv4?": BOOL, "ipv6?": BOOL,
        "keep-alive?": BOOL, "mptcp?": BOOL,
    }),
    "unix": Struct({"path": STR, "abstract?": BOOL, "tight?": BOOL}),
    "vsock": Struct({"cid": STR, "port": STR}),
    "fd": Struct({"str": STR}),
})  # fmt: skip
_PORT_LENGTH = 32  # characters that QEMU keeps of a port


def parse_inet(text: str) -> tuple[str, str]:
    """Host and port of `host:port[,...]`, `[v6]:port[,...]` or `:port[,...]`. Errors: OptionError."""
    wrong = OptionError(f"error parsing address '{text}'")
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not rest.startswith(":"):
            raise wrong
        rest = rest[1:]
    else:
        host, colon, rest = text.partition(":")
        if not colon:
            raise wrong
    port, *options = rest.split(",")
    if not port or len(port) > _PORT_LENGTH:
        raise wrong
    for name, _, value in (option.partition("=") for option in options):
        if name == "to" and not (value.isascii() and value.isdecimal() and int(value) < 1 << 16):
            raise OptionError("error parsing to= argument")
        if name in ("ipv4", "ipv6", "keep-alive", "mptcp") and value not in ("", "on", "off"):
            raise OptionError(f"error parsing '{name}' flag '={value}'")
    return host, port
