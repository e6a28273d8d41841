"""A QMP session without input and output: whatever comes, each value has one reply and the session lives."""

from __future__ import annotations

import random

import pytest

from emu.core.qdict import QDict, QValue
from emu.errors import UserError
from emu.monitor.request import Request
from emu.monitor.session import MOST_QUEUED, QmpCapability, Session, encode

PARSE = "JSON parse error"
STATUS = b'{"execute":"query-status"}'
GARBAGE = [bytes((c,)) for c in b"{}[],:\"'\\u01-.eE+aA \n\t\r/%&\x00\x01\x7f\x80\xc1\xfd\xfe\xff"]


class Client:
    """A session, and what it has sent."""

    def __init__(self, *, oob: bool = False, negotiated: bool = True) -> None:
        self.sent: list[QDict] = []
        self.done: list[str] = []
        self.session = Session((QmpCapability.OOB,) if oob else (), self._execute, self.sent.append)
        if negotiated:
            self.session.negotiate((QmpCapability.OOB,) if oob else ())

    def _execute(self, request: Request) -> QValue:
        self.done.append(request.command)
        if request.command == "fail":
            raise UserError("it fails")
        return {"did": request.command}

    def say(self, data: bytes, step: int = 0) -> list[QDict]:
        """Feed bytes (`step` at a time), do all requests: what was sent."""
        self.sent.clear()
        for at in range(0, len(data), step or len(data)):
            self.session.feed(data[at : at + (step or len(data))])
            self.finish()
        return self.sent

    def finish(self) -> None:
        """Do what waits."""
        while self.session.waiting:
            self.session.run_one()
            self.session.reply()

    def assert_alive(self) -> None:
        """It can be brought back to the beginning, and answers."""
        self.say(b"\xff")
        assert self.say(STATUS) == [{"return": {"did": "query-status"}}]


def error(reply: QDict) -> str:
    """The text of a reply that is an error."""
    found = reply["error"]
    assert isinstance(found, dict)
    return str(found["desc"])


def test_a_request_is_done_at_its_last_byte_without_a_newline() -> None:
    client = Client()
    for byte in STATUS[:-1]:
        assert client.say(bytes((byte,))) == []
    assert client.say(STATUS[-1:]) == [{"return": {"did": "query-status"}}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"execute":"a"} \n {"execute":"b"}', ["return", "return"]),
        (b"{'execute': 'a'}", ["return"]),
        (b'{"execute":"a"', []),
        (b"\xff", [PARSE]),
        (b"\x00", [PARSE]),
        (b"nonsense\n", [PARSE]),
        (b'{"execute":"\xf4\x90\x80\x80"}', [PARSE]),
        (b'{"execute":"\xed\xa0\x80"}', [PARSE]),
        (b'{"execute":"a","id":"\xe2\x82"}', [PARSE]),
        (b'{"execute":"\xff', [PARSE]),
        (b"1 2 ", ["QMP input must be a JSON object"] * 2),
        (b'{"execute":"fail"}', ["it fails"]),
        (b"]", [PARSE]),
    ],
)
def test_each_value_has_one_answer(data: bytes, said: list[str]) -> None:
    for step in (0, 1, 3):
        client = Client()
        answers = ["return" if "return" in one else error(one) for one in client.say(data, step)]
        assert len(answers) == len(said)
        assert all(answer.startswith(text) for answer, text in zip(answers, said, strict=True)), answers
        client.assert_alive()


def test_a_string_of_64_mib_is_refused_and_the_next_request_is_done() -> None:
    client = Client()
    piece = b"x" * (1 << 20)
    client.say(b'{"execute":"')
    replies: list[QDict] = []
    for _ in range(65):
        replies += client.say(piece)
    replies += client.say(b'"}')
    assert replies
    assert all("error" in one for one in replies)
    assert any("size limit" in error(one) for one in replies)
    client.assert_alive()


@pytest.mark.parametrize("bracket", [b"[", b'{"a":'])
def test_nesting_is_limited(bracket: bytes) -> None:
    client = Client()
    replies = client.say(bracket * 1025, 50)
    assert error(replies[0]) == "JSON nesting depth limit exceeded"
    client.assert_alive()


@pytest.mark.parametrize("seed", range(30))
def test_how_the_stream_is_cut_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    pieces = [STATUS, b'{"execute":"fail","id":[1]}', b"[]", b'{"id":2}', b"\xff", *GARBAGE]
    data = b"".join(rng.choice(pieces) for _ in range(60))
    whole = list(Client().say(data))
    client = Client()
    cut: list[QDict] = []
    at = 0
    while at < len(data):
        size = rng.choice([1, 2, 5, 17])
        cut += client.say(data[at : at + size])
        at += size
    assert cut == whole, f"seed {seed}"
    assert all(("return" in one) != ("error" in one) for one in whole)
    client.assert_alive()


def test_only_negotiation_is_possible_before_it() -> None:
    client = Client(negotiated=False)
    client.session.event({"event": "STOP"})
    assert client.sent == []
    (reply,) = client.say(STATUS)
    assert reply["error"] == {
        "class": "CommandNotFound", "desc": "Expecting capabilities negotiation with 'qmp_capabilities'",
    }  # fmt: skip
    client.session.negotiate(())
    client.session.event({"event": "STOP"})
    assert client.sent[-1] == {"event": "STOP"}
    with pytest.raises(UserError, match="already complete"):
        client.session.negotiate(())


def test_a_capability_that_was_not_offered_is_refused_and_nothing_changes() -> None:
    client = Client(negotiated=False)
    with pytest.raises(UserError, match="Capability oob not available"):
        client.session.negotiate((QmpCapability.OOB,))
    assert not client.session.negotiated


def test_one_request_is_taken_at_a_time() -> None:
    client = Client()
    client.session.feed(STATUS * 3 + b"[")
    assert client.session.full
    for n in range(3):
        assert len(client.done) == n
        client.session.run_one()
        assert not client.session.waiting, "the reply is to be sent first"
        assert len(client.sent) == n
        client.session.reply()
        assert len(client.sent) == n + 1
    assert not client.session.full


def test_with_oob_eight_requests_wait_and_one_out_of_band_overtakes_them() -> None:
    client = Client(oob=True)
    for n in range(MOST_QUEUED - 1):
        client.session.feed(b'{"execute":"c%d"}' % n)
    assert not client.session.full
    client.session.feed(b'{"exec-oob":"urgent","id":1}')
    assert client.sent == [{"id": 1, "return": {"did": "urgent"}}]
    client.session.feed(b'{"execute":"c7"}')
    assert client.session.full
    client.session.feed(b'{"exec-oob":"late"}')
    assert client.done == ["urgent"], "the ninth is not even looked at"
    client.finish()
    assert client.done == ["urgent", "c0", "late", *(f"c{n}" for n in range(1, 8))]


def test_out_of_band_without_the_capability_is_an_error_of_the_member() -> None:
    (reply,) = Client().say(b'{"exec-oob":"a","id":"x"}')
    assert reply["id"] == "x"
    assert error(reply) == "QMP input member 'exec-oob' is unexpected"


def test_nothing_is_sent_when_the_client_has_left() -> None:
    client = Client()
    client.session.feed(STATUS)
    client.session.run_one()
    client.session.ended = True
    client.session.reply()
    assert client.sent == []


def test_lines_end_in_cr_lf_and_pretty_ones_too() -> None:
    message: QDict = {"return": {"a": [1, {}], "b": "x\ny"}}
    plain, pretty = encode(message, pretty=False), encode(message, pretty=True)
    assert plain.count(b"\r\n") == plain.count(b"\n") == 1
    assert pretty.count(b"\r\n") == pretty.count(b"\n") > 3
    assert pretty.endswith(b"}\r\n")
