"""Schemas: what members an option's value may have, declared once, read by `emu.options.members`.

A schema says what QEMU's QAPI schema says: members with types, unions chosen by a member. The same schema is
read from the three ways of writing an option:

    visit_argument  key=value with dotted keys, or JSON if it begins with a brace
    visit_tree      the former when it was parsed before: properties of the machine, configuration files
    visit_opts      a flat set of QemuOpts: -netdev user, -net, -nic, -numa

All give a dict with Python's values, or QEMU's complaint about the first fault: members in declared order,
then what is left over.
Source: BEHAVIOUR 3.2; QEMU's QAPI schemas; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, cast

from emu.core.qdict import QDict, QValue
from emu.errors import OptionError
from emu.options.keyval import Tree
from emu.options.members import Members, OptsMembers
from emu.options.qemuopts import QemuOpts
from emu.options.visitor import KEYVAL, IntType

Said: TypeAlias = QDict


class Type:
    """A type of the schema; this one is text."""

    def read(self, m: Members, name: str) -> QValue:
        """The member `name` of `m`. Errors: OptionError."""
        return m.string(name)


class Bool(Type):
    """On or off."""

    def read(self, m: Members, name: str) -> QValue:
        """As `Type`."""
        return m.boolean(name)


class Int(Type):
    """A number."""

    def __init__(self, type: IntType) -> None:
        self.type = type

    def read(self, m: Members, name: str) -> QValue:
        """As `Type`."""
        return m.integer(name, self.type)


class Size(Type):
    """Bytes, with a suffix."""

    def read(self, m: Members, name: str) -> QValue:
        """As `Type`."""
        return m.size(name)


class Enum(Type):
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def read(self, m: Members, name: str) -> QValue:
        """As `Type`."""
        return m.choice(name, self.words)


class Struct(Type):
    """Members by name; a name that ends in `?` may be missing.

    branches: more of them, chosen by the member `tag`. opens: with members that nobody has described.
    """

    def __init__(
        self, members: Mapping[str, Type] | None = None, tag: str = "",
        branches: Mapping[str, Struct] | None = None, *, opens: bool = False,
    ) -> None:  # fmt: skip
        self.members = members or {}
        self.tag = tag
        self.branches = branches or {}
        self.opens = opens

    def read(self, m: Members, name: str) -> QValue:
        """As `Type`."""
        if isinstance(m, OptsMembers) and not m.has(name):
            # a flat set cannot hold a structure: QEMU looks for the first of its members instead
            raise OptionError(f"Parameter '{next(iter(self.members))}' is missing")
        return self.visit(m.struct(name))

    def visit(self, m: Members) -> Said:
        """The whole structure. Errors: OptionError."""
        out: Said = {}
        if self._members(m, out):
            for name in m.names:
                if name not in out:
                    out[name] = m.take(name)
        m.finish()
        return out

    def _members(self, m: Members, out: Said) -> bool:
        """Read the members into `out`; whether there may be others."""
        for member, type_ in self.members.items():
            name = member.rstrip("?")
            if name == member or m.has(name):
                out[name] = type_.read(m, name)
        branch = self.branches.get(str(out.get(self.tag)))
        return self.opens or (branch is not None and branch._members(m, out))


class Reference(Type):
    """The name of something, or its description (QAPI's alternate of a string and an object)."""

    def __init__(self, struct: Struct) -> None:
        self.struct = struct

    def read(self, m: Members, name: str) -> QValue:
        """As `Type`."""
        return m.string(name) if isinstance(m.take(name), str) else self.struct.read(m, name)


class Texts(Type):
    """Any number of texts; wrapped: each in a structure with the one member `str`, as in some schemas."""

    def __init__(self, *, wrapped: bool) -> None:
        self._wrapped = Struct({"str": STR}) if wrapped else None

    def read(self, m: Members, name: str) -> QValue:
        """As `Type`: a list of texts in either case."""
        if isinstance(m, OptsMembers):
            return list(m.strings(name))
        if self._wrapped is None:
            return list(m.list(name, m.visitor.string))
        return [self._wrapped.visit(item)["str"] for item in m.structs(name)]


class Numbers(Type):
    """Any number of numbers; in a flat set also ranges of them."""

    def __init__(self, type: IntType) -> None:
        self.type = type

    def read(self, m: Members, name: str) -> QValue:
        """As `Type`."""
        if isinstance(m, OptsMembers):
            numbers = m.integers(name)
            for number in numbers:
                m.visitor.integer(name, str(number), self.type)
            return list(numbers)
        return list(m.list(name, lambda full, value: m.visitor.integer(full, value, self.type)))


STR, BOOL, SIZE = Type(), Bool(), Size()
INT, INT32 = Int(IntType.INT64), Int(IntType.INT32)
UINT8, UINT16, UINT32, UINT64 = (
    Int(t) for t in (IntType.UINT8, IntType.UINT16, IntType.UINT32, IntType.UINT64)
)
TEXTS, STRINGS = Texts(wrapped=False), Texts(wrapped=True)


def visit_argument(struct: Struct, arg: str, implied: str = "") -> Said:
    """The meaning of an option's argument: key=value or JSON. Errors: OptionError with QEMU's texts."""
    return struct.visit(Members.parse(arg, implied))


def visit_tree(struct: Struct, tree: Tree) -> Said:
    """The meaning of what `keyval.parse` gave. Errors: OptionError with QEMU's texts."""
    return struct.visit(Members(KEYVAL, cast("Said", tree)))


def visit_value(struct: Struct, values: Said) -> Said:
    """The meaning of texts in a dict, as properties get them. Errors: OptionError with QEMU's texts."""
    return struct.visit(Members(KEYVAL, values))


def visit_opts(struct: Struct, opts: QemuOpts) -> Said:
    """The meaning of a set of QemuOpts. Errors: OptionError with QEMU's texts."""
    return struct.visit(OptsMembers(opts))
