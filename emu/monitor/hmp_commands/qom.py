"""Commands of objects: qom-list, -get, -set, object_add, object_del, info qom-tree.

Source: BEHAVIOUR 4.1; texts of QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Iterable

from emu.core.json_writer import to_json
from emu.core.qdict import QValue
from emu.monitor.commands import qom as qmp
from emu.monitor.hmp_arguments import Flag, Rest, Word
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command, info_command
from emu.qom.object import Object, resolve_path, root

INDENT = 2


def _paths(_s: Session, words: list[str]) -> Iterable[str]:
    """Below the path typed so far."""
    if len(words) != 1:
        return ()
    above = words[0].rpartition("/")[0]
    found, _ = resolve_path(above or "/")
    if found is None or not words[0].startswith("/"):
        return ("/",) if not words[0] else ()
    return [f"{above}/{name}" + ("/" if child.children else "") for name, child in found.children.items()]


def _path_and_property(s: Session, words: list[str]) -> Iterable[str]:
    if len(words) == 1:
        return _paths(s, words)
    found, _ = resolve_path(words[0])
    return found.properties() if found is not None and len(words) == 2 else ()


@hmp_command("qom-list", "path", "the properties of the object at a path",
             args=(Word("path", optional=True),), preconfig=True, complete=_paths)  # fmt: skip
def qom_list(s: Session, path: str | None = None) -> None:
    """Names and types."""
    if path is None:
        s.print("/\n")
        return
    for info in qmp.qom_list(s.e, path):
        s.print(f"{info.name} ({info.type})\n")


@hmp_command("qom-get", "path property", "the value of a property", args=(Word("path"), Word("property")),
             preconfig=True, complete=_path_and_property)  # fmt: skip
def qom_get(s: Session, path: str, property: str) -> None:
    """As JSON."""
    s.print(to_json(qmp.qom_get(s.e, path, property), pretty=True) + "\n")


@hmp_command("qom-set", "[-j] path property value", "set a property; with -j the value is JSON",
             args=(Flag("j"), Word("path"), Word("property"), Rest("value")), preconfig=True,
             complete=_path_and_property)  # fmt: skip
def qom_set(s: Session, path: str, property: str, value: str, j: bool = False) -> None:
    """From text, or from JSON."""
    from emu.core.json_strings import JsonError
    from emu.core.qjson import from_json
    from emu.errors import UserError
    from emu.options.visitor import STRING
    from emu.qom.object import resolve

    if j:
        try:
            said = from_json(value)
        except JsonError as error:
            raise UserError(str(error)) from error
        qmp.qom_set(s.e, path, property, said)
    else:
        resolve(path).set_property(property, value, STRING)


# -- objects that users make


def _object_types(_s: Session, words: list[str]) -> Iterable[str]:
    from emu.qom.types import list_types

    return (t.name for t in list_types("user-creatable")) if len(words) == 1 else ()


def _objects(_s: Session, words: list[str]) -> Iterable[str]:
    if len(words) != 1:
        return ()
    objects = root().child("objects")
    return (name for name, one in objects.children.items() if one.is_a("user-creatable")) if objects else ()


@hmp_command("object_add", "[qom-type=]type,id=str[,prop=value][,...]", "make an object, as -object does",
             args=(Rest("object"),), preconfig=True, complete=_object_types)  # fmt: skip
def object_add(s: Session, object: str) -> None:
    """Text in the grammar of -object."""
    from emu.options.keyval import parse_help
    from emu.options.visitor import KEYVAL
    from emu.qom import creatable

    tree, wants_help = parse_help(object, "qom-type")
    values: dict[str, QValue] = {**tree}  # type: ignore[dict-item]  # a tree of text is one of values
    if wants_help:
        name = tree.get("qom-type")
        s.print(creatable.object_help(name) if isinstance(name, str) else creatable.objects_help())
        return
    creatable.object_add(values, KEYVAL, monitor=True)


@hmp_command("object_del", "id", "delete an object", args=(Word("id"),), preconfig=True, complete=_objects)
def object_del(s: Session, id: str) -> None:
    """One that nobody uses."""
    qmp.object_del(s.e, id)


# -- the tree


@info_command("qom-tree", "the tree of objects", "[path]", args=(Word("path", optional=True),),
              preconfig=True, complete=_paths)  # fmt: skip
def info_qom_tree(s: Session, path: str | None = None) -> None:
    """Children in the order of their names."""
    if path is None:
        found: Object | None = root().child("machine") or root()
    else:
        found, ambiguous = resolve_path(path)
        if found is None:
            fault = "is ambiguous" if ambiguous else "could not be resolved."
            s.print(f"Path '{path}' {fault}\n")
            return
    assert found is not None
    _print_tree(s, found, 0)


def _print_tree(s: Session, obj: Object, indent: int) -> None:
    name = obj.name_in_parent or ""
    s.print(f"{'':{indent}}/{name} ({obj.qom_name})\n")
    for child in sorted(obj.children.values(), key=lambda child: child.name_in_parent.encode()):
        _print_tree(s, child, indent + INDENT)
