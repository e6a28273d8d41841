"""The types of objects: names, inheritance, interfaces.

A type is a Python class with `@qom_type("name")` on it; its parent type is the nearest such class among its
bases. An interface is a class with `@interface_type`; who has it among its bases implements it. Types are
found by walking the packages below, module by module until a name appears: a machine without devices must not
pay for those of others.
Source: BEHAVIOUR 4.1; the names are QEMU's.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from emu.qom.object import Object

T = TypeVar("T", bound=type)

# Where types are declared. A module elsewhere declares them by being imported.
PACKAGES = ("emu.qom", "emu.accel", "emu.hw.core", "emu.hw", "emu.backends", "emu.chardev")


@dataclass(frozen=True)
class Type:
    """One type. parent: its name, "" for a root; interfaces: those it adds; all_interfaces: inherited too."""

    name: str
    cls: type
    parent: str
    abstract: bool
    interface: bool
    interfaces: tuple[str, ...]
    all_interfaces: frozenset[str]
    where: str


TYPES: dict[str, Type] = {}
_walk: Iterator[str] | None = None


def _register(name: str, cls: type, abstract: bool, interface: bool) -> None:
    where = f"{cls.__module__}.{cls.__qualname__}"
    if name in TYPES:
        raise ValueError(f"type {name} declared twice: {TYPES[name].where} and {where}")
    above = [TYPES[base.__dict__["qom_name"]] for base in cls.__mro__[1:] if "qom_name" in base.__dict__]
    parent = next((t for t in above if t.interface == interface), None)
    inherited = parent.all_interfaces if parent and not interface else frozenset()
    own = tuple(t.name for t in above if t.interface and not interface and t.name not in inherited)
    cls.qom_name = name  # type: ignore[attr-defined]  # whatever has a type has it
    TYPES[name] = Type(name, cls, parent.name if parent else "", abstract, interface, own,
                       inherited | set(own), where)  # fmt: skip


def qom_type(name: str, *, abstract: bool = False) -> Callable[[T], T]:
    """Declare the decorated class as the type `name`. Errors: ValueError for a name declared twice."""

    def declare(cls: T) -> T:
        _register(name, cls, abstract, interface=False)
        return cls

    return declare


def interface_type(name: str) -> Callable[[T], T]:
    """Declare the decorated class as an interface: a class that has it among its bases implements it."""

    def declare(cls: T) -> T:
        _register(name, cls, abstract=True, interface=True)
        return cls

    return declare


def _modules() -> Iterator[str]:
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, name + "."):
            yield module.name


def load_types(until: str = "") -> None:
    """Import the modules that declare types: all of them, or until the type `until` is there."""
    global _walk
    if _walk is None:
        _walk = _modules()
    while until not in TYPES:
        module = next(_walk, None)
        if module is None:
            return
        importlib.import_module(module)


def type_by_name(name: str) -> Type | None:
    """The type `name`, or None."""
    load_types(until=name)
    return TYPES.get(name)


def chain(name: str) -> Iterator[Type]:
    """The type, its parent, and so on to the root."""
    while name:
        one = TYPES[name]
        yield one
        name = one.parent


def is_a(name: str, ancestor: str) -> bool:
    """Whether the type `name` is `ancestor`, inherits from it or implements it."""
    return ancestor in TYPES[name].all_interfaces or any(one.name == ancestor for one in chain(name))


def list_types(implements: str = "", include_abstract: bool = False) -> list[Type]:
    """All types (that are or implement `implements`), by name."""
    load_types()
    found = (t for t in TYPES.values() if not implements or is_a(t.name, implements))
    return sorted((t for t in found if include_abstract or not t.abstract), key=lambda t: t.name)


def class_of(name: str) -> type[Object]:
    """The class of a type that is known to exist."""
    return TYPES[name].cls
