"""Readers of values: from the text of an option, or from JSON, to a typed value; and QEMU's complaints.

The same grammar (emu.options.values) is complained about in other words by other readers of QEMU, and users'
scripts match the words. There are four:

    KEYVAL   what keyval gave: -machine, -smp, -device, -netdev, -blockdev, ...     "expects integer"
    STRING   a property's text: -global, -cpu                                       "expects uint64"
    OPTS     QemuOpts: -object in text form, -numa, some of -netdev                 "expects a uint64 value"
    JSON     JSON, on the command line or from a monitor: nothing is converted      "expected: string"

Each takes (name, value) and gives the value or raises OptionError. `name` is the full one, a.b.c; where QEMU
names the last part alone, so do they. `emu.options.members` reads whole structures with them.
Source: BEHAVIOUR 3.2 and 3.4; the texts were checked by running QEMU 10.0.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TypeVar

from emu.core.qdict import QValue
from emu.errors import OptionError
from emu.options.values import (
    Fault,
    parse_bool,
    parse_size,
    scan_integer,
    strtod,
    strtoi64,
    strtosz,
    strtou64,
)

T = TypeVar("T")
I64 = 1 << 63
U64 = 1 << 64
_LONGEST_RANGE = 65536  # elements of `1-9` in a list


class IntType(enum.Enum):
    """An integer's type: lowest and highest value."""

    INT8 = (-(1 << 7), (1 << 7) - 1)
    INT16 = (-(1 << 15), (1 << 15) - 1)
    INT32 = (-(1 << 31), (1 << 31) - 1)
    INT64 = (-I64, I64 - 1)
    UINT8 = (0, (1 << 8) - 1)
    UINT16 = (0, (1 << 16) - 1)
    UINT32 = (0, (1 << 32) - 1)
    UINT64 = (0, U64 - 1)

    @property
    def signed(self) -> bool:
        return self.value[0] < 0


def _expects(name: str, what: str) -> OptionError:
    return OptionError(f"Parameter '{name}' expects {what}")


def _last(name: str) -> str:
    """The last part of a name; an element of a list has none there."""
    last = name.rpartition(".")[2]
    return "null" if last.isdecimal() or last.endswith("]") else last


class Visitor:
    """What the readers have in common. `element`: how a list's element is named behind its name."""

    element = ".{}"

    def int64(self, name: str, value: QValue) -> int:
        """A signed 64-bit integer."""
        raise NotImplementedError

    def uint64(self, name: str, value: QValue) -> int:
        """An unsigned 64-bit integer; -1 is the largest."""
        raise NotImplementedError

    def size(self, name: str, value: QValue) -> int:
        """Bytes."""
        raise NotImplementedError

    def boolean(self, name: str, value: QValue) -> bool:
        """On or off."""
        raise NotImplementedError

    def number(self, name: str, value: QValue) -> float:
        """A finite floating point number."""
        raise NotImplementedError

    def string(self, name: str, value: QValue) -> str:
        """Any text."""
        raise NotImplementedError

    def integer(self, name: str, value: QValue, type: IntType) -> int:
        """An integer in the range of `type`."""
        read = self.int64(name, value) if type.signed else self.uint64(name, value)
        low, high = type.value
        if not low <= read <= high:
            raise _expects(_last(name), f"{type.name.lower()}_t")
        return read

    def choice(self, name: str, value: QValue, values: Sequence[str]) -> str:
        """One of `values` (an enumeration of QAPI)."""
        text = self.string(name, value)
        if text not in values:
            raise OptionError(f"Parameter '{_last(name)}' does not accept value '{text}'")
        return text

    def on_off_auto(self, name: str, value: QValue) -> str:
        """One of `auto`, `on`, `off`: that alone, not the other spellings of a boolean."""
        return self.choice(name, value, ("auto", "on", "off"))


def _checked(read: T | Fault, name: str, what: str) -> T:
    if isinstance(read, Fault):
        raise _expects(name, what)
    return read


class _Keyval(Visitor):
    def string(self, name: str, value: QValue) -> str:
        if isinstance(value, dict | list):
            raise OptionError(f"Parameters '{name}.*' are unexpected")
        assert isinstance(value, str)
        return value

    def int64(self, name: str, value: QValue) -> int:
        return _checked(strtoi64(self.string(name, value)), name, "integer")

    def uint64(self, name: str, value: QValue) -> int:
        return _checked(strtou64(self.string(name, value)), name, "integer")

    def size(self, name: str, value: QValue) -> int:
        return _checked(strtosz(self.string(name, value)), name, "size")

    def boolean(self, name: str, value: QValue) -> bool:
        return parse_bool(name, self.string(name, value))

    def number(self, name: str, value: QValue) -> float:
        return _checked(strtod(self.string(name, value)), name, "number")


class _Text(Visitor):
    def string(self, name: str, value: QValue) -> str:
        assert isinstance(value, str)
        return value

    def boolean(self, name: str, value: QValue) -> bool:
        return parse_bool(name, self.string(name, value))


class _String(_Text):
    def int64(self, name: str, value: QValue) -> int:
        return _checked(strtoi64(self.string(name, value)), name, "int64")

    def uint64(self, name: str, value: QValue) -> int:
        return _checked(strtou64(self.string(name, value)), name, "uint64")

    def size(self, name: str, value: QValue) -> int:
        return parse_size(name, self.string(name, value))

    def number(self, name: str, value: QValue) -> float:
        return _checked(strtod(self.string(name, value)), name, "number")


class _Opts(_Text):
    def int64(self, name: str, value: QValue) -> int:
        return _checked(strtoi64(self.string(name, value)), name, "an int64 value")

    def uint64(self, name: str, value: QValue) -> int:
        return _checked(_parse_uint(self.string(name, value)), name, "a uint64 value")

    def size(self, name: str, value: QValue) -> int:
        return _checked(strtosz(self.string(name, value)), name, "a size value")

    def number(self, name: str, value: QValue) -> float:
        raise AssertionError("no option of QemuOpts is a floating point number")

    def integers(self, name: str, texts: Sequence[str], *, signed: bool = False) -> list[int]:
        """The numbers of all mentions of an option, each `3` or `3-5`."""
        return [n for text in texts for n in _range(name, text, signed)]


def _parse_uint(text: str) -> int | Fault:
    """An unsigned number without a minus sign, not even before 0."""
    return Fault.RANGE if _has_minus(text) else strtou64(text)


def _has_minus(text: str) -> bool:
    return text.lstrip(" \t\n\v\f\r").startswith("-")


def _range(name: str, text: str, signed: bool) -> Sequence[int]:
    """The numbers of `3` or `3-5`."""
    bad = _expects(name, f"{'an int64' if signed else 'a uint64'} value or range")
    low, high = (IntType.INT64 if signed else IntType.UINT64).value
    first = scan_integer(text)
    if first is None or not low <= first[0] <= high or (not signed and _has_minus(text)):
        raise bad
    if first[1] == len(text):
        return [first[0]]
    last = scan_integer(text, first[1] + 1)
    if text[first[1]] != "-" or last is None or last[1] != len(text):
        raise bad
    if not signed and _has_minus(text[first[1] + 1 :]):
        raise bad
    if not first[0] <= last[0] <= min(high, first[0] + _LONGEST_RANGE - 1):
        raise bad
    return range(first[0], last[0] + 1)


def wrong_type(name: str, what: str) -> OptionError:
    """The error for a value of another type: `what` is JSON's name of the one expected."""
    return OptionError(f"Invalid parameter type for '{name}', expected: {what}")


class _Json(Visitor):
    element = "[{}]"

    def int64(self, name: str, value: QValue) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not -I64 <= value < I64:
            raise wrong_type(name, "integer")
        return value

    def uint64(self, name: str, value: QValue) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not -I64 <= value < U64:
            raise _expects(name, "uint64")
        return value % U64

    def size(self, name: str, value: QValue) -> int:
        return self.uint64(name, value)

    def boolean(self, name: str, value: QValue) -> bool:
        if not isinstance(value, bool):
            raise wrong_type(name, "boolean")
        return value

    def number(self, name: str, value: QValue) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise wrong_type(name, "number")
        return float(value)

    def string(self, name: str, value: QValue) -> str:
        if not isinstance(value, str):
            raise wrong_type(name, "string")
        return value


KEYVAL = _Keyval()
STRING = _String()
OPTS = _Opts()
JSON = _Json()
