"""Character devices that are no sockets: files, pseudo-terminals, pipes, rings; and changing them."""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from emu.chardev.base import Chardev
from emu.chardev.factory import Chardevs
from emu.chardev.registry import driver, driver_names
from emu.chardev.ringbuf import RingBuffer
from emu.chardev.spec import Spec
from emu.chardev.stdio import Terminal
from emu.errors import HostError, OptionError, UserError
from emu.loop.poll import MainLoop
from emu.loop.timers import Clocks
from tests.lib.frontend import Front, turn


@pytest.fixture
def loop() -> Iterator[MainLoop]:
    made = MainLoop(Clocks(lambda: 0))
    yield made
    made.close()


@pytest.fixture
def devices(loop: MainLoop) -> Iterator[Chardevs]:
    made = Chardevs(loop, lambda: None, lambda text: None)
    yield made
    made.close()


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
    turn(loop, lambda: port.stream is None)  # type: ignore[attr-defined]


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


def test_a_ring_keeps_the_last_bytes(devices: Chardevs) -> None:
    devices.make(Spec("ringbuf", size=8), "r")
    ring = devices.find("r")
    assert isinstance(ring, RingBuffer)
    assert ring.write(b"0123456789ab") == 12
    assert (ring.read(3), ring.read(99), ring.read(1)) == (b"456", b"789ab", b"")


@pytest.mark.parametrize("size", [-2, 3, 6, 65535])
def test_a_rings_size_is_a_power_of_two(devices: Chardevs, size: int) -> None:
    with pytest.raises(UserError, match="size of ringbuf chardev must be power of two"):
        devices.make(Spec("ringbuf", size=size), "r")
    assert devices.find("r") is None


def test_pipes_in_both_directions(devices: Chardevs, loop: MainLoop, tmp_path: Path) -> None:
    for end in ("in", "out"):
        os.mkfifo(tmp_path / f"p.{end}")
    device, front = devices.make(Spec("pipe", path=str(tmp_path / "p")), "p"), Front()
    device.attach(front)
    for _ in range(2):  # who writes may leave and come back
        with (tmp_path / "p.in").open("wb") as peer:
            peer.write(b"hello")
        turn(loop, lambda: front.got == b"hello")
        front.got.clear()
    reader = os.open(tmp_path / "p.out", os.O_RDONLY | os.O_NONBLOCK)
    device.write(b"back")
    loop.wait(nonblocking=True)
    assert os.read(reader, 99) == b"back"
    os.close(reader)
    with pytest.raises(HostError, match=r"Could not open '.*/q': No such file or directory"):
        devices.make(Spec("pipe", path=str(tmp_path / "q")), "q")


def test_a_line_of_the_host_is_raw_and_eight_bits(devices: Chardevs, loop: MainLoop) -> None:
    master, slave = os.openpty()
    device, front = devices.make(Spec("serial", path=os.ttyname(slave)), "s"), Front()
    device.attach(front)
    flags = termios.tcgetattr(slave)
    assert not flags[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    assert flags[4] == flags[5] == termios.B115200
    os.write(master, b"\x03in\xff")
    turn(loop, lambda: front.got == b"\x03in\xff")
    device.write(b"out\n")
    device.set_break(True)
    loop.wait(nonblocking=True)
    assert os.read(master, 99) == b"out\n"
    os.close(master)
    os.close(slave)


def test_a_link_to_a_pty_is_removed_with_it(
    devices: Chardevs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "tty"
    devices.make(Spec("pty", path=str(link)), "p")
    assert os.readlink(link) == capsys.readouterr().out.split()[4]
    with pytest.raises(HostError, match="Failed to create PTY symlink: File exists"):
        devices.make(Spec("pty", path=str(link)), "q")
    assert devices.find("q") is None
    devices.remove("p")
    assert not link.is_symlink()


@pytest.mark.parametrize("append", [False, True])
def test_a_log_has_what_was_written(devices: Chardevs, tmp_path: Path, append: bool) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"old ")
    device = devices.make(Spec("null", log=str(log), log_append=append), "n")
    device.write(b"new")
    devices.remove("n")
    assert log.read_bytes() == (b"old new" if append else b"new")
    with pytest.raises(HostError, match="Could not create '/nonexistent/x': No such file or directory"):
        devices.make(Spec("null", log="/nonexistent/x"), "m")
    assert devices.find("m") is None


def test_the_log_of_a_mux_is_that_of_its_base(devices: Chardevs, tmp_path: Path) -> None:
    devices.make(Spec("null", mux=True, log=str(tmp_path / "log")), "m")
    port = devices.port("m")
    assert port is not None
    port.write(b"x")
    assert (tmp_path / "log").read_bytes() == b"x"


def test_a_front_end_stays_when_its_back_end_changes(
    devices: Chardevs, loop: MainLoop, tmp_path: Path
) -> None:
    device, front = devices.make(Spec("file", path=str(tmp_path / "f")), "c"), Front()
    device.attach(front)
    told: list[bool] = []
    device.on_connection = told.append
    device.write(b"before")
    devices.change("c", Spec("null"))
    assert (tmp_path / "f").read_bytes() == b"before"
    now = devices.find("c")
    assert isinstance(now, Chardev)
    assert now.frontend is front
    assert front.backend is now
    assert told == [False]
    devices.change("c", Spec("file", path=str(tmp_path / "g")))
    assert told == [False, True]
    for label, spec, text in (
        ("c", Spec("file", path="/nonexistent/x"), "Could not open"),
        ("c", Spec("null", mux=True), "Mux device hotswap not supported yet"),
        ("d", Spec("null"), "Chardev 'd' does not exist"),
    ):
        with pytest.raises(UserError, match=text):
            devices.change(label, spec)
    with pytest.raises(UserError, match="Chardev 'c' is busy"):
        devices.remove("c")


def test_muxes_come_and_go_and_what_is_behind_them_stays(devices: Chardevs) -> None:
    devices.make(Spec("null", mux=True), "m")
    assert [one.label for one in devices.all()] == ["m-base", "m"]
    devices.make(Spec("null"), "n")
    devices.make(Spec("mux", chardev="n"), "on-n")
    with pytest.raises(UserError, match="mux: base chardev x not found"):
        devices.make(Spec("mux", chardev="x"), "y")
    port, front = devices.port("m"), Front()
    assert port is not None
    port.attach(front)
    with pytest.raises(UserError, match="Chardev 'm' is busy"):
        devices.remove("m")
    port.detach()
    devices.remove("m")
    devices.remove("on-n")
    assert [one.label for one in devices.all()] == ["m-base", "n"]
    devices.remove("m-base")
    with pytest.raises(UserError, match="Chardev 'm' not found"):
        devices.remove("m")


def test_a_break_from_a_monitor(devices: Chardevs) -> None:
    front = Front()
    devices.make(Spec("null"), "n").attach(front)
    found = devices.find("n")
    assert found is not None
    found.send_break()
    assert front.breaks == 1


def test_every_driver_is_in_a_file_of_its_name() -> None:
    assert driver_names() == [
        "file", "memory", "mux", "null", "pipe", "pty", "ringbuf", "serial", "socket", "stdio", "udp",
    ]  # fmt: skip
    for name in ("base", "factory", "stream", "nothing", "../x", "spec"):
        assert driver(name) is None
