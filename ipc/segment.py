"""Shared memory objects: made by name, unlinked in the next statement, known by descriptor from then on.

Rules
- a POSIX name lives for one statement (DESIGN law 8). Who may be killed inside that statement lets
  somebody else watch the name before it exists: see `emu.workers.guard`;
- the control object is small and committed at once (posix_fallocate), so that a full /dev/shm is one
  error here and never a SIGBUS later;
- `Memory` maps an object once; children made by fork find it at the same host address.

Units: sizes are bytes. Source: shm_overview(7), posix_fallocate(3).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import posix_ipc

from ipc import layout
from ipc.errors import ResourceError
from ipc.layout import View

Reached = Callable[[str], None]


def no_checkpoint(name: str) -> None:
    """What is called at a named checkpoint when nobody watches."""


class ShmObject(Protocol):
    """What we use of posix_ipc.SharedMemory."""

    fd: int


def fresh_name(what: str) -> str:
    """A name for a POSIX object that nobody else has: 64 random bits."""
    return f"/emu-{what}-{os.getpid()}-{secrets.token_hex(8)}"


def unlink(name: str) -> None:
    """Remove a POSIX name; that it is not there is no error."""
    try:
        posix_ipc.unlink_shared_memory(name)
    except posix_ipc.ExistentialError:
        return


def _unlink(name: str, reached: Reached) -> None:
    """Remove the name of an object just made, past the checkpoints that lie in that moment."""
    reached("after_shm_open")
    reached("before_unlink")
    posix_ipc.unlink_shared_memory(name)


def shm_fd(name: str, reached: Reached = no_checkpoint) -> int:
    """A descriptor (close on exec) of a new, empty, nameless shared memory object.

    Errors: ResourceError when the host cannot make one.
    """
    try:
        shm: ShmObject = posix_ipc.SharedMemory(name, posix_ipc.O_CREX, mode=0o600)
        _unlink(name, reached)
    except (OSError, posix_ipc.Error) as e:
        raise ResourceError(f"cannot make a shared memory object in /dev/shm: {e}") from e
    os.set_inheritable(shm.fd, False)
    return shm.fd


class Memory:
    """A mapping of `size` bytes of the object `fd`, read and write, shared. Owns the descriptor."""

    def __init__(self, fd: int, size: int) -> None:
        self.fd = fd
        self.size = size
        self._map = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self.buf = memoryview(self._map)
        self.address = address_of(self._map)

    def close(self) -> None:
        """Unmap and close. Every view of `buf` must have been released."""
        self.buf.release()
        self._map.close()
        os.close(self.fd)
        self.fd = -1

    def __enter__(self) -> Memory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def address_of(mapping: mmap.mmap) -> int:
    """The host address at which `mapping` starts."""
    return ctypes.addressof(ctypes.c_char.from_buffer(mapping))


class Control:
    """The control object of one VM: `header`, and `hart(i)` for each hart, as views and host addresses."""

    def __init__(self, memory: Memory, harts: int) -> None:
        self.memory = memory
        self.harts = harts
        self.header = View(layout.HEADER, memory.buf, 0)
        self._slots = [View(layout.HART, memory.buf, layout.slot_offset(i)) for i in range(harts)]

    @classmethod
    def create(
        cls, harts: int, name: str | None = None, reached: Reached = no_checkpoint, memfd: bool = False
    ) -> Control:
        """A new control object, all zero but magic and hart count, committed in host memory.

        memfd: of no name, for a machine whose harts never execute: no other process will map it.
        Errors: ResourceError, naming the size wanted and the size there.
        """
        if not 1 <= harts <= layout.MAX_HARTS:
            raise ValueError(f"harts is {harts}, not 1..{layout.MAX_HARTS}")
        size = layout.control_size(harts)
        if memfd:
            fd = os.memfd_create("emu-control", os.MFD_CLOEXEC)
        else:
            fd = shm_fd(name or fresh_name("control"), reached)
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError as e:
            fs = os.fstatvfs(fd)
            there = fs.f_bavail * fs.f_frsize
            os.close(fd)
            raise ResourceError(
                f"cannot make the control object of {harts} harts: {size // 1024} KiB wanted, "
                f"/dev/shm has {there // 1024} KiB free ({e.strerror}); enlarge it "
                "(containers: --shm-size)",
                size,
                there,
            ) from e
        control = cls(Memory(fd, size), harts)
        control.header.set("magic", MAGIC)
        control.header.set("harts", harts)
        for i in range(harts):
            control.hart(i).set("hartid", i)
        return control

    def hart(self, i: int) -> View:
        """The slot of hart `i`."""
        return self._slots[i]

    @property
    def header_address(self) -> int:
        """Host address of the header."""
        return self.memory.address

    def hart_address(self, i: int) -> int:
        """Host address of the slot of hart `i`."""
        return self.memory.address + layout.slot_offset(i)

    def close(self) -> None:
        """Release every view and the mapping."""
        self.header.release()
        for slot in self._slots:
            slot.release()
        self.memory.close()


MAGIC = 0x0055_4D45
