"""Where firmware, kernel, initrd and device tree go, and what the reset vector says of them.

    0x1000      mask ROM: reset vector, fw_dynamic information, with the built-in SBI its stub
    0x80000000  firmware (the built-in SBI counts as one of 2 MiB)
    next 2 MiB  kernel, unless an ELF file says otherwise
    kernel + min(RAM / 2, 512 MiB)  initrd
    2 MiB step below the end of RAM  device tree

`Boot` is filled in order: firmware, kernel, initrd, device tree, ROM. Nothing here touches guest memory:
blobs go to `Roms`, ROM words and header words are handed back.
Source: BEHAVIOUR 4.4; OpenSBI docs/firmware/fw_dynamic.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from emu.core.fdt import FdtError, Node, Tree, parse
from emu.core.rom import Roms
from emu.errors import UserError
from emu.hw.riscv.image import Image, ImageError, Kind, find_file, read_file, read_image
from vcpu_worker.isa import sbi_rom

MIB = 1 << 20
ALIGN = 2 * MIB
INITRD_MOST = 512 * MIB
FDT_MOST = MIB
FDT_SPARE = 4096  # a long command line, the range of an initrd; OpenSBI leaves some 1 KiB
MROM_BASE = 0x1000
RESET_VECTOR = (
    0x00000297,  # auipc t0, 0
    0x02828613,  # addi  a2, t0, 40     fw_dynamic information
    0xF1402573,  # csrr  a0, mhartid
    0x0202B583,  # ld    a1, 32(t0)     device tree
    0x0182B283,  # ld    t0, 24(t0)     start
    0x00028067,  # jr    t0
)
INFO_MAGIC, INFO_VERSION, NEXT_MODE_S = 0x4942_534F, 2, 1
NO_ROOM_FOR_DTB = "No enough memory to place DTB after kernel/initrd"


def align_up(value: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-value // step) * step


@dataclass
class Boot:
    """What has been placed so far. RAM is ram_base..ram_end-1."""

    ram_base: int
    ram_end: int
    roms: Roms = field(default_factory=Roms)
    builtin_sbi: bool = False
    start: int = 0  # where the reset vector jumps
    firmware_end: int = 0
    kernel: Image | None = None
    initrd: tuple[int, int] | None = None  # first byte, byte behind the last
    fdt_at: int = 0

    @property
    def ram_size(self) -> int:
        """Bytes of RAM."""
        return self.ram_end - self.ram_base

    @property
    def next_addr(self) -> int:
        """What firmware enters in S-mode: the kernel's lowest address, 0 without one."""
        return self.kernel.low if self.kernel else 0

    def load_firmware(self, name: str, directories: list[str]) -> None:
        """-bios. "" and "default": the built-in SBI. Errors: UserError with QEMU's texts."""
        self.start = self.firmware_end = self.ram_base
        if name in ("", "default"):
            self.builtin_sbi = True
            self.start = sbi_rom.SBI_BOOT
            self.firmware_end = sbi_rom.FIRMWARE_BASE + sbi_rom.FIRMWARE_SIZE
            return
        if name == "none":
            return
        path = find_file(name, directories)
        if path is None:
            raise UserError(f'Unable to find the RISC-V BIOS "{name}"')
        try:
            image = read_image(path, self.ram_base, self.ram_size)
            self._inside(image)
        except ImageError as error:
            raise UserError(_could_not("firmware", path, error)) from error
        self._add(path, image)
        if image.kind is Kind.ELF:
            self.start = image.entry
        self.firmware_end = image.high

    def load_kernel(self, path: str) -> None:
        """-kernel. Errors: UserError with QEMU's texts."""
        base = align_up(self.firmware_end, ALIGN)
        try:
            image = read_image(path, base, max(0, self.ram_end - base), raw_may_be=False)
            self._inside(image)
            if self.builtin_sbi and image.low < self.firmware_end:
                raise ImageError(f"{image.low:#x} belongs to the built-in SBI (-bios none leaves it free)")
        except ImageError as error:
            raise UserError(_could_not("kernel", path, error)) from error
        self._add(path, image)
        self.kernel = image

    def load_initrd(self, path: str) -> None:
        """-initrd, after the kernel. Errors: UserError with QEMU's texts."""
        assert self.kernel is not None
        at = self.kernel.low + min(self.ram_size // 2, INITRD_MOST)
        try:
            data = read_file(path, max(0, self.ram_end - at))
        except ImageError as error:
            raise UserError(_could_not("ramdisk", path, error)) from error
        self.roms.add(path, at, data)
        self.initrd = at, at + len(data)

    def place_fdt(self, tree: Tree) -> None:
        """The device tree, complete by now but for its seed. Errors: UserError."""
        blob = tree.pack()
        at = (self.ram_end - len(blob)) // ALIGN * ALIGN
        above = max(
            self.firmware_end, self.kernel.high if self.kernel else 0, self.initrd[1] if self.initrd else 0
        )
        if at < above or at < self.ram_base:
            raise UserError(NO_ROOM_FOR_DTB)
        self.fdt_at = at
        self.roms.add("fdt", at, blob)

    def mask_rom(self) -> bytes:
        """Contents of the mask ROM from its first byte."""
        words = struct.pack("<6I", *RESET_VECTOR)
        words += struct.pack("<2Q", self.start, self.fdt_at)
        words += struct.pack("<6Q", INFO_MAGIC, INFO_VERSION, self.next_addr, NEXT_MODE_S, 0, 0)
        rom = bytearray(words)
        if self.builtin_sbi:
            for gpa, word in sbi_rom.rom_words().items():
                off = gpa - MROM_BASE
                rom += bytes(max(0, off + 4 - len(rom)))
                struct.pack_into("<I", rom, off, word)
        return bytes(rom)

    def _inside(self, image: Image) -> None:
        for segment in image.segments:
            if segment.gpa < self.ram_base or segment.gpa + len(segment.data) > self.ram_end:
                raise ImageError(
                    f"{segment.gpa:#x}..{segment.gpa + len(segment.data):#x} is not in RAM "
                    f"({self.ram_base:#x}..{self.ram_end:#x})"
                )

    def _add(self, path: str, image: Image) -> None:
        for i, segment in enumerate(image.segments):
            name = path if image.kind is not Kind.ELF else f"{path} ELF program header segment {i}"
            self.roms.add(name, segment.gpa, segment.data)


def _could_not(what: str, path: str, error: ImageError) -> str:
    return f"could not load {what} '{path}'" + (f": {error.why}" if error.why else "")


def load_dtb(path: str) -> Tree:
    """-dtb. Errors: UserError with QEMU's texts."""
    failed = ("load_device_tree() failed",)
    try:
        blob = read_file(path, FDT_MOST)
    except ImageError as error:
        raise UserError(f"Unable to get size of device tree file '{path}'", consequences=failed) from error
    try:
        return parse(blob)
    except FdtError as error:
        raise UserError(
            f"load_device_tree: Unable to copy device tree into memory: {error}", consequences=failed
        ) from error


def describe_boot(chosen: Node, boot: Boot, append: str) -> None:
    """What a kernel reads of its boot in /chosen."""
    if append:
        chosen.strings("bootargs", append)
    if boot.initrd:
        chosen.u64("linux,initrd-end", boot.initrd[1]).u64("linux,initrd-start", boot.initrd[0])


def reserve_firmware(tree: Tree) -> None:
    """Tell kernels to leave the built-in SBI's range alone, as OpenSBI does for its own.

    Like OpenSBI, leave room in the tree: U-Boot's `booti ... ${fdtcontroladdr}` adds to its copy where that
    lies, and behind a full one lie its own variables.
    """
    tree.spare = FDT_SPARE
    base, size = sbi_rom.FIRMWARE_BASE, sbi_rom.FIRMWARE_SIZE
    reserved = tree.root.get_or_add("reserved-memory")
    if not reserved.properties:
        reserved.cells("#address-cells", 2).cells("#size-cells", 2).flag("ranges")
    reserved.get_or_add(f"mmode_resv0@{base:x}").u64("reg", base, size).flag("no-map")
