"""Values of options: sizes, numbers and booleans, and the two grammars that hold them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import Leave, OptionError
from emu.options import groups, keyval
from emu.options.qemuopts import Group, Kind, OptionGroups, split
from emu.options.values import parse_bool, parse_number, parse_size

# text -> bytes; None: an error (BEHAVIOUR 3.1)
SIZES: list[tuple[str, int | None]] = [
    ("0", 0), ("1", 1), ("1b", 1), ("1k", 1024), ("1K", 1024), ("1m", 1 << 20), ("1G", 1 << 30),
    ("1t", 1 << 40), ("1p", 1 << 50), ("1e", 1 << 60), ("1E", 1 << 60), ("15.5k", 15872), ("0.5k", 512),
    (".5k", 512), ("1.k", 1024), ("1.", 1), ("0x10", 16), ("0X1f", 31), ("0x1b", 27), ("0x1e", 30), (" 1", 1),
    ("+1", 1), ("16E", None), ("18446744073709551615", (1 << 64) - 1), ("18446744073709551616", None),
    ("-1", None), ("-0", 0), ("", None), ("k", None), (".", None), ("1.5", None), ("1.5b", None),
    ("1kB", None),
    ("1Ki", None), ("0x", None), ("0x1k", None), ("0x1.8", None), ("1 k", None), ("1e3", None), ("x", None),
    ("1.0", 1), ("1.9999999999k", 2048), ("0.1k", 102), ("1k ", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SIZES)
def test_size(text: str, value: int | None) -> None:
    if value is None:
        with pytest.raises(OptionError):
            parse_size("size", text)
    else:
        assert parse_size("size", text) == value


@pytest.mark.parametrize(("text", "value"), [
    ("0", 0), ("010", 8), ("0x10", 16), ("-1", (1 << 64) - 1), (" 5", 5),
    ("18446744073709551615", (1 << 64) - 1),
    ("18446744073709551616", None), ("", None), ("5x", None), ("0x", None), ("08", None), ("5 ", None),
])  # fmt: skip
def test_number(text: str, value: int | None) -> None:
    if value is None:
        with pytest.raises(OptionError):
            parse_number("n", text)
    else:
        assert parse_number("n", text) == value


@pytest.mark.parametrize("text", ["ON", "True", "1", "", "of"])
def test_bool_takes_four_words_a_side_and_no_other(text: str) -> None:
    with pytest.raises(OptionError, match="expects 'on' or 'off'"):
        parse_bool("b", text)


@pytest.mark.parametrize(("text", "items"), [
    ("", []),
    ("a=1", [("a", "1", False)]),
    ("a=1,b=2", [("a", "1", False), ("b", "2", False)]),
    ("a=1,,2", [("a", "1,2", False)]),
    ("a", [("a", "on", True)]),
    ("noa", [("a", "off", True)]),
    ("nothing", [("thing", "off", True)]),
    ("a=1,", [("a", "1", False)]),
    (",", [("", "on", True)]),
    ("=v", [("", "v", False)]),
    ("a=b=c", [("a", "b=c", False)]),
    ("a,b=1", [("a", "on", True), ("b", "1", False)]),
])  # fmt: skip
def test_items_of_qemuopts(text: str, items: list[tuple[str, str, bool]]) -> None:
    assert list(split(text)) == items


@pytest.mark.parametrize(("text", "items"), [
    ("x", [("i", "x", False)]),
    (",,,a=1", [("i", ",", False), ("a", "1", False)]),
    ("x,y", [("i", "x", False), ("y", "on", True)]),
    ("=v", [("", "v", False)]),
    (",", [("i", "", False)]),
    ("help", [("i", "help", False)]),
])  # fmt: skip
def test_items_with_an_implied_name(text: str, items: list[tuple[str, str, bool]]) -> None:
    assert list(split(text, "i")) == items


def test_the_last_value_of_a_name_counts_and_all_are_kept() -> None:
    opts = OptionGroups(lambda text: None).parse(groups.ACCEL, "tcg,a=1,a=2")
    assert opts.get("a") == "2"
    assert opts.items == [("accel", "tcg"), ("a", "1"), ("a", "2")]


def test_a_bad_item_in_a_merged_group_drops_what_was_merged_before() -> None:
    made = OptionGroups(lambda text: None)
    made.parse(groups.MEMORY, "size=1G")
    with pytest.raises(OptionError):
        made.parse(groups.MEMORY, "size=x")
    assert made.first(groups.MEMORY).items == []


def test_ids_are_not_stored_and_the_first_wins() -> None:
    opts = OptionGroups(lambda text: None).parse(groups.DEVICE, "d,id=a,id=b")
    assert opts.id == "a"
    assert opts.as_dict() == {"driver": "d"}


KEYVALS: list[tuple[str, str, keyval.Tree | str]] = [
    ("a=1,b.c=2", "", {"a": "1", "b": {"c": "2"}}),
    ("x,b=2", "t", {"t": "x", "b": "2"}),
    ("a=1,a=2", "", {"a": "2"}),
    ("a=1,,2", "", {"a": "1,2"}),
    ("", "t", {}),
    ("a=1,", "", {"a": "1"}),
    ("a", "", "Expected '=' after parameter 'a'"),
    ("t=x,b", "t", "Expected '=' after parameter 'b'"),
    ("=1", "", "Invalid parameter ''"),
    ("a..b=1", "", "Invalid parameter 'a..b'"),
    ("a b=1", "", "Invalid parameter 'a b'"),
    ("a=1,a.b=2", "", "Parameters 'a.*' used inconsistently"),
    ("a.b=1,a=2", "", "Parameters 'a.*' used inconsistently"),
    ("k" * 128 + "=1", "", f"Parameter '{'k' * 128}' is too long"),
    ("a." + "k" * 128 + "=1", "", f"Parameter fragment '{'k' * 128}' is too long"),
]


@pytest.mark.parametrize(("text", "implied", "wanted"), KEYVALS)
def test_keyval(text: str, implied: str, wanted: keyval.Tree | str) -> None:
    if isinstance(wanted, str):
        with pytest.raises(OptionError) as error:
            keyval.parse(text, implied)
        assert error.value.text == wanted
    else:
        assert keyval.parse(text, implied) == (wanted, False)


def test_keyval_underscores_are_dashes_but_not_both() -> None:
    assert keyval.dashify({"a_b": "1"}) == {"a-b": "1"}
    with pytest.raises(OptionError, match="Conflict between 'a_b' and 'a-b'"):
        keyval.dashify({"a_b": "1", "a-b": "2"})


GROUP = Group("g", {"s": Kind.STRING, "b": Kind.BOOL, "n": Kind.NUMBER, "z": Kind.SIZE}, implied="s")


@given(st.text(alphabet=st.sampled_from("abnsz=,.-_019xkGon ?\t\0é"), max_size=30))
def test_any_text_gives_a_result_or_a_clean_error(text: str) -> None:
    for take in (
        lambda: keyval.parse(text, "t"),
        lambda: OptionGroups(lambda line: None).parse(GROUP, text),
        lambda: parse_size("x", text),
        lambda: parse_number("x", text),
    ):
        with contextlib.suppress(OptionError, Leave):
            take()


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@given(st.dictionaries(NAMES, st.text(max_size=10), max_size=5))
def test_what_is_printed_parses_back(items: dict[str, str]) -> None:
    text = ",".join(f"{k}={v.replace(',', ',,')}" for k, v in items.items())
    if "" not in items.values():  # an empty value before a comma reads as a doubled comma
        assert keyval.parse(text)[0] == items
        assert {n: v for n, v, _ in split(text)} == items
