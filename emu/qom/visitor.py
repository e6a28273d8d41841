"""How a property value is read: the three visitors of QEMU, which accept and complain differently.

TEXT    one word: -global, -machine, -accel, -cpu features     (QEMU's string input visitor)
KEYVAL  a value of `key=value`: -device, -object               (qobject input visitor, keyval flavour)
JSON    a typed value: -device '{...}', QMP                    (qobject input visitor)

Every function takes (flavour, name, value) and returns the typed value or raises OptionError with QEMU's
text. The texts were read off QEMU 10.0.13.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TypeAlias

from emu.errors import OptionError
from emu.options.values import U64, parse_bool, parse_int, parse_size

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"


class Flavour(enum.Enum):
    """Which visitor reads a value."""

    TEXT = enum.auto()
    KEYVAL = enum.auto()
    JSON = enum.auto()


def wrong_type(name: str, expected: str) -> OptionError:
    """A JSON value of another type."""
    return OptionError(f"Invalid parameter type for '{name}', expected: {expected}")


def _word(name: str, value: Value) -> str:
    """The text of a TEXT or KEYVAL value; dicts and lists are no values there."""
    if not isinstance(value, str):
        keys = f"{name}.*" if isinstance(value, dict) else name
        raise OptionError(f"Parameters '{keys}' are unexpected")
    return value


def read_string(flavour: Flavour, name: str, value: Value) -> str:
    """A string."""
    if flavour is Flavour.JSON:
        if not isinstance(value, str):
            raise wrong_type(name, "string")
        return value
    return _word(name, value)


def read_bool(flavour: Flavour, name: str, value: Value) -> bool:
    """A boolean; in words: on, yes, true, y and their opposites."""
    if flavour is Flavour.JSON:
        if not isinstance(value, bool):
            raise wrong_type(name, "boolean")
        return value
    return parse_bool(name, _word(name, value))


def _number(flavour: Flavour, name: str, value: Value, unsigned: bool) -> int:
    """An integer of 64 bits; an unsigned one takes minus signs, which wrap (strtoull)."""
    kind = "uint64" if unsigned else "integer"
    if flavour is Flavour.JSON:
        if isinstance(value, bool) or not isinstance(value, int):
            bad = OptionError(f"Parameter '{name}' expects uint64")
            raise bad if unsigned else wrong_type(name, "integer")
        number = value
    else:
        text = _word(name, value)
        if flavour is Flavour.KEYVAL or not unsigned:
            kind = "integer" if flavour is Flavour.KEYVAL else "an int64 value or range"
        try:
            number = _strtoull(text) if unsigned else parse_int(name, text)
        except (OptionError, ValueError):
            raise OptionError(f"Parameter '{name}' expects {kind}") from None
    least, most = (-(1 << 63), U64 - 1) if unsigned else (-(1 << 63), (1 << 63) - 1)
    if not least <= number <= most:
        raise OptionError(f"Parameter '{name}' expects {kind}")
    return number % U64 if unsigned else number


def _strtoull(text: str) -> int:
    digits = text.lstrip(" \t\n\v\f\r")
    sign = -1 if digits[:1] == "-" else 1
    digits = digits[1:] if digits[:1] in ("-", "+") else digits
    if not digits.isascii() or not digits.isalnum():
        raise ValueError(text)
    base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" else 10
    number = int(digits, base)
    if number >= U64:
        raise ValueError(text)
    return sign * number


def read_uint(flavour: Flavour, name: str, value: Value, bits: int) -> int:
    """An unsigned integer of `bits` bits: 8, 16, 32 or 64."""
    number = _number(flavour, name, value, unsigned=True)
    if number >> bits:
        raise OptionError(f"Parameter '{name}' expects uint{bits}_t")
    return number


def read_int(flavour: Flavour, name: str, value: Value, bits: int = 64) -> int:
    """A signed integer of `bits` bits."""
    number = _number(flavour, name, value, unsigned=False)
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise OptionError(f"Parameter '{name}' expects int{bits}_t")
    return number


def read_size(flavour: Flavour, name: str, value: Value) -> int:
    """Bytes; in words with an optional fraction and one suffix letter."""
    if flavour is Flavour.JSON:
        return read_uint(flavour, name, value, 64)
    try:
        return parse_size(name, _word(name, value))
    except OptionError:
        kind = "a size value" if flavour is Flavour.KEYVAL else "size"
        raise OptionError(f"Parameter '{name}' expects {kind}") from None


def read_enum(flavour: Flavour, name: str, value: Value, members: Sequence[str]) -> str:
    """One of `members`."""
    word = read_string(flavour, name, value)
    if word not in members:
        raise OptionError(f"Parameter '{name}' does not accept value '{word}'")
    return word
