"""Options for looking into the machine: -d, -D, -gdb, -trace, and what tests use."""

from __future__ import annotations

from emu.errors import OptionError
from emu.options.option import Ask, Status, Topic, option
from emu.options.settings import NOT_IN_BUILD, Said, Settings

_SEED_MOST = (1 << 64) - 1


@option("gdb", args="dev", topic=Topic.DEBUG, after="overcommit",
        words=("tcp::", "unix:", "none"),
        help="accept gdb connection on 'dev'; the guest does not wait for it (see -S)")  # fmt: skip
def gdb(s: Settings, arg: str) -> None:
    """Judged when the machine is ready: `monitors.judge_gdb`."""
    s.gdbs.append(s.said(arg))


@option("s", topic=Topic.DEBUG, help="shorthand for -gdb tcp::1234")
def gdb_default(s: Settings, _arg: str) -> None:
    """The port that everybody knows."""
    s.gdbs.append(Said("tcp::1234", s.where))


@option("d", args="item1,...", topic=Topic.DEBUG, ask=Ask.LOG,
        help="enable logging of specified items (use '-d help' for a list of log items)")  # fmt: skip
def d(s: Settings, arg: str) -> None:
    """Items are judged when the log is opened."""
    s.log_items = arg


@option("D", args="logfile", topic=Topic.DEBUG, ask=Ask.FILE, help="output log to logfile (default stderr)")
def log_file(s: Settings, arg: str) -> None:
    """`%d` in the name is the process id."""
    s.log_file = arg


@option("dfilter", args="range,..", topic=Topic.DEBUG, status=Status.CHECKED,
        why="the log cannot be limited to addresses",
        help="log only what happens at these addresses: first..last, first+size, first-size")  # fmt: skip
def dfilter(s: Settings, arg: str) -> None:
    """Ranges are judged at once."""
    from emu.options.ranges import parse_ranges

    parse_ranges(arg)
    s.lack("the log cannot be limited to addresses in this build")


@option("seed", args="number", topic=Topic.DEBUG, help="seed the generator of the guest's random numbers")
def seed(s: Settings, arg: str) -> None:
    """Two runs with the same seed give the guest the same random numbers."""
    from emu.options.values import parse_number

    try:
        if "-" in arg:
            raise OptionError("")
        s.seed = parse_number("seed", arg)
    except OptionError:
        raise OptionError(f"Invalid seed number: {arg}") from None


@option("trace", args="[[enable=]<pattern>][,events=<file>][,file=<file>]", topic=Topic.DEBUG, group="trace",
        after="no-user-config", status=Status.CHECKED, why="there are no trace events; -d has what there is",
        help="specify tracing options")  # fmt: skip
def trace(s: Settings, arg: str) -> None:
    """No event exists: each name is warned of, as QEMU warns of unknown ones."""
    from emu.options.early import judge_trace

    judge_trace(s, s.parse("trace", arg, implied=True))


@option("plugin", args="[file=]<file>[,<argname>=<argvalue>]", topic=Topic.DEBUG, ask=Ask.FILE,
        status=Status.REFUSED, why="there are no plugins", help="load a plugin")  # fmt: skip
def plugin(_s: Settings, _arg: str) -> None:
    """As in a build of QEMU without plugins."""
    raise OptionError("plugin interface not enabled in this build")


def _absent(name: str, help: str, after: str = "") -> None:
    def record(_s: Settings, _arg: str) -> None:
        raise OptionError(NOT_IN_BUILD)

    record.__module__ = __name__
    option(name, topic=Topic.DEBUG, status=Status.REFUSED, why="there is no such profile", help=help,
           after=after)(record)  # fmt: skip


_absent("enable-sync-profile", "profile the locks of the program", after="dump-vmstate")
_absent("perfmap", "write /tmp/perf-${pid}.map for perf")
_absent("jitdump", "write jit-${pid}.dump for perf")


@option("qtest", args="dev", topic=Topic.DEBUG, shown=False,
        help="the device on which a test drives the machine")  # fmt: skip
def qtest(s: Settings, arg: str) -> None:
    """The last one counts."""
    s.qtest = s.said(arg)


@option("qtest-log", args="LOG", topic=Topic.DEBUG, shown=False, help="where the test's log goes")
def qtest_log(s: Settings, arg: str) -> None:
    """A file's name."""
    s.qtest_log = arg
