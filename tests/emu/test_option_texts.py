"""Any text, through every reader of options: a value or a clean error, ten thousand times."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.errors import Leave, OptionError
from emu.options import groups
from emu.options.option_groups import OptionGroups
from emu.options.qemuopts import QemuOptsList
from tests.lib.option_rows import judge, load

READERS = [
    "opts device abbrev", "opts memory abbrev", "opts chardev", "opts msg", "keyval -", "keyval type",
    "machine", "json", "qemuopts:size", "qemuopts:number", "qemuopts:bool", "keyval:uint8", "keyval:size",
    "string:int32", "opts:uint32", "json:uint8",
]  # fmt: skip
LISTS = (groups.DEVICE, groups.MEMORY, groups.CHARDEV, groups.NAME)
ALPHABET = "abdnosz=,.-_019xkGi ?\t\0\udcff\xe9{}[]:\"'\\u|"
def check(text: str) -> None:
    for reader in READERS:
        outcome, _ = judge(reader, text)
        assert outcome == "?" or outcome[:2] == "= " or len(outcome) > len("! ")


# Twenty texts an example: most of an example's cost is Hypothesis's own
@settings(max_examples=500)
@given(st.binary(min_size=20, max_size=500), st.booleans())
def test_any_text_is_a_value_or_a_clean_error(raw: bytes, telling: bool) -> None:
    size = len(raw) // 20
    for at in range(0, size * 20, size):
        piece = raw[at : at + size]
        if telling:  # of characters that mean something
            check("".join(ALPHABET[byte % len(ALPHABET)] for byte in piece))
        else:
            check(piece.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_text_is_a_value_or_a_clean_error(seed: int) -> None:
    """Texts of the table, with a piece of one another put in or something taken out."""
    rng = random.Random(seed)
    texts = [row.text for row in load()]
    for _ in range(300):
        text, other = rng.choice(texts), rng.choice(texts)
        start, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        check(text[:start] + rng.choice([other, rng.choice(ALPHABET), ""]) + text[end:])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("opts_list", LISTS, ids=lambda opts_list: opts_list.name)
def test_sets_are_as_before_or_gone_after_an_error(opts_list: QemuOptsList, seed: int) -> None:
    """A set that is refused is not there; with a merging list, what was merged before is not there either."""
    rng = random.Random(seed)
    made = OptionGroups(lambda text: None)
    items = ["a=1", "size=1", "size=x", "id=i", "id=1", "id=j", "mux=on", "mux", "mux=x", "guest=n", "?", ""]
    for _ in range(200):
        text = ",".join(rng.choice(items) for _ in range(rng.randrange(4)))
        before = made.sets(opts_list)
        try:
            opts = made.parse_noisily(opts_list, text, permit_abbrev=rng.random() < 0.5)
        except (OptionError, Leave) as error:
            kept = not opts_list.merge_lists or getattr(error, "text", "") == "Invalid parameter 'id'"
            wanted = before if kept else []
        else:
            wanted = before if opts_list.merge_lists and before else [*before, opts]
        assert made.sets(opts_list) == wanted, text
