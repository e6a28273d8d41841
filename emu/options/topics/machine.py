"""Options that say what machine it is: -machine, -cpu, -accel, -smp, -m, -numa."""

from __future__ import annotations

from emu.errors import Leave, OptionError
from emu.options import keyval
from emu.options.config_groups import qemu_find_opts
from emu.options.option import Ask, Status, Topic, option
from emu.options.settings import Settings


@option("machine", aliases=("M",), args="[type=]name[,prop[=value][,...]]", ask=Ask.MACHINE, after="version",
        help="selects emulated machine ('-machine help' for list,\n"
             "'-machine name,help' for its properties)\n"
             "property accel=accel1[:accel2[:...]] selects accelerator (tcg)\n"
             "memory-backend='backend-id' takes the RAM from -object memory-backend-...\n"
             "aclint=on|off: ACLINT devices in place of the CLINT (default: off)\n"
             "dumpdtb=file writes the device tree to a file and quits")  # fmt: skip
def machine(s: Settings, arg: str) -> None:
    """Properties accumulate over repeated options; the last value of a key wins."""
    if keyval.parse_into(s.machine, arg, "type"):
        from emu.hw.machine import machine_help, machines_help

        name = s.machine_text("type")
        try:
            text = machine_help(name) if name else machines_help()
        except OptionError:
            text = machines_help()
        raise Leave(text)


@option("cpu", args="cpu", ask=Ask.CPU, help="select CPU ('-cpu help' for list)")
def cpu(s: Settings, arg: str) -> None:
    """Kept as it is: models are looked up after the machine's properties."""
    s.cpu = arg


@option("accel", args="[accel=]accelerator[,prop[=value][,...]]", ask=Ask.ACCEL,
        help="select accelerator (tcg; use 'help' for a list)\n"
             "thread=single|multi (one process per CPU)")  # fmt: skip
def accel(s: Settings, arg: str) -> None:
    """`-accel help` and an accel option without a name list the accelerators."""
    if s.parse("accel", arg, implied=True).get("accel") in (None, "help", "?"):
        from emu.accel.accel import accel_help

        raise Leave(accel_help())


@option("smp", group="smp-opts",
        args="[[cpus=]n][,maxcpus=maxcpus][,drawers=drawers][,books=books][,sockets=sockets]\n"
             " [,dies=dies][,clusters=clusters][,modules=modules][,cores=cores]\n"
             " [,threads=threads]",
        help="set the number of initial CPUs to 'n' [default=1]\n"
             "maxcpus= maximum number of total CPUs\n"
             "this machine has sockets, cores and threads; the others can only be 1")  # fmt: skip
def smp(s: Settings, arg: str) -> None:
    """Merged into the machine's property `smp`."""
    _property(s, "smp-opts", "smp", arg)


def _property(s: Settings, group: str, key: str, arg: str) -> None:
    """key=value that becomes a property of the machine, with the names of an option group."""
    options = qemu_find_opts(group)
    said, wants_help = keyval.parse_help(arg, options.implied_opt_name)
    if wants_help:
        raise Leave(options.help_text())
    keyval.merge(s.machine, {key: said})


@option("numa", status=Status.CHECKED, why="the board has one CLINT, one PLIC and one memory",
        args="node[,mem=size][,cpus=firstcpu[-lastcpu]][,nodeid=node][,initiator=node]\n"
             "node[,memdev=id][,cpus=firstcpu[-lastcpu]][,nodeid=node][,initiator=node]\n"
             "dist,src=source,dst=destination,val=distance\n"
             "cpu,node-id=node[,socket-id=x][,core-id=y][,thread-id=z]",
        words=("node,", "dist,", "cpu,"), help="describe nodes of memory and CPUs")  # fmt: skip
def numa(s: Settings, arg: str) -> None:
    """Judged when the memory is known: `numa.judge_numa`."""
    s.parse("numa", arg, implied=True)


@option("boot", group="boot-opts", after="global",
        args="[order=drives][,once=drives][,menu=on|off]\n"
             " [,splash=sp_name][,splash-time=sp_time][,reboot-timeout=rb_time][,strict=on|off]",
        status=Status.CHECKED,
        why="no fw_cfg device tells the firmware; values that are the default are accepted",
        help="order of the devices that firmware looks at: floppy (a), hard disk (c),\n"
             "CD-ROM (d), network (n); once= for the first boot alone")  # fmt: skip
def boot(s: Settings, arg: str) -> None:
    """Merged into the machine's property `boot`."""
    s.boot = s.said(arg)
    _property(s, "boot-opts", "boot", arg)


@option("m", args="[size=]megs[,slots=n,maxmem=size]", group="memory",
        help="configure guest RAM (default: 128 MiB)\n"
             "size: amount of RAM, in MiB unless a suffix (k, M, G, ...) says otherwise")  # fmt: skip
def m(s: Settings, arg: str) -> None:
    """Sizes are judged here, the machine's limits later."""
    s.parse("memory", arg, implied=True)


@option("mem-path", args="FILE", ask=Ask.FILE, status=Status.REFUSED,
        why="guest RAM lies in memory objects: -object memory-backend-memfd",
        help="provide backing storage for guest RAM")  # fmt: skip
def mem_path(s: Settings, arg: str) -> None:
    """Not together with the machine's memory-backend."""
    s.mem_path = s.said(arg)
    s.lack("guest RAM cannot lie in a file in this build")


@option("mem-prealloc", help="preallocate guest memory")
def mem_prealloc(s: Settings, _arg: str) -> None:
    """As prealloc=on of every memory back end."""
    s.mem_prealloc = True


@option("enable-kvm", topic=Topic.DEBUG, after="L", status=Status.REFUSED, why="there is no such accelerator",
        help="use KVM")  # fmt: skip
def enable_kvm(s: Settings, _arg: str) -> None:
    """-machine accel=kvm, which does not exist."""
    s.machine["accel"] = "kvm"
