"""Types of QMP: from Python's annotations to how a value is read, written, and shown in the schema.

    str, bool, int, float       themselves; int has 64 bits and a sign
    U8 ... U64, I8 ... I32      integers with a range of their own
    an Enum                     one of its values
    a frozen dataclass          an object; a field's `_` is a `-`, one at its end (Python's keywords) goes
    list[X]                     an array
    X | None                    as a member: it may be missing, as one with a default may
    Annotated[A | B, Tag("type")]   one of several dataclasses, chosen by a member that is a Literal in each
    QValue, QDict               anything; any object
    Annotated[X, Named("a_b")]  a member whose name follows another rule

Rule: commands, events and the schema are described in these types alone; no second description exists.
Source: QEMU's QAPI; the complaints about wrong values are those of `emu.options.visitor.JSON`.
"""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from emu.core.qdict import QDict, QValue
from emu.errors import OptionError
from emu.options.members import Members
from emu.options.visitor import JSON, IntType, wrong_type

T = TypeVar("T")

U8: TypeAlias = Annotated[int, IntType.UINT8]
U16: TypeAlias = Annotated[int, IntType.UINT16]
U32: TypeAlias = Annotated[int, IntType.UINT32]
U64: TypeAlias = Annotated[int, IntType.UINT64]
I8: TypeAlias = Annotated[int, IntType.INT8]
I16: TypeAlias = Annotated[int, IntType.INT16]
I32: TypeAlias = Annotated[int, IntType.INT32]


@dataclass(frozen=True)
class Named:
    """The name of a member where the rule for names gives another one."""

    name: str


@dataclass(frozen=True)
class Tag:
    """The member that chooses among the dataclasses of a union."""

    name: str


class QmpType:
    """A type. read: from JSON, with the value's full name for complaints; show: to JSON."""

    def read(self, path: str, value: QValue) -> object:
        """The value for Python. Errors: OptionError with QEMU's text."""
        raise NotImplementedError

    def show(self, value: object) -> QValue:
        """The value as JSON."""
        return cast(QValue, value)


class AnyType(QmpType):
    """Whatever JSON can say."""

    def read(self, path: str, value: QValue) -> object:
        """As it is."""
        return value


class BuiltinType(QmpType):
    """str, bool, number; `name` is the schema's."""

    def __init__(self, python: type) -> None:
        self.python = python
        self.name = {str: "str", bool: "bool", float: "number"}[python]

    def read(self, path: str, value: QValue) -> object:
        """As `QmpType`."""
        if self.python is str:
            return JSON.string(path, value)
        return JSON.boolean(path, value) if self.python is bool else JSON.number(path, value)


class IntegerType(QmpType):
    """An integer; the schema makes no difference between widths."""

    name = "int"

    def __init__(self, type: IntType) -> None:
        self.type = type

    def read(self, path: str, value: QValue) -> object:
        """As `QmpType`."""
        return JSON.integer(path, value, self.type)


class EnumType(QmpType):
    """One of the values of an Enum."""

    def __init__(self, cls: type[enum.Enum]) -> None:
        self.cls = cls
        self.words = tuple(str(member.value) for member in cls)

    def read(self, path: str, value: QValue) -> object:
        """The member."""
        return self.cls(JSON.choice(path, value, self.words))

    def show(self, value: object) -> QValue:
        """Its value."""
        return str(cast(enum.Enum, value).value)


class ListType(QmpType):
    """Any number of values of one type."""

    def __init__(self, element: QmpType) -> None:
        self.element = element

    def read(self, path: str, value: QValue) -> object:
        """Each in turn."""
        if not isinstance(value, list):
            raise wrong_type(path or "null", "array")
        return [self.element.read(f"{path}[{i}]", one) for i, one in enumerate(value)]

    def show(self, value: object) -> QValue:
        """A list."""
        return [self.element.show(one) for one in cast("list[object]", value)]


@dataclass(frozen=True)
class Member:
    """A member of an object: its name in JSON, its field in Python, its type, whether it may be missing."""

    name: str
    field: str
    type: QmpType
    optional: bool = False


class ObjectType(QmpType):
    """Members by name. opens: with others that nobody has described, which are kept as they are."""

    def __init__(self, members: tuple[Member, ...] = (), opens: bool = False) -> None:
        self.members = members
        self.opens = opens

    def read_members(self, m: Members) -> dict[str, object]:
        """Fields and values of those that are there, in declared order. Errors: OptionError."""
        out = {
            member.field: member.type.read(m.full(member.name), m.take(member.name))
            for member in self.members
            if not member.optional or m.has(member.name)
        }
        if self.opens:
            declared = {member.name for member in self.members}
            out.update({name: m.take(name) for name in m.names if name not in declared})
        m.finish()
        return out

    def read(self, path: str, value: QValue) -> object:
        """A dict, for Python's `**`."""
        return self.read_members(_members(path, value))


def _members(path: str, value: QValue) -> Members:
    if not isinstance(value, dict):
        raise wrong_type(path or "null", "object")
    return Members(JSON, value, path)


class StructType(ObjectType):
    """A dataclass. constants: fields that a union's tag decides, with their values."""

    def __init__(self, cls: type) -> None:
        hints = hints_of(cls)
        self.cls = cls
        self.constants: dict[str, str] = {}
        members = []
        for field in dataclasses.fields(cls):
            hint = hints[field.name]
            name = member_name(field.name, hint)
            if get_origin(hint) is Literal:
                self.constants[name] = str(get_args(hint)[0])
            has_default = field.default is not dataclasses.MISSING
            members.append(Member(name, field.name, type_of(hint), has_default or is_optional(hint)))
        super().__init__(tuple(members))

    def read(self, path: str, value: QValue) -> object:
        """The dataclass; a field that may be missing and has no default is None."""
        found = self.read_members(_members(path, value))
        for field in dataclasses.fields(self.cls):
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                found.setdefault(field.name, None)
        return self.cls(**found)

    def show(self, value: object) -> QValue:
        """An object; members that may be missing are, where the field is None."""
        out: QDict = {}
        for member in self.members:
            one = getattr(value, member.field)
            if one is not None or not member.optional:
                out[member.name] = member.type.show(one)
        return out


class LiteralType(QmpType):
    """A word that is fixed: a union's tag."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def read(self, path: str, value: QValue) -> object:
        """It."""
        return JSON.choice(path, value, self.words)


class UnionType(QmpType):
    """One of several objects, by the value of a member. common: members that all of them have."""

    def __init__(self, tag: str, branches: Mapping[str, ObjectType], common: tuple[Member, ...] = ()) -> None:
        self.tag = tag
        self.branches = branches
        self.common = common

    def read(self, path: str, value: QValue) -> object:
        """The dataclass that the tag names."""
        m = _members(path, value)
        word = JSON.choice(m.full(self.tag), m.take(self.tag), tuple(self.branches))
        return self.branches[word].read(path, value)

    def show(self, value: object) -> QValue:
        """As its dataclass."""
        return type_of(type(value)).show(value)


class AlternateType(QmpType):
    """One of several types that JSON tells apart: text, object, null, ..."""

    def __init__(self, choices: tuple[QmpType, ...]) -> None:
        self.choices = choices

    def read(self, path: str, value: QValue) -> object:
        """The first that takes it."""
        for choice in self.choices[:-1]:
            try:
                return choice.read(path, value)
            except OptionError:
                continue
        return self.choices[-1].read(path, value)

    def show(self, value: object) -> QValue:
        """Scalars are themselves, dataclasses objects."""
        if dataclasses.is_dataclass(value):
            return type_of(type(value)).show(value)
        return cast(QValue, value)


class NullType(QmpType):
    """null."""

    name = "null"

    def read(self, path: str, value: QValue) -> object:
        """None."""
        if value is not None:
            raise wrong_type(path, "null")
        return None


ANY, ANY_OBJECT, EMPTY = AnyType(), ObjectType(opens=True), ObjectType()


class _Any:
    """Stands for QValue, which is a text and not a type to Python."""


class _AnyObject:
    """Stands for QDict."""


def hints_of(
    what: object, more: Mapping[str, object] = types.MappingProxyType({})
) -> dict[str, object]:
    """The annotations of a function or class. more: what names mean that only type checkers import."""
    names = {"QValue": _Any, "QDict": _AnyObject, **more}
    return cast("dict[str, object]", get_type_hints(what, localns=names, include_extras=True))


def member_name(field: str, hint: object) -> str:
    """The name in JSON of a field or parameter."""
    for note in _notes(hint):
        if isinstance(note, Named):
            return note.name
    return field.rstrip("_").replace("_", "-")


def _notes(hint: object) -> tuple[object, ...]:
    """What Annotated says beside the type, also inside of `| None`."""
    if get_origin(hint) is Annotated:
        return get_args(hint)[1:]
    return tuple(note for arg in _alternatives(hint) for note in get_args(arg)[1:]
                 if get_origin(arg) is Annotated)  # fmt: skip


def _alternatives(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else ()


def is_optional(hint: object) -> bool:
    """Whether None is among what it may be."""
    return type(None) in _alternatives(hint)


_known: dict[object, QmpType] = {}


def type_of(hint: object) -> QmpType:
    """The type that an annotation means; `| None` is not part of it. Errors: TypeError (a bug of ours)."""
    if hint not in _known:
        _known[hint] = _type_of(hint)
    return _known[hint]


def _type_of(hint: object) -> QmpType:
    notes = _notes(hint)
    if get_origin(hint) is Annotated:
        plain = get_args(hint)[0]
        width = next((note for note in notes if isinstance(note, IntType)), None)
        tag = next((note for note in notes if isinstance(note, Tag)), None)
        if width is not None:
            return IntegerType(width)
        if tag is not None:
            structs = [cast(StructType, type_of(one)) for one in _alternatives(plain)]
            return UnionType(tag.name, {one.constants[tag.name]: one for one in structs})
        return type_of(plain)
    choices = [one for one in _alternatives(hint) if one is not type(None)]
    if len(choices) == 1:
        return type_of(choices[0])
    if choices:
        return AlternateType(tuple(type_of(one) for one in choices))
    if get_origin(hint) is list:
        return ListType(type_of(get_args(hint)[0]))
    if get_origin(hint) is Literal:
        return LiteralType(tuple(str(word) for word in get_args(hint)))
    return _plain_type(hint)


def from_json(cls: type[T], value: QValue) -> T:
    """The dataclass that an object of its shape is. Errors: OptionError (a bug of ours)."""
    return cast(T, type_of(cls).read("", value))


def _plain_type(hint: object) -> QmpType:
    if hint is _Any:
        return ANY
    if hint is _AnyObject:
        return ANY_OBJECT
    if hint is type(None):
        return EMPTY
    if hint is int:
        return IntegerType(IntType.INT64)
    if hint in (str, bool, float):
        return BuiltinType(cast(type, hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return EnumType(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return StructType(hint)
    raise TypeError(f"{hint!r} is no type of QMP")
