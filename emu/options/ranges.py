"""Ranges of addresses, as -dfilter takes them: `first..last`, `first+size`, `last-size`, with commas between.

Source: QEMU 10.0.13 by running it.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.options.values import parse_number

_MOST = (1 << 64) - 1


def parse_ranges(text: str) -> list[tuple[int, int]]:
    """(first, last) of each range. Errors: OptionError with QEMU's texts."""
    return [_range(word) for word in text.split(",")] if text else []


def _range(word: str) -> tuple[int, int]:
    # the first sign that is there, in this order, is the operator
    for sign in ("-", "+", ".."):
        left, found, right = word.partition(sign)
        if found:
            break
    else:
        raise OptionError("Bad range specifier")
    first = _number(left, f"Invalid number to the left of {sign}")
    second = _number(right, f"Invalid number to the right of {sign}")
    if sign == "..":
        low, high = first, second
    elif not second:
        raise OptionError("Invalid range")
    else:
        low, high = (first, first + second - 1) if sign == "+" else (first - (second - 1), first)
        if high > _MOST:
            raise OptionError("Invalid range")
    if low > high:
        raise OptionError("Invalid range")
    return low, high


def _number(text: str, complaint: str) -> int:
    try:
        return parse_number("", text)
    except OptionError:
        raise OptionError(complaint) from None
