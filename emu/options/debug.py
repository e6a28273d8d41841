"""Options for looking into the machine: -d, -D."""

from __future__ import annotations

from emu.options.option import Topic, option
from emu.options.settings import Settings


@option("d", args="item1,...", topic=Topic.DEBUG,
        help="enable logging of specified items (use '-d help' for a list of log items)")  # fmt: skip
def d(s: Settings, arg: str) -> None:
    """Items are judged when the log is opened."""
    s.log_items = arg


@option("D", args="logfile", topic=Topic.DEBUG, help="output log to logfile (default stderr)")
def log_file(s: Settings, arg: str) -> None:
    """`%d` in the name is the process id."""
    s.log_file = arg


@option("qtest", args="CHARDEV", topic=Topic.ABSENT)
def qtest(s: Settings, arg: str) -> None:
    """Where a test drives the machine from; hidden, as in QEMU."""
    s.qtest = s.said(arg)


@option("qtest-log", args="FILE", topic=Topic.ABSENT)
def qtest_log(s: Settings, arg: str) -> None:
    """A copy of the session; without it, standard error."""
    s.qtest_log = arg
