"""Named pipes as a character device: PATH.in for what comes, PATH.out for what goes, or PATH for both.

Rule: they are opened for reading and writing, so that nothing waits for the other side, and its leaving is
not seen: it may come back.
Source: fifo(7); BEHAVIOUR 5.4.
"""

from __future__ import annotations

import os

from emu.chardev.base import Chardev
from emu.chardev.registry import Opening, char_driver
from emu.chardev.streamed import Streamed
from emu.errors import HostError, strerror
from emu.loop.poll import MainLoop

_FLAGS = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Pipe(Streamed):
    """Errors: HostError with QEMU's text."""

    filename = "pipe"

    def __init__(self, label: str, loop: MainLoop, path: str) -> None:
        super().__init__(label, loop)
        self.open_stream(*_open(path))


def _open(path: str) -> tuple[int, int]:
    try:
        in_fd = os.open(f"{path}.in", _FLAGS)
    except OSError:
        in_fd = -1
    try:
        out_fd = os.open(f"{path}.out", _FLAGS)
    except OSError:
        out_fd = -1
    if in_fd >= 0 and out_fd >= 0:
        return in_fd, out_fd
    for fd in {in_fd, out_fd} - {-1}:
        os.close(fd)
    try:
        both = os.open(path, _FLAGS)
    except OSError as error:
        raise HostError(f"Could not open '{path}': {strerror(error)}") from error
    return both, both


@char_driver("pipe")
def open_pipe(o: Opening) -> Chardev:
    """As `Pipe`."""
    return Pipe(o.label, o.loop, o.spec.path)
