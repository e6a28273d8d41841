"""The orders in which QEMU walks names: of its dictionaries, and of GLib's hash tables.

Orders here were seen in QEMU 10.0 (which of several wrong names it complains about, how a reply is written);
tests/system/test_option_oracle.py asks for more of them.
"""

from __future__ import annotations

import random

import pytest

from emu.core.ghash import ghash_order, str_hash
from emu.core.qdict import bucket, qdict_items


@pytest.mark.parametrize("names", [
    ["name", "help", "type"], ["id", "error"], ["parameters", "option"], ["timestamp", "event", "data"],
    ["seconds", "microseconds"], ["class", "desc"], ["version", "capabilities"], ["qemu", "package"],
])  # fmt: skip
def test_members_of_replies(names: list[str]) -> None:
    for order in (names, names[::-1]):
        assert [name for name, _ in qdict_items(dict.fromkeys(order))] == names


def test_in_a_bucket_the_newest_is_first() -> None:
    assert [k for k, _ in qdict_items({"major": 10, "minor": 0, "micro": 13})] == ["micro", "minor", "major"]
    assert bucket("bogus") == bucket("bogut")
    assert list(qdict_items({"bogus": 1, "bogut": 2})) == [("bogut", 2), ("bogus", 1)]
    assert list(qdict_items({"bogut": 2, "bogus": 1})) == [("bogus", 1), ("bogut", 2)]


def test_names_of_any_bytes_have_a_bucket() -> None:
    for name in ("", "é", "\udcff", "x" * 1000):
        assert 0 <= bucket(name) < 512


def test_a_hash_table_of_a_few() -> None:
    assert ghash_order(["foo", "bar"]) == ghash_order(["bar", "foo"]) == ["bar", "foo"]
    assert ghash_order([]) == []
    assert ghash_order(["a"]) == ["a"]


def test_the_hash_of_a_name_is_of_signed_bytes_and_never_what_a_table_marks_places_with() -> None:
    assert str_hash("") == 5381
    assert str_hash("a") == 5381 * 33 + 97
    assert str_hash("\udcff") == 5381 * 33 - 1
    assert str_hash("abcdefghijk") < 1 << 32


@pytest.mark.parametrize("count", [1, 7, 8, 9, 12, 13, 100, 5000])
def test_a_table_that_grows_loses_nobody(count: int) -> None:
    names = [f"{random.Random(i).randrange(1 << 40):x}" for i in range(count)]
    assert sorted(ghash_order(names)) == sorted(names)
