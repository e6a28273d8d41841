"""Whole structures read member by member, with QEMU's complaints about missing and unexpected ones.

    m = Members.parse(arg, "type")            # keyval, or JSON if it begins with {
    kind = m.choice("type", ("socket", "tap"))
    fd = m.optional(m.string, "fd", None)
    addr = m.struct("addr")
    ...
    m.finish()

Rules
- members are asked for in the order of QEMU's schema, which decides what is complained about first;
- `finish` after the last: what nobody asked for is unexpected. Structures inside finish first.
Source: BEHAVIOUR 3.2; the texts were checked by running QEMU 10.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from emu.core.ghash import ghash_order
from emu.core.qdict import QDict, QValue, qdict_items
from emu.errors import OptionError
from emu.options import keyval
from emu.options.qemuopts import QemuOpts
from emu.options.visitor import JSON, KEYVAL, OPTS, IntType, Visitor, wrong_type

T = TypeVar("T")
D = TypeVar("D")


def json_object(text: str) -> QDict:
    """The JSON object that an argument is which begins with a brace. Errors: OptionError."""
    from emu.core.json_strings import JsonError
    from emu.core.qjson import from_json

    try:
        value = from_json(text)
    except JsonError as error:
        raise OptionError(error.text) from None
    assert isinstance(value, dict)
    return value


class Members:
    """The members of one structure. `path`: its full name, "" for the outermost."""

    def __init__(self, visitor: Visitor, members: Mapping[str, QValue], path: str = "") -> None:
        self.visitor = visitor
        self._members = dict(members)
        self._path = path
        self._read: set[str] = set()

    @classmethod
    def parse(cls, text: str, implied: str = "") -> Members:
        """Of an option's argument: a JSON object if it begins with a brace, else keyval.

        Errors: OptionError.
        """
        if not text.startswith("{"):
            return cls(KEYVAL, cast("dict[str, QValue]", keyval.parse(text, implied)))
        return cls(JSON, json_object(text))

    @property
    def names(self) -> list[str]:
        """The names there are, in QEMU's order."""
        return [name for name, _ in qdict_items(self._members)]

    def has(self, name: str) -> bool:
        """Whether the member is there."""
        return name in self._members

    def full(self, name: str) -> str:
        """The full name of a member."""
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str) -> QValue:
        """The member as it was written. Errors: OptionError if it is missing."""
        if name not in self._members:
            raise OptionError(f"Parameter '{self.full(name)}' is missing")
        self._read.add(name)
        return self._members[name]

    def optional(self, read: Callable[[str], T], name: str, default: D) -> T | D:
        """`read(name)` if the member is there, else `default`."""
        return read(name) if name in self._members else default

    def string(self, name: str) -> str:
        """A text."""
        return self.visitor.string(self.full(name), self.take(name))

    def boolean(self, name: str) -> bool:
        """On or off."""
        return self.visitor.boolean(self.full(name), self.take(name))

    def integer(self, name: str, type: IntType = IntType.INT64) -> int:
        """An integer of that type."""
        return self.visitor.integer(self.full(name), self.take(name), type)

    def size(self, name: str) -> int:
        """Bytes."""
        return self.visitor.size(self.full(name), self.take(name))

    def number(self, name: str) -> float:
        """A floating point number."""
        return self.visitor.number(self.full(name), self.take(name))

    def choice(self, name: str, values: Sequence[str]) -> str:
        """One of `values`."""
        return self.visitor.choice(self.full(name), self.take(name), values)

    def struct(self, name: str) -> Members:
        """A structure."""
        value = self.take(name)
        if not isinstance(value, dict):
            raise wrong_type(self.full(name), "object")
        return Members(self.visitor, value, self.full(name))

    def list(self, name: str, read: Callable[[str, QValue], T]) -> Sequence[T]:
        """A list, each element of which `read` reads; it is given the element's full name."""
        value = self.take(name)
        if not isinstance(value, list):
            raise wrong_type(self.full(name), "array")
        return [read(self.full(name) + self.visitor.element.format(i), v) for i, v in enumerate(value)]

    def structs(self, name: str) -> Sequence[Members]:
        """A list of structures."""

        def read(full: str, value: QValue) -> Members:
            if not isinstance(value, dict):
                raise wrong_type(full, "object")
            return Members(self.visitor, value, full)

        return self.list(name, read)

    def finish(self) -> None:
        """Errors: OptionError if a member was not read."""
        name = self._unread(self.names)
        if name is not None:
            raise OptionError(f"Parameter '{self.full(name)}' is unexpected")

    def _unread(self, names: Sequence[str]) -> str | None:
        if self._read.issuperset(names):
            return None
        return next(name for name in ghash_order(names) if name not in self._read)


class OptsMembers(Members):
    """The members that a set of QemuOpts is read as: its last values, and its id.

    There are no structures inside; a list is an option that is mentioned more than once.
    """

    def __init__(self, opts: QemuOpts) -> None:
        last: dict[str, QValue] = dict(opts.items)
        if opts.id is not None:
            last["id"] = opts.id
        super().__init__(OPTS, last)
        self._opts = opts

    def strings(self, name: str) -> Sequence[str]:
        """A list of texts: all mentions."""
        self.take(name)
        return [v for n, v in self._opts.items if n == name]

    def integers(self, name: str, *, signed: bool = False) -> Sequence[int]:
        """A list of integers, of all mentions, each of which may be a range `3-5`."""
        self.take(name)
        return OPTS.integers(name, [v for n, v in self._opts.items if n == name], signed=signed)

    def finish(self) -> None:
        """Errors: OptionError if an option was not read."""
        name = self._unread(list(self._members))
        if name is not None:
            raise OptionError(f"Invalid parameter '{name}'")
