"""The table of HMP commands: a decorator registers, a line finds its command and runs it.

    @hmp_command("cpu", "index", "choose the hart that other commands are about", args=(Int("index"),))
    def cpu(s: Session, index: int) -> None: ...

    @info_command("status", "the run state")
    def info_status(s: Session) -> None: ...

Rules
- the first name is the command's own, others are short for it; a name taken twice fails at import;
- a function prints with `s.print`; a UserError it raises becomes "Error: ..." and its hint;
- `complete` gets the words typed so far, the last one unfinished, and gives candidates for that.
Source: BEHAVIOUR 5.3; texts of QEMU 10.0.13.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from emu.errors import UserError
from emu.monitor.hmp_arguments import Argument, Reading, read_all
from emu.monitor.hmp_line import Line, LineFault
from emu.monitor.hmp_session import Session

F = TypeVar("F", bound=Callable[..., None])
Candidates = Callable[[Session, list[str]], Iterable[str]]
INFO = "info"


@dataclass(frozen=True)
class HmpCommand:
    """A command. params, help: as `help` shows them. table: what its first word may be (info)."""

    names: tuple[str, ...]
    params: str
    help: str
    function: Callable[..., None]
    args: tuple[Argument, ...] = ()
    preconfig: bool = False
    complete: Candidates | None = None
    table: dict[str, HmpCommand] | None = None

    @property
    def title(self) -> str:
        """All its names, as the reference writes them."""
        return "|".join(self.names)


_COMMANDS: dict[str, HmpCommand] = {}
_INFO: dict[str, HmpCommand] = {}
_loaded: list[str] = []


def _register(table: dict[str, HmpCommand], command: HmpCommand) -> None:
    for name in command.names:
        if name in table:
            places = f"{table[name].function.__module__}, {command.function.__module__}"
            raise ValueError(f"HMP command {name} registered twice: {places}")
        table[name] = command


def hmp_command(
    names: str, params: str = "", help: str = "", *, args: tuple[Argument, ...] = (), preconfig: bool = False,
    complete: Candidates | None = None,
) -> Callable[[F], F]:  # fmt: skip
    """Register the function as a command; names: `long|short`."""

    def register(function: F) -> F:
        _register(_COMMANDS, HmpCommand(
            tuple(names.split("|")), params, help, function, args, preconfig, complete,
            _INFO if names == INFO else None))  # fmt: skip
        return function

    return register


def info_command(
    name: str, help: str, params: str = "", *, args: tuple[Argument, ...] = (), preconfig: bool = False,
    complete: Candidates | None = None,
) -> Callable[[F], F]:  # fmt: skip
    """Register the function as `info NAME`."""

    def register(function: F) -> F:
        _register(_INFO, HmpCommand((name,), params, help, function, args, preconfig, complete))
        return function

    return register


def commands() -> dict[str, HmpCommand]:
    """Every command by each of its names; the first call imports the files that register them."""
    if not _loaded:
        import emu.monitor.hmp_commands as package

        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
            _loaded.append(module.name)
    return _COMMANDS


def listed(table: dict[str, HmpCommand], s: Session) -> list[HmpCommand]:
    """Each command once, by name, as far as it may be used now."""
    found = {id(command): command for command in table.values() if available(command, s)}
    return sorted(found.values(), key=lambda command: command.names[0])


def available(command: HmpCommand, s: Session) -> bool:
    """Whether it may be used now: with -preconfig there is no board yet."""
    return command.preconfig or s.ready


def _find(line: Line, table: dict[str, HmpCommand]) -> HmpCommand | None:
    """The command whose name comes next in `line`; None for a line of blanks. Errors: LineFault."""
    line.skip_blanks()
    if line.ended:
        return None
    name = line.plain_word(also="/")
    command = table.get(name)
    if command is None:
        raise LineFault(f"unknown command: '{line.text[: line.at]}'\n")
    line.skip_blanks()
    if command.table is not None and not line.ended:
        return _find(line, command.table)
    return command


def execute(s: Session, text: str) -> None:
    """Run one line; everything it has to say is printed to `s`."""
    line = Line(text)
    try:
        command = _find(line, commands())
    except LineFault as fault:
        s.print(fault.text)
        return
    if command is None:
        return
    typed = line.text[: line.at].strip()
    if not available(command, s):
        s.print(f"Command '{typed}' not available until machine initialization has completed.\n")
        return
    try:
        values = read_all(command.args, line, Reading(command.title, s.register, s.formats))
    except LineFault as fault:
        s.print(f'{fault.text}Try "help {typed}" for more information\n')
        return
    try:
        command.function(s, **values)
    except UserError as error:
        s.error(error)
