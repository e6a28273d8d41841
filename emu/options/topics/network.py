"""Options about networks. There is none yet: clients are judged (`netdevs`), then refused."""

from __future__ import annotations

from emu.errors import Leave
from emu.options.option import Ask, Status, Topic, option
from emu.options.settings import SaidTree, Settings

_WHY = "there are no networks"
NETDEV_HELP = "Available netdev backend types:\n"


@option("netdev", topic=Topic.NETWORK, ask=Ask.NETDEV, status=Status.CHECKED, why=_WHY,
        args="user,id=str[,net=addr[/mask]][,hostfwd=rule][,guestfwd=rule][,restrict=on|off][,...]\n"
             "tap,id=str[,fd=h][,ifname=name][,script=file][,downscript=dfile][,...]\n"
             "socket,id=str[,fd=h][,listen=[host]:port][,connect=host:port][,mcast=maddr:port][,...]\n"
             "stream,id=str[,server=on|off],addr.type=inet|unix|fd|vsock,addr....\n"
             "dgram,id=str,local.type=inet|unix|fd,local....[,remote....]\n"
             "hubport,id=str,hubid=n[,netdev=nd]",
        words=("user,", "tap,", "socket,", "stream,", "dgram,", "hubport,", "bridge,", "vhost-user,"),
        help="configure a network back end with the name 'str'")  # fmt: skip
def netdev(s: Settings, arg: str) -> None:
    """Kinds with structured addresses, and JSON, are judged at once; the others when they are made."""
    from emu.options.netdevs import is_modern, judge_modern

    s.off.add("net")
    if is_modern(arg):
        s.netdevs.append(SaidTree(judge_modern(arg), s.where))
    else:
        _client(s, "netdev", arg)


def _client(s: Settings, group: str, arg: str) -> None:
    s.off.add("net")
    opts = s.parse(group, arg, implied=True)
    if group != "net" and opts.get("type") in ("help", "?"):
        raise Leave(NETDEV_HELP)


@option("nic", topic=Topic.NETWORK, status=Status.CHECKED, why=f"{_WHY}; `none` is accepted",
        args="[tap|bridge|user|...][,option][,...][,model=m][,mac=macaddr]\nnone",
        words=("none", "user", "tap,", "help"),
        help="a network card of the machine and its back end; none: no card")  # fmt: skip
def nic(s: Settings, arg: str) -> None:
    """A card and its back end in one."""
    _client(s, "nic", arg)


@option("net", topic=Topic.NETWORK, status=Status.CHECKED, why=f"{_WHY}; `none` is accepted",
        args="nic[,macaddr=mac][,model=type][,name=str][,addr=str][,vectors=v]\n"
             "[user|tap|bridge|vde|socket][,option][,option][,...]\nnone",
        words=("none", "nic", "user", "tap,"),
        help="the old way: a card, or a back end, on hub 0; none: neither")  # fmt: skip
def net(s: Settings, arg: str) -> None:
    """What is not a back end with a name is on the hub."""
    _client(s, "net", arg)
