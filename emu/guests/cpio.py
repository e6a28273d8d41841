"""The cpio archive of an initramfs: a writer, and a reader for tests. Format newc, gzip around it.

Rule: equal entries give equal bytes: inode numbers count up, every time is 0, gzip's too.
Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import gzip
import stat
from collections.abc import Iterable
from dataclasses import dataclass

_MAGIC = b"070701"
_HEADER = 110
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """One file: path without a leading slash, `mode` with its type bits, `data` (a link's target).

    `device` is (major, minor) of a device node.
    """

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(path: str) -> Entry:
    """A directory that everybody may read."""
    return Entry(path, stat.S_IFDIR | 0o755)


def file(path: str, data: bytes, mode: int = 0o644) -> Entry:
    """A regular file."""
    return Entry(path, stat.S_IFREG | mode, data)


def symlink(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def character(path: str, major: int, minor: int, mode: int = 0o600) -> Entry:
    """A character device node."""
    return Entry(path, stat.S_IFCHR | mode, b"", (major, minor))


def pack(entries: Iterable[Entry], level: int = 6) -> bytes:
    """Gzip'd archive of `entries`, in their order (a directory before what is in it)."""
    parts: list[bytes] = []
    for number, entry in enumerate([*entries, Entry(_TRAILER, 0)], start=1):
        name = entry.path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(entry.mode) else 1
        fields = (
            *(number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0),
            *(*entry.device, len(name), 0),
        )
        header = _MAGIC + b"".join(b"%08X" % field for field in fields)
        parts += [_pad(header + name), _pad(entry.data)]
    return gzip.compress(b"".join(parts), level, mtime=0)


def unpack(archive: bytes) -> list[Entry]:
    """The entries of `archive`. Raises ValueError if it is damaged."""
    raw = gzip.decompress(archive)
    entries: list[Entry] = []
    at = 0
    while True:
        header = raw[at : at + _HEADER]
        if len(header) < _HEADER or header[:6] != _MAGIC:
            raise ValueError(f"no cpio header at byte {at}")
        field = [int(header[i : i + 8], 16) for i in range(6, _HEADER, 8)]
        size, name_size = field[6], field[11]
        start = at + _HEADER
        path = raw[start : start + name_size - 1].decode()
        start = _up(start + name_size)
        if path == _TRAILER:
            return entries
        data = raw[start : start + size]
        if len(data) != size:
            raise ValueError(f"'{path}' is truncated")
        entries.append(Entry(path, field[1], data, (field[9], field[10])))
        at = _up(start + size)


def _up(at: int) -> int:
    return (at + 3) & ~3


def _pad(part: bytes) -> bytes:
    return part + b"\0" * (_up(len(part)) - len(part))
