"""What is loaded, where it goes, and what the reset vector says: tables of sizes against addresses."""

from __future__ import annotations

import contextlib
import gzip
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from emu.core.fdt import Node, Tree, parse
from emu.errors import OptionError, UserError
from emu.hw.misc.loader import Loader
from emu.hw.riscv.boot import NO_ROOM_FOR_DTB, Boot, describe_boot, load_dtb
from emu.hw.riscv.image import ImageError, Kind, read_image
from emu.hw.riscv.virt import VirtMachine
from emu.options import groups
from emu.options.option_groups import OptionGroups
from emu.options.visitor import KEYVAL
from emu.qom.monitor import qdev_device_add
from tests.lib.board import virt_board

MIB = 1 << 20
RAM = 0x8000_0000
VIRTUAL = 0xFFFF_FFFF_0000_0000
EM_RISCV, EM_X86_64 = 243, 62


def elf(
    segments: list[tuple[int, bytes, int]], entry: int = RAM, machine: int = EM_RISCV, elf_class: int = 2,
    order: str = "<",
) -> bytes:  # fmt: skip
    """A minimal ELF file; segments: (physical address, bytes, size in memory)."""
    phoff, data_at = 64, 64 + 56 * len(segments)
    ident = b"\x7fELF" + bytes([elf_class, 1 if order == "<" else 2, 1]) + bytes(9)
    head = ident + struct.pack(
        order + "HHIQQQIHHHHHH", 2, machine, 1, entry, phoff, 0, 0, 64, 56, len(segments), 0, 0, 0
    )
    table, body = b"", b""
    for paddr, data, size in segments:
        table += struct.pack(
            order + "IIQQQQQQ", 1, 7, data_at + len(body), VIRTUAL + paddr, paddr, len(data), size, 16
        )
        body += data
    return head + table + body


def linux(size: int, needs: int = 0) -> bytes:
    """A file with the header of a Linux Image; needs: what it says it occupies."""
    image = bytearray(b"MZ" + bytes(size - 2))
    image[0x10:0x18] = struct.pack("<Q", needs)
    image[0x38:0x3C] = b"RSC\x05"
    return bytes(image)


class Files:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, data: bytes, name: str = "file") -> str:
        path = self.folder / name
        path.write_bytes(data)
        return str(path)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def boot(ram: int = 256 * MIB) -> Boot:
    return Boot(RAM, RAM + ram)


# -- images


def test_elf_goes_to_its_physical_addresses_with_its_bss(files: Files) -> None:
    path = files(elf([(RAM + 0x1000, b"code", 4), (RAM + 0x3000, b"data", 100)], entry=RAM + 0x1002))
    image = read_image(path, 0, MIB)
    assert (image.kind, image.entry, image.low, image.high) == (
        Kind.ELF, RAM + 0x1002, RAM + 0x1000, RAM + 0x3064
    )  # fmt: skip
    assert image.segments[1].data == b"data" + bytes(96)


def test_linux_image_says_how_much_it_needs(files: Files) -> None:
    image = read_image(files(linux(4096, needs=2 * MIB)), RAM, 4 * MIB, raw_may_be=False)
    assert (image.kind, image.high - image.low, len(image.segments[0].data)) == (Kind.LINUX, 2 * MIB, 4096)


@pytest.mark.parametrize("inner", [linux(4096), elf([(RAM, b"x", 1)])])
def test_packed_kernels_are_unpacked(files: Files, inner: bytes) -> None:
    path = files(gzip.compress(inner))
    assert read_image(path, RAM, MIB, raw_may_be=False).kind in (Kind.LINUX, Kind.ELF)


def test_packed_data_that_is_no_kernel_stays_packed(files: Files) -> None:
    packed = gzip.compress(bytes(5000))
    assert read_image(files(packed), RAM, MIB).segments[0].data == packed


@pytest.mark.parametrize(("data", "why"), [
    (b"", "the file is empty"),
    (elf([(RAM, b"x", 1)], machine=EM_X86_64), "The image is from incompatible architecture"),
    (elf([(RAM, b"x", 1)], elf_class=1), "Failed to load ELF|incompatible architecture"),
    (elf([(RAM, b"x", 1)], order=">"), "The image has incorrect endianness"),
    (elf([]), "Failed to load ELF"),
    (elf([(RAM, b"x", 1)])[:70], "Failed to load ELF"),
    (b"\x7fELF", "Failed to load ELF"),
    (elf([(RAM, b"x", 1 << 40)]), "too big"),
    (elf([(RAM, b"xyz", 2)]), "Failed to load ELF"),
    (gzip.compress(bytes(8 * MIB)), "does not fit"),
    (gzip.compress(linux(4096), mtime=0)[:-9], "truncated gzip data"),
    (b"\x1f\x8bjunk and more of it", "damaged gzip data"),
    (linux(4096, needs=1 << 40), "the kernel needs"),
    (bytes(5 * MIB), "do not fit"),
    (b"this is a text\nof several lines\n" * 10, "it is text"),
    (b"\xfd7zXZ\x00" + bytes(99), "xz-compressed"),
    (b"MZ\0\0zimg" + bytes(99), "EFI zboot"),
    (b"QFI\xfb" + bytes(99), "qcow2"),
    (b"#!/bin/sh\n", "a script"),
    (bytes(0x38) + b"ARM\x64" + bytes(99), "a kernel for arm64"),
])  # fmt: skip
def test_what_is_no_kernel_is_refused_with_a_reason(files: Files, data: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        read_image(files(data), RAM, 4 * MIB, raw_may_be=False)


def test_directories_and_absent_files_are_refused_with_the_hosts_words(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="Is a directory"):
        read_image(str(tmp_path), RAM, MIB)
    with pytest.raises(ImageError, match="No such file or directory"):
        read_image(str(tmp_path / "x"), RAM, MIB)


@pytest.mark.parametrize("seed", range(200))
def test_damaged_elf_files_never_raise_anything_else(files: Files, seed: int) -> None:
    import random

    rng = random.Random(seed)
    data = bytearray(elf([(RAM, b"code", 4), (RAM + 64, b"data", 90)]))
    for _ in range(rng.randrange(1, 6)):
        data[rng.randrange(4, len(data))] = rng.randrange(256)
    try:
        image = read_image(files(bytes(data)), RAM, MIB)
    except ImageError:
        return
    assert sum(len(s.data) for s in image.segments) <= 2 * MIB, f"seed {seed}"


# -- placement

# firmware, its size, kernel size, RAM in MiB -> start, kernel, initrd, device tree of 4000 bytes
PLACES: list[tuple[str, int, int, int, int, int, int, int]] = [
    ("default", 0, MIB, 128, 0x1100, 0x8020_0000, 0x8420_0000, 0x87E0_0000),
    ("none", 0, MIB, 128, 0x8000_0000, 0x8000_0000, 0x8400_0000, 0x87E0_0000),
    ("file", 300_000, MIB, 128, 0x8000_0000, 0x8020_0000, 0x8420_0000, 0x87E0_0000),
    ("file", 3 * MIB, MIB, 128, 0x8000_0000, 0x8040_0000, 0x8440_0000, 0x87E0_0000),
    ("default", 0, 30 * MIB, 512, 0x1100, 0x8020_0000, 0x9020_0000, 0x9FE0_0000),
    ("default", 0, 30 * MIB, 1024, 0x1100, 0x8020_0000, 0xA020_0000, 0xBFE0_0000),
    ("default", 0, 30 * MIB, 4096, 0x1100, 0x8020_0000, 0xA020_0000, 0x1_7FE0_0000),
    ("default", 0, MIB, 64, 0x1100, 0x8020_0000, 0x8220_0000, 0x83E0_0000),
]


@pytest.mark.parametrize(("bios", "size", "kernel", "ram", "start", "low", "initrd", "fdt"), PLACES)
def test_placement(
    files: Files, bios: str, size: int, kernel: int, ram: int, start: int, low: int, initrd: int, fdt: int
) -> None:
    b = boot(ram * MIB)
    name = files(bytes([0x13]) * size, "fw") if bios == "file" else bios
    b.load_firmware(name, [])
    b.load_kernel(files(linux(kernel), "kernel"))
    b.load_initrd(files(bytes(1000), "initrd"))
    b.place_fdt(Tree(Node().data("filler", bytes(3900))))
    assert (b.start, b.next_addr, b.initrd, b.fdt_at) == (start, low, (initrd, initrd + 1000), fdt)
    b.roms.check()


def test_firmware_elf_starts_at_its_entry_and_ends_where_it_ends(files: Files) -> None:
    b = boot()
    b.load_firmware(files(elf([(RAM, bytes(100), 3 * MIB)], entry=RAM + 8)), [])
    assert (b.start, b.firmware_end) == (RAM + 8, RAM + 3 * MIB)


def test_kernel_elf_is_entered_at_its_lowest_address(files: Files) -> None:
    b = boot()
    b.load_firmware("default", [])
    b.load_kernel(files(elf([(RAM + 4 * MIB, b"x", 1), (RAM + 2 * MIB, b"y", 1)], entry=RAM + 4 * MIB)))
    assert b.next_addr == RAM + 2 * MIB


def test_firmware_is_looked_for_in_the_data_directories(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "fw.bin").write_bytes(b"\x13\0\0\0")
    b = boot()
    b.load_firmware("fw.bin", [str(tmp_path), str(tmp_path / "dir")])
    assert b.roms.blobs[0].gpa == RAM


@pytest.mark.parametrize(("what", "ram", "text"), [
    ("bios absent", 128 * MIB, 'Unable to find the RISC-V BIOS "/nowhere"'),
    ("bios directory", 128 * MIB, "could not load firmware '/': Is a directory"),
    ("bios empty", 128 * MIB, "could not load firmware '.*': the file is empty"),
    ("kernel absent", 128 * MIB, "could not load kernel '/nowhere': No such file or directory"),
    ("kernel big", 4 * MIB, "could not load kernel '.*': .* do not fit"),
    ("kernel outside", 128 * MIB, "could not load kernel '.*': 0x1000..0x1001 is not in RAM"),
    ("kernel in firmware", 128 * MIB, "belongs to the built-in SBI"),
    ("initrd absent", 128 * MIB, "could not load ramdisk '/nowhere': No such file or directory"),
    ("initrd big", 16 * MIB, "could not load ramdisk '.*': .* do not fit"),
    ("no room for dtb", 2 * MIB, NO_ROOM_FOR_DTB),
])  # fmt: skip
def test_errors_are_qemus(files: Files, what: str, ram: int, text: str) -> None:
    b = boot(ram)
    big = files(bytes([0x13]) * (9 * MIB), "big")
    with pytest.raises(UserError, match=text):  # noqa: PT012  # which step fails is the row's business
        if what.startswith("bios"):
            b.load_firmware({"absent": "/nowhere", "directory": "/", "empty": files(b"")}[what[5:]], [])
        b.load_firmware("default", [])
        if what.startswith("kernel"):
            b.load_kernel({
                "absent": "/nowhere", "big": big, "outside": files(elf([(0x1000, b"x", 1)]), "o"),
                "in firmware": files(elf([(RAM, b"x", 1)]), "i"),
            }[what[7:]])  # fmt: skip
        if what.startswith("initrd"):
            b.load_kernel(files(linux(4096)))
            b.load_initrd({"absent": "/nowhere", "big": big}[what[7:]])
        b.place_fdt(Tree(Node()))


def test_device_tree_must_lie_above_what_the_kernel_needs(files: Files) -> None:
    b = boot(16 * MIB)
    b.load_firmware("default", [])
    b.load_kernel(files(linux(4096, needs=13 * MIB)))
    with pytest.raises(UserError, match=NO_ROOM_FOR_DTB):
        b.place_fdt(Tree(Node()))


# -- the mask ROM


def test_reset_vector_is_qemus(files: Files) -> None:
    b = boot()
    b.load_firmware(files(b"\x13\0\0\0"), [])
    b.load_kernel(files(linux(4096), "k"))
    b.place_fdt(Tree(Node()))
    rom = b.mask_rom()
    assert struct.unpack("<6I", rom[:24]) == (
        0x00000297, 0x02828613, 0xF1402573, 0x0202B583, 0x0182B283, 0x00028067
    )  # fmt: skip
    assert struct.unpack("<2Q", rom[24:40]) == (RAM, b.fdt_at)
    assert struct.unpack("<6Q", rom[40:88]) == (0x4942534F, 2, 0x8020_0000, 1, 0, 0)
    assert len(rom) == 88


def test_builtin_sbi_has_its_stub_in_the_rom() -> None:
    b = boot()
    b.load_firmware("", [])
    b.place_fdt(Tree(Node()))
    rom = b.mask_rom()
    assert struct.unpack("<Q", rom[24:32]) == (0x1100,)
    assert struct.unpack("<Q", rom[56:64]) == (0,)  # no kernel
    assert struct.unpack_from("<2I", rom, 0x100) == (0x0000_000B, 0x3020_0073)
    assert struct.unpack_from("<2I", rom, 0x110) == (0x0010_000B, 0x3020_0073)


def test_chosen_tells_the_kernel(files: Files) -> None:
    b = boot()
    b.load_firmware("", [])
    b.load_kernel(files(linux(4096)))
    b.load_initrd(files(bytes(5), "i"))
    chosen = Node()
    describe_boot(chosen, b, "console=ttyS0 x")
    assert chosen.read_strings("bootargs") == ["console=ttyS0 x"]
    assert chosen.read_cells("linux,initrd-start") == (0, 0x8820_0000)
    assert chosen.read_cells("linux,initrd-end") == (0, 0x8820_0005)
    describe_boot(quiet := Node(), boot(), "")
    assert quiet.properties == {}


def test_dtb_file_is_read_and_errors_are_two_lines(files: Files) -> None:
    assert load_dtb(files(Tree(Node().cells("a", 1)).pack())).root.read_cells("a") == (1,)
    with pytest.raises(UserError, match="Unable to get size of device tree file '/nowhere'") as error:
        load_dtb("/nowhere")
    assert error.value.consequences == ("load_device_tree() failed",)
    with pytest.raises(UserError, match="Unable to copy device tree into memory: FDT_ERR_BADMAGIC"):
        load_dtb(files(bytes(100)))


# -- -device loader


@contextlib.contextmanager
def machine() -> Iterator[VirtMachine]:
    """Two harts and 1 MiB of RAM, with what is loaded into it forgotten."""
    with virt_board(2, memory={"size": "1M"}) as made:
        made.boot.roms.blobs.clear()
        yield made


def load(text: str) -> Loader:
    """A -device loader on the machine."""
    opts = OptionGroups(lambda line: None).parse(groups.DEVICE, text, permit_abbrev=True)
    made = qdev_device_add({**opts.to_qdict()}, KEYVAL)
    assert isinstance(made, Loader)
    return made


@pytest.mark.parametrize(("text", "message"), [
    ("loader", "please include valid arguments"),
    ("loader,foo=1", "Property 'loader.foo' not found"),
    ("loader,addr=0x80000000", "cpu_num must be specified when setting a program counter"),
    ("loader,data=1", "Both data and data-len must be specified"),
    ("loader,data=1,data-len=9", "data-len cannot be greater then 8 bytes"),
    ("loader,data-len=4,file=x", "Specifying a file is not supported when loading memory values"),
    ("loader,data=1,data-len=4,force-raw=on",
     "Specifying force-raw is not supported when loading memory values"),
    ("loader,data-len=4,data=5,addr=foo", "Parameter 'addr' expects integer"),
    ("loader,data=1,data-len=999", "Parameter 'data-len' expects uint8_t"),
    ("loader,force-raw=foo", "Parameter 'force-raw' expects 'on' or 'off'"),
    ("loader,cpu-num=9,addr=0x1000", "Specified boot CPU#9 is nonexistent"),
])  # fmt: skip
def test_loader_errors_are_qemus(text: str, message: str) -> None:
    with machine(), pytest.raises(OptionError) as error:
        load(text)
    assert error.value.text == message


@pytest.mark.parametrize(("text", "data"), [
    ("data=0x11223344,data-len=4", b"\x44\x33\x22\x11"),
    ("data=0x11223344,data-len=4,data-be=on", b"\x11\x22\x33\x44"),
    ("data=0x1122334455667788,data-len=2", b"\x88\x77"),
])  # fmt: skip
def test_loader_stores_words(text: str, data: bytes) -> None:
    with machine() as m:
        load(f"loader,addr=0x80001000,{text}")
        assert [(b.gpa, b.data, b.patch) for b in m.boot.roms.blobs] == [(0x8000_1000, data, True)]


def test_loader_stores_files_raw_or_elf_and_says_where_a_hart_starts(files: Files) -> None:
    raw, made = files(b"raw", "raw"), files(elf([(RAM + 64, b"elf", 3)], entry=RAM + 66), "elf")
    with machine() as m:
        load(f"loader,file={raw},addr=0x80000010")
        load(f"loader,file={made},cpu-num=1")
        load(f"loader,file={made},addr=0x80001000,force-raw=on")
        assert [(b.gpa, b.data[:3]) for b in m.boot.roms.blobs] == [
            (RAM + 16, b"raw"), (RAM + 64, b"elf"), (RAM + 0x1000, b"\x7fEL")
        ]  # fmt: skip
        assert [slot.get("reset_pc") for slot in m.vm.slots] == [0, RAM + 66]
        load("loader,addr=0x80000100,cpu-num=0")
        assert [slot.get("reset_pc") for slot in m.vm.slots] == [RAM + 0x100, RAM + 66]


@pytest.mark.parametrize("addr", ["0", "0x80100000", "0xffffffffffffffff"])
def test_loader_refuses_what_is_not_ram(files: Files, addr: str) -> None:
    with machine(), pytest.raises(OptionError, match="Cannot load specified image"):
        load(f"loader,file={files(b'x')},addr={addr}")


def test_a_file_that_is_absent_is_named() -> None:
    with machine(), pytest.raises(OptionError, match="Cannot load specified image /nowhere") as error:
        load("loader,file=/nowhere")
    assert error.value.hint == "/nowhere: No such file or directory"


def test_the_blob_of_a_tree_is_what_was_placed() -> None:
    b = boot()
    b.load_firmware("", [])
    b.place_fdt(Tree(Node().cells("a", 7)))
    assert parse(b.roms.blobs[-1].data).root.read_cells("a") == (7,)
