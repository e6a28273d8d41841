"""Options that say what machine it is: -machine, -cpu, -accel, -smp, -m."""

from __future__ import annotations

from emu.errors import Leave, OptionError
from emu.options import groups, keyval
from emu.options.option import option
from emu.options.settings import SaidOpts, Settings


@option("machine", "M", args="[type=]name[,prop[=value][,...]]",
        help="selects emulated machine ('-machine help' for list)\n"
             "property accel=accel1[:accel2[:...]] selects accelerator")  # fmt: skip
def machine(s: Settings, arg: str) -> None:
    """Properties accumulate over repeated options; the last value of a key wins."""
    if keyval.parse_into(s.machine, arg, implied="type"):
        from emu.hw.machine import machine_help, machines_help

        name = s.machine_text("type")
        try:
            text = machine_help(name) if name else machines_help()
        except OptionError:
            text = machines_help()
        raise Leave(text)


@option("cpu", args="cpu", help="select CPU ('-cpu help' for list)")
def cpu(s: Settings, arg: str) -> None:
    """Kept as it is: models are looked up after the machine's properties."""
    s.cpu = arg


@option("accel", args="[accel=]accelerator[,prop[=value][,...]]",
        help="select accelerator (tcg; use 'help' for a list)\nthread=single|multi")  # fmt: skip
def accel(s: Settings, arg: str) -> None:
    """`-accel help` and an accel option without a name list the accelerators."""
    opts = s.groups.parse_noisily(groups.ACCEL, arg, permit_abbrev=True)
    if opts.get("accel") in (None, "help", "?"):
        from emu.accel.accel import accel_help

        raise Leave(accel_help())
    s.accels.append(SaidOpts(opts, s.where))


@option("smp", args="[[cpus=]n][,maxcpus=maxcpus][,sockets=sockets][,cores=cores][,threads=threads]",
        help="set the number of initial CPUs to 'n' [default=1]\n"
             "maxcpus= maximum number of total CPUs")  # fmt: skip
def smp(s: Settings, arg: str) -> None:
    """Merged into the machine's property `smp`."""
    said, wants_help = keyval.parse_help(arg, implied="cpus")
    if wants_help:
        raise Leave(groups.SMP.help_text())
    keyval.merge(s.machine, {"smp": said})


@option("m", args="[size=]megs[,slots=n,maxmem=size]",
        help="configure guest RAM (default: 128 MiB)\n"
             "NOTE: the number is in MiB unless a suffix (k, M, G, ...) says otherwise")  # fmt: skip
def m(s: Settings, arg: str) -> None:
    """Sizes are judged here, the machine's limits later."""
    s.memory_size = s.groups.parse_noisily(groups.MEMORY, arg, permit_abbrev=True).get("size")
