"""keyval: against a naive model, merging, printing. What becomes of texts is in test_option_table.py."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.errors import OptionError
from emu.options import keyval

# -- a model: by splitting, not by scanning

NAME = re.compile(r"(__[A-Za-z0-9.-]+_)?[A-Za-z][A-Za-z0-9_-]*")


class Bad(Exception):
    """The text is wrong."""


def items_of(text: str) -> list[str]:
    """At single commas. A doubled one stays doubled; one at the end ends the last item."""
    marked = re.sub(r"=([^,]|,,)*", lambda m: m[0].replace(",,", "\0"), text)
    items = marked.split(",")
    return items[:-1] if items[-1] == "" else items


def model(text: str, implied: str) -> keyval.Tree:
    """The tree of a text without vendors' names (their dots are theirs)."""
    tree: keyval.Tree = {}
    for i, item in enumerate(items_of(text)):
        key, equals, value = item.partition("=")
        if not equals:
            if key in ("help", "?") or not (key and implied and i == 0):
                raise Bad
            key, value = implied, key
        fragments = key.split(".")
        for j, fragment in enumerate(fragments):
            if not (NAME.fullmatch(fragment) or (j and re.fullmatch("[0-9]+", fragment))):
                raise Bad
            if len(fragment) > 127:
                raise Bad
        below = tree
        for fragment in fragments[:-1]:
            inner = below.setdefault(fragment, {})
            if not isinstance(inner, dict):
                raise Bad
            below = inner
        if isinstance(below.get(fragments[-1]), dict):
            raise Bad
        below[fragments[-1]] = value.replace("\0", ",")
    result = listed(tree)
    assert isinstance(result, dict)
    return result


def listed(value: keyval.Value) -> keyval.Value:
    if not isinstance(value, dict):
        return value
    numbers = [int(key) for key in value if key.isdecimal()]
    below = {key: listed(inner) for key, inner in value.items()}
    if not numbers:
        return below
    if len(numbers) != len(value) or sorted(numbers) != list(range(len(numbers))):
        raise Bad
    return [below[key] for key in sorted(below, key=int)]


FRAGMENTS = ["a", "b", "a-b", "a_b", "A1", "0", "1", "2", "10", "x" * 127, "x" * 128, "", "-a", "é", "a b"]


def some_text(rng: random.Random) -> str:
    """Mostly right: few names, so that they meet."""
    items = []
    for _ in range(rng.randrange(5)):
        common = FRAGMENTS[:7] if rng.random() < 0.9 else FRAGMENTS
        key = ".".join([rng.choice("abc"), *(rng.choice(common) for _ in range(rng.randrange(3)))])
        value = "".join(rng.choice(["x", ",,", "=", ".", "1"]) for _ in range(rng.randrange(3)))
        items.append(key if rng.random() < 0.05 else f"{key}={value}")
    if rng.random() < 0.3:
        items.insert(0, rng.choice(["v", "help", "", "a", ",", "v.w"]))
    return ",".join(items) + rng.choice(["", "", "", ",", ",,"])


@pytest.mark.parametrize("seed", range(8))
def test_a_text_is_what_a_naive_model_makes_of_it(seed: int) -> None:
    rng = random.Random(seed)
    right = 0
    for _ in range(400):
        text, implied = some_text(rng), rng.choice(["", "t"])
        try:
            wanted: keyval.Tree | None = model(text, implied)
        except Bad:
            wanted = None
        try:
            got: keyval.Tree | None = keyval.parse(text, implied)
        except OptionError:
            got = None
        assert got == wanted, (text, implied)
        right += got is not None
    assert right > 100  # the comparison is of trees, not of refusals


# -- trees that a text can give, and back

KEYS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,4}", fullmatch=True)
LEAVES = st.text(max_size=8)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3), st.dictionaries(KEYS, inner, min_size=1, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=4,
)


@settings(max_examples=100)
@given(TREES)
def test_what_is_printed_parses_back(tree: keyval.Tree) -> None:
    assert keyval.parse(keyval.to_text(tree)) == tree


# -- what was said before

MERGES: list[tuple[keyval.Tree, keyval.Tree, keyval.Tree | str]] = [
    ({}, {"a": "1"}, {"a": "1"}),
    ({"a": "1"}, {"a": "2"}, {"a": "2"}),
    ({"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}),
    ({"a": {"b": "1", "c": "2"}}, {"a": {"b": "3", "d": "4"}}, {"a": {"b": "3", "c": "2", "d": "4"}}),
    ({"a": ["1"]}, {"a": ["2", "3"]}, {"a": ["1", "2", "3"]}),
    ({"a": ["1"]}, {"a": "2"}, "Parameter 'a' used inconsistently"),
    ({"a": "1"}, {"a": {"b": "2"}}, "Parameter 'a' used inconsistently"),
    ({"a": {"b": "1"}}, {"a": ["2"]}, "Parameter 'a' used inconsistently"),
    ({"a": {"b": {"c": "1"}}}, {"a": {"b": {"c": ["2"]}}}, "Parameter 'a.b.c' used inconsistently"),
]


@pytest.mark.parametrize(("tree", "more", "wanted"), MERGES)
def test_merging(tree: keyval.Tree, more: keyval.Tree, wanted: keyval.Tree | str) -> None:
    if isinstance(wanted, str):
        with pytest.raises(OptionError) as error:
            keyval.merge(tree, more)
        assert error.value.text == wanted
    else:
        keyval.merge(tree, more)
        assert tree == wanted


def test_parsing_into_a_tree_that_was_printed_is_parsing_all_at_once() -> None:
    tree: keyval.Tree = {}
    assert not keyval.parse_into(tree, "virt,a.b=1,c=2", "type")
    assert not keyval.parse_into(tree, "a.d=3,c=4", "type")
    assert keyval.parse_into(tree, "help")
    assert tree == keyval.parse("virt,a.b=1,c=2,a.d=3,c=4", "type")


def test_help_is_told_apart_from_a_text_without_it() -> None:
    assert keyval.parse_help("x,help,a=1", "t") == ({"t": "x", "a": "1"}, True)
    assert keyval.parse_help("x,a=help", "t") == ({"t": "x", "a": "help"}, False)
    with pytest.raises(OptionError, match="Help is not available for this option"):
        keyval.parse("x,help", "t")


def test_underscores_are_dashes_in_the_keys_of_the_tree_alone() -> None:
    assert keyval.dashify({"a_b": {"c_d": "1"}, "e": "2"}) == {"a-b": {"c_d": "1"}, "e": "2"}
    with pytest.raises(OptionError, match="Conflict between 'a_b-c' and 'a-b-c'"):
        keyval.dashify({"a-b-c": "1", "a_b-c": "2"})
