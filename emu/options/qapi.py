"""Schemas: what members an option's value may have, and how the three ways of writing it are read.

A schema says what QEMU's QAPI schema says: members with types, unions chosen by a member. It is read from

    visit_keyval    key=value with dotted keys: -display, -blockdev, -netdev stream, properties of the machine
    visit_json      the same options given as JSON: types are strict
    visit_opts      a flat set of QemuOpts: -netdev user, -net, -nic, -numa

All give a dict with Python's values, or QEMU's complaint about the first fault: members in declared order,
then what is left over.
Source: BEHAVIOUR 3.2; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from emu.core.qdict import QValue
from emu.errors import OptionError
from emu.options.values import parse_bool, parse_int, parse_number, parse_size

Value: TypeAlias = QValue
Tree: TypeAlias = "Mapping[str, object]"


class Type:
    """A type of the schema. `json`: its name in complaints about JSON."""

    json = "string"


class Str(Type):
    """Any text."""


class Bool(Type):
    """on/off and its synonyms; in JSON true and false."""

    json = "boolean"


class Int(Type):
    """A number of `bits` bits; name: what a complaint about its range calls it."""

    json = "integer"

    def __init__(self, bits: int = 64, signed: bool = True) -> None:
        self.signed = signed
        self.name = f"{'' if signed else 'u'}int{bits}_t"
        self.least = -(1 << (bits - 1)) if signed else 0
        self.most = (1 << (bits - signed)) - 1


class Size(Int):
    """Bytes, with a suffix."""

    def __init__(self) -> None:
        super().__init__(64, signed=False)


class Enum(Type):
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words


class ListOf(Type):
    """Any number of `item`."""

    json = "array"

    def __init__(self, item: Type) -> None:
        self.item = item


class Struct(Type):
    """Members by name; a name that ends in `?` may be missing.

    branches: more of them, chosen by the member `tag`. opens: with members that nobody has described.
    """

    json = "object"

    def __init__(
        self, members: Mapping[str, Type] | None = None, tag: str = "",
        branches: Mapping[str, Struct] | None = None, *, opens: bool = False, **more: Type,
    ) -> None:  # fmt: skip
        self.members = {**(members or {}), **more}
        self.tag = tag
        self.branches = branches or {}
        self.opens = opens


class Reference(Type):
    """The name of something, or its description (QAPI's alternate of a string and an object)."""

    def __init__(self, struct: Struct) -> None:
        self.struct = struct


STR, BOOL, SIZE = Str(), Bool(), Size()
INT, INT32 = Int(), Int(32)
UINT8, UINT16, UINT32, UINT64 = (Int(bits, signed=False) for bits in (8, 16, 32, 64))
STRINGS = ListOf(Struct(str=STR))  # how QAPI wraps a list of texts


def _scalar_of_text(type_: Type, full: str, text: str) -> Value:
    """A text of key=value as `type_`."""
    if isinstance(type_, Bool):
        return parse_bool(full, text)
    if isinstance(type_, Size):
        return _or_complain(parse_size, text, f"Parameter '{full}' expects size")
    if isinstance(type_, Int):
        parse = parse_int if type_.signed else parse_number
        return _or_complain(parse, text, f"Parameter '{full}' expects integer")
    return text


def _scalar_of_opt(type_: Type, name: str, text: str) -> Value:
    """A text of a QemuOpts option as `type_`."""
    if isinstance(type_, Bool):
        return parse_bool(name, text)
    if isinstance(type_, Size):
        return _or_complain(parse_size, text, f"Parameter '{name}' expects a size value")
    if isinstance(type_, Int):
        parse, kind = (parse_int, "an int64") if type_.signed else (parse_number, "a uint64")
        return _or_complain(parse, text, f"Parameter '{name}' expects {kind} value")
    return text


def _or_complain(parse: Callable[[str, str], int], text: str, complaint: str) -> int:
    try:
        return parse("", text)
    except OptionError:
        raise OptionError(complaint) from None


def _scalar_of_json(type_: Type, full: str, value: object) -> Value:
    if isinstance(type_, Bool):
        if isinstance(value, bool):
            return value
    elif isinstance(type_, Int):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif isinstance(value, str):
        return value
    raise OptionError(f"Invalid parameter type for '{full}', expected: {type_.json}")


def _checked(type_: Type, name: str, value: Value) -> Value:
    """The range of a number, the words of an enum; complaints name the member without its path."""
    if isinstance(type_, Enum) and value not in type_.words:
        raise OptionError(f"Parameter '{name}' does not accept value '{value}'")
    if isinstance(type_, Int) and isinstance(value, int) and not type_.least <= value <= type_.most:
        raise OptionError(f"Parameter '{name}' expects {type_.name}")
    return value


class _TreeReader:
    """Reads nested dicts: of texts (keyval), or of JSON's values."""

    def __init__(self, from_text: bool) -> None:
        self._from_text = from_text

    def read(self, type_: Type, name: str, full: str, value: object) -> Value:
        if isinstance(type_, Reference):
            if isinstance(value, str):
                return value
            type_ = type_.struct
        if isinstance(type_, Struct):
            if not isinstance(value, dict):
                raise OptionError(f"Invalid parameter type for '{full}', expected: object")
            return self.struct(type_, full + "." if full else "", value)
        if isinstance(type_, ListOf):
            if not isinstance(value, list):
                raise OptionError(f"Invalid parameter type for '{full}', expected: array")
            return [self.read(type_.item, name, f"{full}[{i}]", item) for i, item in enumerate(value)]
        if self._from_text:
            if isinstance(value, dict | list):
                raise OptionError(f"Parameters '{full}.*' are unexpected")
            return _checked(type_, name, _scalar_of_text(type_, full, str(value)))
        return _checked(type_, name, _scalar_of_json(type_, full, value))

    def struct(self, struct: Struct, prefix: str, tree: Tree) -> dict[str, Value]:
        out: dict[str, Value] = {}
        if self._members(struct, prefix, tree, out):
            return {**{name: as_value(value) for name, value in tree.items()}, **out}
        for name, value in tree.items():
            if name not in out:
                if isinstance(value, dict | list) and self._from_text:
                    raise OptionError(f"Parameters '{prefix}{name}.*' are unexpected")
                raise OptionError(f"Parameter '{prefix}{name}' is unexpected")
        return out

    def _members(self, struct: Struct, prefix: str, tree: Tree, out: dict[str, Value]) -> bool:
        """Read the members into `out`; whether there may be others."""
        for member, type_ in struct.members.items():
            name = member.rstrip("?")
            if name in tree:
                out[name] = self.read(type_, name, prefix + name, tree[name])
            elif name == member:
                raise OptionError(f"Parameter '{prefix}{name}' is missing")
        branch = struct.branches.get(str(out.get(struct.tag)))
        return struct.opens or (branch is not None and self._members(branch, prefix, tree, out))


def as_value(thing: object) -> Value:
    """What a tree holds, as it is: for members that nobody has described."""
    if isinstance(thing, dict):
        return {str(name): as_value(value) for name, value in thing.items()}
    if isinstance(thing, list):
        return [as_value(item) for item in thing]
    assert thing is None or isinstance(thing, bool | int | float | str)
    return thing


def visit_keyval(struct: Struct, tree: Tree) -> dict[str, Value]:
    """The meaning of what `keyval.parse` gave. Errors: OptionError with QEMU's texts."""
    return _TreeReader(from_text=True).struct(struct, "", tree)


def visit_json(struct: Struct, tree: Tree) -> dict[str, Value]:
    """The meaning of a JSON object. Errors: OptionError with QEMU's texts."""
    return _TreeReader(from_text=False).struct(struct, "", tree)


def visit_opts(struct: Struct, items: Sequence[tuple[str, str]], id: str | None = None) -> dict[str, Value]:
    """The meaning of a set of QemuOpts: `items` in order, and its id.

    A repeated name gives a list its items; elsewhere the last one counts. Errors: OptionError with
    QEMU's texts.
    """
    said: dict[str, list[str]] = {}
    for name, text in items:
        said.setdefault(name, []).append(text)
    if id is not None:
        said["id"] = [id]
    out: dict[str, Value] = {}
    _flat_members(struct, said, out)
    for name in said:
        if name not in out:
            raise OptionError(f"Invalid parameter '{name}'")
    return out


def _flat_members(struct: Struct, said: Mapping[str, list[str]], out: dict[str, Value]) -> None:
    for member, type_ in struct.members.items():
        name = member.rstrip("?")
        texts = said.get(name)
        if texts is None:
            if name == member:
                # a flat set cannot hold a struct: QEMU looks for its members instead
                first = next(iter(type_.members)) if isinstance(type_, Struct) else name
                raise OptionError(f"Parameter '{first}' is missing")
        elif isinstance(type_, ListOf):
            out[name] = [value for text in texts for value in _flat_items(type_.item, name, text)]
        elif isinstance(type_, Struct):
            raise OptionError(f"Invalid parameter '{name}'")
        else:
            out[name] = _checked(type_, name, _scalar_of_opt(type_, name, texts[-1]))
    if branch := struct.branches.get(str(out.get(struct.tag))):
        _flat_members(branch, said, out)


RANGE_MOST = 65536  # numbers that one range may stand for


def _flat_items(item: Type, name: str, text: str) -> list[Value]:
    """What one mention adds to a list: a text, a number, or a range of numbers `first-last`."""
    if not isinstance(item, Int):
        return [{"str": text}] if isinstance(item, Struct) else [text]
    first, dash, last = text.partition("-") if text[:1] != "-" else (text, "", "")
    complaint = f"Parameter '{name}' expects {'an int64' if item.signed else 'a uint64'} value or range"
    low = _or_complain(parse_number, first, complaint)
    high = _or_complain(parse_number, last, complaint) if dash else low
    if not 0 <= high - low < RANGE_MOST:
        raise OptionError(complaint)
    return [_checked(item, name, number) for number in range(low, high + 1)]
