"""JSON as QEMU reads it: from monitors, and where an option takes an object.

    JsonParser.feed(bytes)     values and errors, as the text comes in
    from_json(text)            the one value of a text

Rules
- more than RFC 8259 is read: 'single quoted' strings and \\' in them, a number may be the whole text;
- less is, too: no member twice, no code point that is no character, limits on size, tokens and depth;
- integers are 64-bit, signed or else unsigned; what does not fit is a floating point number;
- after a wrong byte, text is skipped up to a bracket, a brace, a comma, a colon, or a control character: the
  reader is then at the beginning again. A sender can force this with a byte that is never text, 0xFF;
- nothing here does input or output.
Source: BEHAVIOUR 3.2, 6; RFC 8259; errors, limits and resynchronisation as QEMU 10.0 showed them when it was
given the same bytes.
"""

from __future__ import annotations

import contextlib
import enum
import re
from typing import NamedTuple

from emu.core.json_strings import JsonError, parse_error, unquote
from emu.core.qdict import QDict, QValue

MAX_SIZE = 64 << 20  # bytes of the tokens of one value
MAX_TOKENS = 2 << 20
MAX_NESTING = 1 << 10

_BLANKS = re.compile(rb"[ \t\r\n]*")
# How far something can go on as a number, and what is one. QEMU ends 0e1 behind the 0
_EXPONENT = rb"[eE][+-]?[0-9]*"
_FRACTION = rb"\.(?:[0-9]+(?:" + _EXPONENT + rb")?)?"
_NUMBER_RUN = re.compile(
    rb"-?(?:0(?:" + _FRACTION + rb")?|[1-9][0-9]*(?:" + _FRACTION + rb"|" + _EXPONENT + rb")?)?"
)
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_KEYWORD_RUN = re.compile(rb"[a-z]+")
# What may be in a string, in either kind of quotes: no control characters, no bytes that UTF-8 cannot have
_STRING_RUN = {
    ord('"'): re.compile(rb'(?:[^"\\\x00-\x1f\xfe\xff]+|\\[^\x00-\x1f\xfe\xff])*'),
    ord("'"): re.compile(rb"(?:[^'\\\x00-\x1f\xfe\xff]+|\\[^\x00-\x1f\xfe\xff])*"),
}
_RESUME = re.compile(rb"[\x00-\x08\x0a-\x1f\xfe\xff{}\[\]:,]")


class _Type(enum.Enum):
    PUNCTUATION = enum.auto()
    STRING = enum.auto()
    INTEGER = enum.auto()
    FLOAT = enum.auto()
    KEYWORD = enum.auto()


class _Token(NamedTuple):
    type: _Type
    raw: bytes


# A request as clients write it: an object, whole, of characters that mean the same in every JSON. Python's
# own reader takes 3 us for what takes the one below 80, which is a tenth of a `stop` and its reply.
_PLAIN = re.compile(rb"\{[^\\'\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]{0,4000}\}[ \t\r\n]*")
_MANY = 100  # brackets; more may be too many


def _read_plain(data: bytes) -> QValue:
    """The only value of a plain text. Errors: ValueError, also for what only the strict reader can judge."""
    import json

    if data.count(b"{") + data.count(b"[") > _MANY:
        raise ValueError
    value: QValue = json.loads(
        data, object_pairs_hook=_members, parse_int=lambda raw: _integer(raw.encode()),
        parse_float=_none, parse_constant=_none,
    )  # fmt: skip
    return value


def _members(pairs: list[tuple[str, QValue]]) -> QDict:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError
    return made


def _none(raw: str) -> QValue:
    """Numbers with a point or an exponent are left to the strict reader: grammars differ."""
    raise ValueError(raw)


class JsonParser:
    """Reads a stream of values.

    A value is there with the byte that ends it; a number or keyword outside of brackets with the next one.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0  # bytes of an unfinished string that were looked at
        self._recovering = False
        self._forget()

    def _forget(self) -> None:
        self._tokens: list[_Token] = []
        self._size = 0
        self._braces = self._brackets = 0

    def feed(self, data: bytes) -> list[QValue | JsonError]:
        """The values and errors that these bytes bring about, in order."""
        if not self._buffer and not self._tokens and not self._recovering and _PLAIN.fullmatch(data):
            with contextlib.suppress(ValueError):
                return [_read_plain(data)]
        self._buffer += data
        return self._read(at_end=False)

    def flush(self) -> list[QValue | JsonError]:
        """The same for the end of the text; then the parser is as new."""
        out = self._read(at_end=True)
        if self._tokens:
            out.append(self._parse())
        self._recovering = False
        return out

    def _read(self, at_end: bool) -> list[QValue | JsonError]:
        out: list[QValue | JsonError] = []
        at = 0
        while True:
            if self._recovering:
                found = _RESUME.search(self._buffer, at)
                at = found.start() if found else len(self._buffer)
                self._recovering = found is None
            at = _BLANKS.match(self._buffer, at).end()  # type: ignore[union-attr]  # always matches
            if self._recovering or at == len(self._buffer):
                break
            end, token = self._next(at, at_end)
            if end - at > MAX_SIZE:
                # too long however it goes on: what follows is read as something new
                end = at + MAX_SIZE + 1
                token = _Token(_Type.STRING, bytes(self._buffer[at:end]))
            elif token is None and end == len(self._buffer) and not at_end:
                break  # not known yet
            self._scanned = 0
            if token is None:
                # the wrong byte is part of what is complained about, and is not looked at again
                end += 1
                stray = bytes(self._buffer[at:end]).partition(b"\0")[0].decode("utf-8", "surrogateescape")
                out.append(JsonError(f"JSON parse error, stray '{stray}'"))
                self._forget()
                self._recovering = True
            else:
                out += self._take(token)
            at = min(end, len(self._buffer))
        del self._buffer[:at]
        if at_end:
            self._buffer.clear()
        return out

    def _next(self, at: int, at_end: bool) -> tuple[int, _Token | None]:
        """The token at buffer[at] and its end. None and where it stops being one, if it is wrong there or,
        at the end of the buffer, unfinished."""
        buffer = self._buffer
        first = buffer[at]
        if first in b"{}[]:,":
            return at + 1, _Token(_Type.PUNCTUATION, bytes((first,)))
        if first in _STRING_RUN:
            end = _STRING_RUN[first].match(buffer, at + max(self._scanned, 1)).end()  # type: ignore[union-attr]
            if end < len(buffer) and buffer[end] == first:
                return end + 1, _Token(_Type.STRING, bytes(buffer[at : end + 1]))
            self._scanned = end - at
            # a backslash waits for what it escapes, and is then wrong together with it
            return end + (buffer[end : end + 1] == b"\\"), None
        if first in b"-0123456789":
            end = _NUMBER_RUN.match(buffer, at).end()  # type: ignore[union-attr]
            raw = bytes(buffer[at:end])
            number = _NUMBER.fullmatch(raw)
            digit_follows = raw in (b"0", b"-0") and buffer[end : end + 1].isdigit()
            if number is None or digit_follows or (end == len(buffer) and not at_end):
                return end, None
            return end, _Token(_Type.FLOAT if number[1] else _Type.INTEGER, raw)
        word = _KEYWORD_RUN.match(buffer, at)
        if word is None:
            return at, None
        if word.end() == len(buffer) and not at_end:
            return word.end(), None
        return word.end(), _Token(_Type.KEYWORD, word[0])

    def _take(self, token: _Token) -> list[QValue | JsonError]:
        """Count a token in; the value or error that is complete with it."""
        if token.type is _Type.PUNCTUATION:
            self._braces += {b"{": 1, b"}": -1}.get(token.raw, 0)
            self._brackets += {b"[": 1, b"]": -1}.get(token.raw, 0)
        problem = None
        if self._size + len(token.raw) + 1 > MAX_SIZE:
            problem = JsonError("JSON token size limit exceeded")
        elif len(self._tokens) + 1 > MAX_TOKENS:
            problem = JsonError("JSON token count limit exceeded")
        elif self._braces + self._brackets > MAX_NESTING:
            problem = JsonError("JSON nesting depth limit exceeded")
        if problem is not None:
            self._forget()
            return [problem]
        self._size += len(token.raw)
        self._tokens.append(token)
        if (self._braces > 0 or self._brackets > 0) and self._braces >= 0 and self._brackets >= 0:
            return []
        return [self._parse()]

    def _parse(self) -> QValue | JsonError:
        tokens = self._tokens
        self._forget()
        try:
            return _parse_tokens(tokens)
        except JsonError as error:
            return error


class _Frame:
    """A dict or list being read. `key`: that of the value to come, None where a key is to come."""

    def __init__(self, made: dict[str, QValue] | list[QValue]) -> None:
        self.made = made
        self.key: str | None = None


def _parse_tokens(tokens: list[_Token]) -> QValue:
    """The value that the tokens are. No recursion: depth is the sender's."""
    stack: list[_Frame] = []
    rest = iter(tokens)

    def pop() -> _Token:
        token = next(rest, None)
        if token is None:
            raise parse_error("premature EOI")
        return token

    token = pop()
    while True:
        opened: dict[str, QValue] | list[QValue] | None = None
        if token.type is not _Type.PUNCTUATION:
            value = _scalar(token)
        elif token.raw in b"{[":
            opened = value = {} if token.raw == b"{" else []
            token = pop()
            if token.raw != (b"}" if isinstance(opened, dict) else b"]"):
                stack.append(_Frame(opened))
                continue
        else:
            raise parse_error("expecting value")
        # the value is complete: what it is part of may be, too
        while stack:
            frame = stack[-1]
            made = frame.made
            if isinstance(made, list):
                made.append(value)
                closes, where = b"]", "list"
            elif frame.key is None:
                if not isinstance(value, str):
                    raise parse_error("key is not a string in object")
                if pop().raw != b":":
                    raise parse_error("missing : in object pair")
                frame.key = value
                break
            else:
                if frame.key in made:
                    raise parse_error("duplicate key")
                made[frame.key] = value
                frame.key = None
                closes, where = b"}", "dict"
            token = pop()
            if token.raw == b",":
                break
            if token.raw != closes:
                raise parse_error(f"expected separator in {where}")
            value = stack.pop().made
        else:
            return value
        token = pop()


def _scalar(token: _Token) -> QValue:
    match token.type:
        case _Type.STRING:
            return unquote(token.raw)
        case _Type.INTEGER:
            return _integer(token.raw)
        case _Type.FLOAT:
            return float(token.raw)
    try:
        return {b"true": True, b"false": False, b"null": None}[token.raw]
    except KeyError:
        raise parse_error(f"invalid keyword '{token.raw.decode()}'") from None


def _integer(raw: bytes) -> int | float:
    value = int(raw) if len(raw) <= 20 else None
    return value if value is not None and -(1 << 63) <= value < 1 << 64 else float(raw)


def from_json(text: str) -> QValue:
    """The one value of a text (bytes that are not UTF-8 as surrogates). Errors: JsonError."""
    parser = JsonParser()
    found = parser.feed(text.encode("utf-8", "surrogateescape")) + parser.flush()
    if not found:
        raise JsonError("Expecting a JSON value")
    first = found[0]
    if isinstance(first, JsonError):
        raise first
    if len(found) > 1:
        raise JsonError("Expecting at most one JSON value")
    return first
