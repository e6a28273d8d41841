"""Networks: what -netdev, -nic and -net say, by QEMU's schema, and the rules between them.

There are no networks yet: what is right is noted as lacking, with QEMU's text for a back end not built.
Source: BEHAVIOUR 3.4; QEMU's schema `Netdev`; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from emu.core.ids import IdSubsystem, id_generate
from emu.core.qdict import QValue
from emu.errors import Leave, OptionError
from emu.options.netdev_rules import judge_backend, parse_mac
from emu.options.qapi import (
    BOOL,
    INT,
    INT32,
    SIZE,
    STR,
    STRINGS,
    UINT16,
    UINT32,
    UINT64,
    Enum,
    Said,
    Struct,
    visit_argument,
    visit_opts,
)
from emu.options.qemuopts import QemuOpts, split
from emu.options.settings import Settings
from emu.options.sockets import SOCKET_ADDRESS

MOST_NICS = 8
MOST_VECTORS = 0x7FF_FFFF
MODELS_HELP = "Available NIC models for this configuration:\n"
_KINDS = {
    "none": Struct(),
    "nic": Struct({"netdev?": STR, "macaddr?": STR, "model?": STR, "addr?": STR, "vectors?": UINT32}),
    "user": Struct({
        "hostname?": STR, "restrict?": BOOL, "ipv4?": BOOL, "ipv6?": BOOL, "ip?": STR, "net?": STR,
        "host?": STR, "tftp?": STR, "bootfile?": STR, "dhcpstart?": STR, "dns?": STR, "dnssearch?": STRINGS,
        "domainname?": STR, "ipv6-prefix?": STR, "ipv6-prefixlen?": INT, "ipv6-host?": STR, "ipv6-dns?": STR,
        "smb?": STR, "smbserver?": STR, "hostfwd?": STRINGS, "guestfwd?": STRINGS, "tftp-server-name?": STR,
    }),
    "tap": Struct({
        "ifname?": STR, "fd?": STR, "fds?": STR, "script?": STR, "downscript?": STR, "br?": STR,
        "helper?": STR, "sndbuf?": SIZE, "vnet_hdr?": BOOL, "vhost?": BOOL, "vhostfd?": STR, "vhostfds?": STR,
        "vhostforce?": BOOL, "queues?": UINT32, "poll-us?": UINT32,
    }),
    "l2tpv3": Struct({
        "src": STR, "dst": STR, "srcport?": STR, "dstport?": STR, "ipv6?": BOOL, "udp?": BOOL,
        "cookie64?": BOOL, "counter?": BOOL, "pincounter?": BOOL, "txcookie?": UINT64, "rxcookie?": UINT64,
        "txsession": UINT32,
        "rxsession?": UINT32, "offset?": UINT32,
    }),
    "socket": Struct({
        "fd?": STR, "listen?": STR, "connect?": STR, "mcast?": STR, "localaddr?": STR, "udp?": STR,
    }),
    "stream": Struct({"addr": SOCKET_ADDRESS, "server?": BOOL, "reconnect?": INT, "reconnect-ms?": INT}),
    "dgram": Struct({"local?": SOCKET_ADDRESS, "remote?": SOCKET_ADDRESS}),
    "vde": Struct({"sock?": STR, "port?": UINT16, "group?": STR, "mode?": UINT16}),
    "bridge": Struct({"br?": STR, "helper?": STR}),
    "hubport": Struct({"hubid": INT32, "netdev?": STR}),
    "netmap": Struct({"ifname": STR, "devname?": STR}),
    "vhost-user": Struct({"chardev": STR, "vhostforce?": BOOL, "queues?": INT}),
    "vhost-vdpa": Struct({"vhostdev?": STR, "vhostfd?": STR, "queues?": INT, "x-svq?": BOOL}),
}  # fmt: skip
_NETDEV = Struct({"id": STR, "type": Enum(*_KINDS)}, "type", _KINDS)
_MODERN = ("stream", "dgram")


def is_modern(arg: str) -> bool:
    """Whether the argument of -netdev is JSON, or of a kind that has structured addresses."""
    if arg.startswith("{"):
        return True
    types = [value for name, value, _ in split(arg, "type") if name == "type"]
    return bool(types) and types[-1] in _MODERN


def judge_modern(arg: str) -> Said:
    """What a modern argument means. Errors: OptionError."""
    return visit_argument(_NETDEV, arg, "type")


class _Clients:
    """The network clients so far: their names, and the cards."""

    def __init__(self, s: Settings, chardevs: Container[str]) -> None:
        self.s = s
        self.chardevs = chardevs
        self.names: set[str] = set()
        self.cards = 0

    def add(self, said: Said, where: tuple[str, ...], *, is_netdev: bool) -> None:
        kind, name = str(said["type"]), str(said["id"])
        text = f"network backend '{kind}' is not compiled into this binary"
        if is_netdev and kind in ("none", "nic"):
            raise OptionError(text)
        if not is_netdev and kind == "none":
            return
        if not is_netdev and kind == "hubport":
            raise OptionError("network backend 'hubport' is only supported with -netdev/-nic")
        if name in self.names:
            raise OptionError(f"Duplicate ID '{name}'")
        if kind == "nic":
            self._card(said)
        else:
            judge_backend(kind, said, self.names, self.chardevs)
        self.names.add(name)
        self.s.lack("there are no networks in this build", text, where=where)

    def _card(self, said: Said) -> None:
        """-net nic."""
        if self.cards == MOST_NICS:
            raise OptionError("too many NICs")
        if "netdev" in said and said["netdev"] not in self.names:
            raise OptionError(f"netdev '{said['netdev']}' not found")
        if said.get("model") in ("help", "?"):
            raise Leave(MODELS_HELP)
        check_mac(said.get("macaddr"))
        vectors = said.get("vectors", 0)
        if isinstance(vectors, int) and vectors > MOST_VECTORS:
            raise OptionError(f"invalid # of vectors: {vectors}")
        self.cards += 1

    def nic(self, opts: QemuOpts) -> None:
        """-nic: a card and its back end."""
        if opts.get("type") == "none":
            return
        if self.cards == MOST_NICS:
            raise OptionError("no more on-board/default NIC slots available")
        items = [(name, value) for name, value in opts.items if name not in ("model", "mac")]
        if opts.get("type") is None:
            items.append(("type", "user"))
        if opts.get("model") in ("help", "?"):
            raise Leave(MODELS_HELP)
        check_mac(opts.get("mac"))
        said = visit_opts(_NETDEV, QemuOpts(opts.opts_list, opts.id or f"__org.qemu.nic{self.cards}", items))
        self.add(said, opts.where, is_netdev=True)
        self.cards += 1


def check_mac(text: QValue) -> None:
    """Complain about what is no address of a card. Errors: OptionError."""
    if not isinstance(text, str):
        return
    address = parse_mac(text)
    if address is None:
        raise OptionError("invalid syntax for ethernet address")
    if address[0] & 1:
        raise OptionError("NIC cannot have multicast MAC address")


def judge_networks(s: Settings, chardevs: Container[str]) -> None:
    """All clients, in the order in which QEMU makes them. chardevs: labels that exist.

    Errors: OptionError at the option; Leave for `model=help`.
    """
    clients = _Clients(s, chardevs)

    def at(where: tuple[str, ...], judge: Callable[[], None]) -> None:
        try:
            judge()
        except OptionError as error:
            raise error.at(where) from None

    for modern in s.netdevs:
        at(modern.where, lambda said=modern: clients.add(said.tree, said.where, is_netdev=True))  # type: ignore[misc]
    for opts in s.sets("netdev"):
        at(opts.where, lambda o=opts: clients.add(  # type: ignore[misc]
            visit_opts(_NETDEV, o), o.where, is_netdev=True))  # fmt: skip
    for opts in s.sets("nic"):
        at(opts.where, lambda o=opts: clients.nic(o))  # type: ignore[misc]
    for opts in s.sets("net"):
        name = opts.id or id_generate(IdSubsystem.NET)
        at(opts.where, lambda o=opts, n=name: clients.add(  # type: ignore[misc]
            visit_opts(_NETDEV, QemuOpts(o.opts_list, n, o.items)), o.where, is_netdev=False))  # fmt: skip
