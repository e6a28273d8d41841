"""Guest RAM as a device's data plane reaches it: buffers by system call, ring words in place.

Rules
- nothing outside RAM is ever touched: who holds a guest's address asks `holds` first (law 9);
- buffers go through the object's descriptor (`ipc.ram`): a host without memory is an error, not SIGBUS;
- rings are read and written in the mapping, word by word: a system call may copy byte by byte, and a driver
  must never see half of an index. `pin` commits their pages first, so that no touch of them can fail.
Units: gpa in guest physical bytes; `u16` and its like are indexed in words from the start of RAM.
"""

from __future__ import annotations

from ipc.ram import Ram


class Dma:
    """RAM at guest physical `base`. u16, u32, u64: all of it as aligned words of the mapping."""

    def __init__(self, ram: Ram, base: int) -> None:
        self._ram = ram
        self.base = base
        self.size = ram.size
        self.u16, self.u32, self.u64 = ram.words(2), ram.words(4), ram.words(8)

    def holds(self, gpa: int, size: int) -> bool:
        """Whether all of these bytes are RAM."""
        off = gpa - self.base
        return off >= 0 and 0 <= size <= self.size - off

    def read(self, gpa: int, size: int) -> bytes:
        """A buffer. Errors: ValueError outside RAM."""
        return self._ram.read(gpa - self.base, size)

    def write(self, gpa: int, data: bytes | bytearray | memoryview) -> None:
        """Store a buffer. Errors: ValueError outside RAM; ResourceError if the host has no room."""
        self._ram.write(gpa - self.base, data)

    def pin(self, gpa: int, size: int) -> int:
        """Commit the pages of a ring; its offset in RAM. Errors: ValueError, ResourceError as `write`."""
        off = gpa - self.base
        self._ram.commit(off, size)
        return off
