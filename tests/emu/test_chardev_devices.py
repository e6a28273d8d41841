"""Character devices that are no sockets: files, pseudo-terminals, pipes, rings; and changing them."""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from emu.chardev.base import Chardev
from emu.chardev.factory import Chardevs
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
