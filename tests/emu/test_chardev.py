"""Character devices: the mux's keys, streams under back-pressure, sockets, files, pseudo-terminals."""

from __future__ import annotations

import os
import socket
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emu.chardev.base import Chardev
from emu.chardev.factory import Chardevs
from emu.chardev.mux import TERMINATED, Mux, help_text
from emu.chardev.socket import Address, SocketChardev
from emu.chardev.spec import Spec, from_opts, parse_short
from emu.chardev.stdio import Terminal
from emu.chardev.stream import MOST_GATHERED, Stream, own_descriptor
from emu.errors import HostError, OptionError, UserError
from emu.loop.poll import MainLoop
from emu.loop.timers import MS, Clocks, Timer
from emu.options import groups
from emu.options.option_groups import OptionGroups

PATIENCE_S = 20


class Front:
    """A front end that takes `room` bytes."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.room = room
        self.got = bytearray()
        self.breaks = 0
        self.writable = 0

    def can_receive(self) -> int:
        return self.room

    def receive(self, data: bytes) -> None:
        assert len(data) <= self.room
        self.got += data
        self.room -= len(data)

    def receive_break(self) -> None:
        self.breaks += 1

    def backend_writable(self) -> None:
        self.writable += 1


class Base(Chardev):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__("base")
        self.out = bytearray()

    def write(self, data: bytes) -> int:
        self.out += data
        return len(data)


@pytest.fixture
def loop() -> Iterator[MainLoop]:
    made = MainLoop(Clocks(lambda: 0))
    yield made
    made.close()


def turn(loop: MainLoop, done: Callable[[], bool]) -> None:
    """Turns of the loop until `done`; it may depend on something that no descriptor of the loop tells."""
    look_again = Timer(loop.clocks.realtime, lambda: None, MS)
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, "it did not happen"
        look_again.mod(loop.clocks.realtime.now_ns() // MS + 10)
        loop.wait()
    look_again.cancel()


# -- mux


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


# -- streams


class Piped:
    """A stream with a pipe in each direction."""

    def __init__(self, loop: MainLoop, room: int = 1 << 20) -> None:
        self.front = Front(room)
        self.ended = 0
        in_fd, self.to = os.pipe()
        self.out, out_fd = os.pipe()
        os.set_blocking(in_fd, False)
        os.set_blocking(out_fd, False)
        os.set_blocking(self.out, False)
        self.stream = Stream(
            loop, in_fd, out_fd, self.front.can_receive, self.front.receive, self.front.backend_writable,
            self.end,
        )  # fmt: skip

    def end(self) -> None:
        self.ended += 1

    def read(self) -> bytes:
        try:
            return os.read(self.out, 1 << 20)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.stream.close()
        os.close(self.to)
        os.close(self.out)


@pytest.fixture
def piped(loop: MainLoop) -> Iterator[Piped]:
    made = Piped(loop)
    yield made
    made.close()


def test_output_is_gathered_and_written_at_the_end_of_the_turn(loop: MainLoop, piped: Piped) -> None:
    for byte in b"hello":
        assert piped.stream.write(bytes([byte])) == 1
    assert piped.read() == b""
    loop.wait(nonblocking=True)
    assert piped.read() == b"hello"


def test_a_reader_that_stalls_refuses_the_writer_and_nothing_is_lost(loop: MainLoop, piped: Piped) -> None:
    sent = received = 0
    while (taken := piped.stream.write(bytes(5000))) > 0:
        sent += taken
        loop.wait(nonblocking=True)
    assert sent >= MOST_GATHERED
    piped.stream.watch_writable()
    loop.wait(nonblocking=True)
    assert piped.front.writable == 0

    def all_read() -> bool:
        nonlocal received
        received += len(piped.read())
        return received == sent

    turn(loop, all_read)
    assert piped.front.writable == 1


def test_input_is_read_only_as_far_as_it_is_wanted(loop: MainLoop, piped: Piped) -> None:
    piped.front.room = 3
    os.write(piped.to, b"abcdef")
    turn(loop, lambda: len(piped.front.got) == 3)
    loop.wait(nonblocking=True)
    assert piped.front.got == b"abc"
    piped.front.room = 100
    piped.stream.accept_input()
    turn(loop, lambda: piped.front.got == b"abcdef")


def test_the_end_of_input_leaves_output_open(loop: MainLoop, piped: Piped) -> None:
    os.close(piped.to)
    turn(loop, lambda: piped.ended == 1)
    piped.to = os.open(os.devnull, os.O_RDONLY)
    piped.stream.write(b"x")
    loop.wait(nonblocking=True)
    assert piped.read() == b"x"


def test_a_reader_that_left_takes_everything_for_nowhere(loop: MainLoop, piped: Piped) -> None:
    os.close(piped.out)
    piped.stream.write(b"x")
    turn(loop, lambda: piped.ended == 1)
    piped.out = os.open(os.devnull, os.O_RDONLY)
    assert piped.stream.write(bytes(1 << 20)) == 1 << 20
    piped.stream.watch_writable()
    assert piped.front.writable == 1


def test_last_words_are_written_at_close(loop: MainLoop) -> None:
    piped = Piped(loop)
    piped.stream.write(b"last words")
    piped.close_out = os.dup(piped.out)  # type: ignore[attr-defined]
    piped.close()
    assert os.read(piped.close_out, 99) == b"last words"  # type: ignore[attr-defined]
    os.close(piped.close_out)  # type: ignore[attr-defined]


def test_a_file_and_dev_null_can_be_input(loop: MainLoop, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"from a file")
    for path, wanted in ((str(tmp_path / "in"), b"from a file"), (os.devnull, b"")):
        front, ends = Front(4), []
        fd = os.open(path, os.O_RDONLY)
        stream = Stream(
            loop, fd, -1, front.can_receive, front.receive, lambda: None, lambda ends=ends: ends.append(1)
        )  # type: ignore[misc]
        turn(loop, lambda f=front, w=wanted: bytes(f.got) == w[:4])  # type: ignore[misc]
        front.room = 100
        stream.accept_input()
        turn(loop, lambda e=ends: len(e) == 1)  # type: ignore[misc]
        assert front.got == wanted
        stream.close()


def test_flags_of_a_shared_pipe_are_left_alone() -> None:
    read, write = os.pipe()
    own = own_descriptor(write, os.O_WRONLY)
    assert (os.get_blocking(own), os.get_blocking(write)) == (False, True)
    for fd in (read, write, own):
        os.close(fd)


# -- devices


@pytest.fixture
def devices(loop: MainLoop) -> Iterator[Chardevs]:
    made = Chardevs(loop, lambda: None, lambda text: None)
    yield made
    made.close()


def test_socket_server_serves_one_after_the_other(loop: MainLoop, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    server = SocketChardev("s", loop, Address(path), server=True)
    front = Front()
    server.attach(front)
    assert server.filename == f"disconnected:unix:{path},server=on"
    assert server.write(b"to nobody") == 9
    for word in (b"one", b"two"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            turn(loop, lambda: not server.filename.startswith("disconnected"))
            client.sendall(word)
            turn(loop, lambda w=word: front.got.endswith(w))  # type: ignore[misc]
            server.write(word)
            loop.wait(nonblocking=True)
            assert client.recv(99) == word
        turn(loop, lambda: server.filename.startswith("disconnected"))
    server.close()
    assert not os.path.exists(path)


def test_a_ghost_of_a_socket_is_replaced_and_a_live_one_is_not(loop: MainLoop, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    server = SocketChardev("s", loop, Address(path), server=True)
    with pytest.raises(HostError, match=f"Failed to bind socket to {path}: Address already in use"):
        SocketChardev("t", loop, Address(path), server=True)
    server.close()


def test_client_errors_are_qemus(loop: MainLoop, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"Failed to connect to '.*/none': No such file or directory"):
        SocketChardev("s", loop, Address(str(tmp_path / "none")), server=False)


def test_file_device_and_its_error(devices: Chardevs, loop: MainLoop, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old")
    devices.make(Spec("file", path=str(path)), "f")
    port = devices.port("f")
    assert port is not None
    port.write(b"new")
    loop.wait(nonblocking=True)
    assert path.read_bytes() == b"new"
    with pytest.raises(HostError, match="Could not open '/nonexist/x': No such file or directory"):
        devices.make(Spec("file", path="/nonexist/x"), "g")
    with pytest.raises(OptionError, match="already exists"):
        devices.make(Spec("null"), "f")


def test_pty_talks_to_who_opens_it(
    devices: Chardevs, loop: MainLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    devices.make(Spec("pty"), "p")
    path = capsys.readouterr().out.split()[4]
    port, front = devices.port("p"), Front()
    assert port is not None
    port.attach(front)
    assert port.write(b"to nobody") == 9
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    port._look()  # type: ignore[attr-defined]  # the timer's second is not waited for
    os.write(fd, b"hi")
    turn(loop, lambda: front.got == b"hi")
    port.write(b"there")
    loop.wait(nonblocking=True)
    assert os.read(fd, 99) == b"there"
    os.close(fd)
    turn(loop, lambda: port._stream is None)  # type: ignore[attr-defined]


def test_a_socket_tells_when_a_peer_comes_and_goes(loop: MainLoop, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    device = SocketChardev("s", loop, Address(path), server=True)
    told: list[bool] = []
    device.on_connection = told.append
    assert not device.connected
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            turn(loop, lambda: told == [True])
            assert device.connected
            device.attach(Front())
        turn(loop, lambda: told == [True, False])
        assert not device.connected
        device.detach()
        device.on_connection = told.append
        told.clear()
    device.close()


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


def test_a_device_has_one_front_end() -> None:
    device = Chardev("x")
    device.attach(Front())
    with pytest.raises(UserError, match="chardev 'x' is already in use"):
        device.attach(Front())


def test_terminal_is_raw_and_then_as_it_was() -> None:
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    terminal = Terminal(slave, signals=False)
    terminal.raw()  # not our controlling terminal: left alone
    assert termios.tcgetattr(slave) == before
    terminal.restore()
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


# -- what the command line says


@pytest.mark.parametrize(("text", "spec"), [
    ("null", Spec("null")),
    ("stdio", Spec("stdio")),
    ("pty", Spec("pty")),
    ("mon:stdio", Spec("stdio", mux=True, signals=False)),
    ("mon:pty", Spec("pty", mux=True)),
    ("file:/a,b", Spec("file", path="/a,b")),
    ("unix:/s", Spec("socket", path="/s")),
    ("unix:/s,server=on,wait=off", Spec("socket", path="/s", server=True, wait=False)),
    ("unix:/s,server,nowait", Spec("socket", path="/s", server=True, wait=False)),
    ("mon:unix:/s,server=on", Spec("socket", path="/s", server=True, mux=True)),
    ("tcp:localhost:5,server=on", Spec("socket", host="localhost", port="5", server=True)),
])  # fmt: skip
def test_short_forms(text: str, spec: Spec) -> None:
    assert parse_short(text) == spec


@pytest.mark.parametrize(("text", "message"), [
    ("foo,id=x", "'foo' is not a valid char driver name"),
    ("ringbuf,id=x", "'ringbuf' is not a valid char driver name"),  # as where it is not built in
    ("file,id=a", "chardev: file: no filename given"),
    ("socket,id=a", "Unable to parse FD number "),
    ("socket,id=a,path=/x,host=y", "None or one of 'path', 'fd' or 'host' option required."),
    ("socket,id=a,host=h", "chardev: socket: no port given"),
    ("socket,id=a,path=p,wait=on", "'wait' option is incompatible with socket in client connect mode"),
    ("socket,id=a,path=p,telnet=on", "chardev: socket: 'telnet' is not supported in this build"),
    ("null,foo=1", "Invalid parameter 'foo'"),
])  # fmt: skip
def test_chardev_errors(text: str, message: str) -> None:
    with pytest.raises(OptionError) as error:
        from_opts(OptionGroups(lambda line: None).parse(groups.CHARDEV, text, permit_abbrev=True))
    assert error.value.text == message
