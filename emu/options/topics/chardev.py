"""Options about character devices and what talks on them: serial ports, monitors."""

from __future__ import annotations

import re

from emu.errors import Leave
from emu.options.option import Ask, Status, Topic, option
from emu.options.settings import Settings

_DEV = ("stdio", "mon:stdio", "null", "none", "pty", "file:", "pipe:", "unix:", "tcp:", "telnet:",
        "udp:", "chardev:")  # fmt: skip
_INTEGER = re.compile(r"[ \t\n\v\f\r]*[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)")


@option("chardev", topic=Topic.CHARDEV, group="chardev", ask=Ask.CHARDEV,
        args="help\n"
             "null,id=id[,mux=on|off][,logfile=file][,logappend=on|off]\n"
             "socket,id=id[,host=host],port=port[,to=to][,ipv4=on|off][,ipv6=on|off][,nodelay=on|off]\n"
             " [,reconnect-ms=ms][,server=on|off][,wait=on|off][,telnet=on|off][,mux=on|off] (tcp)\n"
             "socket,id=id,path=path[,abstract=on|off][,tight=on|off][,reconnect-ms=ms][,server=on|off]\n"
             " [,wait=on|off][,telnet=on|off][,mux=on|off] (unix)\n"
             "udp,id=id[,host=host],port=port[,localaddr=addr][,localport=port][,mux=on|off]\n"
             "ringbuf,id=id[,size=size]\n"
             "file,id=id,path=path[,input-path=input-file][,append=on|off][,mux=on|off]\n"
             "pipe,id=id,path=path[,mux=on|off]\n"
             "pty,id=id[,path=path][,mux=on|off]\n"
             "stdio,id=id[,mux=on|off][,signal=on|off]\n"
             "serial,id=id,path=path[,mux=on|off]\n"
             "mux,id=id,chardev=id",
        help="add a character device; -serial chardev:ID uses it\n"
             "logfile= keeps a copy of what is written, of every kind")  # fmt: skip
def chardev(s: Settings, arg: str) -> None:
    """Created before the machine, in the order of the line."""
    if s.parse("chardev", arg, implied=True).get("backend") in ("help", "?"):
        from emu.chardev.registry import driver_names

        names = "".join(f"\n  {name}" for name in driver_names())
        raise Leave(f"Available chardev backend types: {names}\n")


@option("serial", args="dev", topic=Topic.DEBUG, after="fw_cfg", words=_DEV,
        help="redirect the serial port to char device 'dev'")  # fmt: skip
def serial(s: Settings, arg: str) -> None:
    """The N-th option is for the N-th port."""
    s.serials.append(s.said(arg))
    s.off.add("serial")
    if arg.startswith("mon:"):
        s.off.add("monitor")


@option("parallel", args="dev", topic=Topic.DEBUG, words=_DEV,
        help="redirect the parallel port to char device 'dev' (the machine has none)")  # fmt: skip
def parallel(s: Settings, arg: str) -> None:
    """The device is made, and nothing is connected to it."""
    s.parallels.append(s.said(arg))
    s.off.add("parallel")
    if arg.startswith("mon:"):
        s.off.add("monitor")


@option("monitor", args="dev", topic=Topic.DEBUG, words=("none", "stdio"),
        help="redirect the monitor to char device 'dev'")  # fmt: skip
def monitor(s: Settings, arg: str) -> None:
    """`none` (and what begins so): no monitor."""
    s.off.add("monitor")
    if not arg.startswith("none"):
        _monitor(s, arg, "readline", False)


def _monitor(s: Settings, arg: str, mode: str, pretty: bool) -> None:
    from emu.options.monitors import monitor_parse

    monitor_parse(s, arg, mode, pretty)


@option("qmp", args="dev", topic=Topic.DEBUG, words=_DEV,
        help="like -monitor but opens in 'control' mode")  # fmt: skip
def qmp(s: Settings, arg: str) -> None:
    """A monitor for programs."""
    _monitor(s, arg, "control", False)
    s.off.add("monitor")


@option("qmp-pretty", args="dev", topic=Topic.DEBUG, words=_DEV,
        help="like -qmp but uses pretty JSON formatting")  # fmt: skip
def qmp_pretty(s: Settings, arg: str) -> None:
    """A monitor for programs and those who watch."""
    _monitor(s, arg, "control", True)
    s.off.add("monitor")


@option("mon", args="[chardev=]name[,mode=readline|control][,pretty[=on|off]]", topic=Topic.DEBUG,
        group="mon",
        help="a monitor on the character device 'name'")  # fmt: skip
def mon(s: Settings, arg: str) -> None:
    """Judged when monitors are made."""
    s.parse("mon", arg, implied=True)
    s.off.add("monitor")


@option("debugcon", args="dev", topic=Topic.DEBUG, words=_DEV, status=Status.CHECKED,
        why="there is no device for it", help="redirect the debug console to char device 'dev'")  # fmt: skip
def debugcon(s: Settings, arg: str) -> None:
    """An ISA device, which the machine has no bus for."""
    s.debugcons.append(s.said(arg))


@option("echr", args="chr", topic=Topic.DEBUG, after="watchdog-action",
        help="set terminal escape character instead of ctrl-a (its number)")  # fmt: skip
def echr(s: Settings, arg: str) -> None:
    """A number as strtol reads it; what is none gives a remark and, as in QEMU, 0."""
    m = _INTEGER.match(arg)
    if m is None:
        import sys

        sys.stdout.write("Bad argument to echr\n")
    s.escape = _strtol(m[0]) if m else 0


def _strtol(text: str) -> int:
    """An integer of C: 0x hexadecimal, 0 octal as far as its digits go."""
    digits = text.strip(" \t\n\v\f\r+-")
    if digits[:2] in ("0x", "0X"):
        value = int(digits, 16)
    elif digits.startswith("0"):
        octal = re.match(r"[0-7]*", digits)
        value = int((octal[0] if octal else "") or "0", 8)
    else:
        value = int(digits)
    return -value if "-" in text else value
