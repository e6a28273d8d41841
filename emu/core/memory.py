"""Guest physical memory as the main loop reads and writes it: RAM, and the mask ROM.

Rule: by system calls on the object's descriptor (`ipc.ram`), so that a host without memory is an error
here and not SIGBUS. Harts may store at the same time: what is read is what was there at some moment.
"""

from __future__ import annotations

from emu.errors import HostError, UserError
from ipc.dma import Dma
from ipc.errors import ResourceError
from ipc.ram import Ram


class GuestMemory:
    """RAM at `base`, ROM bytes at `rom_base`."""

    def __init__(self, ram: Ram, base: int, rom: memoryview, rom_base: int) -> None:
        self._ram = ram
        self._base = base
        self._rom = rom
        self._rom_base = rom_base

    @property
    def ram_range(self) -> tuple[int, int]:
        """First byte of RAM, byte behind the last."""
        return self._base, self._base + self._ram.size

    @property
    def rom_range(self) -> tuple[int, int]:
        """First byte of the ROM, byte behind the last."""
        return self._rom_base, self._rom_base + len(self._rom)

    def in_rom(self, gpa: int, size: int) -> bool:
        """Whether the range lies in the ROM."""
        return self._rom_base <= gpa and gpa + size <= self._rom_base + len(self._rom)

    def read(self, gpa: int, size: int) -> bytes:
        """`size` bytes at `gpa`. Errors: ValueError if that is not memory."""
        off = gpa - self._rom_base
        if off >= 0 and off + size <= len(self._rom):
            return bytes(self._rom[off : off + size])
        return self._ram.read(gpa - self._base, size)

    def write(self, gpa: int, data: bytes) -> None:
        """Store to RAM. Errors: ValueError outside of it; UserError if the host has no memory."""
        try:
            self._ram.write(gpa - self._base, data)
        except ResourceError as error:
            raise UserError(str(error)) from error

    def patch(self, gpa: int, data: bytes) -> None:
        """Store to RAM or ROM: what a debugger may and a guest may not. Errors: as `write`."""
        if self.in_rom(gpa, len(data)):
            self._rom[gpa - self._rom_base :][: len(data)] = data
        else:
            self.write(gpa, data)

    def close(self) -> None:
        """Give the ROM's buffer back."""
        self._rom.release()


class GuestDma(Dma):
    """RAM as devices of the main loop reach it: a host without memory ends the machine with one line."""

    def write(self, gpa: int, data: bytes | bytearray | memoryview) -> None:
        """As `Dma`. Errors: HostError."""
        try:
            super().write(gpa, data)
        except ResourceError as error:
            raise HostError(str(error)) from error

    def pin(self, gpa: int, size: int) -> int:
        """As `Dma`. Errors: HostError."""
        try:
            return super().pin(gpa, size)
        except ResourceError as error:
            raise HostError(str(error)) from error
