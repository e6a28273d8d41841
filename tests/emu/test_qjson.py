"""JSON as QEMU takes it: against a naive reader, limits, fresh starts, writing.

What becomes of single texts is in test_option_table.py; tests/system/test_json_oracle.py asks the reference.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core import qjson
from emu.core.json_strings import JsonError, quote
from emu.core.json_writer import to_json
from emu.core.qdict import QValue
from emu.core.qjson import JsonParser, from_json


def texts(found: list[QValue | JsonError]) -> list[str]:
    """Values as JSON, errors as their text."""
    return [x.text if isinstance(x, JsonError) else to_json(x) for x in found]


def feed(*pieces: bytes) -> list[str]:
    parser = JsonParser()
    return texts([x for piece in pieces for x in parser.feed(piece)])


# -- streams: bytes, and what they bring about (as a monitor of QEMU 10.0 says of them)

STREAMS: list[tuple[bytes, list[str]]] = [
    (b"{}", ["{}"]),
    (b"{}{}", ["{}", "{}"]),
    (b"[1, 'x' ,null]", ['[1, "x", null]']),
    (b"1", []),
    (b"1 ", ["1"]),
    (b"1]", ["1", "JSON parse error, expecting value"]),
    (b"true", []),
    (b"true\n", ["true"]),
    (b'"a"', ['"a"']),
    (b'"a', []),
    (b"12 34 ", ["12", "34"]),
    (b"}", ["JSON parse error, expecting value"]),
    (b"{]", ["JSON parse error, expecting value"]),
    (b"[{]", []),
    (b"[{]}", ["JSON parse error, expecting value"]),
    (b"{1:2}", ["JSON parse error, key is not a string in object"]),
    (b"tru ", ["JSON parse error, invalid keyword 'tru'"]),
    (b"01", ["JSON parse error, stray '01'"]),
    (b"0e1 ", ["0", "JSON parse error, invalid keyword 'e'", "1"]),
    (b"1.x", ["JSON parse error, stray '1.x'"]),
    (b"1e+x", ["JSON parse error, stray '1e+x'"]),
    (b"-x", ["JSON parse error, stray '-x'"]),
    (b"%d", ["JSON parse error, stray '%'"]),
    # what is wrong ends what it is in; text is skipped up to the next that could begin something
    (b'{"a":&x y "z" 1,2}', ["JSON parse error, stray '&'", "JSON parse error, expecting value", "2",
                             "JSON parse error, expecting value"]),
    (b"&&&&\n{}", ["JSON parse error, stray '&'", "{}"]),
    (b"& {}", ["JSON parse error, stray '&'", "{}"]),
    (b"& \t 1 \n2 ", ["JSON parse error, stray '&'", "2"]),
    (b'"a\nb"\n{}', ["JSON parse error, stray '\"a\n'", "{}"]),
    (b'{"a\xff{}', ["JSON parse error, stray '{}'".format('"a\udcff'), "{}"]),
    (b"{[\xff{}", ["JSON parse error, stray '\udcff'", "{}"]),
    (b"\xff\xff{}", ["JSON parse error, stray '\udcff'"] * 2 + ["{}"]),
    (b"&\xff{}", ["JSON parse error, stray '&'", "JSON parse error, stray '\udcff'", "{}"]),
    (b"\x00", ["JSON parse error, stray ''"]),
    (b'"ab\x00', ["JSON parse error, stray '\"ab'"]),
    (b"'a\\\x01", ["JSON parse error, stray ''a\\\x01'"]),
]


@pytest.mark.parametrize(("stream", "wanted"), STREAMS)
def test_what_a_stream_brings_about(stream: bytes, wanted: list[str]) -> None:
    assert feed(stream) == wanted
    assert feed(*(stream[i : i + 1] for i in range(len(stream)))) == wanted


PLAIN = [
    b'{"execute": "stop"}',
    b'{"execute":"x","arguments":{"a":[1,-2,3.5,1e3,true,false,null,{}]},"id":7}\r\n',
    b'{"a": 1, "a": 2}',
    b'{"a": 01}',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -}',
    b'{"a": 18446744073709551616}',
    b'{"a": -9223372036854775809}',
    b'{"a": 1}{"b": 2}',
    b'{"a": 1} {"b": 2}',
    b'{"a": 1,}',
    b'{,}',
    b'{"a" 1}',
    b'{"a": tru}',
    b"{'a': 1}",
    b'{"a": "\\u00e9"}',
    '{"a": "\u00e9"}'.encode(),
    b'{"a": "x\ty"}',
    b'{"a": %d}',
    b"{" * 200 + b"}" * 200,
    b'{"a": ' + b"[" * 150 + b"]" * 150 + b"}",
    b'{"a": 1}\x0b',
    b'{"\x7f": 1}',
    b"{}",
]


@pytest.mark.parametrize("text", PLAIN, ids=repr)
def test_a_text_that_comes_whole_is_read_as_one_that_comes_in_bytes(text: bytes) -> None:
    """Whole ones may be read by Python's own reader."""
    whole, slow = JsonParser(), JsonParser()
    got = [repr(v) for v in whole.feed(text) + whole.feed(b' {"z": 1}') + whole.flush()]
    pieces = [repr(v) for at in range(len(text)) for v in slow.feed(text[at : at + 1])]
    pieces += [repr(v) for v in slow.feed(b" ") + slow.feed(b'{"z": 1}') + slow.flush()]
    assert got == pieces


def test_a_value_is_there_with_its_last_byte() -> None:
    parser = JsonParser()
    assert parser.feed(b'{"a":[1,2') == []
    assert parser.feed(b"]") == []
    assert parser.feed(b"}") == [{"a": [1, 2]}]


FLUSHED: list[tuple[bytes, list[str]]] = [
    (b"", []), (b" \n", []), (b"1", ["1"]), (b"tru", ["JSON parse error, invalid keyword 'tru'"]),
    (b"{", ["JSON parse error, premature EOI"]), (b'{"a":', ["JSON parse error, premature EOI"]),
    (b"[1,", ["JSON parse error, premature EOI"]),
    (b"[1 2", ["JSON parse error, expected separator in list"]),
    (b'"a', ["JSON parse error, stray '\"a'"]), (b'"\\', ["JSON parse error, stray '\"\\'"]),
    (b"-", ["JSON parse error, stray '-'"]), (b"1e", ["JSON parse error, stray '1e'"]),
    (b"[-", ["JSON parse error, stray '-'"]), (b"& x", ["JSON parse error, stray '&'"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), FLUSHED)
def test_the_end_of_a_text_ends_what_was_open(text: bytes, wanted: list[str]) -> None:
    parser = JsonParser()
    assert texts(parser.feed(text) + parser.flush()) == wanted
    assert parser.flush() == []
    assert parser.feed(b"1 {}") == [1, {}]


def test_a_text_for_one_value() -> None:
    assert from_json(" {'a': 1} \n") == {"a": 1}
    for text, error in [
        ("", "Expecting a JSON value"), ("{} {}", "Expecting at most one JSON value"),
        ("{} &", "Expecting at most one JSON value"), ("& {}", "JSON parse error, stray '&'"),
        ('{"a":"\udcff"}', "JSON parse error, stray '\"\udcff'"),
    ]:  # fmt: skip
        with pytest.raises(JsonError) as caught:
            from_json(text)
        assert caught.value.text == error


# -- numbers

@pytest.mark.parametrize(("text", "value"), [
    ("0", 0), ("-0", 0), ("9223372036854775807", (1 << 63) - 1), ("9223372036854775808", 1 << 63),
    ("18446744073709551615", (1 << 64) - 1), ("18446744073709551616", 2.0**64),
    ("-9223372036854775808", -(1 << 63)), ("-9223372036854775809", -(2.0**63)), ("1" + "0" * 30, 1e30),
    ("1e3", 1000.0), ("0.5", 0.5), ("0.5e1", 5.0), ("1E-2", 0.01), ("1e400", math.inf), ("-1e400", -math.inf),
    ("1e-400", 0.0), ("1" * 5000, math.inf),
])  # fmt: skip
def test_numbers_are_64_bit_integers_or_floating_point(text: str, value: float) -> None:
    found = from_json(text)
    assert found == value
    assert type(found) is type(value)


# -- limits

NESTED = qjson.MAX_NESTING


def test_depth_is_limited_and_needs_no_stack() -> None:
    deep = b"[" * NESTED + b"]" * NESTED
    (value,) = JsonParser().feed(deep)
    assert to_json(value) == deep.decode()
    assert feed(b"[" * (NESTED + 1) + b"\n{}") == ["JSON nesting depth limit exceeded", "{}"]
    assert feed(b'{"a":' * (NESTED + 1))[0] == "JSON nesting depth limit exceeded"
    half = NESTED // 2
    mixed = b'[{"a":' * half + b"1" + b"}]" * half
    assert to_json(JsonParser().feed(mixed)[0]) == mixed.decode().replace(":", ": ")


def test_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qjson, "MAX_SIZE", 100)
    # a token counts itself and one more
    assert feed(b'"' + b"x" * 97 + b'"') == ['"' + "x" * 97 + '"']
    assert feed(b'"' + b"x" * 98 + b'"') == ["JSON token size limit exceeded"]
    assert feed(b'["' + b"x" * 96 + b'"]')[0] == "JSON token size limit exceeded"
    assert len(feed(b'["' + b"x" * 95 + b'"]')) == 1
    # a longer one is not waited for; what follows is read as something new
    for size in (1, 7, 1000):
        text = b'"' + b"x" * 105 + b" {}"
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        assert feed(*pieces) == [
            "JSON token size limit exceeded", "JSON parse error, invalid keyword 'xxxxx'", "{}"
        ]  # fmt: skip
    # each value counts for itself
    assert feed(b'"' + b"x" * 60 + b'"' + b'"' + b"x" * 60 + b'"') == ['"' + "x" * 60 + '"'] * 2


def test_the_count_of_tokens_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qjson, "MAX_TOKENS", 5)
    assert feed(b"[1,2]") == ["[1, 2]"]
    assert feed(b"[1,2,\n3] {}")[0] == "JSON token count limit exceeded"


def test_a_long_string_in_small_pieces_takes_linear_time() -> None:
    """A quadratic reader would take minutes for this, against the limit of the suite."""
    parser = JsonParser()
    piece = b"x" * 50
    parser.feed(b'"')
    for _ in range(40_000):
        assert parser.feed(piece) == []
    (value,) = parser.feed(b'"')
    assert isinstance(value, str)
    assert len(value) == 2_000_000


# -- a naive reader: a byte at a time through a table of states, then recursive descent

DIGITS, LETTERS = b"0123456789", bytes(range(ord("a"), ord("z") + 1))
IN_TEXT = bytes(range(0x20, 0xFE))
STATES: dict[str, list[tuple[bytes, str]]] = {
    "start": [(b" \t\r\n", "start"), (b"{}[]:,", "!punctuation"), (b'"', 'in"'), (b"'", "in'"),
              (b"0", "zero"), (b"-", "sign"), (b"123456789", "digits"), (LETTERS, "word")],
    "sign": [(b"0", "zero"), (b"123456789", "digits")],
    "zero": [(b".", "point"), (DIGITS, "wrong"), (b"", "?integer")],
    "digits": [(DIGITS, "digits"), (b".", "point"), (b"eE", "e"), (b"", "?integer")],
    "point": [(DIGITS, "behind")],
    "behind": [(DIGITS, "behind"), (b"eE", "e"), (b"", "?float")],
    "e": [(b"+-", "esign"), (DIGITS, "exponent")],
    "esign": [(DIGITS, "exponent")],
    "exponent": [(DIGITS, "exponent"), (b"", "?float")],
    "word": [(LETTERS, "word"), (b"", "?word")],
    'in"': [(b'"', "!string"), (b"\\", 'escape"'), (IN_TEXT, 'in"')],
    "in'": [(b"'", "!string"), (b"\\", "escape'"), (IN_TEXT, "in'")],
    'escape"': [(IN_TEXT, 'in"')],
    "escape'": [(IN_TEXT, "in'")],
    "skipping": [(b"\t", "skipping"), (b"{}[]:,\xfe\xff" + bytes(range(0x20)), "?again"),
                 (IN_TEXT, "skipping")],
}  # fmt: skip


def naive_tokens(stream: bytes) -> Iterator[tuple[str, bytes]]:
    """Kinds and bytes of tokens; `wrong` with the bytes that are."""
    state, token, at = "start", b"", 0
    while at < len(stream):
        byte = stream[at : at + 1]
        state = next((to for chars, to in STATES[state] if byte in chars or not chars), "wrong")
        if not state.startswith("?"):  # else looked at only
            token += byte
            at += 1
        if state == "wrong":
            yield "wrong", token
            state = "skipping"
        elif state[0] in "!?":
            if state != "?again":
                yield state[1:], token
            state = "start"
        if state in ("start", "skipping"):
            token = b""


def naive(stream: bytes) -> list[str]:
    """Results of a stream: values by Python's own reader where that agrees on what is right."""
    out: list[str] = []
    tokens: list[tuple[str, bytes]] = []
    for kind, raw in naive_tokens(stream):
        if kind == "wrong":
            shown = raw.split(b"\0")[0].decode("utf-8", "surrogateescape")
            out.append(f"JSON parse error, stray '{shown}'")
            tokens = []
            continue
        tokens.append((kind, raw))
        braces = sum({b"{": 1, b"}": -1}.get(t, 0) for _, t in tokens)
        brackets = sum({b"[": 1, b"]": -1}.get(t, 0) for _, t in tokens)
        if min(braces, brackets) < 0 or braces == brackets == 0:
            out.append(naive_value(tokens))
            tokens = []
    return out


def naive_value(tokens: list[tuple[str, bytes]]) -> str:
    """The value, or "error": which one is for the tables and the reference to say."""
    kinds = [kind for kind, _ in tokens]
    try:
        text = b" ".join(raw for _, raw in tokens).decode()
        made = json.loads(text, object_pairs_hook=naive_dict)
    except (ValueError, RecursionError):
        return "error"
    assert "wrong" not in kinds
    return to_json(made)


def naive_dict(pairs: list[tuple[str, QValue]]) -> QValue:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("duplicate key")
    return dict(pairs)


PIECES = [bytes((c,)) for c in b"{}[]:,\"0123.-+eEab \n\t&\\'%\x01\xff"] + [
    b"true", b"null", b'"k"', b'"a":', b'"b":1', b"[1,2]", b"1.5", b"-1e5", b'"\\n"', b"{}"
]  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_a_stream_is_what_a_naive_reader_makes_of_it(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        stream = b"".join(rng.choice(PIECES) for _ in range(rng.randrange(25))) + b"\n"
        if b"'" in stream or b"\\" in stream.replace(b'"\\n"', b""):
            continue  # Python's reader has other strings
        wanted, rest, got = naive(stream), stream, list[str]()
        parser = JsonParser()
        while rest:
            size = rng.choice([1, 2, 5, 100])
            got += texts(parser.feed(rest[:size]))
            rest = rest[size:]
        assert len(got) == len(wanted), stream
        for mine, other in zip(got, wanted, strict=True):
            wrong = mine.startswith("JSON parse error") and "stray" not in mine
            assert (other == "error") if wrong else (mine == other), stream


# -- writing

VALUES: st.SearchStrategy[QValue] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(1 << 63), (1 << 64) - 1), st.text(max_size=6),
        st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer()),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip


def has_no_character(text: str) -> bool:
    return any(0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE for c in text)


@settings(max_examples=100)
@given(VALUES, st.booleans())
def test_what_is_written_reads_back(value: QValue, pretty: bool) -> None:
    text = to_json(value, pretty=pretty)
    assert text.isascii()
    if not has_no_character(json.dumps(value, ensure_ascii=False)):
        assert json.loads(text) == value
        assert from_json(text) == value


def test_members_are_in_qemus_order() -> None:
    value: QValue = [{"type": "string", "help": "h", "name": "n"}, {"major": 10, "minor": 0, "micro": 13}]
    assert to_json(value) == (
        '[{"name": "n", "help": "h", "type": "string"}, {"micro": 13, "minor": 0, "major": 10}]'
    )


def test_an_element_a_line() -> None:
    value: QValue = {"id": {"b": {}, "a": [], "c": [1, {"d": None}]}}
    assert to_json(value, pretty=True) == (
        '{\n    "id": {\n        "a": [\n        ],\n        "b": {\n        },\n        "c": [\n'
        '            1,\n            {\n                "d": null\n            }\n        ]\n    }\n}'
    )
    assert to_json([[], [[]]], pretty=True) == "[\n    [\n    ],\n    [\n        [\n        ]\n    ]\n]"


@pytest.mark.parametrize(("raw", "wanted"), [
    (b"a\"b\\c/\b\f\n\r\t\x01\x1f\x7f", '"a\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001F\\u007F"'),
    ("é€😀".encode(), '"\\u00E9\\u20AC\\uD83D\\uDE00"'),
    (b"\xff", '"\\uFFFD"'), (b"\xfe\x80", '"\\uFFFD\\uFFFD"'), (b"\x80\x80", '"\\uFFFD\\uFFFD"'),
    (b"\xc3", '"\\uFFFD"'),
    (b"\xe2\x82", '"\\uFFFD"'), (b"\xe2\x82x", '"\\uFFFDx"'), (b"\xed\xa0\x80", '"\\uFFFD"'),
    (b"\xc1\x81", '"\\uFFFD"'), (b"\xf8\x88\x80\x80\x80", '"\\uFFFD"'), (b"\xef\xbf\xbf", '"\\uFFFD"'),
    (b"\xc0\x80\xff", '"\\u0000\\uFFFD"'), (b"\xfd\xbf\xbf\xbf\xbf\xbf\xbf", '"\\uFFFD\\uFFFD"'),
])  # fmt: skip
def test_strings_are_written_in_ascii(raw: bytes, wanted: str) -> None:
    assert quote(raw.decode("utf-8", "surrogateescape")) == wanted


@pytest.mark.parametrize(("value", "wanted"), [
    (0.1, "0.10000000000000001"), (1e300, "1.0000000000000001e+300"), (5.0, "5"), (-0.0, "-0"),
    ((1 << 64) - 1, "18446744073709551615"), (True, "true"), (None, "null"),
])  # fmt: skip
def test_scalars_are_written_as_by_qemu(value: QValue, wanted: str) -> None:
    assert to_json(value) == wanted
