"""virtconsole and virtserialport under Debian's kernel: hvc0 both ways, a channel under back-pressure."""

from __future__ import annotations

import hashlib
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
    for listener in made.values():
        listener.close()


def linux(folder: Path, harts: int, *more: str) -> Emu:
    """Debian with a shell on the serial port, a console and a channel on virtio-serial."""
    return Emu(
        "-M", "virt", "-smp", str(harts), "-m", "512M", "-nographic",
        "-kernel", need("linux"), "-initrd", need("initrd-modules"), "-append", "console=ttyS0 test=shell",
        "-chardev", f"socket,id=c,path={folder / 'console'}", "-chardev", f"socket,id=d,path={folder / 'channel'}",
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
def test_linux_uses_consoles_and_channels(
    harts: int, modern: bool, tmp_path: Path, listeners: dict[str, socket.socket]
) -> None:
    """hvc0 echoes lines both ways; 3 MB through the channel and back arrive whole and in order."""
    with linux(tmp_path, harts, *(MODERN if modern else ())) as vm:
        console, _ = listeners["console"].accept()
        channel, _ = listeners["channel"].accept()
        with console, channel:
            console.settimeout(SOON_S)
            channel.settimeout(SOON_S)
            vm.expect(rb"SHELL on ttyS0", BOOT_S)
            vm.send(b"cat /sys/class/virtio-ports/vport0p1/name\n")
            vm.expect(rb"\norg\.example\.0", SOON_S)
            # the guest's shell reads lines from hvc0 and answers there
            vm.send(b"stty -F /dev/hvc0 raw -echo; while read -r l; do echo \"<$l>\"; done </dev/hvc0 >/dev/hvc0 &\n")
            for n in range(20):
                line = b"line %d " % n + b"x" * (n * 13)
                console.sendall(line + b"\n")
                assert receive(console, len(line) + 3) == b"<" + line + b">\n"
            # a channel: what we send comes back, while we read late
            size = 3 << 20
            data = random.Random(harts).randbytes(size)
            vm.send(b"(head -c %d /dev/vport0p1 >/tmp/in; cat /tmp/in >/dev/vport0p1; md5sum /tmp/in) &\n" % size)
            sender = threading.Thread(target=channel.sendall, args=(data,))
            sender.start()
            sender.join(SOON_S)
            assert not sender.is_alive()
            assert receive(channel, size) == data
            vm.expect(hashlib.md5(data).hexdigest().encode(), SOON_S)
            vm.send(b"grep -c virtio0 /proc/interrupts; poweroff -f\n")
            assert vm.wait(SOON_S) == 0
            no_complaint(vm.console)


@pytest.mark.timeout(600)
def test_the_kernels_own_console_is_hvc0(tmp_path: Path, listeners: dict[str, socket.socket]) -> None:
    """Kernel messages after the driver is there, and a shell, on hvc0 alone; and again after a reboot."""
    with linux(tmp_path, 2, "-append", "console=ttyS0 console=hvc0 test=shell") as vm:
        console, _ = listeners["console"].accept()
        channel, _ = listeners["channel"].accept()
        with console, channel:
            console.settimeout(BOOT_S)
            for _life in range(2):
                vm.expect(rb"GUEST-READY", BOOT_S)
                vm.expect(rb"SHELL on", BOOT_S)
                vm.send(b"echo kernel says >/dev/kmsg\n")
                seen = b""
                while b"kernel says" not in seen:
                    seen += console.recv(65536)
                vm.send(b"reboot -f\n")
            vm.expect(rb"GUEST-READY", BOOT_S)
            vm.send(b"poweroff -f\n")
            assert vm.wait(SOON_S) == 0
