"""The object: init chain, properties, children, links, paths.

Rules
- making one runs `instance_init` of every class from the root to the leaf, then `instance_post_init` from
  the leaf to the root (QEMU's order): parents first, so that a leaf finds its parents' parts there;
- an object has at most one parent; children are properties of type child<T>, and die with it;
- there is one tree a process, as in QEMU: `root()`. A test that wants its own says `with own_tree():`.
Source: BEHAVIOUR 4.1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TypeVar, cast

from emu.core.qdict import QValue
from emu.errors import OptionError, UserError
from emu.options.visitor import JSON, Visitor
from emu.qom import types
from emu.qom.property import Accessor, Alias, DeviceNotFound, Property
from emu.qom.types import interface_type, qom_type

O = TypeVar("O", bound="Object")  # noqa: E741  # an object


class _ChildProperty(Property):
    """child<T>: the child itself is the value."""

    writable = False

    def __init__(self, name: str, child: Object) -> None:
        super().__init__(name, f"child<{child.qom_name}>")
        self.child = child

    def get_value(self, obj: Object) -> QValue:
        """Its path."""
        return self.child.canonical_path


class LinkProperty(Property):
    """link<T> made by code, at one object: it shows where something is connected."""

    writable = False

    def __init__(self, name: str, target: Object | None, type: str) -> None:
        super().__init__(name, f"link<{type}>")
        self.target = target

    def get_value(self, obj: Object) -> QValue:
        """The path of the target, "" for none."""
        return "" if self.target is None else self.target.canonical_path


@interface_type("interface")
class Interface:
    """The root of interfaces: what a type can do beside what it is."""

    qom_name: str = "interface"


@qom_type("object", abstract=True)
class Object:
    """The root of all types."""

    qom_name: str = "object"
    type_name = Accessor("type", "string", lambda self: self.qom_name)

    def __init__(self) -> None:
        self._parent: Object | None = None
        self._name_in_parent = ""
        self._own: dict[str, Property] = {}
        lineage = _lineage(type(self))
        for cls in lineage:
            if "instance_init" in cls.__dict__:
                cls.__dict__["instance_init"](self)
        for cls in reversed(lineage):
            if "instance_post_init" in cls.__dict__:
                cls.__dict__["instance_post_init"](self)

    # -- properties

    # Whether objects have properties of their own that configure them: aliases of a child's
    composed = False

    @classmethod
    def type_properties(cls) -> dict[str, Property]:
        """What configures an object of this type, before there is one."""
        return cls().properties() if cls.composed else cls.class_properties()

    @classmethod
    def class_properties(cls) -> dict[str, Property]:
        """Properties of the class, those of its parents first."""
        found: dict[str, Property] = {}
        for one in _lineage(cls):
            for value in one.__dict__.values():
                if isinstance(value, Property):
                    found[value.name] = value
        return found

    def properties(self) -> dict[str, Property]:
        """All properties: of the class, then the object's own."""
        return {**self.class_properties(), **self._own}

    def add_property(self, prop: Property) -> None:
        """A property of this object alone."""
        if self.find_property(prop.name) is not None:
            raise OptionError(
                f"attempt to add duplicate property '{prop.name}' to object (type '{self.qom_name}')"
            )
        self._own[prop.name] = prop

    def del_property(self, name: str) -> None:
        """Take a property of this object away. A child's goes by `unparent`."""
        del self._own[name]

    def find_property(self, name: str) -> Property | None:
        """The property `name`, or None."""
        own = self._own.get(name)
        return own if own is not None else _class_property(type(self), name)

    def get_property(self, name: str) -> QValue:
        """The value as JSON. Errors: UserError with QEMU's text."""
        prop = self._known(name)
        if not prop.readable:
            raise OptionError(f"Property '{self.qom_name}.{name}' is not readable")
        return prop.get_value(self)

    def set_property(self, name: str, value: QValue, visitor: Visitor = JSON) -> None:
        """Set from a user's value. Errors: UserError with QEMU's text."""
        prop = self._known(name)
        if not prop.writable:
            raise OptionError(f"Property '{self.qom_name}.{name}' is not writable")
        prop.set_from(self, visitor, value)

    def set_properties(self, values: Mapping[str, QValue], visitor: Visitor = JSON) -> None:
        """Set one after the other."""
        for name, value in values.items():
            self.set_property(name, value, visitor)

    def _known(self, name: str) -> Property:
        prop = self.find_property(name)
        if prop is None:
            raise OptionError(f"Property '{self.qom_name}.{name}' not found")
        return prop

    def refuse_late(self, prop: Property) -> None:
        """Errors: OptionError if `prop` cannot be set any more. Devices refuse once realized."""

    # -- composition

    @property
    def parent(self) -> Object | None:
        """The object this one is a child of."""
        return self._parent

    @property
    def name_in_parent(self) -> str:
        """The last word of its path, "" while it has no parent."""
        return self._name_in_parent

    def add_child(self, name: str, child: O) -> O:
        """Make `child` a child; `name[*]` takes the first free number. Errors: OptionError (duplicate)."""
        assert child._parent is None, f"{child.qom_name} has a parent already"
        if name.endswith("[*]"):
            name = self.free_name(name[:-3])
        self.add_property(_ChildProperty(name, child))
        child._parent = self
        child._name_in_parent = name
        return child

    def free_name(self, stem: str) -> str:
        """The first `stem[N]` that no property has."""
        n = 0
        while f"{stem}[{n}]" in self._own:
            n += 1
        return f"{stem}[{n}]"

    def init_child(self, name: str, cls: type[O], **values: QValue) -> O:
        """QEMU's object_initialize_child_with_props: make, parent, set."""
        child = self.add_child(name, cls())
        child.set_properties({key.replace("_", "-"): value for key, value in values.items()})
        return child

    def add_alias(self, name: str, target: Object, of: str = "") -> None:
        """QEMU's object_property_add_alias: `target`'s property `of` (or `name`) under a name of ours."""
        prop = target.find_property(of or name)
        assert prop is not None, f"{target.qom_name} has no {of or name}"
        self.add_property(Alias(name, target, prop))

    def alias_all(self, target: Object) -> None:
        """QEMU's qdev_alias_all_properties: what configures `target`, but for names we have ourselves."""
        for name, prop in target.class_properties().items():
            if prop.static and self.find_property(name) is None:
                self.add_alias(name, target)

    def add_link(self, name: str, target: Object | None, type: str) -> None:
        """A link made by code; `name[*]` takes the first free number."""
        if name.endswith("[*]"):
            name = self.free_name(name[:-3])
        self.add_property(LinkProperty(name, target, type))

    @property
    def children(self) -> dict[str, Object]:
        """Children by name, in the order of their making."""
        return {name: p.child for name, p in self._own.items() if isinstance(p, _ChildProperty)}

    def child(self, name: str) -> Object | None:
        """The child `name`, or None."""
        prop = self._own.get(name)
        return prop.child if isinstance(prop, _ChildProperty) else None

    def unparent(self) -> None:
        """Leave the tree; children end first."""
        if self._parent is None:
            return
        self.on_unparent()
        for child in list(self.children.values()):
            child.unparent()
        del self._parent._own[self._name_in_parent]
        self._parent, self._name_in_parent = None, ""
        self.finalize()

    def on_unparent(self) -> None:
        """Called before the children leave. A device unrealizes."""

    def finalize(self) -> None:
        """The end: give back what the object holds."""

    @property
    def canonical_path(self) -> str:
        """Its path from the root, "" while it is in no tree."""
        if self is _tree.root:
            return "/"
        if self._parent is None:
            return ""
        above = self._parent.canonical_path
        return f"{above.rstrip('/')}/{self._name_in_parent}" if above else ""

    def is_a(self, type_name: str) -> bool:
        """object_dynamic_cast: whether it is of this type or implements it."""
        return types.is_a(self.qom_name, type_name)

    def walk(self) -> Iterator[Object]:
        """Itself and everything below, parents first."""
        yield self
        for child in self.children.values():
            yield from child.walk()


_lineages: dict[type, list[type]] = {}
_class_maps: dict[type, dict[str, Property]] = {}


def _lineage(cls: type) -> list[type]:
    """Classes from the root to the leaf. Classes without a type of their own (mixins) count too."""
    found = _lineages.get(cls)
    if found is None:
        found = _lineages[cls] = [c for c in reversed(cls.__mro__) if c is not object]
    return found


def _class_property(cls: type, name: str) -> Property | None:
    known = _class_maps.get(cls)
    if known is None:
        known = _class_maps[cls] = cast("type[Object]", cls).class_properties()
    return known.get(name)


@qom_type("container")
class Container(Object):
    """An object that only holds others."""


class _Tree:
    root: Object


_tree = _Tree()
_tree.root = Container()


def root() -> Object:
    """The root of this process' tree."""
    return _tree.root


@contextlib.contextmanager
def own_tree() -> Iterator[Object]:
    """A tree of one's own for a while: for tests, and for each machine a process makes."""
    before, _tree.root = _tree.root, Container()
    try:
        yield _tree.root
    finally:
        _tree.root = before


def container(path: str) -> Object:
    """The object at an absolute path; containers are made on the way where nothing is."""
    at = root()
    for part in filter(None, path.split("/")):
        found = at.child(part)
        at = found if found is not None else at.add_child(part, Container())
    return at


def object_new(name: str) -> Object:
    """A new object of a concrete type that exists."""
    found = types.type_by_name(name)
    assert found is not None, f"no type {name}"
    assert not found.abstract, f"type {name} is abstract"
    return cast(Object, found.cls())


def resolve_component(obj: Object, part: str) -> Object | None:
    """What one word of a path names below `obj`: a child, or where a link leads."""
    found = obj.child(part)
    if found is not None:
        return found
    prop = obj.find_property(part)
    if prop is None or not prop.type.startswith("link<"):
        return None
    path = prop.get_value(obj)
    return resolve_path(path)[0] if isinstance(path, str) and path else None


def _resolve_absolute(start: Object, parts: list[str]) -> Object | None:
    at: Object | None = start
    for part in parts:
        if at is None:
            return None
        at = resolve_component(at, part)
    return at


def resolve_path(path: str, type_name: str = "object") -> tuple[Object | None, bool]:
    """(object or None, whether a partial path named several). Only objects of `type_name` count."""
    parts = [part for part in path.split("/") if part]
    if path.startswith("/"):
        found = _resolve_absolute(root(), parts)
        return (found if found is not None and found.is_a(type_name) else None), False
    hits: list[Object] = []
    for start in root().walk():
        found = _resolve_absolute(start, parts)
        if found is not None and found.is_a(type_name) and found not in hits:
            hits.append(found)
    return (hits[0], False) if len(hits) == 1 else (None, len(hits) > 1)


def resolve(path: str) -> Object:
    """The object a user named. Errors: DeviceNotFound, UserError (ambiguous)."""
    found, ambiguous = resolve_path(path)
    if ambiguous:
        raise UserError(f"Path '{path}' is ambiguous")
    if found is None:
        raise DeviceNotFound(path)
    return found
