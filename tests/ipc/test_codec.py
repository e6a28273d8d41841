"""The codec: what goes in comes out, and no bytes whatever make it raise."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc import messages
from ipc.codec import KICK_BYTES, KICK_SEQ_AT, MAX_BYTES, Malformed, decode, encode, kick_template
from ipc.messages import SPECS, Ack, Kick, Message, Pause, Query, Range, Sender, Spec, message


def field_values(limit: Range | messages.Text) -> st.SearchStrategy[int | str]:
    if isinstance(limit, Range):
        return st.integers(limit.low, limit.high) | st.sampled_from((limit.low, limit.high))
    return st.text(max_size=limit.most)


@st.composite
def any_message(draw: st.DrawFn) -> Message:
    spec = SPECS[draw(st.sampled_from(sorted(SPECS)))]
    return spec.cls(*[draw(field_values(limit)) for _, limit in spec.fields])


@given(any_message())
def test_a_message_survives_the_wire(m: Message) -> None:
    data = encode(m)
    assert len(data) <= MAX_BYTES
    assert decode(data) == m


@given(any_message(), st.data())
def test_a_truncated_message_is_an_error_value(m: Message, data: st.DataObject) -> None:
    whole = encode(m)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert isinstance(decode(whole[:cut]), Malformed)


@given(any_message(), st.binary(min_size=1, max_size=20))
def test_a_message_with_a_tail_is_an_error_value(m: Message, tail: bytes) -> None:
    assert isinstance(decode(encode(m) + tail), Malformed)


@given(st.binary(max_size=200))
def test_random_bytes_never_raise(data: bytes) -> None:
    assert isinstance(decode(data), Malformed | Message)


@given(any_message(), st.data())
def test_a_flipped_bit_never_raises(m: Message, data: st.DataObject) -> None:
    whole = bytearray(encode(m))
    at = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[at // 8] ^= 1 << at % 8
    assert isinstance(decode(bytes(whole)), Malformed | Message)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(anything)
def test_any_msgpack_value_is_a_message_or_an_error_value(value: object) -> None:
    assert isinstance(decode(msgpack.packb(value)), Malformed | Message)


@given(st.sampled_from(sorted(SPECS)), st.lists(anything, max_size=10))
def test_any_fields_after_a_number_are_a_message_or_an_error_value(number: int, rest: list[object]) -> None:
    assert isinstance(decode(msgpack.packb([number, *rest])), Malformed | Message)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not msgpack"),
        (b"\xc1", "not msgpack"),
        (b"\x91" * 2000, "not msgpack"),  # nested deeper than msgpack goes
        (b"\xdd\xff\xff\xff\xff", "not msgpack"),  # an array said to have 2**32-1 elements
        (b"\xdb\xff\xff\xff\xff", "not msgpack"),  # a text said to have 2**32-1 bytes
        (b"\xc7\x08\xff" + b"\xff" * 8, "not msgpack"),  # extension: a timestamp
        (b"\x92\xa1\xff\x01", "not msgpack"),  # text that is not UTF-8
        (msgpack.packb({}), "not an array"),
        (msgpack.packb([]), "not an array"),
        (msgpack.packb(7), "not an array"),
        (msgpack.packb([0x7F]), "no message has the number 127"),
        (msgpack.packb([True, 1]), "no message has the number True"),
        (msgpack.packb(["x" * 500]), "no message has the number " + "x" * 40),
        (msgpack.packb([1]), "Pause has 1 fields, not 0"),
        (msgpack.packb([1, -1]), "Pause.gen is -1, not 0..18446744073709551615"),
        (msgpack.packb([1, True]), "Pause.gen is bool, not an integer"),
        (msgpack.packb([1, 1.0]), "Pause.gen is float, not an integer"),
        (msgpack.packb([0x23, 0, 1, 0, "x" * 2001]), "Fatal.text has 2001 characters, at most 2000"),
        (msgpack.packb([0x23, 0, 1, 0, 5]), "Fatal.text is int, not text"),
        (bytes(MAX_BYTES + 1), "65537 bytes, at most 65536"),
    ],
)
def test_hostile_bytes_say_why(data: bytes, why: str) -> None:
    got = decode(data)
    assert isinstance(got, Malformed)
    assert got.why.startswith(why)
    assert len(got.why) < 300


def test_a_message_from_the_wrong_side_is_refused() -> None:
    assert isinstance(decode(encode(Pause(1)), Sender.VCPU), Malformed)
    assert isinstance(decode(encode(Ack(0, 1, 0)), Sender.EMU), Malformed)
    for side in Sender:
        assert decode(encode(Kick(1, 2, 3)), side) == Kick(1, 2, 3)


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda s: s.cls.__name__)
def test_a_value_outside_its_range_is_our_mistake(spec: Spec) -> None:
    good = {n: lim.low if isinstance(lim, Range) else "" for n, lim in spec.fields}
    encode(spec.cls(**good))
    for name, limit in spec.fields:
        bad = limit.high + 1 if isinstance(limit, Range) else "x" * (limit.most + 1)
        with pytest.raises(ValueError, match=f"{spec.cls.__name__}.{name}"):
            encode(spec.cls(**{**good, name: bad}))


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda s: s.cls.__name__)
def test_every_message_says_what_it_is_for(spec: Spec) -> None:
    assert (spec.cls.__doc__ or "").strip()
    assert not (spec.cls.__doc__ or "").startswith(f"{spec.cls.__name__}(")


def test_a_number_used_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0x1 declared twice: Pause and .*Another"):

        @message(0x01, sender=Sender.EMU)
        class Another(Message):
            """Never registered."""


def test_a_field_without_a_range_is_refused() -> None:
    with pytest.raises(ValueError, match="declares no range"):

        @message(0x7E, sender=Sender.EMU)
        class Loose(Message):
            """Never registered."""

            n: int


def test_messages_cannot_be_changed() -> None:
    m = Query(1)
    with pytest.raises(AttributeError):
        m.seq = 2  # type: ignore[misc]


@given(st.integers(0, 0x7F), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1))
def test_the_prepared_kick_is_a_kick(cause: int, sender: int, seq: int) -> None:
    data = bytearray(kick_template(cause, sender))
    assert len(data) == KICK_BYTES
    data[KICK_SEQ_AT : KICK_SEQ_AT + 4] = seq.to_bytes(4, "big")
    assert decode(bytes(data)) == Kick(cause, sender, seq)
