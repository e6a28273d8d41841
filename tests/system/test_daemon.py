"""-daemonize: the command returns when the machine is ready, and what stays is a machine on its own.

The reference is not asked here: its daemon could not be found again by a test that fails.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.lib.transcript import SYNC

PATIENCE_S = 60
MACHINE = ("-M", "virt", "-bios", "none", "-S", "-smp", "2", "-display", "none", "-nodefaults")
Start = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Run `emu ... -daemonize -pidfile pid` in tmp_path. What stays is ended."""

    def run(*words: str) -> subprocess.CompletedProcess[bytes]:
        # pipes: the command is over when nobody holds them any more, harts included
        return subprocess.run(
            [sys.executable, "-m", "emu", *words, "-daemonize", "-pidfile", "pid"], cwd=tmp_path,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PWD": str(tmp_path)},
        )  # fmt: skip

    yield run
    if (tmp_path / "pid").exists():
        process = daemon(tmp_path)
        process.kill()
        process.wait(PATIENCE_S)
    assert not left(tmp_path)


def daemon(folder: Path) -> psutil.Process:
    """The process whose pid is in the pid file."""
    return psutil.Process(int((folder / "pid").read_text()))


def left(folder: Path) -> list[psutil.Process]:
    """Living processes that were started with this folder's pid file; they may be in no session of ours."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        words, environ = process.info["cmdline"] or [], process.info["environ"] or {}
        mine = "-daemonize" in words and environ.get("PWD") == str(folder)
        if mine and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def end(process: psutil.Process) -> None:
    """Ask it to end; its harts go with it."""
    harts = process.children()
    process.terminate()
    _, alive = psutil.wait_procs([process, *harts], PATIENCE_S)
    assert not alive


def test_the_machine_stays_and_the_command_returns(start: Start, tmp_path: Path) -> None:
    done = start(*MACHINE, "-qmp", "unix:qmp,server=on,wait=off")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    process = daemon(tmp_path)
    assert len(process.children()) == 2  # harts are its own: they die with it
    assert process.terminal() is None
    assert os.getsid(process.pid) not in (os.getsid(0), process.pid)
    assert process.cwd() == "/"
    for one in (process, *process.children()):
        assert {os.readlink(f"/proc/{one.pid}/fd/{fd}") for fd in range(3)} == {os.devnull}
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(tmp_path / "qmp"))
        lines = client.makefile("rb")
        assert b'"QMP"' in lines.readline()
        client.sendall(b'{"execute":"qmp_capabilities"}' + SYNC.encode())
        assert json.loads(lines.readline()) == {"return": {}}
        assert b'"sync"' in lines.readline()
        lines.close()
    end(process)
    assert not list(tmp_path.iterdir())  # neither socket nor pid file


def test_names_of_ptys_are_told_before_it_goes(start: Start, tmp_path: Path) -> None:
    done = start(*MACHINE, "-serial", "pty")
    assert done.returncode == 0
    m = re.fullmatch(rb"char device redirected to (/dev/pts/\d+) \(label serial0\)\n", done.stdout)
    assert m is not None
    os.close(os.open(m[1], os.O_RDWR | os.O_NOCTTY))
    end(daemon(tmp_path))


@pytest.mark.parametrize(("words", "error"), [
    (("-kernel", "/nonexistent/k"),
     rb"emu: could not load kernel '/nonexistent/k': No such file or directory\n"),
    (("-chardev", "file,id=f,path=/nonexistent/x"),
     rb"emu: -chardev .*: Could not open '/nonexistent/x': No such file or directory\n"),
    (("-device", "foo"), rb"emu: -device foo: 'foo' is not a valid device model name\n"),
])  # fmt: skip
def test_a_start_that_fails_is_told_and_leaves_nothing(
    start: Start, tmp_path: Path, words: tuple[str, ...], error: bytes
) -> None:
    done = start(*MACHINE, *words)
    assert done.returncode == 1
    assert done.stdout == b""
    assert re.fullmatch(error, done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


def test_it_cannot_use_the_terminal(start: Start) -> None:
    done = start("-M", "none", "-display", "none", "-chardev", "stdio,id=s")
    assert (done.returncode, done.stderr) == (
        1, b"emu: -chardev stdio,id=s: cannot use stdio with -daemonize\n",
    )  # fmt: skip


def test_a_daemon_that_is_killed_before_it_is_ready_is_a_failure(tmp_path: Path) -> None:
    words = ("-M", "virt,x-checkpoint=half_mapped", *MACHINE[2:], "-daemonize", "-pidfile", "pid")
    with subprocess.Popen(
        [sys.executable, "-m", "emu", *words], cwd=tmp_path, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as waiting:  # fmt: skip
        stopped = _until_stopped(tmp_path)
        assert waiting.poll() is None
        harts = stopped.children()
        stopped.kill()
        assert waiting.communicate(timeout=PATIENCE_S) == (b"", b"")
        assert waiting.returncode == 1
        assert not psutil.wait_procs([stopped, *harts], PATIENCE_S)[1]


def _until_stopped(folder: Path) -> psutil.Process:
    end = time.monotonic() + PATIENCE_S
    while True:
        assert time.monotonic() < end, "it did not come to its checkpoint"
        text = (folder / "pid").read_text() if (folder / "pid").exists() else ""
        if text.endswith("\n") and daemon(folder).status() == psutil.STATUS_STOPPED:
            return daemon(folder)
        time.sleep(0.02)  # nobody is told of the state of a process that is not his child
