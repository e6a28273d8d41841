"""The two emulators under test, and one timed run of either.

Rules
- both get the same arguments and files; only the program before them differs;
- wall time is from just before exec to the moment the kernel says the process has ended; processor time
  is what the process and the children it has waited for used;
- ours runs with a cache directory made for that run: an empty one (cold) or one that holds the engine and
  nothing else (warm engine), so that no run profits from the one before;
- what overruns its time is killed with its process group, and that is a failed run.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emu.guests.cache import GuestMissing, guest, qemu_version
from ipc import engine as blob

OURS, QEMU = "emu", "qemu"
LINGER_S = 5.0
Beside = Callable[[int], contextlib.AbstractContextManager[object]]
REFERENCE = "10."  # trixie's QEMU; targets are judged against that one alone


@dataclass(frozen=True)
class Run:
    """One process, from exec to exit. `first_s`: when its first byte of output was there."""

    status: int
    wall_s: float
    user_s: float
    sys_s: float
    first_s: float | None
    output: bytes
    errors: str
    overrun: bool = False

    def failure(self) -> str:
        """What went wrong, in one line; "" if it ended well."""
        last = (self.errors.strip().splitlines() or [""])[-1]
        if self.overrun:
            return f"killed after {self.wall_s:.0f} s {last}".rstrip()
        if self.status < 0:
            return f"ended by signal {-self.status} {last}".rstrip()
        return f"exit status {self.status} {last}".rstrip() if self.status else ""


@dataclass(frozen=True)
class Engine:
    """An emulator: `command` goes before the arguments. `missing` says why it cannot run, "" if it can."""

    name: str
    command: tuple[str, ...]
    version: str
    missing: str = ""
    reference: bool = True


def find_qemu(path: str | None) -> Engine:
    """The fetched reference, or another one by its path (labelled as such)."""
    try:
        command = path or str(guest("qemu"))
        text = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=True)
    except GuestMissing as error:
        return Engine(QEMU, (), "", str(error), False)
    except (OSError, subprocess.SubprocessError) as error:
        return Engine(QEMU, (), "", f"it does not start: {error}", False)
    version = text.stdout.splitlines()[0].removeprefix("QEMU emulator version ")
    return Engine(QEMU, (command,), version, reference=path is None and qemu_version().startswith(REFERENCE))


def find_ours(path: str | None) -> Engine:
    """This checkout's emulator, or the program at `path`."""
    command = (path,) if path else (sys.executable, "-m", "emu")
    try:
        done = subprocess.run([*command, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return Engine(OURS, (), "", f"it does not start: {error}")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        return Engine(OURS, command, "", f"it does not start: {last}")
    # "QEMU emulator version 10.0.13 (emu 0.1.0)": whose interface, and who we are
    return Engine(OURS, command, done.stdout.splitlines()[0].rpartition("(")[2].rstrip(")"))


class BuildFailed(Exception):
    """The engine could not be built. The text is the builder's last line."""


class Caches:
    """Cache directories for our runs, below one temporary directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._engine: Path | None = None

    def empty(self) -> Path:
        """A new, empty one."""
        return Path(tempfile.mkdtemp(dir=self._root, prefix="cache-"))

    def warm(self) -> Path:
        """A new one that holds the engine and nothing else. Raises BuildFailed."""
        source, new = self._built(), self.empty()
        place = new / "emu" / source.name
        place.parent.mkdir(mode=0o700)
        shutil.copytree(source, place)
        return new

    def _built(self) -> Path:
        """The directory of the engine: the user's own, or one built here. Raises BuildFailed."""
        if self._engine is not None and self._engine.name == blob.digest():
            return self._engine
        path = blob.blob_path()
        if blob.read_blob(path) is None:
            cache = self.empty()
            sys.stderr.write("bench: building the engine first\n")
            _, failure = build_engine(cache)
            if failure:
                raise BuildFailed(failure)
            path = cache / "emu" / blob.digest() / path.name
        self._engine = path.parent
        return self._engine


def build_engine(cache: Path, timeout_s: float = 900) -> tuple[Run, str]:
    """Build the engine into `cache` (XDG_CACHE_HOME): the run, and why it failed or ""."""
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    done = timed([sys.executable, "-m", "vcpu_worker.codegen.build"], env, timeout_s)
    return done, done.failure()


def watch_build(cache: Path, timeout_s: float = 900) -> list[tuple[float, str]]:
    """Build the engine into `cache`: (seconds since the start, line of progress) of each step."""
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    read_fd, write_fd = os.pipe()
    line = [sys.executable, "-m", "vcpu_worker.codegen.build", "--progress-fd", str(write_fd)]
    began = time.monotonic()
    with subprocess.Popen(line, env=env, stdin=subprocess.DEVNULL, pass_fds=(write_fd,)) as builder:
        os.close(write_fd)
        with os.fdopen(read_fd) as lines:
            steps = [(time.monotonic() - began, each.split(maxsplit=2)[2].strip()) for each in lines]
        builder.wait(timeout_s)
    return steps


def run_engine(
    engine: Engine,
    arguments: Sequence[str],
    timeout_s: float,
    cache: Path | None = None,
    beside: Beside | None = None,
) -> Run:
    """One run of `engine`; `cache` is the cache directory of ours, which is removed afterwards.

    beside: given the process's pid, what goes on beside it until it ends.
    """
    env = dict(os.environ)
    if cache is not None:
        env["XDG_CACHE_HOME"] = str(cache)
    try:
        return timed([*engine.command, *arguments], env, timeout_s, beside)
    finally:
        if cache is not None:
            shutil.rmtree(cache, ignore_errors=True)


def timed(
    command: Sequence[str], env: dict[str, str], timeout_s: float, beside: Beside | None = None
) -> Run:
    """Run `command` with pipes for all three streams; its input stays open and silent."""
    pipe = subprocess.PIPE
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, env=env, start_new_session=True, bufsize=0
    )
    watch = _Watch(process, began, timeout_s)
    try:
        with beside(process.pid) if beside else contextlib.nullcontext():
            watch.until_end()
    except BaseException:
        # Ctrl-C does not reach a session of its own
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        watch.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(
        process.returncode,
        watch.end - began,
        used.ru_utime,
        used.ru_stime,
        None if watch.first is None else watch.first - began,
        bytes(watch.output),
        watch.errors.decode(errors="replace"),
        watch.overrun,
    )


class _Watch:
    """Reads what a process says and notes when: its first byte, its end. Moments are of `time.monotonic`."""

    def __init__(self, process: subprocess.Popen[bytes], began: float, timeout_s: float) -> None:
        self._process = process
        self._deadline = began + timeout_s
        self._pidfd = os.pidfd_open(process.pid)
        self.first: float | None = None
        self.end = 0.0  # 0: it runs
        self.overrun = False
        self.output, self.errors = bytearray(), bytearray()

    def until_end(self) -> None:
        """Until the process has ended and its pipes have; kills it when its time is over."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._pidfd, selectors.EVENT_READ)
            for stream, text in ((self._process.stdout, self.output), (self._process.stderr, self.errors)):
                assert stream is not None
                selector.register(stream, selectors.EVENT_READ, text)
            while selector.get_map():
                ready = selector.select(max(self._deadline - time.monotonic(), 0))
                now = time.monotonic()
                if not ready:
                    if self.end:
                        break
                    self.overrun = True
                    os.killpg(self._process.pid, signal.SIGKILL)
                    self._deadline = now + LINGER_S
                for key, _ in ready:
                    self._read(selector, key, now)

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey, now: float) -> None:
        if key.fd == self._pidfd:
            self.end = now
            self._deadline = now + LINGER_S  # a child that was left behind may hold the pipes
            selector.unregister(self._pidfd)
            return
        data = os.read(key.fd, 1 << 16)
        if not data:
            selector.unregister(key.fileobj)
        elif key.data is self.output and self.first is None:
            self.first = now
        key.data.extend(data)

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._pidfd)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
