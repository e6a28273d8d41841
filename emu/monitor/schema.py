"""query-qmp-schema: commands, events and their types, in the shapes of QEMU's SchemaInfo.

As in QEMU, types other than the built-in ones have numbers for names, in the order in which they are first
met: clients follow references, and names would invite them to do something else.
Source: QEMU's qapi/introspect; the shapes of its replies.
"""

from __future__ import annotations

from collections.abc import Iterable

from emu.core.qdict import QDict, QValue
from emu.monitor.commands.registry import Command, all_commands
from emu.monitor.event_types import EVENTS
from emu.monitor.types import (
    EMPTY,
    AlternateType,
    AnyType,
    EnumType,
    ListType,
    LiteralType,
    Member,
    ObjectType,
    QmpType,
    UnionType,
)

_JSON_TYPES = {"str": "string", "int": "int", "number": "number", "bool": "boolean", "null": "null",
               "any": "value"}  # fmt: skip


class _Writer:
    """Names types and describes each once."""

    def __init__(self) -> None:
        self.entries: list[QDict] = []
        self._names: dict[object, str] = {}
        self._branches: dict[ObjectType, ObjectType] = {}

    def name(self, type: QmpType) -> str:
        """The name of a type, which is described when it is met first."""
        if isinstance(type, ListType):
            return self._list(type)
        builtin = "any" if isinstance(type, AnyType) else getattr(type, "name", None)
        key: object = type
        if builtin is not None:
            key = builtin
        elif isinstance(type, LiteralType):
            key = type.words
        elif isinstance(type, ObjectType) and not type.members:
            key = EMPTY
        if key not in self._names:
            self._names[key] = builtin or str(sum(name.isdecimal() for name in self._names.values()))
            place = len(self.entries)
            entry: QDict = {"name": self._names[key]}
            self.entries.append(entry)
            if builtin is not None:
                entry.update({"json-type": _JSON_TYPES[builtin], "meta-type": "builtin"})
            else:
                entry.update(self._describe(type))
            assert self.entries[place] is entry
        return self._names[key]

    def _branch(self, branch: ObjectType, tag: str) -> str:
        """A branch of a union as the schema has it: without the tag, which the union has."""
        rest = tuple(member for member in branch.members if member.name != tag)
        if len(rest) == len(branch.members):
            return self.name(branch)
        if branch not in self._branches:
            self._branches[branch] = ObjectType(rest) if rest else EMPTY
        return self.name(self._branches[branch])

    def _list(self, type: ListType) -> str:
        element = self.name(type.element)
        name = f"[{element}]"
        if name not in self._names.values():
            self._names[name] = name
            self.entries.append({"name": name, "element-type": element, "meta-type": "array"})
        return name

    def _describe(self, type: QmpType) -> QDict:
        if isinstance(type, EnumType | LiteralType):
            return _enum(type.words)
        if isinstance(type, AlternateType):
            members: list[QValue] = [{"type": self.name(choice)} for choice in type.choices]
            return {"members": members, "meta-type": "alternate"}
        if isinstance(type, UnionType):
            variants: list[QValue] = [
                {"case": word, "type": self._branch(branch, type.tag)}
                for word, branch in type.branches.items()
            ]
            tag = Member(type.tag, "", LiteralType(tuple(type.branches)))
            shown = self._members((tag, *type.common))
            return {"members": shown, "tag": type.tag, "variants": variants, "meta-type": "object"}
        assert isinstance(type, ObjectType)
        return {"members": self._members(type.members), "meta-type": "object"}

    def _members(self, members: Iterable[Member]) -> list[QValue]:
        out: list[QValue] = []
        for member in members:
            entry: QDict = {"name": member.name, "type": self.name(member.type)}
            if member.optional:
                entry["default"] = None
            out.append(entry)
        return out

    def command(self, command: Command) -> None:
        """A command."""
        arguments = command.shown() if command.shown is not None else command.arguments
        entry: QDict = {"name": command.name, "meta-type": "command"}
        self.entries.append(entry)
        entry["arg-type"] = self.name(arguments)
        entry["ret-type"] = self.name(command.result)
        if command.oob:
            entry["allow-oob"] = True
        if command.features:
            entry["features"] = list(command.features)


def _enum(words: Iterable[str]) -> QDict:
    members: list[QValue] = [{"name": word} for word in words]
    return {"members": members, "values": list(words), "meta-type": "enum"}


def schema() -> list[QDict]:
    """All of it: commands, then events; each type behind what needs it first."""
    writer = _Writer()
    for command in all_commands().values():
        writer.command(command)
    for event in EVENTS.values():
        entry: QDict = {"name": event.name, "meta-type": "event", "arg-type": writer.name(event.type)}
        if event.features:
            entry["features"] = list(event.features)
        writer.entries.append(entry)
    return writer.entries
