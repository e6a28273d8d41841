"""Channels: never block, messages stay whole, a dead peer is an answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ipc.channel import Channel, pair
from ipc.codec import MAX_BYTES, Malformed, encode
from ipc.errors import PeerGone
from ipc.messages import Fatal, FatalKind, Kick, Pause, Query, Sender


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    a, b = pair()
    left, right = Channel(a, "right"), Channel(b, "left", Sender.EMU)
    yield left, right
    left.close()
    right.close()


def test_messages_come_whole_and_in_order(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    sent = [Pause(1), Query(2), Kick(1, 2, 3), Pause(2**64 - 1)]
    assert all(left.send(m) for m in sent)
    assert [right.receive() for _ in sent] == sent
    assert right.receive() is None


def test_a_full_queue_says_so_and_never_blocks(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    n = 0
    while left.send(Pause(n)):
        n += 1
    assert n >= 100
    assert right.receive() == Pause(0)
    assert left.send(Pause(n)), "there is room again"


def test_the_longest_message_fits(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    m = Fatal(0, FatalKind.BUG, 0, "\U0001f600" * 2000)
    assert len(encode(m)) <= MAX_BYTES
    left.send(m)
    wrong_side = right.receive()
    assert isinstance(wrong_side, Malformed)


def test_too_long_a_message_is_our_mistake(ends: tuple[Channel, Channel]) -> None:
    with pytest.raises(ValueError, match="at most 65536"):
        ends[0].send_bytes(bytes(MAX_BYTES + 1))


def test_an_oversize_message_from_a_peer_is_an_error_value_and_the_next_one_is_read(
    ends: tuple[Channel, Channel],
) -> None:
    left, right = ends
    left.sock.send(bytes(MAX_BYTES + 1))
    left.send(Pause(1))
    got = right.receive()
    assert isinstance(got, Malformed)
    assert "65536" in got.why
    assert right.receive() == Pause(1)


def test_garbage_is_an_error_value_and_the_next_one_is_read(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    left.sock.send(b"garbage")
    left.send(Pause(1))
    assert isinstance(right.receive(), Malformed)
    assert right.receive() == Pause(1)


def test_a_closed_peer_is_gone_for_both_directions() -> None:
    a, b = pair()
    left = Channel(a, "hart 3")
    b.close()
    with pytest.raises(PeerGone, match="hart 3 is gone"):
        left.send(Pause(1))
    with pytest.raises(PeerGone):
        left.receive()
    left.close()


def test_what_a_peer_sent_before_it_closed_is_read() -> None:
    a, b = pair()
    left, right = Channel(a, "right"), Channel(b, "left")
    left.send(Pause(5))
    left.close()
    assert right.receive() == Pause(5)
    with pytest.raises(PeerGone):
        right.receive()
    right.close()


def test_ends_do_not_survive_exec() -> None:
    a, b = pair()
    assert a.type == socket.SOCK_SEQPACKET
    assert not a.get_inheritable()
    assert not b.get_inheritable()
    a.close()
    b.close()
