"""Rules between the members of a network back end, and grammars inside them.

Only what can be judged without making anything: files, scripts, names of hosts are the back end's business.
Source: texts by running QEMU 10.0.13.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container

from emu.errors import OptionError
from emu.options.qapi import Said
from emu.options.values import parse_number

_OCTETS = 6


def parse_mac(text: str) -> bytes | None:
    """The six bytes of a card's address: hexadecimal with colons or dashes, or a number for three of them."""
    try:
        return bytes((0x52, 0x54, 0)) + (parse_number("", text) & 0xFFFFFF).to_bytes(3)
    except OptionError:
        pass
    parts = re.split("[:-]", text)
    if len(parts) != _OCTETS or not all(re.fullmatch(r"[0-9a-fA-F]+", part) for part in parts):
        return None
    return bytes(int(part, 16) & 0xFF for part in parts)


def judge_backend(kind: str, said: Said, names: Container[str], chardevs: Container[str]) -> None:
    """Complain about members that exclude or need each other. Errors: OptionError."""
    if kind == "hubport" and "netdev" in said and said["netdev"] not in names:
        raise OptionError(f"netdev '{said['netdev']}' not found")
    if kind == "vhost-user" and said["chardev"] not in chardevs:
        raise OptionError(f"chardev \"{said['chardev']}\" not found")
    rules = _RULES.get(kind)
    if rules is not None:
        rules(said)


def _user(said: Said) -> None:
    # one that is switched on alone switches the other off
    if said.get("ipv4") is False and said.get("ipv6") is False:
        raise OptionError("IPv4 and IPv6 disabled")
    rules = said.get("hostfwd", [])
    assert isinstance(rules, list)
    for rule in rules:
        _host_forward(str(rule))


def _host_forward(rule: str) -> None:
    """[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport"""

    def bad(why: str) -> OptionError:
        return OptionError(f"Invalid host forwarding rule '{rule}' ({why})")

    protocol, colon, rest = rule.partition(":")
    if not colon:
        raise bad("No : separators")
    if protocol not in ("", "tcp", "udp"):
        raise bad("Bad protocol name")
    address, colon, rest = rest.partition(":")
    if not colon:
        raise bad("Missing : separator")
    if address and not _is_ipv4(address):
        raise bad("Bad host address")
    port, dash, rest = rest.partition("-")
    if not dash:
        raise bad("Bad host port separator")
    if not _is_port(port, 0):
        raise bad("Bad host port")
    _, colon, rest = rest.partition(":")
    if not colon:
        raise bad("Missing guest address")
    if not _is_port(rest, 1):
        raise bad("Bad guest port")


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) <= 4 and all(re.fullmatch(r"[0-9]{1,10}", part) for part in parts)


def _is_port(text: str, least: int) -> bool:
    return text.isascii() and text.isdecimal() and least <= int(text) < 1 << 16


def _tap(said: Said) -> None:
    def excludes(key: str, others: tuple[str, ...]) -> None:
        if key in said and any(other in said for other in others):
            *first, last = others
            raise OptionError(f"{', '.join(f'{o}=' for o in first)}, and {last}= are invalid with {key}=")

    excludes("fd", ("ifname", "script", "downscript", "vnet_hdr", "helper", "queues", "fds", "vhostfds"))
    excludes("fds", ("ifname", "script", "downscript", "vnet_hdr", "helper", "queues", "vhostfd"))
    excludes("helper", ("ifname", "script", "downscript", "vnet_hdr", "queues", "vhostfds"))
    if "fd" in said and not str(said["fd"]).isdecimal():
        raise OptionError(f"Invalid file descriptor number '{said['fd']}'")


def _socket(said: Said) -> None:
    if sum(key in said for key in ("fd", "listen", "connect", "mcast", "udp")) != 1:
        raise OptionError("exactly one of listen=, connect=, mcast= or udp= is required")
    if "localaddr" in said and "mcast" not in said and "udp" not in said:
        raise OptionError("localaddr= is only valid with mcast= or udp=")
    if "fd" in said and not str(said["fd"]).isdecimal():
        raise OptionError(f"Invalid file descriptor number '{said['fd']}'")
    if "udp" in said and "localaddr" not in said:
        raise OptionError("localaddr= is mandatory with udp=")
    for key in ("listen", "connect", "mcast"):
        address = said.get(key)
        if isinstance(address, str):
            _host_port(address)


def _host_port(address: str) -> None:
    _, colon, port = address.partition(":")
    if not colon:
        raise OptionError(f"host address '{address}' doesn't contain ':' separating host from port")
    if not re.match(r"[ \t]*[0-9]", port):
        raise OptionError(f"port number '{port}' is invalid")


def _stream(said: Said) -> None:
    if said.get("server") is True and ("reconnect" in said or "reconnect-ms" in said):
        raise OptionError(
            "'reconnect' and 'reconnect-ms' options are incompatible with socket in server mode"
        )
    if "reconnect" in said and "reconnect-ms" in said:
        raise OptionError("'reconnect' and 'reconnect-ms' are mutually exclusive")


def _dgram(said: Said) -> None:
    local, remote = said.get("local"), said.get("remote")
    if isinstance(remote, dict):
        if remote["type"] == "inet" and str(remote["host"]).partition(".")[0] in map(str, range(224, 240)):
            if isinstance(local, dict) and local["type"] not in ("inet", "fd"):
                raise OptionError("only support inet or fd type for local")
            return
        if local is None:
            raise OptionError("dgram requires local= parameter")
        return
    if not isinstance(local, dict):
        raise OptionError("dgram requires local= parameter")
    if local["type"] != "fd":
        raise OptionError("type=inet or type=unix requires remote parameter")
    if not str(local["str"]).isdecimal():
        raise OptionError(f"Invalid file descriptor number '{local['str']}'")


def _vdpa(said: Said) -> None:
    if "vhostdev" not in said and "vhostfd" not in said:
        raise OptionError("vhost-vdpa: neither vhostdev= nor vhostfd= was specified")
    if "vhostdev" in said and "vhostfd" in said:
        raise OptionError("vhost-vdpa: vhostdev= and vhostfd= are mutually exclusive")


_RULES: dict[str, Callable[[Said], None]] = {
    "user": _user, "tap": _tap, "socket": _socket, "stream": _stream, "dgram": _dgram, "vhost-vdpa": _vdpa,
}  # fmt: skip
