"""Messages to bytes and back, no I/O. A message is a msgpack array: its number, then its fields.

Rules
- `decode` never raises: bytes from another process that are no message give a `Malformed`, which says why;
- nothing longer than MAX_BYTES is made or read, and nothing nests: a message is one flat array;
- `encode` refuses values outside the declared range with ValueError: that is a bug on our side.

Source: the msgpack specification; DESIGN law 5 and "Nothing blocks in send".
"""

from __future__ import annotations

from dataclasses import dataclass

import msgpack

from ipc.messages import SPEC_OF, SPECS, Kick, Message, Range, Sender, Text

MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class Malformed:
    """What `decode` gives for bytes that are no message."""

    why: str


def _wrong(value: object, limit: Range | Text) -> str | None:
    """Why `value` does not fit `limit`, or None."""
    if isinstance(limit, Text):
        if not isinstance(value, str):
            return f"is {type(value).__name__}, not text"
        return f"has {len(value)} characters, at most {limit.most}" if len(value) > limit.most else None
    if not isinstance(value, int) or isinstance(value, bool):
        return f"is {type(value).__name__}, not an integer"
    return None if limit.low <= value <= limit.high else f"is {value}, not {limit.low}..{limit.high}"


def encode(message: Message) -> bytes:
    """The bytes of `message`. Errors: ValueError for a field outside its range."""
    spec = SPEC_OF[type(message)]
    values: list[int | str] = [spec.number]
    for name, limit in spec.fields:
        value: int | str = getattr(message, name)
        why = _wrong(value, limit)
        if why is not None:
            raise ValueError(f"{type(message).__name__}.{name} {why}")
        values.append(value if isinstance(value, str) else int(value))
    data: bytes = msgpack.packb(values)
    return data


def decode(data: bytes, sender: Sender | None = None) -> Message | Malformed:
    """The message in `data`, or Malformed. `sender`: refuse messages this kind of peer may not send."""
    if len(data) > MAX_BYTES:
        return Malformed(f"{len(data)} bytes, at most {MAX_BYTES}")
    try:
        values: object = msgpack.unpackb(
            data, raw=False, strict_map_key=True, max_map_len=0, max_ext_len=0, max_array_len=64
        )
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as e:
        return Malformed(f"not msgpack: {type(e).__name__}: {e}")
    if not isinstance(values, list) or not values:
        return Malformed("not an array with a message number")
    number = values[0]
    spec = SPECS.get(number) if isinstance(number, int) and not isinstance(number, bool) else None
    if spec is None:
        return Malformed(f"no message has the number {str(number)[:40]}")
    name = spec.cls.__name__
    if sender is not None and spec.sender not in (sender, Sender.ANY):
        return Malformed(f"{name} is not for a {sender.value} to send")
    if len(values) != 1 + len(spec.fields):
        return Malformed(f"{name} has {len(spec.fields)} fields, not {len(values) - 1}")
    for (field, limit), value in zip(spec.fields, values[1:], strict=True):
        why = _wrong(value, limit)
        if why is not None:
            return Malformed(f"{name}.{field} {why}")
    return spec.cls(*values[1:])


KICK_BYTES = 11
KICK_SEQ_AT = 7  # big-endian u32, for compiled code that numbers its kicks


def kick_template(cause: int, sender: int, seq: int = 0) -> bytes:
    """A Kick in fixed-width msgpack, so that compiled code can send it from memory and patch `seq`."""
    number = SPEC_OF[Kick].number
    if not 0 <= cause <= 0x7F:
        raise ValueError(f"cause {cause} is no positive fixint")
    data = bytes([0x94, number, cause, 0xCD]) + sender.to_bytes(2, "big") + b"\xce" + seq.to_bytes(4, "big")
    assert len(data) == KICK_BYTES
    return data
