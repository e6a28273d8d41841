"""Where a serial port's bytes may go: sockets that come and go, files, nowhere, and a pipe without a reader.

The guest must not notice who listens: output that nobody takes is lost, as on a line without a terminal;
a reader that is there and sleeps holds the guest's output back, and nothing else.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib.guests import need
from tests.lib.processes import ROOT
from tests.lib.vm import Emu

BOOT_S = 120  # a loaded host of two cores; a quiet one needs a hundredth
SOON_S = 30
MACHINE = ("-M", "virt", "-display", "none")
PIPE = 65536  # bytes that Linux keeps in one
LAST_LINE = b"4 harts, all checks passed"


class Client:
    """Somebody at the other end of a unix socket."""

    def __init__(self, path: str) -> None:
        self.seen = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(SOON_S)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def expect(self, pattern: bytes) -> None:
        """Read until the pattern has come."""
        while not (found := re.search(pattern, self.seen)):
            data = self.socket.recv(65536)
            assert data, f"{pattern!r} did not come before the end: {self.seen!r}"
            self.seen += data
        self.seen = self.seen[found.end() :]

    def command(self, line: bytes, answer: bytes) -> None:
        """A command of U-Boot's."""
        self.socket.sendall(line + b"\n")
        self.expect(answer)
        self.expect(rb"=> $")


@pytest.fixture
def path() -> Iterator[str]:
    """A socket's path; short, for the kernel takes 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="emu") as folder:
        yield f"{folder}/s"


def demo(*serial: str) -> Emu:
    """The embedded guest, which needs nobody."""
    return Emu(*MACHINE, "-smp", "4", "-kernel", need("smp"), *serial)


def u_boot(path: str, *more: str) -> Emu:
    """U-Boot, its port on a socket."""
    return Emu(*MACHINE, "-bios", need("u-boot"), "-serial", f"unix:{path},server=on{''.join(more)}")


def first_client(vm: Emu, path: str) -> Client:
    """Connected as soon as the socket is there, and at U-Boot's prompt."""
    end = time.monotonic() + BOOT_S
    while True:
        try:
            client = Client(path)
            break
        except (FileNotFoundError, ConnectionRefusedError):  # not there yet, or still the ghost of another
            assert vm.process.poll() is None, vm.tail()
            assert time.monotonic() < end
            time.sleep(0.01)  # a socket that appears tells nobody but those who look
    client.socket.settimeout(BOOT_S)
    client.socket.sendall(b"\n")
    client.expect(rb"=> $")
    client.command(b"echo 1 $? 1", rb"1 [01] 1\r")
    client.socket.settimeout(SOON_S)
    return client


def finish(vm: Emu, status: int = 0) -> None:
    """The machine ends by a signal."""
    vm.process.send_signal(signal.SIGTERM)
    assert vm.wait(SOON_S) == status
    assert b"Traceback" not in vm.errors


def test_a_socket_without_a_client_holds_nobody_up(path: str) -> None:
    with demo("-serial", f"unix:{path},server=on,wait=off") as vm:
        assert vm.wait(BOOT_S) == 0
        assert vm.console == vm.errors == b""
        assert not os.path.exists(path)


def test_clients_of_a_socket_come_and_go(path: str) -> None:
    with u_boot(path, ",wait=off") as vm:
        with first_client(vm, path):
            pass
        for n in range(3):
            with Client(path) as client:
                client.command(b"echo %d $? %d" % (n, n), rb"%d [01] %d\r" % (n, n))
        with Client(path) as first, Client(path) as second:
            first.command(b"echo a $?", rb"a [01]\r")
            second.socket.sendall(b"echo b $?\n")  # its turn has not come
            first.command(b"echo c $?", rb"c [01]\r")
            assert not select.select([second.socket], [], [], 0)[0]
            first.socket.close()
            second.expect(rb"b [01]\r")
        finish(vm)
        assert not os.path.exists(path)


def test_a_client_that_does_not_read_holds_the_output_until_it_leaves(path: str) -> None:
    with u_boot(path, ",wait=off") as vm:
        with first_client(vm, path) as sleeper:
            # 2.6 MB of text: more than any socket's buffers
            sleeper.socket.sendall(b"md 80000000 20000; echo over $?\n")
            sleeper.expect(rb"80000100: ")
        with Client(path) as client:  # the rest of it went nowhere, or comes here
            client.socket.sendall(b"\x03\n")
            client.expect(rb"=> $")
            client.command(b"echo 1 $? 2", rb"1 [01] 2\r")
        finish(vm)


def test_a_sleeping_reader_of_standard_output_does_not_keep_the_emulator_from_ending() -> None:
    with Emu(*MACHINE, "-bios", need("u-boot"), "-serial", "stdio") as vm:
        vm.expect(rb"stop autoboot", BOOT_S)
        vm.send(b" ")
        vm.expect(rb"=> $", BOOT_S)
        vm.send(b"md 80000000 20000; echo over $?\n")
        vm.expect(rb"80000100: ", BOOT_S)
        assert vm.process.stdout is not None
        end = time.monotonic() + BOOT_S
        while struct.unpack("i", fcntl.ioctl(vm.process.stdout, termios.FIONREAD, bytes(4)))[0] < PIPE - 4096:
            assert time.monotonic() < end
            time.sleep(0.01)  # a pipe that is full tells its writers alone
        vm.process.send_signal(signal.SIGTERM)
        assert vm.process.wait(SOON_S) == 0  # nobody reads meanwhile
        assert vm.wait(SOON_S) == 0
        assert not re.search(rb"over [01]", vm.console)


def test_a_server_may_wait_for_its_first_client(path: str) -> None:
    with u_boot(path) as vm:
        waits = f"info: QEMU waiting for connection on: disconnected:unix:{path},server=on\n"
        vm.expect_error(waits.encode(), BOOT_S)
        with Client(path) as client:
            client.socket.settimeout(BOOT_S)
            client.expect(rb"U-Boot \d")  # from the first byte on
        finish(vm)


def test_a_ghost_of_a_socket_is_replaced_and_a_living_one_is_not(path: str) -> None:
    with u_boot(path, ",wait=off") as killed:
        with first_client(killed, path):
            killed.process.kill()
            assert killed.wait(SOON_S) == -signal.SIGKILL
        assert os.path.exists(path)
    with u_boot(path, ",wait=off") as vm:
        with first_client(vm, path) as client:
            with u_boot(path, ",wait=off") as late:
                assert late.wait(BOOT_S) == 1
                assert f"Failed to bind socket to {path}: Address already in use\n".encode() in late.errors
                assert b"could not connect serial device to character backend" in late.errors
            client.command(b"echo 1 $? 2", rb"1 [01] 2\r")
        finish(vm)


def test_a_file_gets_all_of_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"older words\n" * 1000)
    with demo("-serial", f"file:{out}") as vm:
        assert vm.wait(BOOT_S) == 0
        assert vm.console == vm.errors == b""
    text = out.read_bytes()
    assert text.startswith(b"emu SMP guest: 4 harts")
    assert text.rstrip().endswith(LAST_LINE)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with demo("-serial", f"file:{tmp_path}/no/such") as vm:
        assert vm.wait(BOOT_S) == 1
        assert f"Could not open '{tmp_path}/no/such': No such file or directory".encode() in vm.errors


def test_a_full_disk_is_the_readers_loss() -> None:
    with demo("-serial", "file:/dev/full") as vm:
        assert vm.wait(BOOT_S) == 0
        assert vm.errors == b""


@pytest.mark.parametrize(
    "serial", [("-serial", "null"), ("-serial", "none"), ()], ids=["null", "none", "default"]
)
def test_nowhere_is_a_place(serial: tuple[str, ...]) -> None:
    with demo(*serial) as vm:
        assert vm.wait(BOOT_S) == 0
        assert vm.console == b""
        assert b"Traceback" not in vm.errors


def first_line(*args: str) -> tuple[int, bytes, bytes]:
    """`emu ARGS | head -n 1`: exit status, that line, standard error."""
    with subprocess.Popen(
        [sys.executable, "-m", "emu", *args], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, bufsize=0,
    ) as emu:  # fmt: skip
        assert emu.stdout is not None
        assert emu.stderr is not None
        line = b""
        while not line.endswith(b"\n") and (byte := emu.stdout.read(1)):
            line += byte
        emu.stdout.close()
        errors = emu.stderr.read()
        return emu.wait(BOOT_S), line, errors


@pytest.mark.parametrize("line", ["demo -smp 2", "-h", "doctor", "cache"])
def test_a_reader_that_leaves_early_gets_no_traceback(line: str) -> None:
    status, output, errors = first_line(*line.split())
    assert output
    assert errors == b""
    assert status in (0, 1)
    if line.startswith("demo"):
        assert status == 0, "the guest runs to its end all the same"


@pytest.mark.parametrize("line", ["-h", "-version", "-M help", "doctor", "cache", "fetch --list"])
def test_a_reader_that_never_was_gets_no_traceback(line: str) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "emu", *line.split()], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=write,
            stderr=subprocess.PIPE, timeout=BOOT_S, check=False,
        )  # fmt: skip
    finally:
        os.close(write)
    assert done.stderr == b""
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_trap(closed: str) -> None:
    """The first file we open would get the number of a stream, and the console would be written to it."""
    line = f"exec {sys.executable} -m emu demo -smp 2 {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, timeout=BOOT_S, check=False)
    assert done.returncode == 0
    assert done.stderr == b""
    assert (b"2 harts, all checks passed" in done.stdout) == (">&-" not in closed.replace("2>&-", ""))
