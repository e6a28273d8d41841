"""Commands of the log: log, logfile.

Source: BEHAVIOUR 5.3; texts of QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Iterable

from emu.core.log import ITEMS, items_help, parse_items
from emu.errors import HostError, Leave
from emu.monitor.hmp_arguments import Word
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command


def _items(_s: Session, words: list[str]) -> Iterable[str]:
    """Items are separated by commas; the last one is unfinished."""
    if len(words) != 1:
        return ()
    above = words[0][: words[0].rfind(",") + 1]
    return [above + item.name for item in ITEMS]


def log_help() -> str:
    """The items, in HMP's words."""
    lines = items_help().replace('"-d trace:help"', '"log trace:help"').split("\n", 1)
    return f"{lines[0]}\n{'none':<15} remove all logs\n{lines[1]}"


@hmp_command("log", "item1[,...]", "log what these items say; 'none' turns them off", args=(Word("items"),),
             complete=_items)  # fmt: skip
def log(s: Session, items: str) -> None:
    """As -d."""
    if items == "none":
        wanted: frozenset[str] = frozenset()
    else:
        try:
            wanted = parse_items(items)
        except Leave:
            s.print(log_help())
            return
    s.e.log.choose(wanted)
    if s.e.vm is not None:
        s.e.vm.trace()


@hmp_command("logfile", "filename", "write the log to 'filename'", args=(Word("filename", kind="file"),))
def logfile(s: Session, filename: str) -> None:
    """As -D. Harts that run keep to the file they began with."""
    try:
        s.e.log.move(filename)
    except HostError as error:
        s.print(f"{error.text}\n")
