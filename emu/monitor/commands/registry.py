"""The registry of QMP commands: a decorator on a typed function; all that is known of a command follows.

    @qmp_command("query-status", preconfig=True)
    def query_status(e: Emulator) -> StatusInfo: ...

    @qmp_command("getfd")
    def getfd(e: Emulator, monitor: Monitor, fdname: str) -> None: ...

The name, the arguments (their names, types, which may be missing), the result and the flags are what
`query-commands`, `query-qmp-schema` and the check of a request use; `emu.monitor.types` says what annotations
mean. Errors for the client are UserErrors; HMP calls the same functions from Python.

Rules
- the first parameter is the emulator; one annotated `Monitor` gets the monitor that asks;
- a parameter with a default may be missing;
- `**values: QValue` takes arguments that are not declared (device_add);
- boxed: the only parameter is the whole `arguments` object (a dataclass or a tagged union);
- a name registered twice fails at import.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from emu.core.qdict import QDict, QValue
from emu.monitor.types import (
    EMPTY,
    Member,
    ObjectType,
    QmpType,
    UnionType,
    hints_of,
    member_name,
    type_of,
)
from emu.options.members import Members
from emu.options.visitor import JSON

if TYPE_CHECKING:
    from emu.emulator import Emulator
    from emu.monitor.monitor import Monitor

F = TypeVar("F", bound=Callable[..., object])


class _Asker:
    """Stands for `Monitor` in annotations."""


@dataclass(frozen=True)
class Command:
    """A command. preconfig: also before there is a board; oob: also out of band; features: the schema's.

    shown: the type of its arguments in the schema, where the function reads them itself.
    """

    name: str
    function: Callable[..., object]
    preconfig: bool
    oob: bool
    boxed: bool
    features: tuple[str, ...]
    shown: Callable[[], ObjectType | UnionType] | None

    @property
    def where(self) -> str:
        """The place of its function."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    @cached_property
    def _hints(self) -> dict[str, object]:
        return hints_of(self.function, {"Emulator": _Asker, "Monitor": _Asker})

    @cached_property
    def _asker(self) -> str:
        """The parameter that gets the monitor, "" if none does."""
        return next((name for name, hint in list(self._hints.items())[1:] if hint is _Asker), "")

    @cached_property
    def _boxed_parameter(self) -> str:
        return next(name for name, hint in self._hints.items() if hint is not _Asker)

    @cached_property
    def arguments(self) -> ObjectType | UnionType:
        """What its `arguments` may be."""
        if self.boxed:
            return cast("ObjectType | UnionType", type_of(self._hints[self._boxed_parameter]))
        members, opens = [], False
        for parameter in list(inspect.signature(self.function).parameters.values())[1:]:
            hint = self._hints[parameter.name]
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                opens = True
            elif hint is not _Asker:
                optional = parameter.default is not inspect.Parameter.empty
                name = member_name(parameter.name, hint)
                members.append(Member(name, parameter.name, type_of(hint), optional))
        return ObjectType(tuple(members), opens)

    @cached_property
    def result(self) -> QmpType:
        """What it returns: `EMPTY` for nothing."""
        return type_of(self._hints["return"])

    def call(self, e: Emulator, monitor: Monitor | None, arguments: QDict) -> QValue:
        """Check the arguments, do it: the result as JSON. Errors: UserError."""
        values: dict[str, object]
        if isinstance(self.arguments, ObjectType) and not self.boxed:
            values = self.arguments.read_members(Members(JSON, arguments))
        else:
            values = {self._boxed_parameter: self.arguments.read("", arguments)}
        if self._asker:
            values[self._asker] = monitor
        result = self.function(e, **values)
        return {} if self.result is EMPTY else self.result.show(result)


_COMMANDS: dict[str, Command] = {}
_loaded: list[str] = []  # modules of the package, once all are imported


def qmp_command(
    name: str, *, preconfig: bool = False, oob: bool = False, boxed: bool = False,
    features: tuple[str, ...] = (), shown: Callable[[], ObjectType | UnionType] | None = None,
) -> Callable[[F], F]:  # fmt: skip
    """Register the decorated function as the command `name`. Errors: ValueError for a name taken."""

    def register(function: F) -> F:
        command = Command(name, function, preconfig, oob, boxed, features, shown)
        if name in _COMMANDS:
            raise ValueError(f"command {name} registered twice: {_COMMANDS[name].where}, {command.where}")
        _COMMANDS[name] = command
        return function

    return register


def all_commands() -> dict[str, Command]:
    """Every command, in the order of its registration; the first call imports what registers them."""
    if not _loaded:
        import emu.monitor.commands as package

        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
            _loaded.append(module.name)
    return _COMMANDS
