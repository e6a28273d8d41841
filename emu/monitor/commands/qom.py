"""Objects, types and properties; devices and objects that come and go.

Source: BEHAVIOUR 4.1, 5.2; the data and its errors are `emu.qom.introspect`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from emu.core.qdict import QValue
from emu.monitor.commands.registry import qmp_command
from emu.monitor.types import Member, ObjectType, UnionType, from_json, type_of
from emu.options.visitor import JSON
from emu.qom import creatable, introspect, monitor
from emu.qom.types import list_types

if TYPE_CHECKING:
    from emu.emulator import Emulator
    from emu.qom.object import Object

TEXT, BOOL, NUMBER = type_of(str), type_of(bool), type_of(int)


@dataclass(frozen=True)
class ObjectPropertyInfo:
    """A property of an object or type."""

    name: str
    type: str
    description: str | None = None
    default_value: QValue = None


@dataclass(frozen=True)
class ObjectTypeInfo:
    """A type."""

    name: str
    abstract: bool | None = None
    parent: str | None = None


def _infos(entries: list[dict[str, QValue]]) -> list[ObjectPropertyInfo]:
    return [from_json(ObjectPropertyInfo, entry) for entry in entries]


@qmp_command("qom-list", preconfig=True)
def qom_list(_e: Emulator, path: str) -> list[ObjectPropertyInfo]:
    """Properties of an object. Errors: UserError."""
    return _infos(introspect.qom_list(path))


@qmp_command("qom-get", preconfig=True)
def qom_get(_e: Emulator, path: str, property: str) -> QValue:
    """The value of one. Errors: UserError."""
    return introspect.qom_get(path, property)


@qmp_command("qom-set", preconfig=True)
def qom_set(_e: Emulator, path: str, property: str, value: QValue) -> None:
    """Set one. Errors: UserError."""
    introspect.qom_set(path, property, value)


@qmp_command("qom-list-types", preconfig=True)
def qom_list_types(
    _e: Emulator, implements: str | None = None, abstract: bool = False
) -> list[ObjectTypeInfo]:
    """The types there are."""
    return [from_json(ObjectTypeInfo, one) for one in introspect.qom_list_types(implements or "", abstract)]


@qmp_command("qom-list-properties", preconfig=True)
def qom_list_properties(_e: Emulator, typename: str) -> list[ObjectPropertyInfo]:
    """Properties of a type. Errors: UserError."""
    return _infos(introspect.qom_list_properties(typename))


@qmp_command("device-list-properties")
def device_list_properties(_e: Emulator, typename: str) -> list[ObjectPropertyInfo]:
    """What configures a device of a type. Errors: UserError."""
    return _infos(introspect.device_list_properties(typename))


def _device_shown() -> ObjectType:
    """The members that the schema knows of device_add; it takes others."""
    return ObjectType(
        (Member("driver", "", TEXT), Member("bus", "", TEXT, True), Member("id", "", TEXT, True))
    )


@qmp_command("device_add", shown=_device_shown, features=("json-cli", "json-cli-hotplug"))
def device_add(_e: Emulator, **values: QValue) -> None:
    """As -device in JSON. Errors: UserError, and none is there."""
    monitor.qdev_device_add(values, JSON, running=True)


@qmp_command("device_del")
def device_del(_e: Emulator, id: str) -> None:
    """By id or path. DEVICE_DELETED comes when it is gone. Errors: UserError."""
    monitor.device_del(id)


_OF_JSON = {"bool": BOOL, "string": TEXT, "str": TEXT}


def _objects_shown() -> UnionType:
    """Every type of object that users can make, with what configures it."""
    branches: dict[str, ObjectType] = {}
    for one in list_types("user-creatable"):
        cls = cast("type[Object]", one.cls)
        required = getattr(cls, "required", ())
        members = [
            Member(prop.name, "", _OF_JSON.get(prop.type, NUMBER), prop.name not in required)
            for prop in cls.class_properties().values() if prop.static
        ]  # fmt: skip
        branches[one.name] = ObjectType(tuple(members))
    return UnionType("qom-type", branches, (Member("id", "", TEXT),))


@qmp_command("object-add", preconfig=True, shown=_objects_shown)
def object_add(_e: Emulator, **values: QValue) -> None:
    """As -object in JSON. Errors: UserError, and none is there."""
    creatable.object_add(values, JSON)


@qmp_command("object-del", preconfig=True)
def object_del(_e: Emulator, id: str) -> None:
    """One that nobody uses. Errors: UserError."""
    creatable.object_del(id)
