"""Strings of JSON, as QEMU takes and gives them.

Between quotes there are bytes of UTF-8 and escapes. QEMU's UTF-8 is stricter than most: code points that are
never characters are refused, too; and laxer in one thing: NUL may be written as C0 80, since C ends texts
with the plain one. What is given out is ASCII.
Source: RFC 8259; RFC 3629; what QEMU 10.0 answered to the same bytes.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(u|.)", re.DOTALL)
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES = {'"': '"', "'": "'", "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# Code points that are never characters: 32 of them, and the last two of each plane
_NO_CHARACTER = re.compile(
    "[\ufdd0-\ufdef" + "".join(f"{chr(p << 16 | 0xFFFE)}{chr(p << 16 | 0xFFFF)}" for p in range(17)) + "]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NOT_PLAIN = re.compile(r'[^ -~]|["\\]')


class JsonError(Exception):
    """A text is not JSON. Attribute: text (QEMU's). Bytes that are not UTF-8 are in it as surrogates."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def parse_error(text: str) -> JsonError:
    """The error for tokens that make no value."""
    return JsonError(f"JSON parse error, {text}")


def unquote(raw: bytes) -> str:
    """The text that bytes in quotes mean. Errors: JsonError for what is wrong first."""
    out: list[str] = []
    at, end = 1, len(raw) - 1
    # Latin-1 keeps bytes apart; escapes are ASCII, and what is between two is decoded as a whole
    text = raw.decode("latin-1") if b"\\" in raw else ""
    while found := _ESCAPE.search(text, at, end):
        out.append(_decode(raw[at : found.start()]))
        if found[1] == "u":
            char, at = _code_point(text, found.start())
        elif found[1] in _ESCAPES:
            char, at = _ESCAPES[found[1]], found.end()
        else:
            raise parse_error("invalid escape sequence in string")
        out.append(char)
    out.append(_decode(raw[at:end]))
    return "".join(out)


def _code_point(text: str, at: int) -> tuple[str, int]:
    """The character of the \\uXXXX, or of the pair of them, at text[at:], and where it ends."""
    value, end = _hex4(text, at + 2), at + 6
    if 0xD800 <= value < 0xDC00 and text.startswith("\\u", end):
        low = _hex4(text, end + 2)
        if 0xDC00 <= low < 0xE000:
            value, end = 0x10000 + ((value & 0x3FF) << 10 | low & 0x3FF), end + 6
    if value < 0 or 0xD800 <= value < 0xE000 or _NO_CHARACTER.match(chr(value)):
        # what stands where the digits should be, the closing quote included
        shown = text[at:end].encode("latin-1").decode("utf-8", "surrogateescape")
        raise parse_error(f"{shown} is not a valid Unicode character")
    return chr(value), end


def _hex4(text: str, at: int) -> int:
    digits = _HEX4.match(text, at)
    return int(digits[0], 16) if digits else -1


def _decode(raw: bytes) -> str:
    try:
        text = raw.replace(b"\xc0\x80", b"\0").decode()
    except UnicodeDecodeError:
        raise parse_error("invalid UTF-8 sequence in string") from None
    if _NO_CHARACTER.search(text):
        raise parse_error("invalid UTF-8 sequence in string")
    return text


def quote(text: str) -> str:
    """The text as JSON, in ASCII. Bytes that are no characters (in it as surrogates) are U+FFFD."""
    if not text.isascii() and (_SURROGATE.search(text) or _NO_CHARACTER.search(text)):
        text = _scrub(text.encode("utf-8", "surrogateescape"))
    return f'"{_NOT_PLAIN.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04X}\\u{0xDC00 + (code & 0x3FF):04X}"
    return f"\\u{code:04X}"


def _scrub(raw: bytes) -> str:
    """The text with U+FFFD for each sequence of bytes that is no character."""
    out = []
    at = 0
    while at < len(raw):
        end = _sequence_end(raw, at)
        try:
            out.append(_decode(raw[at:end]))
        except JsonError:
            out.append("\ufffd")
        at = end
    return "".join(out)


def _sequence_end(raw: bytes, at: int) -> int:
    """Where the sequence at raw[at] ends, be it too long (5 or 6 bytes), or cut short."""
    first = raw[at]
    length = next(n for n in range(2, 7) if not first & 0x80 >> n) if 0xC0 <= first < 0xFE else 1
    end = at + 1
    while end < min(at + length, len(raw)) and raw[end] & 0xC0 == 0x80:
        end += 1
    return end
