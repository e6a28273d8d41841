"""The framing of gdb's protocol: tables, and random bytes that must never do harm."""

from __future__ import annotations

import random

import pytest

from emu.gdbstub.packets import MOST, Damaged, Decoder, Item, Junk, Packet, escape, frame, unhex


def items(data: bytes) -> list[Item]:
    d = Decoder()
    return [item for byte in data if (item := d.push(byte)) is not None]


def packet(payload: bytes, raw: bytes | None = None) -> bytes:
    raw = payload if raw is None else raw
    return b"$%s#%02x" % (raw, sum(raw) & 0xFF)


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b"$g#67", [Packet(b"g")]),
        (b"$#00", [Packet(b"")]),
        (b"$g#68", [Damaged()]),
        (b"$g#6G7", []),  # no sum: the payload goes on, it is "g7" so far
        (b"+$g#67+", [Junk(43), Packet(b"g"), Junk(43)]),
        (b"\x03", [Junk(3)]),
        (b"$g#67$?#3f", [Packet(b"g"), Packet(b"?")]),
        (b"$$#24", [Packet(b"$")]),  # a $ inside is a byte like others
        (b"$}\x03#80", [Packet(b"#")]),
        (b"$a}]b#9d", [Packet(b"a}b")]),
        (b"$a}#de", [Packet(b"a")]),  # an escape that escapes nothing
        (b"$0* #7a", [Packet(b"0000")]),
        (b"$0*~#d8", [Packet(b"0" * 98)]),
        (b"$* #4a", [Packet(b"")]),  # nothing to repeat
        (b"$0*\x01#5b", [Packet(b"0")]),  # no count
        (b"$0*#5a", [Packet(b"0")]),
        (b"$g#6x7#67", [Damaged()]),
    ],
)
def test_bytes_become_items(data: bytes, want: list[Item]) -> None:
    assert items(data) == want


def test_a_payload_longer_than_a_packet_is_dropped_whole() -> None:
    assert items(packet(b"x" * MOST)) == [Packet(b"x" * MOST)]
    got = items(packet(b"x" * (MOST + 1)) + b"$g#67")
    assert got[-1] == Packet(b"g")
    assert not any(isinstance(item, Packet) for item in got[:-1])
    runs = items(packet(b"", b"0" + b"*~" * 60) + b"$g#67")
    assert [item for item in runs if isinstance(item, Packet)] == [Packet(b"g")]


def test_what_is_escaped_and_framed_comes_back() -> None:
    rng = random.Random("gdb/escape")
    for _ in range(200):
        data = bytes(rng.choice((rng.randrange(256), *b"#$}*")) for _ in range(rng.randrange(200)))
        assert items(frame(escape(data))) == [Packet(data)]


@pytest.mark.parametrize("seed", range(4))
def test_garbage_is_items_or_nothing_and_the_next_packet_is_heard(seed: int) -> None:
    rng = random.Random(f"gdb/garbage/{seed}")
    for _ in range(300):
        data = bytes(rng.choice((rng.randrange(256), *b"$#}*03")) for _ in range(rng.randrange(60)))
        d = Decoder()
        for byte in data:
            d.push(byte)
        # whatever state that left: the end of a packet, then a whole one
        got = [item for byte in b"#00#00$?#3f" if (item := d.push(byte)) is not None]
        assert got[-1] in (Packet(b"?"), Damaged())
        if got[-1] == Damaged():
            assert [i for byte in b"$?#3f" if (i := d.push(byte)) is not None] == [Packet(b"?")]


@pytest.mark.parametrize(
    ("text", "want"),
    [(b"", b""), (b"00ff", b"\x00\xff"), (b"0", None), (b"0g", None), (b" 0", None), (b"0 00", None)],
)
def test_hex(text: bytes, want: bytes | None) -> None:
    assert unhex(text) == want
