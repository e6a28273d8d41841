"""An emulator that runs while something about it is measured, and is ended afterwards."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

import psutil

from tests.bench.engines import OURS, Caches, Engine

END_S = 10.0


class Live:
    """A running emulator, ours with a warm engine; in a process group of its own, killed on leaving."""

    def __init__(self, engine: Engine, arguments: list[str], caches: Caches) -> None:
        env = dict(os.environ)
        self._cache: Path | None = None
        if engine.name == OURS:
            self._cache = caches.warm()
            env["XDG_CACHE_HOME"] = str(self._cache)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [*engine.command, *arguments], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=env,
            start_new_session=True, bufsize=0,
        )  # fmt: skip
        self.output = bytearray()

    def wait_for(self, sign: bytes, timeout_s: float) -> bool:
        """Read its output until `sign` is in it. Whether that came in time, before its end."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout_s
        while sign not in self.output:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return False
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                return False
            self.output += data
        return True

    def failure(self) -> str:
        """What to say when `wait_for` was false."""
        last = (self.output.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        return f"the guest did not get far enough; last output: {last}"

    def emulator_pid(self) -> int:
        """The emulator itself: a wrapper script execs it, so it is the process we started."""
        return self.process.pid

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            # workers of ours have the process group of their parent, and die with it in any case
            children = psutil.Process(self.process.pid).children(recursive=True)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            psutil.wait_procs(children, END_S)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        if self._cache is not None:
            shutil.rmtree(self._cache, ignore_errors=True)
