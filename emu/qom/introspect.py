"""What monitors show of types and objects: the data behind qom-list, qom-get, device-list-properties, ...

Every function returns what the QMP command of its name returns, and raises what it answers with.
Source: BEHAVIOUR 4.1 (last lines); replies of QEMU 10.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from emu.core.qdict import QValue
from emu.errors import UserError
from emu.options.visitor import JSON
from emu.qom import types
from emu.qom.monitor import concrete_device
from emu.qom.object import Object, resolve, resolve_path
from emu.qom.property import DeviceNotFound, Property

# Properties of every device, which device-list-properties leaves out
_OF_ALL = frozenset({"type", "realized", "hotpluggable", "hotplugged", "parent_bus"})


class ClassNotFound(UserError):
    """A type name that names nothing."""

    qmp_class = "DeviceNotFound"


def _entry(prop: Property) -> dict[str, QValue]:
    """An ObjectPropertyInfo: description and default-value only where there are some."""
    entry: dict[str, QValue] = {"name": prop.name, "type": prop.type}
    if prop.description:
        entry["description"] = prop.description
    if prop.static and prop.default not in (None, ""):
        entry["default-value"] = prop.default
    return entry


def _entries(properties: Iterable[Property]) -> list[dict[str, QValue]]:
    return [_entry(prop) for prop in properties]


def qom_list(path: str) -> list[dict[str, QValue]]:
    """Name and type of each property of the object. Errors: DeviceNotFound, UserError (ambiguous)."""
    return [{"name": p.name, "type": p.type} for p in resolve(path).properties().values()]


def qom_get(path: str, name: str) -> QValue:
    """The value of a property. Errors: UserError."""
    return _one(path).get_property(name)


def qom_set(path: str, name: str, value: QValue) -> None:
    """Set a property from JSON. Errors: UserError."""
    _one(path).set_property(name, value, JSON)


def _one(path: str) -> Object:
    """The object; a path that means several is to these commands one that means none."""
    found, _ = resolve_path(path)
    if found is None:
        raise DeviceNotFound(path)
    return found


def qom_list_types(implements: str = "", abstract: bool = False) -> list[dict[str, QValue]]:
    """Types that are or implement `implements`; abstract ones too if asked for."""
    found: list[dict[str, QValue]] = []
    for one in types.list_types(implements, include_abstract=abstract):
        entry: dict[str, QValue] = {"name": one.name}
        if one.abstract:
            entry["abstract"] = True
        if one.parent:
            entry["parent"] = one.parent
        found.append(entry)
    return found


def qom_list_properties(typename: str) -> list[dict[str, QValue]]:
    """Properties of a type, as far as its class has them. Errors: ClassNotFound."""
    found = types.type_by_name(typename)
    if found is None:
        raise ClassNotFound(f"Class '{typename}' not found")
    if found.interface:
        return []
    return _entries(cast("type[Object]", found.cls).type_properties().values())


def device_list_properties(typename: str) -> list[dict[str, QValue]]:
    """What configures a device of this type. Errors: DeviceNotFound, OptionError."""
    props = concrete_device(typename).type_properties().values()
    return _entries(p for p in props if p.name not in _OF_ALL)
