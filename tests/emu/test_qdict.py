"""The orders in which QEMU walks names: of its dictionaries, and of GLib's hash tables.

Orders here were seen in QEMU 10.0 (which of several wrong names it complains about, how a reply is written);
tests/system/test_option_oracle.py asks for more of them.
"""

from __future__ import annotations

import random

import pytest

from emu.core.ghash import _PRIMES, ghash_order, str_hash
from emu.core.qdict import bucket, qdict_items
from emu.errors import OptionError
from emu.options.members import Members


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


# names written behind `-display none,`, and the one that QEMU 10.0.13 said to be unexpected
UNEXPECTED = [
    ("xcb xb xc", "xcb"), ("xyy xb xzzy xc", "xyy"), ("xx xb xxbc xaa xcyx", "xaa"),
    ("xb xa xyxy xyaa xzbz", "xyaa"), ("xaa xxay xc xzy xaxy", "xaa"), ("xybb xxxz xx xa xazc xac", "xx"),
    ("xyzx xz xzz xb xya xx xxy xa xba", "xyzx"), ("xaba xxax xab xc xa xb xyxy xzyx xyc xaxy", "xyxy"),
    ("xcy xcx xa xxaa xz xy xx xxcx xyz xbz xcc xcb xcz xxzz xxyy", "xz"),
]


@pytest.mark.parametrize(("names", "first"), UNEXPECTED)
def test_of_several_unread_members_the_tables_first_is_named(names: str, first: str) -> None:
    members = Members.parse("none," + ",".join(f"{name}=1" for name in names.split()), "type")
    members.string("type")
    with pytest.raises(OptionError, match=f"Parameter '{first}' is unexpected"):
        members.finish()


def test_the_hash_of_a_name_is_of_signed_bytes_and_never_what_a_table_marks_places_with() -> None:
    assert str_hash("") == 5381
    assert str_hash("a") == 5381 * 33 + 97
    assert str_hash("\udcff") == 5381 * 33 - 1
    assert str_hash("\x7f") == 5381 * 33 + 127
    assert str_hash("\udc80") == 5381 * 33 - 128
    assert str_hash("abcdefghijk") < 1 << 32


def test_a_table_is_walked_by_the_largest_prime_below_its_size() -> None:
    def is_prime(n: int) -> bool:
        return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))

    for bits, prime in enumerate(_PRIMES[2:], 2):
        assert prime == next(n for n in range((1 << bits) - 1, 1, -1) if is_prime(n))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 12, 13, 100, 5000])
def test_a_table_that_grows_loses_nobody(count: int) -> None:
    names = [f"{random.Random(i).randrange(1 << 40):x}" for i in range(count)]
    assert sorted(ghash_order(names)) == sorted(names)
