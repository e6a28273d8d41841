"""logfile=: a copy of everything that a front end writes.

Source: BEHAVIOUR 5.4; texts of QEMU 10.0.13.
"""

from __future__ import annotations

import os

from emu.errors import HostError, strerror


class CharLog:
    """The file `path`, emptied first unless `append`. Errors: HostError."""

    def __init__(self, path: str, append: bool) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if append else os.O_TRUNC)
        try:
            self._fd = os.open(path, flags, 0o666)
        except OSError as error:
            raise HostError(f"Could not create '{path}': {strerror(error)}") from error

    def write(self, data: bytes) -> None:
        """Keep it. A full disk ends the copy, not the machine."""
        while data and self._fd >= 0:
            try:
                data = data[os.write(self._fd, data) :]
            except OSError:
                self.close()

    def close(self) -> None:
        """End the copy. Twice does no harm."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
