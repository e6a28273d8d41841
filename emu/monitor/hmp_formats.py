"""Formats of `x`, `xp` and `print`: /NNfs, and how a number looks in one.

Source: screens of QEMU 10.0.13.
"""

from __future__ import annotations

from dataclasses import dataclass

SIZES = {"b": 1, "h": 2, "w": 4, "g": 8, "L": 8}
_ESCAPED = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r"}


@dataclass(frozen=True)
class Format:
    """count values. letter: o x u d c, i for instructions; size: bytes of one (of no meaning for i)."""

    count: int
    letter: str
    size: int


class Formats:
    """The last ones used, which hold where nothing is said."""

    def __init__(self) -> None:
        self._letter = "x"
        self._size = 4

    def last(self) -> Format:
        """One value in the last format."""
        return Format(1, self._letter, self._size)

    def choose(self, count: int, letter: str, size: str) -> Format:
        """What a /NNfs says; it holds from now on."""
        self._letter = letter or self._letter
        if self._letter != "i" and size:
            self._size = SIZES[size]
        return Format(count, self._letter, self._size)


LAST_USED = Formats()  # by any monitor of the process, as in QEMU


def show_char(value: int) -> str:
    """A byte as a character constant."""
    char = chr(value & 0xFF)
    if char in _ESCAPED:
        return f"'{_ESCAPED[char]}'"
    return f"'{char}'" if " " <= char <= "~" else f"'\\x{value & 0xFF:02x}'"


def show_plain(value: int, letter: str) -> str:
    """A 64-bit number as `print` shows it."""
    raw = value & 0xFFFF_FFFF_FFFF_FFFF
    if letter == "c":
        return show_char(value)
    if letter in "xo":
        prefix = {"x": "0x", "o": "0"}[letter]
        return f"{prefix}{raw:{letter}}" if raw else "0"
    return str(raw if letter == "u" else value)


def show_in_column(value: int, letter: str, size: int) -> str:
    """A value of `size` bytes as a dump shows it, as wide as its neighbours. value: without sign."""
    bits = 8 * size
    if letter == "c":
        return show_char(value)
    if letter == "x":
        return f"0x{value:0{2 * size}x}"
    if letter == "o":
        text, width = (f"0{value:o}" if value else "0"), -(-bits // 3)
    else:
        # less than 64 bits are never negative: so the reference has it
        signed = value - (1 << bits) if letter == "d" and size == 8 and value >> 63 else value
        text, width = str(signed), -(-bits * 10 // 33)
    return f"{text:>{width}}"
