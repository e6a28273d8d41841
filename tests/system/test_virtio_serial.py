"""virtconsole and virtserialport under Debian's kernel: hvc0 both ways, a channel under back-pressure."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib.guests import need
from tests.lib.vm import Emu
from tests.system.test_linux import no_complaint

BOOT_S, SOON_S = 240, 60
SIZE = 1 << 20  # many times what rings and sockets hold
MODERN = ("-global", "virtio-mmio.force-legacy=false")


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[dict[str, socket.socket]]:
    """Sockets that the emulator connects to: of a console and of a channel."""
    made = {}
    for name in ("console", "channel"):
        made[name] = socket.socket(socket.AF_UNIX)
        made[name].bind(str(tmp_path / name))
        made[name].listen(1)
        made[name].settimeout(BOOT_S)
    yield made
    for name, listener in made.items():
        listener.close()
        (tmp_path / name).unlink()


def linux(folder: Path, harts: int, *more: str) -> Emu:
    """Debian with a shell on the serial port, a console and a channel on virtio-serial."""
    return Emu(
        "-M", "virt", "-smp", str(harts), "-m", "512M", "-nographic",
        "-kernel", need("linux"), "-initrd", need("initrd-modules"), "-append", "console=ttyS0 test=shell",
        "-chardev", f"socket,id=c,path={folder / 'console'}",
        "-chardev", f"socket,id=d,path={folder / 'channel'}",
        "-device", "virtio-serial-device", "-device", "virtconsole,chardev=c",
        "-device", "virtserialport,chardev=d,name=org.example.0", *more,
    )  # fmt: skip


def receive(peer: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes."""
    got = b""
    while len(got) < size:
        part = peer.recv(65536)
        assert part, f"the other side closed after {len(got)} bytes"
        got += part
    return got


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("harts", "modern"), [(1, False), (4, True)])
def test_linux_uses_console_and_channel(
    harts: int, modern: bool, tmp_path: Path, listeners: dict[str, socket.socket]
) -> None:
    """hvc0 carries lines both ways; what goes through the channel and back is whole and in order."""
    with linux(tmp_path, harts, *(MODERN if modern else ())) as vm:
        console, _ = listeners["console"].accept()
        channel, _ = listeners["channel"].accept()
        with console, channel:
            console.settimeout(SOON_S)
            channel.settimeout(SOON_S)
            vm.expect(rb"SHELL on ttyS0", BOOT_S)
            vm.send(b"cat /sys/class/virtio-ports/vport*p1/name\n")
            vm.expect(rb"\norg\.example\.0", SOON_S)
            vm.send(b"echo to the host >/dev/hvc0\n")
            assert receive(console, 13) == b"to the host\r\n"
            vm.send(b"exec 5</dev/hvc0; echo OP''EN\n")  # the kernel drops what comes for a closed terminal
            vm.expect(rb"\nOPEN", SOON_S)
            for n in range(5):
                vm.send(b"head -n 1 <&5\n")
                console.sendall(b"line %d from the host\n" % n)
                vm.expect(rb"\nline %d from the host\r" % n, SOON_S)
            data = random.Random(harts).randbytes(SIZE)
            vm.send(b"P=/dev/$(basename /sys/class/virtio-ports/vport*p1)\n")
            vm.send(b"head -c %d $P >/tmp/in; cat /tmp/in >$P; echo SENT BACK\n" % SIZE)
            sender = threading.Thread(target=channel.sendall, args=(data,))
            sender.start()
            assert receive(channel, SIZE) == data
            sender.join(SOON_S)
            assert not sender.is_alive()
            vm.expect(rb"\nSENT BACK", SOON_S)
            vm.send(b"poweroff -f\n")
            assert vm.wait(SOON_S) == 0
            no_complaint(vm.console)
