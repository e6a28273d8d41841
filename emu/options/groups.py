"""The groups of options (QemuOpts) that exist, with their names, types and implied first names.

Source: BEHAVIOUR 3.1 (registered groups, merging ones).
"""

from __future__ import annotations

from emu.options.qemuopts import Group, Kind

_S, _B, _N, _Z = Kind.STRING, Kind.BOOL, Kind.NUMBER, Kind.SIZE

MEMORY = Group("memory", {"size": _Z, "slots": _N, "maxmem": _Z}, implied="size", merge=True)
NAME = Group("name", {"guest": _S, "process": _S, "debug-threads": _B}, implied="guest", merge=True)
ACCEL = Group("accel", {}, implied="accel")
RTC = Group("rtc", {"base": _S, "clock": _S, "driftfix": _S}, merge=True)
MSG = Group("msg", {"timestamp": _B, "guest-name": _B})
ACTION = Group("action", {"shutdown": _S, "reboot": _S, "panic": _S, "watchdog": _S}, merge=True)
OBJECT = Group("object", {}, implied="qom-type")
DEVICE = Group("device", {}, implied="driver")
CHARDEV = Group("chardev", {
    "backend": _S, "path": _S, "input-path": _S, "host": _S, "port": _S, "fd": _S, "to": _N, "ipv4": _B,
    "ipv6": _B, "wait": _B, "server": _B, "delay": _B, "nodelay": _B, "reconnect": _N, "reconnect-ms": _N,
    "telnet": _B, "tn3270": _B, "tls-creds": _S, "tls-authz": _S, "websocket": _B, "width": _N,
    "height": _N, "cols": _N, "rows": _N, "mux": _B, "signal": _B, "name": _S, "debug": _N, "size": _Z,
    "chardev": _S, "append": _B, "logfile": _S, "logappend": _B, "mouse": _B, "clipboard": _B,
    "abstract": _B, "tight": _B,
}, implied="backend")  # fmt: skip
GLOBAL = Group("global", {"driver": _S, "property": _S, "value": _S})
SMP_HELP = Group("smp-opts", dict.fromkeys(
    ("cpus", "drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads", "maxcpus"), _N
))  # fmt: skip
