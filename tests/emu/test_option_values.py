"""Values of options: sizes, numbers and booleans."""

from __future__ import annotations

import pytest

from emu.errors import OptionError
from emu.options.values import Fault, parse_bool, parse_number, parse_size, strtod

# text -> bytes; None: an error (BEHAVIOUR 3.1)
SIZES: list[tuple[str, int | None]] = [
    ("0", 0), ("1", 1), ("1b", 1), ("1k", 1024), ("1K", 1024), ("1m", 1 << 20), ("1G", 1 << 30),
    ("1t", 1 << 40), ("1p", 1 << 50), ("1e", 1 << 60), ("1E", 1 << 60), ("15.5k", 15872), ("0.5k", 512),
    (".5k", 512), ("1.k", 1024), ("1.", 1), ("0x10", 16), ("0X1f", 31), ("0x1b", 27), ("0x1e", 30), (" 1", 1),
    ("+1", 1), ("16E", None), ("18446744073709551615", (1 << 64) - 1), ("18446744073709551616", None),
    ("-1", None), ("-0", None), ("", None), ("k", None), (".", None), ("1.5", None), ("1.5b", None),
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


@pytest.mark.parametrize(("text", "value"), [
    ("0", 0.0), ("-0.0", 0.0), ("1", 1.0), (" +1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0),
    ("0x10", 16.0), ("0x1.8p1", 3.0), ("0x.8", 0.5), ("1e308", 1e308), ("0e-999", 0.0), ("00012", 12.0),
    ("1e999", Fault.RANGE), ("-1e999", Fault.RANGE), ("1e-999", Fault.RANGE), ("1e-310", Fault.RANGE),
    ("0x1p9999", Fault.RANGE), ("", Fault.INVALID), (".", Fault.INVALID), ("1e", Fault.INVALID),
    ("1 ", Fault.INVALID), ("1_0", Fault.INVALID), ("inf", Fault.INVALID), ("nan", Fault.INVALID),
    ("1.5x", Fault.INVALID), ("0x", Fault.INVALID), ("\u0663", Fault.INVALID),
])  # fmt: skip
def test_floating_point(text: str, value: float | Fault) -> None:
    assert strtod(text) == value
