"""Sockets as character devices: servers and clients, telnet, datagrams, what query-chardev says of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from emu.chardev.address import Address
from emu.chardev.socket import SocketChardev
from emu.errors import HostError
from emu.loop.poll import MainLoop
from emu.loop.timers import Clocks
from tests.lib.frontend import Front, turn


@pytest.fixture
def loop() -> Iterator[MainLoop]:
    made = MainLoop(Clocks(lambda: 0))
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
