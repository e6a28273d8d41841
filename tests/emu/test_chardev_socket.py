"""Sockets as character devices: servers and clients, telnet, datagrams, what query-chardev says of them."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from emu.chardev.address import Address
from emu.chardev.socket import SocketChardev
from emu.chardev.telnet import Telnet
from emu.chardev.udp import Udp
from emu.errors import HostError, UserError
from emu.loop.poll import MainLoop
from emu.loop.timers import Clocks
from tests.lib.frontend import PATIENCE_S, Front, turn


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


def accepted(loop: MainLoop, listener: socket.socket, device: SocketChardev) -> socket.socket:
    """The device's connection to `listener`, when both sides know of it."""
    turn(loop, lambda: device.connected)
    peer, _ = listener.accept()
    peer.settimeout(PATIENCE_S)
    return peer


def test_a_client_tries_again_until_somebody_is_there_and_again_when_he_left(loop: MainLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = Address(host="127.0.0.1", port=str(port))
    said: list[str] = []
    device = SocketChardev("c", loop, address, server=False, reconnect_ms=20, say=said.append)
    front = Front()
    device.attach(front)
    assert device.filename == f"disconnected:tcp:127.0.0.1:{port}"
    turn(loop, lambda: bool(said))
    why = f"Failed to connect to '127.0.0.1:{port}': Connection refused"
    assert said == [f"Unable to connect character device c: {why}"]
    with socket.create_server(("127.0.0.1", port)) as listener:
        for word in (b"one", b"two"):
            with accepted(loop, listener, device) as peer:
                here, there = (f"127.0.0.1:{at[1]}" for at in (peer.getpeername(), peer.getsockname()))
                assert device.filename == f"tcp:{here} <-> {there}"
                peer.sendall(word)
                turn(loop, lambda w=word: front.got.endswith(w))  # type: ignore[misc]
            turn(loop, lambda: not device.connected)
    device.close()


def test_without_reconnect_a_client_that_cannot_is_an_error(loop: MainLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(HostError, match=f"Failed to connect to '127.0.0.1:{port}': Connection refused"):
        SocketChardev("c", loop, Address(host="127.0.0.1", port=str(port)), server=False)


def test_a_server_says_where_it_is(loop: MainLoop) -> None:
    address = Address(host="localhost", port="0", ipv4=True)
    device = SocketChardev("t", loop, address, server=True, nodelay=True)
    m = re.fullmatch(r"disconnected:tcp:127\.0\.0\.1:(\d+),server=on", device.filename)
    assert m is not None
    with socket.create_connection(("127.0.0.1", int(m[1]))) as peer:
        turn(loop, lambda: device.connected)
        here = f"127.0.0.1:{peer.getsockname()[1]}"
        assert device.filename == f"tcp:127.0.0.1:{m[1]},server=on <-> {here}"
        with pytest.raises(HostError, match="Failed to find an available port: Address already in use"):
            SocketChardev("u", loop, Address(host="127.0.0.1", port=m[1]), server=True)
        other = SocketChardev("u", loop, Address(host="127.0.0.1", port=m[1], to=int(m[1]) + 50), server=True)
        other.close()
    device.close()


@pytest.mark.parametrize("tight", [True, False])
def test_a_name_in_no_file_system(loop: MainLoop, tmp_path: Path, tight: bool) -> None:
    name = str(tmp_path)
    device = SocketChardev("a", loop, Address(name, abstract=True, tight=tight), server=True)
    more = ",tight=on" if tight else ""
    assert device.filename == f"disconnected:unix:{name},abstract=on{more},server=on"
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(("\0" + name) if tight else ("\0" + name).ljust(108, "\0"))
        turn(loop, lambda: device.connected)
    device.close()
    assert not list(tmp_path.iterdir())


def test_a_path_that_is_too_long(loop: MainLoop) -> None:
    with pytest.raises(HostError, match=r"UNIX socket path 'x+' is too long") as error:
        SocketChardev("s", loop, Address("x" * 120), server=True)
    assert error.value.hint == "Path must be less than 108 bytes"


def test_a_socket_that_we_were_started_with(loop: MainLoop) -> None:
    ours, theirs = socket.socketpair()
    front = Front()
    device = SocketChardev("f", loop, Address(fd=str(ours.detach())), server=False)
    device.attach(front)
    theirs.sendall(b"x")
    turn(loop, lambda: front.got == b"x")
    theirs.close()
    device.close()
    with pytest.raises(UserError, match="File descriptor '2' is not a socket"):
        SocketChardev("f", loop, Address(fd="2"), server=False)


def test_telnet_negotiates_and_its_commands_are_no_input(loop: MainLoop, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    device, front = SocketChardev("t", loop, Address(path), server=True, telnet=True), Front()
    device.attach(front)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        turn(loop, lambda: device.connected)
        loop.wait(nonblocking=True)
        assert peer.recv(99) == b"\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00"
        peer.sendall(b"a\xff\xfd\x01b\xff\xf3c\xff\xffd")
        turn(loop, lambda: front.got == b"abc\xffd")
        assert front.breaks == 1
    device.close()


@pytest.mark.parametrize(("data", "out", "breaks"), [
    (b"plain", b"plain", 0),
    (b"\xff\xfb\x01", b"", 0),
    (b"\xff\xf1x", b"x", 0),
    (b"\xff\xf3\xff\xf3", b"", 2),
    (b"\xff\xff", b"\xff", 0),
    (b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0x", b"x", 0),
    (b"a\xff", b"a", 0),
])  # fmt: skip
@pytest.mark.parametrize("size", [1, 2, 99])
def test_telnet_commands_in_any_pieces(data: bytes, out: bytes, breaks: int, size: int) -> None:
    telnet, got, count = Telnet(), b"", 0
    for at in range(0, len(data), size):
        part, more = telnet.strip(data[at : at + size])
        got, count = got + part, count + more
    assert (got, count) == (out, breaks)


def test_datagrams_both_ways_one_kept_while_nobody_takes_it(loop: MainLoop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(PATIENCE_S)
        device, front = Udp("u", loop, ("127.0.0.1", str(peer.getsockname()[1])), ("127.0.0.1", "")), Front(0)
        device.attach(front)
        assert device.write(b"one") == 3
        data, where = peer.recvfrom(99)
        assert data == b"one"
        front.room = 2
        device.accept_input()
        peer.sendto(b"hello", where)
        turn(loop, lambda: front.got == b"he")
        front.room = 99
        device.accept_input()
        assert front.got == b"hello"
        device.watch_writable()
        turn(loop, lambda: front.writable == 1)
        device.close()


def test_a_datagram_that_is_refused_is_no_error(loop: MainLoop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = str(gone.getsockname()[1])
    device, front = Udp("u", loop, ("127.0.0.1", port), None), Front()
    device.attach(front)
    for _ in range(3):
        assert device.write(b"x") == 1
        loop.wait(nonblocking=True)
    device.close()
    for remote, local in ((("127.0.0.1", "x"), None), (("127.0.0.1", "1"), ("", "x"))):
        with pytest.raises(HostError, match="Servname not supported for ai_socktype"):
            Udp("u", loop, remote, local)
