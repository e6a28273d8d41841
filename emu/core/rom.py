"""ROM blobs: what the command line put into guest memory, kept so that a reset brings it back.

Kernel, firmware, initrd, device tree and loader contents lie in RAM, where the guest overwrites them; each
reset stores them again, before the harts start.
Units: gpa, bytes. Source: BEHAVIOUR 4.1 (reset), QEMU's `rom_check_and_register_reset`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from emu.errors import UserError

_OVERLAP_HINT = """\
These ROM regions might have been loaded by direct user request or by default.
They could be BIOS/firmware images, a guest kernel, initrd or some other file loaded into guest memory.
Check whether you intended to load all this guest code, and whether it has been built to load to the \
correct addresses.

The following two regions overlap (in the memory address space):
"""


@dataclass
class Rom:
    """`data` at `gpa`. `patch`: a later word over something else, which may overlap."""

    name: str
    gpa: int
    data: bytes
    patch: bool = False

    @property
    def end(self) -> int:
        return self.gpa + len(self.data)

    def __str__(self) -> str:
        return f"  {self.name} (addresses 0x{self.gpa:016x} - 0x{self.end:016x})\n"


class Roms:
    """The blobs of one machine, in the order of their making."""

    def __init__(self) -> None:
        self.blobs: list[Rom] = []

    def add(self, name: str, gpa: int, data: bytes, patch: bool = False) -> None:
        """A blob more."""
        self.blobs.append(Rom(name, gpa, data, patch))

    def data(self, name: str) -> bytes:
        """Contents of the blob `name`."""
        return next(b.data for b in self.blobs if b.name == name)

    def replace(self, name: str, data: bytes) -> None:
        """New contents, of the same place, for the blob `name`."""
        next(b for b in self.blobs if b.name == name).data = data

    def check(self) -> None:
        """Errors: UserError if two blobs that are no patches overlap."""
        fixed = sorted((b for b in self.blobs if not b.patch and b.data), key=lambda b: b.gpa)
        for low, high in pairwise(fixed):
            if high.gpa < low.end:
                raise UserError("Some ROM regions are overlapping", f"{_OVERLAP_HINT}{low}{high}")

    def restore(self, write: Callable[[int, bytes], None]) -> None:
        """Store every blob by `write(gpa, data)`."""
        for blob in self.blobs:
            write(blob.gpa, blob.data)
