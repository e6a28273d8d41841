"""A ring of memory as a character device: it keeps the last bytes written, until a monitor reads them.

Source: BEHAVIOUR 5.4; texts of QEMU 10.0.13.
"""

from __future__ import annotations

from emu.chardev.base import Chardev
from emu.chardev.registry import Opening, char_driver
from emu.errors import UserError

DEFAULT_SIZE = 65536


class RingBuffer(Chardev):
    """The last `size` bytes. Errors: UserError for a size that is no power of two."""

    filename = "ringbuf"

    def __init__(self, label: str, size: int = DEFAULT_SIZE) -> None:
        super().__init__(label)
        if size <= 0 or size & (size - 1):
            raise UserError("size of ringbuf chardev must be power of two")
        self._size = size
        self._kept = bytearray()

    def put(self, data: bytes) -> int:
        """Keep them; the oldest go."""
        self._kept += data
        del self._kept[: -self._size]
        return len(data)

    def read(self, most: int) -> bytes:
        """Take the oldest out, `most` at most."""
        data = bytes(self._kept[:most])
        del self._kept[:most]
        return data


@char_driver("ringbuf")
def open_ringbuf(o: Opening) -> Chardev:
    """As `RingBuffer`."""
    return RingBuffer(o.label, DEFAULT_SIZE if o.spec.size is None else o.spec.size)
