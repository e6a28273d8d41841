"""Files that a machine starts from: ELF, Linux Image, gzip of either, or bytes as they are.

`read_image` says where each piece of a file goes. It trusts nothing in the file: lengths are checked against
the file and against `most` (what the machine can hold), also while unpacking. ELF headers are read here and
not by a library: 30 lines, no import at start (90 ms on a loaded host), one error for whatever is damaged.
Source: ELF-64 object file format 1.5; Linux Documentation/arch/riscv/boot-image-header.rst; RFC 1952.
"""

from __future__ import annotations

import enum
import os
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emu.errors import strerror

ELF_MAGIC, GZIP_MAGIC = b"\x7fELF", b"\x1f\x8b"
LINUX_MAGIC, LINUX_MAGIC_AT = b"RSC\x05", 0x38
IMAGE_SIZE_AT = 0x10
# ident, type, machine, version, entry, program headers' offset, sections' offset, flags, header size,
# size and number of program headers, size and number of sections, index of names
_ELF_HEADER = struct.Struct("<16s2HI3QI6H")
_SEGMENT = struct.Struct("<2I6Q")  # type, flags, offset, virtual, physical, bytes in file, in memory, align
ELF_64, ELF_LITTLE, ELF_BIG, EM_RISCV, PT_LOAD = 2, 1, 2, 243, 1
WRONG_MACHINE = "The image is from incompatible architecture"
WRONG_ENDIAN = "The image has incorrect endianness"
DAMAGED = "Failed to load ELF"
# What a raw kernel never starts with: (bytes, offset, what it is)
_FOREIGN = (
    (b"zimg", 4, "an EFI zboot image: unpack it first"),
    (b"\xfd7zXZ\x00", 0, "xz-compressed data"),
    (b"\x28\xb5\x2f\xfd", 0, "zstd-compressed data"),
    (b"BZh", 0, "bzip2-compressed data"),
    (b"\x02\x21\x4c\x18", 0, "lz4-compressed data"),
    (b"\x04\x22\x4d\x18", 0, "lz4-compressed data"),
    (b"\x27\x05\x19\x56", 0, "a U-Boot legacy image"),
    (b"\xd0\x0d\xfe\xed", 0, "a device tree or FIT image"),
    (b"QFI\xfb", 0, "a qcow2 disk image"),
    (b"070701", 0, "a cpio archive"),
    (b"!<arch>\n", 0, "an archive"),
    (b"#!", 0, "a script"),
    (b"HdrS", 0x202, "a kernel for x86"),
    (b"ARM\x64", LINUX_MAGIC_AT, "a kernel for arm64"),
    (b"PK\x03\x04", 0, "a zip archive"),
)


class ImageError(Exception):
    """A file cannot be loaded. Attributes: why (text for people, "" if there is nothing to say)."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class Kind(enum.Enum):
    """What a file is."""

    ELF = "ELF"
    LINUX = "Linux Image"
    RAW = "raw"


@dataclass(frozen=True)
class Segment:
    """`data` goes to `gpa`."""

    gpa: int
    data: bytes


@dataclass(frozen=True)
class Image:
    """A loaded file. entry: first instruction. low..high: what it occupies, zeroed memory included."""

    kind: Kind
    entry: int
    low: int
    high: int
    segments: tuple[Segment, ...]


def read_file(path: str, most: int) -> bytes:
    """The whole of a regular file of at most `most` bytes. Errors: ImageError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a fifo must not hold us
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise ImageError("Is a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file")
            if status.st_size > most:
                raise ImageError(f"{status.st_size} bytes do not fit into {most}")
            return file.read(most + 1)
    except OSError as error:
        raise ImageError(strerror(error)) from error


def read_image(
    path: str, base: int, most: int, raw_may_be: bool = True, raw_only: bool = False
) -> Image:
    """Load the file at `path`; what is not ELF goes to `base`, and may be `most` bytes long.

    raw_may_be: anything that is neither ELF nor Linux Image is taken as it is, packed data too (firmware,
    loader: an initramfs must arrive packed); else it is unpacked, and must at least not be known as
    something that is no kernel. raw_only: whatever it is.
    Errors: ImageError.
    """
    data = read_file(path, most)
    if raw_only:
        return Image(Kind.RAW, base, base, base + len(data), (Segment(base, data),))
    if not raw_may_be and data.startswith(GZIP_MAGIC):
        data = _gunzip(data, most)
    if not data:
        raise ImageError("the file is empty")
    if data.startswith(ELF_MAGIC):
        return _elf(data, most)
    return _flat(data, base, most, raw_may_be)


def _gunzip(data: bytes, most: int) -> bytes:
    unpack = zlib.decompressobj(wbits=31)
    try:
        out = unpack.decompress(data, most + 1)
    except zlib.error as error:
        raise ImageError("damaged gzip data") from error
    if len(out) > most:
        raise ImageError(f"the unpacked image does not fit into {most} bytes")
    if not unpack.eof:
        raise ImageError("truncated gzip data")
    return out


def _flat(data: bytes, base: int, most: int, raw_may_be: bool) -> Image:
    linux = data[LINUX_MAGIC_AT : LINUX_MAGIC_AT + 4] == LINUX_MAGIC
    if not linux and not raw_may_be:
        for magic, at, what in _FOREIGN:
            if data[at : at + len(magic)] == magic:
                raise ImageError(f"it is {what}")
        if _is_text(data[:512]):
            raise ImageError("it is text")
    size = len(data)
    if linux:
        # The kernel says how much it needs with its bss; a file may lie, but not beyond what there is
        size = max(size, int.from_bytes(data[IMAGE_SIZE_AT : IMAGE_SIZE_AT + 8], "little"))
        if size > most:
            raise ImageError(f"the kernel needs {size} bytes of {most}")
    return Image(Kind.LINUX if linux else Kind.RAW, base, base, base + size, (Segment(base, data),))


def _is_text(head: bytes) -> bool:
    return len(head) > 64 and b"\n" in head and all(c in b"\t\n\r" or 32 <= c < 127 for c in head)


def _elf(data: bytes, most: int) -> Image:
    """An executable for RV64. Only the program headers count: sections may be stripped or lies."""
    if len(data) < _ELF_HEADER.size:
        raise ImageError(DAMAGED)
    elf_class, order = data[4], data[5]
    if order != ELF_LITTLE:
        raise ImageError(WRONG_ENDIAN if order == ELF_BIG else DAMAGED)
    _, _, machine, _, entry, table, _, _, _, size, count, *_ = _ELF_HEADER.unpack_from(data)
    if machine != EM_RISCV or elf_class != ELF_64:
        raise ImageError(WRONG_MACHINE)
    if count and (size < _SEGMENT.size or table + size * count > len(data)):
        raise ImageError(DAMAGED)
    heads = (_SEGMENT.unpack_from(data, table + i * size) for i in range(count))
    segments = tuple(_loadable(data, heads, most))
    if not segments:
        raise ImageError(DAMAGED)
    low = min(s.gpa for s in segments)
    high = max(s.gpa + len(s.data) for s in segments)
    return Image(Kind.ELF, entry, low, high, segments)


def _loadable(data: bytes, heads: Iterable[tuple[int, ...]], most: int) -> Iterator[Segment]:
    """PT_LOAD segments at their physical addresses, with their bss as zeros; `most` bytes in all."""
    for kind, _, offset, _, paddr, filled, size, _ in heads:
        if kind != PT_LOAD or not size:
            continue
        if filled > size or offset + filled > len(data):
            raise ImageError(DAMAGED)
        most -= size
        if most < 0:
            raise ImageError("The image segments are too big to load")
        yield Segment(paddr, data[offset : offset + filled] + bytes(size - filled))


def find_file(name: str, directories: list[str]) -> str | None:
    """`name` as it is, else below the first of `directories` that has it; None if nowhere."""
    for path in (Path(name), *(Path(d) / name for d in directories)):
        if path.exists():
            return str(path)
    return None
