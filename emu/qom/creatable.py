"""Objects that users make and delete: -object, object-add, object-del.

A type takes part by having `UserCreatable` among its bases; it lives below /objects under its id.
Source: BEHAVIOUR 3.3 (phases 5, 11, 13), 4.1; texts of QEMU 10.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from emu.core.qdict import QValue
from emu.errors import OptionError, UserError
from emu.options.visitor import JSON, Visitor, wrong_type
from emu.qom import types
from emu.qom.object import Interface, Object, container
from emu.qom.types import interface_type

_ID = re.compile(r"[a-zA-Z][a-zA-Z0-9._-]*")
ID_HINT = "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter."
OBJECTS = "/objects"


@interface_type("user-creatable")
class UserCreatable(Interface):
    """required: properties that must be given. late: made after monitors and the like (phase 13)."""

    required: tuple[str, ...] = ()
    late = False

    def complete(self) -> None:
        """All properties are set: begin. Errors: UserError, and the object is not made."""

    def can_be_deleted(self) -> bool:
        """Whether nobody uses it."""
        return True


def type_of(values: Mapping[str, QValue]) -> types.Type:
    """The type that -object's values name. Errors: OptionError."""
    name = values.get("qom-type")
    if "qom-type" not in values:
        raise OptionError("Parameter 'qom-type' is missing")
    if not isinstance(name, str):
        raise wrong_type("qom-type", "string")
    found = types.type_by_name(name)
    if found is None or found.abstract or not types.is_a(found.name, "user-creatable"):
        raise OptionError(f"Parameter 'qom-type' does not accept value '{name}'")
    return found


def check(values: Mapping[str, QValue], visitor: Visitor, monitor: bool = False) -> types.Type:
    """What QEMU checks when it reads -object: members, and their values, before anything is made.

    monitor: the words are a monitor's, which calls a wrong member otherwise.
    """
    found = type_of(values)
    identifier = values.get("id")
    if "id" not in values:
        raise OptionError("Parameter 'id' is missing")
    if not isinstance(identifier, str):
        raise OptionError("Invalid parameter type for 'id', expected: string")
    cls = cast("type[Object]", found.cls)
    known = cls.class_properties()
    for name in getattr(cls, "required", ()):
        if name not in values:
            raise OptionError(f"Parameter '{name}' is missing")
    for name in values:
        if name not in ("qom-type", "id") and (name not in known or not known[name].writable):
            raise OptionError(f"Parameter '{name}' is unexpected" if monitor or visitor is JSON
                              else f"Invalid parameter '{name}'")  # fmt: skip
    return found


def object_add(values: Mapping[str, QValue], visitor: Visitor, monitor: bool = False) -> Object:
    """Make what `values` (qom-type, id, properties) say. Errors: UserError, and nothing is made."""
    found = check(values, visitor, monitor)
    identifier = str(values["id"])
    if not _ID.fullmatch(identifier):
        raise OptionError("Parameter 'id' expects an identifier", ID_HINT)
    objects = container(OBJECTS)
    if objects.find_property(identifier) is not None:
        raise OptionError(
            f"attempt to add duplicate property '{identifier}' to object (type 'container')"
        )
    made = cast(Object, found.cls())
    rest = {name: value for name, value in values.items() if name not in ("qom-type", "id")}
    made.set_properties(rest, visitor)
    objects.add_child(identifier, made)
    try:
        cast(UserCreatable, made).complete()
    except BaseException:
        made.unparent()
        raise
    return made


def object_del(identifier: str) -> None:
    """Delete what a user made. Errors: UserError."""
    found = container(OBJECTS).child(identifier)
    if found is None:
        raise UserError(f"object '{identifier}' not found")
    if not cast(UserCreatable, found).can_be_deleted():
        raise UserError(f"object '{identifier}' is in use, can not be deleted")
    found.unparent()


def objects_help() -> str:
    """What -object help prints."""
    names = [t.name for t in types.list_types("user-creatable")]
    return "List of user creatable objects:\n" + "".join(f"  {name}\n" for name in names)


def object_help(name: str) -> str:
    """What -object NAME,help prints. Errors: OptionError for a type that is none."""
    from emu.qom.help import property_lines

    found = types.type_by_name(name)
    if found is None or found.abstract or not types.is_a(name, "user-creatable"):
        raise OptionError(f"invalid object type: {name}")
    own = cast("type[Object]", found.cls).class_properties()
    lines = property_lines([p for p in own.values() if p.static], defaults=False)
    return f"{name} options:\n{lines}" if lines else f"There are no options for {name}.\n"


