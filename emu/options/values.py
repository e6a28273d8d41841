"""Numbers, sizes and booleans as text, with QEMU's grammar; and the complaints of QemuOpts about them.

    strtou64, strtoi64, strtosz, strtod   what a text means, or which way it is wrong
    parse_bool, parse_number, parse_size  the same for a described option, with its error text

Other readers have other complaints about the same grammar: emu.options.visitor.
Source: BEHAVIOUR 3.1; every corner case was checked by running QEMU 10.0.
"""

from __future__ import annotations

import enum
import re

from emu.errors import OptionError

_TRUE, _FALSE = ("on", "yes", "true", "y"), ("off", "no", "false", "n")
SIZE_HINT = (
    "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
    "and exabytes, respectively."
)
U64 = 1 << 64
# Patterns are compiled when they are first used: most command lines need few
_SPACE = r"[ \t\n\v\f\r]*"
# C's integers with base 0. C23 has binary ones, and QEMU is built with a library that knows them
_INTEGER = _SPACE + r"([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)"
_DECIMAL = _SPACE + r"([+-]?)([0-9]+)"
_HEX = _SPACE + r"[+-]?0[xX]([0-9a-fA-F]+)"
_FRACTION = _SPACE + r"([+-]?)(\.[0-9]+)"
_REAL = _SPACE + r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_HEX_REAL = _SPACE + r"[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)([pP][+-]?[0-9]+)?"
_LEAST = float.fromhex("0x1p-1022")  # below it a double loses digits
_SCALES = {letter: 1 << 10 * i for i, letter in enumerate("bkmgtpe")}


class Fault(enum.Enum):
    """Why a text is no number: it is not one (or there is more than one), or it is too large or too small."""

    INVALID = enum.auto()
    RANGE = enum.auto()


def scan_integer(text: str, at: int = 0) -> tuple[int, int] | None:
    """The integer at the beginning of text[at:], of any size, and where it ends; None if there is none.

    Blanks and a sign may lead; 0x is hexadecimal, 0b binary, 0 octal.
    """
    m = re.match(_INTEGER, text[at:])
    if m is None:
        return None
    digits = m[2].lower()
    if digits.startswith("0x"):
        value = int(digits[2:], 16)
    elif digits.startswith("0b"):
        value = int(digits[2:], 2)
    else:
        value = _from_decimal(digits) if digits[0] != "0" else int(digits, 8)
    return (-value if m[1] == "-" else value), at + m.end()


def _from_decimal(digits: str) -> int:
    """int(digits), where Python refuses long ones: all that matters of these is that they are too large."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) < 1000 else U64 << 1


def strtou64(text: str) -> int | Fault:
    """An unsigned 64-bit number; a minus sign wraps (-1 is the largest)."""
    found = scan_integer(text)
    if found is None or found[1] != len(text):
        return Fault.INVALID
    return found[0] % U64 if -U64 < found[0] < U64 else Fault.RANGE


def strtoi64(text: str) -> int | Fault:
    """A signed 64-bit number."""
    found = scan_integer(text)
    if found is None or found[1] != len(text):
        return Fault.INVALID
    return found[0] if -U64 // 2 <= found[0] < U64 // 2 else Fault.RANGE


def strtod(text: str) -> float | Fault:
    """A finite floating point number, decimal or (0x1.8p3) hexadecimal."""
    try:
        if re.fullmatch(_HEX_REAL, text):
            return float.fromhex(text)
    except OverflowError:
        return Fault.RANGE
    m = re.fullmatch(_REAL, text)
    if m is None:
        return Fault.INVALID
    value = float(text)
    vanished = abs(value) < _LEAST and m[1].strip(".0") != ""
    return Fault.RANGE if vanished or abs(value) == float("inf") else value


def strtosz(text: str) -> int | Fault:
    """Bytes: decimal with an optional fraction and one scale letter, or plain hexadecimal.

    A fraction needs a scale. The value is exact to 64 bits behind the point; a half rounds up.
    """
    value, fraction, end = 0, 0, 0
    m = re.match(_DECIMAL, text)
    if m is not None:
        value, end = _from_decimal(m[2]), m.end()
        if m[1] == "-" or value >= U64:
            return _out_of_range(text, end)
        if value == 0 and text[end : end + 1] in ("x", "X"):
            return _hexadecimal(text)
    elif "." not in text:
        return Fault.INVALID
    if m is None or text[end : end + 1] == ".":
        if m is not None and not _is_digit(text[end + 1 : end + 2]):
            end += 1
        else:
            part = re.match(_FRACTION, text[end:])
            if part is None:
                return Fault.INVALID
            end += part.end()
            if part[1] == "-":
                return _out_of_range(text, end)
            behind = float(part[2])
            value += behind == 1.0  # so many nines that the double is 1
            if value >= U64:
                return _out_of_range(text, end)
            # a fraction too small for a double, or for these 64 bits, is there all the same
            fraction = int(behind * U64) % U64 or int(behind < 1.0 and part[2].strip(".0") != "")
    scale = _SCALES.get(text[end : end + 1].lower(), 0)
    end += scale > 0
    if end != len(text) or (fraction and scale <= 1):
        return Fault.INVALID
    exact = ((value << 64) + fraction) * max(scale, 1)
    value = (exact >> 64) + (exact >> 63 & 1)
    return value if value < U64 else Fault.RANGE


def _out_of_range(text: str, end: int) -> Fault:
    return Fault.RANGE if end == len(text) else Fault.INVALID


def _hexadecimal(text: str) -> int | Fault:
    m = re.fullmatch(_HEX, text)
    if m is None:
        return Fault.INVALID
    value = int(m[1], 16)
    return value if value < U64 else Fault.RANGE


def _is_digit(char: str) -> bool:
    return "0" <= char <= "9" if char else False


def parse_bool(name: str, text: str) -> bool:
    """on/yes/true/y or off/no/false/n; anything else is an OptionError."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise OptionError(f"Parameter '{name}' expects 'on' or 'off'")


def parse_number(name: str, text: str) -> int:
    """An unsigned 64-bit number; a minus sign wraps. Errors: OptionError."""
    value = strtou64(text)
    if value is Fault.INVALID:
        raise OptionError(f"Parameter '{name}' expects a number")
    if value is Fault.RANGE:
        raise OptionError(f"Value '{text}' is too large for parameter '{name}'")
    return value


def parse_size(name: str, text: str) -> int:
    """Bytes (see strtosz). Errors: OptionError."""
    value = strtosz(text)
    if value is Fault.INVALID:
        raise OptionError(f"Parameter '{name}' expects a non-negative number below 2^64", SIZE_HINT)
    if value is Fault.RANGE:
        raise OptionError(f"Value '{text}' is out of range for parameter '{name}'")
    return value
