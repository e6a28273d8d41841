"""Builds the engine of these sources on this host, once, with progress. `emu.engine_load` looks for it first.

The builder is a process of its own (`python -m vcpu_worker.codegen.build`): it imports the compiler, and an
error of LLVM's ends the process it happens in. One builder at a time, by a file lock; who waited finds the
engine made. Without a cache that can be written, the engine is built for this process alone.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emu.errors import HostError, strerror
from emu.report import Reporter
from ipc import engine
from ipc.engine import Engine
from ipc.errors import EngineMissing

_PR_SET_PDEATHSIG = 1
_LAST_LINES = 20


def build_engine(reporter: Reporter) -> Engine:
    """The engine, which was not there. Errors: HostError."""
    with _writable_cache(reporter), _locked():
        try:
            return engine.load()  # somebody else may have built it while we waited
        except EngineMissing:
            _build()
        try:
            return engine.load()
        except EngineMissing as error:
            raise HostError(f"the engine was built, and is not there: {error.path}") from error


@contextmanager
def _writable_cache(reporter: Reporter) -> Iterator[None]:
    """While entered, the cache directory can be written: the usual one, or one that goes away again."""
    cache = engine.cache_dir()
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        reporter.warn(
            f"no engine cache in '{cache}' ({strerror(error)}): the engine is built anew for each run"
        )
    else:
        yield
        return
    before = os.environ.get("XDG_CACHE_HOME")
    private = tempfile.mkdtemp(prefix="emu-engine-")
    os.environ["XDG_CACHE_HOME"] = private
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_CACHE_HOME"]
        else:
            os.environ["XDG_CACHE_HOME"] = before
        shutil.rmtree(private, ignore_errors=True)


@contextmanager
def _locked() -> Iterator[None]:
    """While entered, no other process builds. The lock file stays: removing it would race."""
    path = engine.cache_dir() / "build.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("Another process builds the engine: waiting for it\n")
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _build() -> None:
    """Run the builder and show how far it is. Errors: HostError with its last words."""
    read_fd, write_fd = os.pipe()
    with tempfile.TemporaryFile() as said:
        try:
            builder = subprocess.Popen(
                [sys.executable, "-m", "vcpu_worker.codegen.build", "--progress-fd", str(write_fd)],
                pass_fds=(write_fd,), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                preexec_fn=_die_with_parent,
            )  # fmt: skip
        except OSError as error:
            os.close(read_fd)
            os.close(write_fd)
            raise HostError(f"cannot start the engine builder: {strerror(error)}") from error
        os.close(write_fd)
        with os.fdopen(read_fd, "r", errors="replace") as lines:
            _show(_steps(lines))
        status = builder.wait()
        said.seek(0)
        words = said.read().decode(errors="replace").splitlines()
    if status:
        how = f"ended with status {status}" if status > 0 else f"killed by signal {-status}"
        raise HostError(f"the engine could not be built ({how})", "\n".join(words[-_LAST_LINES:]))


def _steps(lines: Iterator[str]) -> Iterator[tuple[int, int, str]]:
    for line in lines:
        done, total, name = [*line.strip().split(" ", 2), "", "", ""][:3]
        if done.isdigit() and total.isdigit():
            yield int(done), int(total), name


def _show(steps: Iterator[tuple[int, int, str]]) -> None:
    """A bar on a terminal, a line per tenth elsewhere."""
    if not sys.stderr.isatty():
        last = -1
        for done, total, _ in steps:
            tenth = 10 * done // max(total, 1)
            if tenth != last:
                last = tenth
                sys.stderr.write(f"Building the engine (once): {10 * tenth} %\n")
                sys.stderr.flush()
        return
    # here, not above: a start with a warm cache must not pay for it
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("Building the engine (once)"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[name]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", name="", total=None)
        for done, total, name in steps:
            bar.update(task, completed=done, total=total, name=name)


def engine_path() -> Path:
    """Where the engine of these sources is, or would be."""
    return engine.blob_path()
