"""Guest RAM: one shared object, sparse, the only one ever handed to a foreign process.

Rules
- pages are committed by the first touch: 2 GiB of guest RAM cost what the guest uses (posix_fallocate
  of it was measured at 459 ms and all committed). So the room there is checked once, before, and a
  worker that still runs out dies of SIGBUS, which its parent reports with `exhausted_text`;
- the process that owns the object reads and writes it through the descriptor (`read`, `write`): that
  gives an error where touching the mapping would give SIGBUS, and reading a hole commits nothing;
- compiled code uses the mapping (`memory.address`), which children inherit by fork; so do rings that must be
  read and written in whole words (`words`), after `commit`.

Units: sizes and offsets are bytes from the start of RAM. Source: memfd_create(2), shm_overview(7).
"""

from __future__ import annotations

import enum
import os
from typing import Literal

from ipc.errors import ResourceError
from ipc.segment import Memory, Reached, fresh_name, no_checkpoint, shm_fd

MIB = 1 << 20
_CODES: dict[int, Literal["H", "I", "Q"]] = {2: "H", 4: "I", 8: "Q"}


class Backing(enum.Enum):
    """Where guest RAM lies."""

    SHM = "posix shared memory"
    MEMFD = "memfd"


def _mib(size: int) -> str:
    return f"{-(-size // MIB)} MiB"


def _room(fd: int) -> tuple[int, int] | None:
    """(free, total) bytes of the file system of `fd`, or None if it has no limit of its own."""
    fs = os.fstatvfs(fd)
    if fs.f_blocks == 0:
        return None
    return fs.f_bavail * fs.f_frsize, fs.f_blocks * fs.f_frsize


class Ram:
    """Guest RAM of `size` bytes. `memory` is the mapping; `backing` says which kind of object it is."""

    def __init__(self, memory: Memory, backing: Backing) -> None:
        self.memory = memory
        self.backing = backing
        self.size = memory.size
        self._words: dict[int, memoryview] = {}

    @classmethod
    def create(
        cls,
        size: int,
        backing: Backing = Backing.SHM,
        prealloc: bool = False,
        name: str | None = None,
        reached: Reached = no_checkpoint,
    ) -> Ram:
        """New RAM, all zero. `prealloc`: commit it now (-mem-prealloc).

        Errors: ResourceError, one line that names the size wanted, the size there and the way out.
        """
        if size <= 0 or size % 4096:
            raise ValueError(f"RAM of {size} bytes is not a positive multiple of 4096")
        if backing is Backing.MEMFD:
            fd = os.memfd_create("emu-ram", os.MFD_CLOEXEC)
        else:
            fd = shm_fd(name or fresh_name("ram"), reached)
        try:
            room = _room(fd)
            if room is not None and backing is Backing.SHM and room[0] < size:
                raise ResourceError(too_small_text(size, *room), size, room[0])
            os.ftruncate(fd, size)
            if prealloc:
                os.posix_fallocate(fd, 0, size)
            return cls(Memory(fd, size), backing)
        except OSError as e:
            os.close(fd)
            raise ResourceError(f"cannot make guest RAM of {_mib(size)}: {e.strerror}", size) from e
        except ResourceError:
            os.close(fd)
            raise

    def read(self, off: int, size: int) -> bytes:
        """`size` bytes at `off`. Errors: ValueError outside RAM."""
        self._check(off, size)
        parts: list[bytes] = []
        while size:  # one pread gives at most 2 GiB
            part = os.pread(self.memory.fd, size, off)
            parts.append(part)
            off += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, off: int, data: bytes | bytearray | memoryview) -> None:
        """Store `data` at `off`. Errors: ValueError outside RAM; ResourceError if the host has no room."""
        view = memoryview(data).cast("B")
        self._check(off, len(view))
        while len(view):
            try:
                done = os.pwrite(self.memory.fd, view, off)
            except OSError as e:
                raise ResourceError(self.exhausted_text()) from e
            view = view[done:]
            off += done

    def _check(self, off: int, size: int) -> None:
        if off < 0 or size < 0 or off + size > self.size:
            raise ValueError(f"bytes {off:#x}..{off + size:#x} are outside RAM of {self.size:#x}")

    def words(self, width: int) -> memoryview:
        """All of RAM in the mapping, as aligned words of 2, 4 or 8 bytes: an item is one load or store.

        Only committed bytes may be touched: those that `commit` was called for, or that a hart has stored to.
        """
        if width not in self._words:
            self._words[width] = self.memory.buf.cast(_CODES[width])
        return self._words[width]

    def commit(self, off: int, size: int) -> None:
        """Let the host commit these bytes, contents unchanged: touching them in the mapping is safe then.

        Errors: ValueError outside RAM; ResourceError if the host has no room.
        """
        self._check(off, size)
        try:
            os.posix_fallocate(self.memory.fd, off, size)
        except OSError as e:
            raise ResourceError(self.exhausted_text()) from e

    def used_bytes(self) -> int:
        """What the host has committed for it."""
        return os.fstat(self.memory.fd).st_blocks * 512

    def exhausted_text(self) -> str:
        """One line for the user after a SIGBUS, with sizes."""
        promised, used = _mib(self.size), _mib(self.used_bytes())
        what = f"host memory for guest RAM exhausted: {promised} promised, {used} in use"
        room = _room(self.memory.fd) if self.backing is Backing.SHM else None
        if room is None:
            return what
        return f"{what}, /dev/shm has {_mib(room[0])} free of {_mib(room[1])}; {way_out(self.size)}"

    def close(self) -> None:
        """Unmap it; the memory itself goes when the last process has."""
        for words in self._words.values():
            words.release()
        self._words.clear()
        self.memory.close()


def way_out(size: int) -> str:
    """What a user can do about a small /dev/shm."""
    return (
        f"enlarge it (containers: --shm-size={-(-size // MIB) + 64}m) or use "
        f"-object memory-backend-memfd,id=ram0,size={-(-size // MIB)}M -machine memory-backend=ram0"
    )


def too_small_text(size: int, free: int, total: int) -> str:
    """One line for the user when RAM does not fit before it is made."""
    return (
        f"cannot make guest RAM: {_mib(size)} wanted, /dev/shm has {_mib(free)} free of {_mib(total)}; "
        + way_out(size)
    )
