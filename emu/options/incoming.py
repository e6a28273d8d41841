"""-incoming: where the state of another machine would come from. Addresses are judged, nothing is opened.

Source: BEHAVIOUR 3.4; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.options.qapi import STR, TEXTS, UINT64, Enum, Struct, visit_argument
from emu.options.sockets import SOCKET_ADDRESS, parse_inet
from emu.options.values import parse_size

_CHANNEL = Struct({
    "channel-type": Enum("main", "cpr"),
    "addr": Struct({"transport": Enum("socket", "exec", "rdma", "file")}, "transport", {
        "socket": SOCKET_ADDRESS,
        "exec": Struct({"args": TEXTS}),
        "rdma": Struct({"host": STR, "port": STR}),
        "file": Struct({"filename": STR, "offset": UINT64}),
    }),
})  # fmt: skip


def judge_incoming(text: str) -> None:
    """Complain about what is no address: a URI, or a channel as key=value or JSON. Errors: OptionError."""
    scheme, colon, rest = text.partition(":")
    if text == "defer" or (colon and scheme == "exec"):
        return
    if colon and scheme in ("tcp", "rdma"):
        parse_inet(rest)
    elif colon and scheme == "unix":
        if not rest:
            raise OptionError("invalid Unix socket address")
    elif colon and scheme == "fd":
        if not rest:
            raise OptionError("invalid file descriptor address")
    elif colon and scheme == "file":
        _judge_file(rest)
    else:
        visit_argument(_CHANNEL, text, "channel-type")


def _judge_file(rest: str) -> None:
    name, found, offset = rest.partition(",offset=")
    if found:
        try:
            parse_size("", offset)
        except OptionError:
            raise OptionError(f"file URI has bad offset {offset}: Invalid argument") from None
    try:
        open(name, "rb").close()
    except (OSError, ValueError) as error:
        from emu.errors import strerror

        why = strerror(error) if isinstance(error, OSError) else "Invalid argument"
        raise OptionError(f"Could not open '{name}': {why}") from error
