"""Option values: booleans, numbers and sizes, with QEMU's grammar and QEMU's complaints.

Source: BEHAVIOUR 3.1 (bool, number, size); `qemu_strtosz` for the size's corner cases.
"""

from __future__ import annotations

import re
from fractions import Fraction

from emu.errors import OptionError

_TRUE, _FALSE = ("on", "yes", "true", "y"), ("off", "no", "false", "n")
_SUFFIXES = {s: 1 << (10 * i) for i, s in enumerate("bkmgtpe")}
_SIZE = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]*)(\.[0-9]*)?([a-zA-Z]?)")
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)")
SIZE_HINT = (
    "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
    "and exabytes, respectively."
)
U64 = 1 << 64


def parse_bool(name: str, text: str) -> bool:
    """on/yes/true/y or off/no/false/n; anything else is an OptionError."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise OptionError(f"Parameter '{name}' expects 'on' or 'off'")


def _integer(digits: str) -> int | None:
    """Value of an unsigned literal of C (decimal, 0x hex, 0 octal), or None."""
    if digits[:2] in ("0x", "0X"):
        return int(digits[2:], 16)
    if digits.startswith("0"):
        return int(digits, 8) if all(c < "8" for c in digits) else None
    return int(digits)


def parse_number(name: str, text: str) -> int:
    """An unsigned 64-bit number as strtoull base 0 reads it: a minus sign wraps."""
    m = _NUMBER.fullmatch(text)
    value = _integer(m[2]) if m else None
    if m is None or value is None:
        raise OptionError(f"Parameter '{name}' expects a number")
    if value >= U64:
        raise OptionError(f"Value '{text}' is too large for parameter '{name}'")
    return -value % U64 if m[1] == "-" else value


def parse_int(name: str, text: str) -> int:
    """A signed 64-bit number as the keyval visitor reads it."""
    m = _NUMBER.fullmatch(text)
    value = _integer(m[2]) if m else None
    if m is None or value is None:
        raise OptionError(f"Parameter '{name}' expects integer")
    value = -value if m[1] == "-" else value
    if not -(1 << 63) <= value < 1 << 63:
        raise OptionError(f"Parameter '{name}' expects integer")
    return value


def parse_size(name: str, text: str) -> int:
    """Bytes. Decimal with optional fraction and one suffix letter, or plain 0x hex."""
    bad = OptionError(f"Parameter '{name}' expects a non-negative number below 2^64", SIZE_HINT)
    out_of_range = OptionError(f"Value '{text}' is out of range for parameter '{name}'")
    if m := re.fullmatch(r"[ \t\n\v\f\r]*([+-]?)0[xX]([0-9a-fA-F]+)", text):
        value = int(m[2], 16)
        if value >= U64 or (m[1] == "-" and value):
            raise out_of_range
        return value
    m = _SIZE.fullmatch(text)
    if m is None or not (m[2] or (m[3] and m[3] != ".")):
        raise bad
    suffix = m[4].lower()
    scale = _SUFFIXES.get(suffix, 1)
    if suffix and suffix not in _SUFFIXES:
        raise bad
    if m[3] and m[3] != "." and int(m[3][1:]) and scale == 1:
        raise bad  # a fraction of a byte
    exact = (Fraction(m[2] or "0") + Fraction("0" + (m[3] or ".") + "0")) * scale
    value = int(exact + Fraction(1, 2))
    if value >= U64 or (m[1] == "-" and value):
        raise out_of_range
    return value
