"""Removes POSIX names that their maker was killed over.

A name lives for one statement (DESIGN law 8), and SIGKILL can strike in it. So a child is forked before
the name exists: it waits until its end of a pipe says that the maker has left that moment, alive or
dead, removes what is left of the names it was told, and ends. It outlives its parent by a millisecond,
on purpose: it is the one child that does not ask to die with it.
Cost: one fork and one wait, 2 ms. What would change our mind: a way to make a POSIX shared memory
object without a name.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn

from emu.workers.process import SHIELDED, Process
from ipc.segment import unlink
from vcpu_worker.entry import close_others, name_process


def _watch(names: Sequence[str], pipe: int) -> NoReturn:
    for number in SHIELDED:
        signal.signal(number, signal.SIG_IGN)
    close_others({pipe})
    name_process("emu-guard")
    while os.read(pipe, 1):
        pass
    for name in names:
        unlink(name)
    os._exit(0)


class NameGuard:
    """While entered, `names` are removed if this process dies."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._pipe = -1
        self._process: Process | None = None

    def __enter__(self) -> NameGuard:
        read, self._pipe = os.pipe()
        self._process = Process(_watch, (self._names, read), "guard")
        os.close(read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        os.close(self._pipe)
        assert self._process is not None
        self._process.wait()
        self._process.close()
