"""The registry of QMP commands, its types and the schema: one description, from which all else follows."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

import pytest

from emu.core.qdict import QDict, QValue
from emu.errors import OptionError
from emu.monitor.commands.registry import Command, all_commands, qmp_command
from emu.monitor.event_types import EVENTS
from emu.monitor.schema import schema
from emu.monitor.types import EMPTY, U8, EnumType, Named, Tag, from_json, type_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Point:
    x: int
    y_axis: int | None = None


@dataclass(frozen=True)
class Circle:
    type: Literal["circle"]
    radius: U8


@dataclass(frozen=True)
class Path:
    type: Literal["path"]
    points: list[Point]


Shape = Annotated[Circle | Path, Tag("type")]


@dataclass(frozen=True)
class Drawing:
    shape: Shape
    colour: Colour
    old_name: Annotated[bool | None, Named("old_name")] = None
    from_: str | Point = "here"


def draw(e: Any, drawing: Drawing, count: U8 = 1, note: str | None = None) -> Point:
    """A command, as they are written."""
    return Point(count, None if note is None else len(note))


COMMAND = Command("draw", draw, False, False, False, (), None)
RIGHT: QDict = {"shape": {"type": "circle", "radius": 3}, "colour": "red"}


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ({"drawing": RIGHT}, {"x": 1}),
        ({"drawing": RIGHT, "count": 255, "note": "ab"}, {"x": 255, "y-axis": 2}),
        ({}, "Parameter 'drawing' is missing"),
        ({"drawing": 1}, "Invalid parameter type for 'drawing', expected: object"),
        ({"drawing": {}}, "Parameter 'drawing.shape' is missing"),
        ({"drawing": {"shape": {}}}, "Parameter 'drawing.shape.type' is missing"),
        ({"drawing": {"shape": {"type": "cube"}}}, "Parameter 'type' does not accept value 'cube'"),
        ({"drawing": {"shape": {"type": "circle"}}}, "Parameter 'drawing.shape.radius' is missing"),
        ({"drawing": {"shape": {"type": "circle", "radius": 256}}}, "Parameter 'radius' expects uint8_t"),
        (
            {"drawing": {"shape": {"type": "circle", "radius": 2, "points": []}}},
            "Parameter 'drawing.shape.points' is unexpected",
        ),
        (
            {"drawing": {"shape": {"type": "path", "points": [{"x": 1}, {"x": "1"}]}}},
            "Invalid parameter type for 'drawing.shape.points[1].x', expected: integer",
        ),
        (
            {"drawing": {"shape": {"type": "path", "points": {}}}},
            "Invalid parameter type for 'drawing.shape.points', expected: array",
        ),
        ({"drawing": {**RIGHT, "colour": "green"}}, "Parameter 'colour' does not accept value 'green'"),
        ({"drawing": {**RIGHT, "old-name": True}}, "Parameter 'drawing.old-name' is unexpected"),
        ({"drawing": {**RIGHT, "old_name": 1}},
         "Invalid parameter type for 'drawing.old_name', expected: boolean"),
        ({"drawing": RIGHT, "more": 1}, "Parameter 'more' is unexpected"),
        ({"drawing": RIGHT, "note": None}, "Invalid parameter type for 'note', expected: string"),
    ],
)  # fmt: skip
def test_arguments_are_read_by_the_annotations(arguments: QDict, result: QDict | str) -> None:
    if isinstance(result, str):
        with pytest.raises(OptionError) as error:
            COMMAND.call(cast(Any, None), None, arguments)
        assert error.value.text == result
    else:
        assert COMMAND.call(cast(Any, None), None, arguments) == result


def test_values_come_as_what_the_annotations_say_and_go_back_as_they_came() -> None:
    said: QDict = {
        "shape": {"type": "path", "points": [{"x": 1}, {"x": 2, "y-axis": 3}]}, "colour": "blue",
        "old_name": False, "from": {"x": 4},
    }  # fmt: skip
    drawing = from_json(Drawing, said)
    assert drawing == Drawing(Path("path", [Point(1), Point(2, 3)]), Colour.BLUE, False, Point(4))
    assert type_of(Drawing).show(drawing) == said
    assert from_json(Drawing, {**RIGHT, "from": "there"}).from_ == "there"


def test_a_name_is_registered_once() -> None:
    all_commands()
    with pytest.raises(ValueError, match=r"command stop registered twice: .*run_control\.stop, .*draw"):
        qmp_command("stop")(draw)


# -- the schema


def by_name() -> dict[str, QDict]:
    entries = schema()
    found = {str(entry["name"]): entry for entry in entries}
    assert len(found) == len(entries), "a name twice"
    return found


def references(entry: QDict) -> list[str]:
    """Types that an entry names."""
    keys = ("arg-type", "ret-type", "element-type")
    found = [str(entry[key]) for key in keys if key in entry]
    for key in ("members", "variants"):
        for member in cast("list[QDict]", entry.get(key, [])):
            if "type" in member:
                found.append(str(member["type"]))
    return found


def test_every_reference_leads_somewhere_and_every_type_is_referred_to() -> None:
    entries = by_name()
    used = {name for entry in entries.values() for name in references(entry)}
    types = {n for n, entry in entries.items() if entry["meta-type"] not in ("command", "event")}
    assert used == types


def test_commands_and_events_are_those_that_exist() -> None:
    entries = by_name()
    assert {n for n, e in entries.items() if e["meta-type"] == "command"} == set(all_commands())
    assert {n for n, e in entries.items() if e["meta-type"] == "event"} == set(EVENTS)


def test_entries_have_the_members_of_their_kind() -> None:
    members = {
        "builtin": {"json-type"}, "enum": {"members", "values"}, "array": {"element-type"},
        "object": {"members"}, "alternate": {"members"}, "command": {"arg-type", "ret-type"},
        "event": {"arg-type"},
    }  # fmt: skip
    optional = {"features", "allow-oob", "tag", "variants"}
    for name, entry in by_name().items():
        kind = str(entry["meta-type"])
        have = set(entry) - {"name", "meta-type"}
        assert members[kind] <= have <= members[kind] | optional, name


def test_a_tag_is_a_member_and_its_enum_has_the_cases() -> None:
    entries = by_name()
    unions = [entry for entry in entries.values() if "tag" in entry]
    assert len(unions) >= 2
    for entry in unions:
        (tag,) = [m for m in cast("list[QDict]", entry["members"]) if m["name"] == entry["tag"]]
        cases = {v["case"] for v in cast("list[QDict]", entry["variants"])}
        assert cases == set(cast("list[str]", entries[str(tag["type"])]["values"]))


def test_nothing_returned_is_the_empty_object() -> None:
    entries = by_name()
    stop, qom_get = entries["stop"], entries["qom-get"]
    assert stop["arg-type"] == stop["ret-type"]
    assert entries[str(stop["arg-type"])]["members"] == []
    assert qom_get["ret-type"] == "any"
    assert all_commands()["stop"].result is EMPTY


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_events_are_declared_with_types_that_can_be_read(name: str) -> None:
    read = EVENTS[name].type
    assert read is EMPTY or "ObjectType" in [cls.__name__ for cls in type(read).__mro__]


def test_words_of_an_enum_are_its_values() -> None:
    colour = cast(EnumType, type_of(Colour))
    assert colour.words == ("red", "blue")
    value: QValue = colour.show(Colour.BLUE)
    assert value == "blue"
