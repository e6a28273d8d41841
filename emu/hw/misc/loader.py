"""Generic loader (`-device loader`): a file or a word into guest memory at each reset, or a hart's start.

Source: BEHAVIOUR 4.1; QEMU docs/system/generic-loader.rst.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.hw.riscv.image import ImageError, Kind, read_image
from emu.hw.riscv.virt import VirtMachine
from emu.qom.device import Category, Device
from emu.qom.property import Bool, Text, Uint
from emu.qom.types import qom_type

NO_CPU = 0xFFFF_FFFF


@qom_type("loader")
class Loader(Device):
    """What one -device loader asks for."""

    category = Category.MISC
    desc = "Generic Loader"
    hotpluggable = False
    addr = Uint("addr", 64)
    data = Uint("data", 64)
    data_len = Uint("data-len", 8)
    data_be = Bool("data-be")
    cpu_num = Uint("cpu-num", 32, NO_CPU)
    force_raw = Bool("force-raw")
    file = Text("file")

    def realize(self) -> None:
        """Check it against itself and the machine, add its blob. Errors: OptionError with QEMU's texts."""
        self._check()
        machine = self.machine
        assert isinstance(machine, VirtMachine)
        if self.cpu_num != NO_CPU and self.cpu_num >= machine.smp.cpus:
            raise OptionError(f"Specified boot CPU#{self.cpu_num} is nonexistent")
        self._board = machine
        if self.data_len:
            self._add_word()
        elif self.file:
            self._add_file()
        if self.cpu_num != NO_CPU and not self.data_len:
            self.vm.slots[self.cpu_num].set("reset_pc", self.addr)

    def _check(self) -> None:
        if self.data or self.data_len or self.data_be:
            if self.file:
                raise OptionError("Specifying a file is not supported when loading memory values")
            if self.force_raw:
                raise OptionError("Specifying force-raw is not supported when loading memory values")
            if not self.data_len:
                raise OptionError("Both data and data-len must be specified")
            if self.data_len > 8:
                raise OptionError("data-len cannot be greater then 8 bytes")
        elif not (self.file or self.force_raw):
            if not self.addr:
                raise OptionError("please include valid arguments")
            if self.cpu_num == NO_CPU:
                raise OptionError("cpu_num must be specified when setting a program counter")

    def _add_word(self) -> None:
        order = "big" if self.data_be else "little"
        word = (self.data & ((1 << 8 * self.data_len) - 1)).to_bytes(self.data_len, order)  # type: ignore[arg-type]
        self._inside(self.addr, self.data_len, f"Cannot load data at {self.addr:#x}")
        self._board.boot.roms.add("loader", self.addr, word, patch=True)

    def _add_file(self) -> None:
        """An ELF file's entry becomes `addr`."""
        failed = f"Cannot load specified image {self.file}"
        boot = self._board.boot
        try:
            image = read_image(self.file, self.addr, boot.ram_size, raw_only=self.force_raw)
        except ImageError as error:
            raise OptionError(failed, f"{self.file}: {error.why}" if error.why else "") from error
        for segment in image.segments:
            self._inside(segment.gpa, len(segment.data), failed)
            boot.roms.add(self.file, segment.gpa, segment.data, patch=True)
        if image.kind is Kind.ELF:
            self.addr = image.entry

    def _inside(self, gpa: int, size: int, failed: str) -> None:
        base, end = self._board.boot.ram_base, self._board.boot.ram_end
        if gpa < base or gpa + size > end:
            raise OptionError(failed, f"{gpa:#x}..{gpa + size:#x} is not in RAM ({base:#x}..{end:#x})")
