"""The framing of gdb's remote protocol, without I/O: bytes to packets and back.

    $ payload # two hex digits, the sum of the payload's bytes as sent, modulo 256

In a payload `}` escapes the next byte (which is sent XOR 0x20), and `c*n` stands for n - 29 further c.
Rules
- whatever comes gives an item or nothing, never an exception; what lies outside of a packet is `Junk`;
- a payload longer than MOST is dropped whole: the decoder waits for the next `$`;
- behind a `#` without hex digits the payload goes on, as QEMU takes it.
Source: "Debugging with GDB", appendix E.1; BEHAVIOUR 8.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

PACKET_SIZE = 4096  # what gdb is told
MOST = PACKET_SIZE - 1  # bytes of a payload that are taken
DOLLAR, HASH, ESCAPE, STAR, ACK, NACK, INTERRUPT = b"$"[0], b"#"[0], b"}"[0], b"*"[0], b"+"[0], b"-"[0], 3
FLIP = 0x20
RUN_BASE = 29  # a run's count character is 29 more than what it adds
RUN_LEAST, RUN_MOST = 32, 126


@dataclass(frozen=True)
class Packet:
    """A packet whose checksum is right. Payload: unescaped, runs written out."""

    payload: bytes


@dataclass(frozen=True)
class Damaged:
    """A packet whose checksum is wrong: to be asked for again."""


@dataclass(frozen=True)
class Junk:
    """A byte outside of any packet."""

    byte: int


Item = Packet | Damaged | Junk


class _At(enum.Enum):
    """Where in a packet the decoder is."""

    OUTSIDE = enum.auto()
    PAYLOAD = enum.auto()
    ESCAPED = enum.auto()
    RUN = enum.auto()
    SUM_HIGH = enum.auto()
    SUM_LOW = enum.auto()


class Decoder:
    """Takes bytes one by one."""

    def __init__(self) -> None:
        self._at = _At.OUTSIDE
        self._payload = bytearray()
        self._sum = 0
        self._told = 0

    def push(self, byte: int) -> Item | None:
        """What is complete with this byte."""
        at = self._at
        if at is _At.OUTSIDE:
            if byte != DOLLAR:
                return Junk(byte)
            self._payload.clear()
            self._sum = 0
            self._at = _At.PAYLOAD
        elif at is _At.PAYLOAD:
            self._take(byte)
        elif at is _At.ESCAPED:
            self._escaped(byte)
        elif at is _At.RUN:
            self._run(byte)
        else:
            return self._checksum(byte)
        return None

    def _take(self, byte: int) -> None:
        if byte == HASH:
            self._at = _At.SUM_HIGH
            return
        if byte == ESCAPE:
            self._at = _At.ESCAPED
        elif byte == STAR:
            self._at = _At.RUN
        else:
            self._put(byte, 1)
        self._sum += byte

    def _escaped(self, byte: int) -> None:
        if byte == HASH:  # nothing was escaped
            self._at = _At.SUM_HIGH
            return
        self._at = _At.PAYLOAD
        self._put(byte ^ FLIP, 1)
        self._sum += byte

    def _run(self, byte: int) -> None:
        if byte == HASH:
            self._at = _At.SUM_HIGH
            return
        self._at = _At.PAYLOAD
        self._sum += byte
        if self._payload and RUN_LEAST <= byte <= RUN_MOST:
            self._put(self._payload[-1], byte - RUN_BASE)

    def _put(self, byte: int, count: int) -> None:
        if len(self._payload) + count > MOST:
            self._at = _At.OUTSIDE
        else:
            self._payload += bytes([byte]) * count

    def _checksum(self, byte: int) -> Item | None:
        digit = _DIGITS.get(byte)
        if digit is None:
            self._at = _At.PAYLOAD
            return None
        if self._at is _At.SUM_HIGH:
            self._told = digit << 4
            self._at = _At.SUM_LOW
            return None
        self._at = _At.OUTSIDE
        if self._told | digit != self._sum & 0xFF:
            return Damaged()
        return Packet(bytes(self._payload))


_DIGITS = {ord(c): int(c, 16) for c in "0123456789abcdefABCDEF"}
_ESCAPED = frozenset(b"#$*}")


def frame(payload: bytes) -> bytes:
    """The packet with this payload, which is sent as it is (see `escape`)."""
    return b"$%s#%02x" % (payload, sum(payload) & 0xFF)


def escape(data: bytes) -> bytes:
    """Bytes of any kind as a part of a payload."""
    out = bytearray()
    for byte in data:
        if byte in _ESCAPED:
            out += bytes([ESCAPE, byte ^ FLIP])
        else:
            out.append(byte)
    return bytes(out)


def unhex(text: bytes) -> bytes | None:
    """The bytes that pairs of hex digits stand for; None if they are none."""
    if len(text) % 2 or any(byte not in _DIGITS for byte in text):
        return None
    return bytes.fromhex(text.decode("ascii"))
