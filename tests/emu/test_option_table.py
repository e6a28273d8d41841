"""The rows of tests/vectors/options.csv through our readers."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.lib.option_rows import Row, judge, load

ROWS = load()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ascii(f"{row.reader} {row.text[:40]}"))
def test_what_becomes_of_a_text(row: Row) -> None:
    outcome, warnings = judge(row.reader, row.text)
    assert outcome == row.outcome
    assert warnings == row.warnings


def test_no_text_has_two_rows() -> None:
    assert not [key for key, count in Counter((r.reader, r.text) for r in ROWS).items() if count > 1]


def test_every_row_says_where_it_comes_from() -> None:
    assert {row.source for row in ROWS} <= {
        "BEHAVIOUR 3.1", "BEHAVIOUR 3.2", "QEMU 10.0.13 run", "BEHAVIOUR 3.2; QEMU 10.0.13 run",
        "BEHAVIOUR 3.4; QEMU 10.0.13 run",
    }  # fmt: skip
