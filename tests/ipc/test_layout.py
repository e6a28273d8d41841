"""The layout of the control object: offsets are facts, disjoint, aligned, one writer each."""

from __future__ import annotations

import itertools

import pytest

from ipc import layout
from ipc.layout import HART, HEADER, Field, Struct, View, Writer

STRUCTS = (HEADER, HART)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda s: s.name)
def test_fields_are_disjoint_and_inside(struct: Struct) -> None:
    placed = sorted(struct, key=lambda p: p.offset)
    for a, b in itertools.pairwise(placed):
        assert a.end <= b.offset, f"{a.field.name} reaches into {b.field.name}"
    assert placed[0].offset >= 0
    assert placed[-1].end <= struct.size


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda s: s.name)
def test_every_element_is_aligned_to_its_width(struct: Struct) -> None:
    for p in struct:
        assert p.field.width in (1, 2, 4, 8)
        assert p.offset % p.field.width == 0, p.field.name


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda s: s.name)
def test_every_field_names_its_writer(struct: Struct) -> None:
    for p in struct:
        assert isinstance(p.field.writer, Writer)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda s: s.name)
def test_offsets_are_printed_for_every_field(struct: Struct) -> None:
    lines = struct.describe().splitlines()
    assert len(lines) == 1 + len(struct.fields)
    for line, p in zip(lines[1:], struct, strict=True):
        assert int(line.split()[0], 16) == p.offset
        assert p.field.name in line
        assert p.field.writer.name in line


def test_slots_follow_the_header_without_overlap() -> None:
    assert layout.slot_offset(0) >= HEADER.size
    assert layout.slot_offset(1) - layout.slot_offset(0) >= HART.size
    assert layout.control_size(3) == layout.slot_offset(3)
    assert HART.size % 4096 == 0, "two harts never share a page"


def test_a_field_declared_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        Struct("s", 8, (Field("a", 8, 1, Writer.EMU, ""), Field("a", 4, 1, Writer.EMU, "")))


def test_an_index_outside_a_field_is_refused() -> None:
    with pytest.raises(IndexError):
        HART.offset("x", 33)
    with pytest.raises(KeyError):
        HART.offset("no_such_field")


def test_a_view_touches_its_field_and_nothing_else() -> None:
    for p in HART:
        buf = bytearray(HART.size)
        view = View(HART, memoryview(buf), 0)
        for i in range(p.field.count):
            view.set(p.field.name, (1 << (8 * p.field.width)) - 1, i)
        assert buf.count(0xFF) == p.end - p.offset
        assert bytes(buf[p.offset : p.end]) == b"\xff" * (p.end - p.offset)
        view.release()
