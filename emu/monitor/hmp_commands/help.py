"""help, and the word `info` alone: which commands there are."""

from __future__ import annotations

from collections.abc import Iterable

from emu.monitor.hmp_arguments import Rest
from emu.monitor.hmp_commands.logs import log_help
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import INFO, HmpCommand, commands, hmp_command, listed


def _complete(s: Session, words: list[str]) -> Iterable[str]:
    from emu.monitor.hmp_completion import names

    table: dict[str, HmpCommand] | None = commands()
    for word in words[:-1]:
        command = table.get(word) if table else None
        table = command.table if command else None
    return names(s, table) if table else ()


@hmp_command("help|?", "[cmd]", "list all commands, or describe 'cmd'", args=(Rest("name", optional=True),),
             preconfig=True, complete=_complete)  # fmt: skip
def help_command(s: Session, name: str = "") -> None:
    """A line a command: names, parameters, what it does."""
    words = name.split()
    table, prefix = commands(), ""
    for i, word in enumerate(words):
        command = table.get(word)
        if command is None:
            s.print(f"unknown command: '{' '.join(words[: i + 1])}'\n")
            return
        if i == len(words) - 1 and command.table is None:
            s.print(log_help() if words == ["log"] else _text(prefix, command))
            return
        if command.table is None:
            break
        table, prefix = command.table, f"{prefix}{command.names[0]} "
    for command in listed(table, s):
        s.print(_text(prefix, command))


def _text(prefix: str, command: HmpCommand) -> str:
    return f"{prefix}{command.title} {command.params} -- {command.help}\n"


@hmp_command(INFO, "[subcommand]", "show what the subcommand names", args=(Rest("item", optional=True),),
             preconfig=True)  # fmt: skip
def info(s: Session, item: str = "") -> None:
    """What there is to be shown. With a subcommand the table of those is asked instead."""
    help_command(s, INFO)
