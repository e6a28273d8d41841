"""The multiplexer of character devices: its keys, who has the keyboard, who hears of what."""

from __future__ import annotations

import pytest

from emu.chardev.mux import TERMINATED, Mux, help_text
from emu.errors import UserError
from tests.lib.frontend import Base, Front


class Muxed:
    def __init__(self) -> None:
        self.base = Base()
        self.quits = 0
        self.now = 0
        self.mux = Mux("serial0", self.base, self.quit, now_ns=lambda: self.now)
        self.port = self.mux.port()
        self.front = Front()
        self.port.attach(self.front)

    def quit(self) -> None:
        self.quits += 1


@pytest.mark.parametrize(("typed", "to_guest", "printed", "quits"), [
    (b"abc", b"abc", b"", 0),
    (b"\x01\x01", b"\x01", b"", 0),
    (b"\x01x", b"", TERMINATED, 1),
    (b"a\x01xb", b"ab", TERMINATED, 1),
    (b"\x01h", b"", help_text(1), 0),
    (b"\x01?", b"", help_text(1), 0),
    (b"\x01zq", b"q", b"", 0),
    (b"\x03\x1a", b"\x03\x1a", b"", 0),
    (b"\x01s", b"", b"", 0),
])  # fmt: skip
def test_keys_of_the_mux(typed: bytes, to_guest: bytes, printed: bytes, quits: int) -> None:
    m = Muxed()
    m.mux.receive(typed)
    assert (bytes(m.front.got), bytes(m.base.out), m.quits) == (to_guest, printed, quits)


def test_help_is_qemus() -> None:
    assert help_text(1) == (
        b"\n\rC-a h    print this help\n\rC-a x    exit emulator\n\r"
        b"C-a s    save disk data back to file (if -snapshot)\n\rC-a t    toggle console timestamps\n\r"
        b"C-a b    send break (magic sysrq)\n\rC-a c    switch between console and monitor\n\r"
        b"C-a C-a  sends C-a\n\r"
    )


def test_an_escape_split_over_two_reads_is_one() -> None:
    m = Muxed()
    m.mux.receive(b"\x01")
    m.mux.receive(b"x")
    assert m.quits == 1


def test_keys_work_while_the_guest_takes_nothing() -> None:
    m = Muxed()
    m.front.room = 0
    m.mux.receive(b"typed ahead" * 20)
    m.mux.receive(b"\x01x")
    assert m.quits == 1
    m.front.room = 1000
    m.port.accept_input()
    assert m.front.got == b"typed ahead" * 20


def test_input_arrives_in_order_a_byte_at_a_time() -> None:
    m = Muxed()
    m.front.room = 0
    m.mux.receive(b"hello")
    for _ in range(5):
        m.front.room = 1
        m.port.accept_input()
    assert m.front.got == b"hello"


def test_break_and_focus() -> None:
    m = Muxed()
    m.mux.receive(b"\x01b")
    assert m.front.breaks == 1
    second = Front()
    m.mux.port().attach(second)
    m.mux.receive(b"a\x01cb\x01cc")
    assert (bytes(second.got), bytes(m.front.got)) == (b"ac", b"b")


def test_there_are_four_places() -> None:
    m = Muxed()
    for _ in range(3):
        m.mux.port().attach(Front())
    with pytest.raises(UserError, match=r"too many uses of multiplexed chardev 'serial0' \(maximum is 4\)"):
        m.mux.port().attach(Front())


def test_time_stamps_stand_before_each_line() -> None:
    m = Muxed()
    m.mux.receive(b"\x01t")
    m.now = 3_723_004 * 1_000_000
    m.port.write(b"a\nb\n")
    assert m.base.out == b"[01:02:03.004] a\n[01:02:03.004] b\n"


def test_ports_of_a_mux_hear_of_the_peer_and_can_be_left() -> None:
    base = Base()
    mux = Mux("m", base, lambda: None)
    first, second = mux.port(), mux.port()
    fronts = Front(), Front(0)
    told: list[tuple[str, bool]] = []
    for port, front, name in zip((first, second), fronts, ("first", "second"), strict=True):
        port.attach(front)
        port.on_connection = lambda on, name=name: told.append((name, on))  # type: ignore[misc]
    base.connected = True
    base.on_connection(True)
    assert told == [("first", True), ("second", True)]
    assert first.connected
    mux.receive(b"for the second")
    second.detach()
    mux.receive(b"to the first")
    assert fronts[0].got == b"to the first"
    base.on_connection(False)
    assert told[2:] == [("first", False)]
    first.detach()
    mux.receive(b"to nobody")
    third = mux.port()
    third.attach(fronts[0])
    mux.receive(b"!")
    assert fronts[0].got == b"to the first!"


def focused(mux: Mux, names: str) -> list[str]:
    """Front ends with these names on `mux`: what they hear of the keyboard and of the base, in order."""
    told: list[str] = []
    for name in names:
        port = mux.port()
        port.on_focus = lambda gained, name=name: told.append(f"{name}{'+' if gained else '-'}")  # type: ignore[misc]
        port.on_connection = lambda on, name=name: told.append(f"{name}{'!' if on else '?'}")  # type: ignore[misc]
        port.attach(Front())
    return told


def test_the_keyboard_is_taken_before_it_is_given() -> None:
    mux = Mux("m", Base(), lambda: None)
    told = focused(mux, "abc")
    assert told == ["a+", "a-", "b+", "b-", "c+"]
    told.clear()
    mux.receive(b"\x01c\x01c")
    assert told == ["c-", "a+", "a-", "b+"]


def test_with_one_front_end_the_key_takes_and_gives_too() -> None:
    mux = Mux("m", Base(), lambda: None)
    told = focused(mux, "a")
    mux.receive(b"\x01c")
    assert told == ["a+", "a-", "a+"]


def test_keys_before_the_switch_are_for_who_had_the_keyboard_then() -> None:
    m = Muxed()
    second = Front()
    m.mux.port().attach(second)
    m.mux.receive(b"one\x01ctwo")
    assert (bytes(second.got), bytes(m.front.got)) == (b"one", b"two")


def test_front_ends_of_the_start_hear_of_the_base_when_all_are_there() -> None:
    base = Base()
    base.connected = True
    mux = Mux("m", base, lambda: None, opened=False)
    told = focused(mux, "ab")
    assert not mux.port().connected
    base.on_connection(True)  # too early
    assert told == ["a+", "a-", "b+"]
    mux.open()
    mux.open()
    assert told == ["a+", "a-", "b+", "a!", "b!"]
    assert mux.port().connected


def test_a_fifth_front_end_leaves_nothing_behind() -> None:
    mux = Mux("m", Base(), lambda: None)
    focused(mux, "abcd")
    port = mux.port()
    with pytest.raises(UserError):
        port.attach(Front())
    assert not port.used


def test_who_had_no_keyboard_leaves_unnoticed() -> None:
    mux = Mux("m", Base(), lambda: None)
    first, second = mux.port(), mux.port()
    fronts = Front(), Front()
    for port, front in zip((first, second), fronts, strict=True):
        port.attach(front)
    first.detach()
    mux.receive(b"x")
    assert fronts[1].got == b"x"


@pytest.mark.parametrize("escape", [0x14, 0x00, 0x7F])
def test_another_escape_key(escape: int) -> None:
    quits: list[int] = []
    base, front = Base(), Front()
    mux = Mux("m", base, lambda: quits.append(1), escape=escape)
    mux.port().attach(front)
    mux.receive(b"\x01x" + bytes((escape, escape, escape)) + b"x")
    assert (bytes(front.got), quits) == (b"\x01x" + bytes((escape,)), [1])
