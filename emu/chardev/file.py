"""A file as a character device: output to it, and input from another one if that is named."""

from __future__ import annotations

import os

from emu.chardev.base import Chardev
from emu.chardev.registry import Opening, char_driver
from emu.chardev.streamed import Streamed
from emu.core.fdsets import open_path
from emu.errors import HostError, strerror
from emu.loop.poll import MainLoop


def open_file(path: str, flags: int) -> int:
    """A descriptor. Errors: HostError with QEMU's text."""
    try:
        return open_path(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise HostError(f"Could not open '{path}': {strerror(error)}") from error


class FileChardev(Streamed):
    """Output to `path`, emptied first unless `append`."""

    filename = "file"

    def __init__(
        self, label: str, loop: MainLoop, path: str, append: bool = False, input_path: str | None = None
    ) -> None:
        super().__init__(label, loop)
        in_fd = -1 if input_path is None else open_file(input_path, os.O_RDONLY)
        # O_NONBLOCK with O_WRONLY on a fifo that nobody reads fails at once, instead of hanging
        out = open_file(path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC))
        self.open_stream(in_fd, out)


@char_driver("file")
def open_file_chardev(o: Opening) -> Chardev:
    """As `FileChardev`."""
    return FileChardev(o.label, o.loop, o.spec.path, o.spec.append, o.spec.input_path)
