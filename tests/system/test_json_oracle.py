"""JSON, by what a QMP monitor of the reference QEMU answers to the same bytes, right ones and wrong ones.

A command that does not exist comes back with its `id`, which is any value: so values are compared, and how
they are written.
"""

from __future__ import annotations

import random

import pytest

from emu.core.json_strings import JsonError
from emu.core.json_writer import to_json
from emu.core.qdict import QDict, QValue
from emu.core.qjson import JsonParser
from tests.lib.reference import QUIT, monitor, need

PIECES = [
    *(bytes((c,)) for c in b"{}[],:\"'\\u01-.eE+aA \n\t\r/%&\x00\x01\x7f\x80\xc1\xfd\xfe\xff"),
    b"\\u12", b"\\ud83d\\ude00", b"\\ud800", b"\\udc00\\u0041", b"\\n", b"\\'", b'\\"', b"\\/", b"\\q",
    b"12", b"true", b"null", b"false", b"tru", b'"a":', b'"b":1', b'"x"', b"%d", b"1e5", b"1.5",
    b"9223372036854775808", b"99999999999999999999", b"-9223372036854775809",
    b"\xc3\xa9", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbf\xbf", b"\xef\xb7\x90", b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98\x80",
]  # fmt: skip
SCALARS = [b"1", b"-0", b"0", b"1.5", b"1e400", b"-1e-400", b"true", b"null", b'"s"', b"'q'", b"0.1", b"1E+2",
           b"12345678901234567890", b"[]", b"{}"]  # fmt: skip


def _some(rng: random.Random, most: int) -> bytes:
    return b"".join(rng.choice(PIECES) for _ in range(rng.randrange(most)))


def _json(rng: random.Random, depth: int = 0) -> bytes:
    """A JSON text, most often a right one."""
    kind = rng.randrange(9)
    if depth > 4 or kind < 3:
        return rng.choice(SCALARS)
    if kind < 5:
        return b'"' + _some(rng, 5) + b'"'
    if kind < 7:
        return b"[" + b", ".join(_json(rng, depth + 1) for _ in range(rng.randrange(4))) + b"]"
    names = [rng.choice([b"a", b"b", b"cc", b"k1", b"zz"]) for _ in range(rng.randrange(4))]
    return b"{" + b",".join(b'"' + name + b'":' + _json(rng, depth + 1) for name in names) + b"}"


def _stream(rng: random.Random) -> bytes:
    """Commands that do not exist, with any id, some of them damaged; and noise. Most end in a fresh start."""
    parts = []
    for _ in range(120):
        part = b'{"execute":"x","id":' + _json(rng) + b"}"
        if rng.random() < 0.3:
            at = rng.randrange(len(part))
            part = part[:at] + rng.choice(PIECES) + part[at + rng.randrange(2) :]
        parts.append(part if rng.random() < 0.5 else _some(rng, 9))
        parts.append(b"\xff\n" if rng.random() < 0.7 else b"")
    return b"".join(parts) + b"\xff\n"


def _answer(value: QValue | JsonError) -> str | None:
    """What a monitor says to it; None for some error about the command."""
    missing: QDict = {"class": "CommandNotFound", "desc": "The command x has not been found"}
    text = "QMP input must be a JSON object"
    if isinstance(value, dict):
        if value.keys() == {"execute", "id"} and value["execute"] == "x":
            return to_json({"id": value["id"], "error": missing})
        return None
    if isinstance(value, JsonError):
        text = value.text
    return to_json({"error": {"class": "GenericError", "desc": text}})


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 200))])
def test_json_is_what_it_is_to_the_reference(seed: int) -> None:
    need()
    rng = random.Random(seed)
    stream = _stream(rng)
    parser, rest = JsonParser(), stream
    found: list[QValue | JsonError] = []
    while rest:
        size = rng.choice([1, 2, 3, 7, 50, 1000])
        found += parser.feed(rest[:size])
        rest = rest[size:]
    answers = monitor(stream + QUIT, "-M", "none")
    assert len(answers) == len(found)
    for value, answer in zip(found, answers, strict=True):
        wanted = _answer(value)
        if wanted is None:
            assert '"error"' in answer
            assert "JSON" not in answer
        else:
            assert answer == wanted
