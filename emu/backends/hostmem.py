"""Memory backends: where guest RAM comes from.

memory-backend-memfd  a memfd: not limited by the size of /dev/shm
memory-backend-shm    POSIX shared memory, the default of a machine without a backend
memory-backend-ram    memory of no name; harts are processes and must share it, so a memfd
Source: QEMU 10.0's properties of these types.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.qom.creatable import UserCreatable
from emu.qom.object import Object
from emu.qom.property import Bool, Property, Size
from emu.qom.types import qom_type

STEP = 8 << 10  # QEMU rounds RAM up to this


def _size(backend: MemoryBackend, size: int) -> None:
    if not size:
        raise OptionError(f"property 'size' of {backend.qom_name} doesn't take value '0'")
    if size % STEP:
        raise OptionError(f"backend size must be a multiple of {STEP:#x}")


def _shared(_backend: MemoryBackend, on: bool) -> None:
    if not on:
        raise OptionError("share=off is not possible: harts are processes and share guest RAM")


@qom_type("memory-backend", abstract=True)
class MemoryBackend(Object, UserCreatable):
    """size: bytes. memfd: in a memfd or in POSIX shared memory. used: whether it is the machine's RAM."""

    memfd = True
    required = ("size",)
    size = Size("size", 0, "Size of the memory region (ex: 500M)", check=_size, type="int")
    prealloc = Bool("prealloc", False, "Preallocate memory")
    share = Bool("share", True, "Mark the memory as private to QEMU or shared", check=_shared)

    def instance_init(self) -> None:
        """Nobody's RAM yet."""
        self.used = False
        self._complete = False

    def complete(self) -> None:
        """From now on it is as large as it is."""
        self._complete = True

    def refuse_late(self, prop: Property) -> None:
        """Errors: OptionError; the blank at the end is QEMU's."""
        if self._complete and prop.name in ("size", "share"):
            raise OptionError(f"cannot change property {prop.name} of {self.qom_name} ")

    def can_be_deleted(self) -> bool:
        """Not while it is the machine's RAM."""
        return not self.used


@qom_type("memory-backend-memfd")
class MemfdBackend(MemoryBackend):
    """In a memfd."""


@qom_type("memory-backend-ram")
class RamBackend(MemoryBackend):
    """In a memfd too."""


@qom_type("memory-backend-shm")
class ShmBackend(MemoryBackend):
    """In POSIX shared memory."""

    memfd = False


