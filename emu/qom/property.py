"""Kinds of properties: what a property holds, how it is read, what help says of it.

A property stands in the body of a class and is an attribute of its objects:

    class VirtioRng(VirtioDevice):
        period = Uint("period", 32, default=0x10000)

Rule: Python code reads and sets the attribute; users (command line, monitor) come through `set_from`, which
reads their words, and, for devices, refuses once the device is realized.
Source: BEHAVIOUR 4.1; QEMU's property types and their descriptions in `-device X,help`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from emu.core.qdict import QValue
from emu.errors import OptionError, UserError
from emu.options.visitor import IntType, Visitor, wrong_type

if TYPE_CHECKING:
    from emu.qom.object import Object

V = TypeVar("V")


class DeviceNotFound(UserError):
    """A path or an id names nothing. QMP tells it by its class."""

    qmp_class = "DeviceNotFound"

    def __init__(self, name: str) -> None:
        super().__init__(f"Device '{name}' not found")


class Property:
    """What every property has. name, type: as introspection shows them; default: as JSON, None for none."""

    readable: bool = True
    writable: bool = True
    # A static property configures a device: it is listed by -device X,help and frozen by realize
    static: bool = False

    def __init__(self, name: str, type: str, description: str = "") -> None:
        self.name = name
        self.type = type
        self.description = description
        self.default: QValue = None

    def get_value(self, obj: Object) -> QValue:
        """The value as JSON."""
        raise NotImplementedError

    def set_from(self, obj: Object, visitor: Visitor, value: QValue) -> None:
        """Set from a user's value. Errors: OptionError."""
        raise NotImplementedError

    def default_text(self) -> str:
        """The default as help shows it, "" for none."""
        if self.default is None or self.default == "":
            return ""
        if isinstance(self.default, bool):
            return "on" if self.default else "off"
        return str(self.default)


class Accessor(Property):
    """A property behind functions: `get` and `set` take the object (and the value as JSON)."""

    def __init__(
        self, name: str, type: str, get: Callable[[Any], QValue] | None = None,
        set: Callable[[Any, Visitor, QValue], None] | None = None, description: str = "",
    ) -> None:  # fmt: skip
        super().__init__(name, type, description)
        self._get = get
        self._set = set
        self.readable, self.writable = get is not None, set is not None

    def get_value(self, obj: Object) -> QValue:
        """Ask the function."""
        assert self._get is not None
        return self._get(obj)

    def set_from(self, obj: Object, visitor: Visitor, value: QValue) -> None:
        """Hand it to the function."""
        assert self._set is not None
        self._set(obj, visitor, value)


class Alias(Property):
    """A property of another object, under a name of this one's: QEMU's object_property_add_alias.

    It is configured, read and shown as the one behind it. A child shows as a link.
    """

    def __init__(self, name: str, target: Object, prop: Property) -> None:
        type = prop.type
        if type.startswith("child<"):
            type = f"link<{type.removeprefix('child<')}"
        super().__init__(name, type, prop.description)
        self.default = prop.default
        self.readable, self.writable, self.static = prop.readable, prop.writable, prop.static
        self._target, self._prop = target, prop

    def get_value(self, obj: Object) -> QValue:
        """The target's."""
        return self._target.get_property(self._prop.name)

    def set_from(self, obj: Object, visitor: Visitor, value: QValue) -> None:
        """The target's; what is wrong with it is the target's too."""
        self._target.set_property(self._prop.name, value, visitor)


class Static(Property, Generic[V]):
    """A configured value, an attribute of the object. `check(obj, value)` may refuse one."""

    static = True

    def __init__(
        self, name: str, type: str, default: V, description: str = "",
        check: Callable[[Any, V], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, type, description)
        self.initial = default
        self.default = self.show(default)
        self._check = check

    def __set_name__(self, owner: type, attribute: str) -> None:
        self._attribute = attribute

    @overload
    def __get__(self, obj: None, owner: type) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: type) -> V: ...
    def __get__(self, obj: object | None, owner: type) -> Self | V:
        # The object's own entry hides this (there is no __set__), so this is the unset value
        return self if obj is None else self.initial

    def show(self, value: V) -> QValue:
        """The value as JSON."""
        return value  # type: ignore[return-value]  # scalars are their own JSON; others override

    def read(self, obj: Object, visitor: Visitor, value: QValue) -> V:
        """A user's value. Errors: OptionError."""
        raise NotImplementedError

    def get_value(self, obj: Object) -> QValue:
        """The value as JSON."""
        return self.show(obj.__dict__.get(self._attribute, self.initial))

    def set_from(self, obj: Object, visitor: Visitor, value: QValue) -> None:
        """Read, check, store."""
        obj.refuse_late(self)
        new = self.read(obj, visitor, value)
        if self._check is not None:
            self._check(obj, new)
        obj.__dict__[self._attribute] = new


class Bool(Static[bool]):
    """on or off."""

    def __init__(
        self, name: str, default: bool = False, description: str = "on/off",
        check: Callable[[Any, bool], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, "bool", default, description, check)

    def read(self, obj: Object, visitor: Visitor, value: QValue) -> bool:
        """on/yes/true/y, off/no/false/n."""
        return visitor.boolean(self.name, value)


class Uint(Static[int]):
    """An unsigned integer of 8, 16, 32 or 64 bits."""

    def __init__(
        self, name: str, bits: int, default: int = 0, description: str = "",
        check: Callable[[Any, int], None] | None = None, type: str = "",
    ) -> None:  # fmt: skip
        super().__init__(name, type or f"uint{bits}", default, description, check)
        self.bits = bits

    def read(self, obj: Object, visitor: Visitor, value: QValue) -> int:
        """A number in range."""
        return visitor.integer(self.name, value, IntType[f"UINT{self.bits}"])


class Int(Static[int]):
    """A signed integer."""

    def __init__(self, name: str, bits: int = 32, default: int = 0, description: str = "",
                 check: Callable[[Any, int], None] | None = None) -> None:  # fmt: skip
        super().__init__(name, f"int{bits}" if bits != 64 else "int", default, description, check)
        self.bits = bits

    def read(self, obj: Object, visitor: Visitor, value: QValue) -> int:
        """A number in range."""
        return visitor.integer(self.name, value, IntType[f"INT{self.bits}"])


class Size(Static[int]):
    """Bytes."""

    def __init__(self, name: str, default: int = 0, description: str = "",
                 check: Callable[[Any, int], None] | None = None, type: str = "size") -> None:  # fmt: skip
        super().__init__(name, type, default, description, check)

    def read(self, obj: Object, visitor: Visitor, value: QValue) -> int:
        """A size, with a suffix."""
        return visitor.size(self.name, value)


class Text(Static[str]):
    """A string. type: "str" for devices, "string" for other objects."""

    def __init__(self, name: str, default: str = "", description: str = "", type: str = "str",
                 check: Callable[[Any, str], None] | None = None) -> None:  # fmt: skip
        super().__init__(name, type, default, description, check)

    def read(self, obj: Object, visitor: Visitor, value: QValue) -> str:
        """The text."""
        return visitor.string(self.name, value)


class Enum(Static[str]):
    """One of a few words. type: QEMU's name of the enumeration."""

    def __init__(self, name: str, type: str, members: Sequence[str], default: str, description: str = "",
                 check: Callable[[Any, str], None] | None = None) -> None:  # fmt: skip
        super().__init__(name, type, default, description, check)
        self.members = members

    def read(self, obj: Object, visitor: Visitor, value: QValue) -> str:
        """A member."""
        return visitor.choice(self.name, value, self.members)


ON_OFF_AUTO = ("auto", "on", "off")


class Link(Static["Object | None"]):
    """Another object, by path or by a part of a path that is unambiguous; "" for none."""

    def __init__(self, name: str, target: str, description: str = "",
                 check: Callable[[Any, Object | None], None] | None = None) -> None:  # fmt: skip
        super().__init__(name, f"link<{target}>", None, description, check)
        self.target = target

    def show(self, value: Object | None) -> QValue:
        """Its canonical path."""
        return "" if value is None else value.canonical_path

    def read(self, obj: Object, visitor: Visitor, value: QValue) -> Object | None:
        """The object that the path names."""
        from emu.qom.object import resolve_path

        path = visitor.string(self.name, value)
        if not path:
            return None
        found, ambiguous = resolve_path(path, self.target)
        if ambiguous:
            raise OptionError(f"Path '{path}' does not uniquely identify an object")
        if found is None:
            any_type, _ = resolve_path(path)
            if any_type is not None:
                raise wrong_type(self.name, self.target)
            raise DeviceNotFound(path)
        return found
