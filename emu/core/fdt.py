"""Flattened device trees: a tree of nodes with properties, written to and read from a blob.

Rule: order is kept. Guests number devices by it (the first virtio disk found is vda), so boards make their
nodes in the order that QEMU's blobs have.
Own writer and reader instead of the `fdt` package: 150 lines, exact about order, checked bounds on blobs of
others, no import at start; the package and dtc check it in the tests.
Source: Devicetree Specification 0.4, chapter 5.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = 0xD00D_FEED
VERSION, LAST_COMPATIBLE = 17, 16
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
_HEADER = struct.Struct(">10I")
_WORD = struct.Struct(">I")
_MOST_DEPTH = 64


class Node:
    """A node: `name`, properties by name in order, children in order."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.properties: dict[str, bytes] = {}
        self.children: list[Node] = []

    def add(self, name: str) -> Node:
        """A new child behind the others."""
        child = Node(name)
        self.children.append(child)
        return child

    def find(self, path: str) -> Node | None:
        """The node at `path` below this one ("soc/serial@10000000"), or None."""
        node: Node | None = self
        for part in filter(None, path.split("/")):
            node = next((c for c in node.children if c.name == part), None) if node else None
        return node

    def get_or_add(self, name: str) -> Node:
        """The child `name`, made if it is not there."""
        return self.find(name) or self.add(name)

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def flag(self, name: str) -> Node:
        """A property without a value. All setters return the node."""
        self.properties[name] = b""
        return self

    def cells(self, name: str, *values: int) -> Node:
        """32-bit numbers."""
        self.properties[name] = b"".join(_WORD.pack(v) for v in values)
        return self

    def u64(self, name: str, *values: int) -> Node:
        """64-bit numbers, two cells each."""
        self.properties[name] = b"".join(struct.pack(">Q", v) for v in values)
        return self

    def strings(self, name: str, *values: str) -> Node:
        """One string, or a list of them. Words of a command line go through as the bytes they were."""
        self.properties[name] = b"".join(os.fsencode(v) + b"\0" for v in values)
        return self

    def data(self, name: str, value: bytes) -> Node:
        """Bytes as they are."""
        self.properties[name] = value
        return self

    def read_cells(self, name: str) -> tuple[int, ...]:
        """The property as 32-bit numbers; empty if absent."""
        value = self.properties.get(name, b"")
        return tuple(_WORD.unpack_from(value, i)[0] for i in range(0, len(value) - 3, 4))

    def read_strings(self, name: str) -> list[str]:
        """The property as a list of strings; empty if absent."""
        value = self.properties.get(name, b"")
        return [s.decode(errors="replace") for s in value.split(b"\0")[:-1]]


@dataclass
class Tree:
    """A device tree: its root, the boot hart's number, and bytes left free in its blob."""

    root: Node
    boot_cpu: int = 0
    spare: int = 0

    def pack(self) -> bytes:
        """The blob, version 17."""
        strings = _Strings()
        body = bytearray()
        _write_node(self.root, body, strings)
        body += _WORD.pack(END)
        reserve = bytes(16)
        off_struct = _HEADER.size + len(reserve)
        off_strings = off_struct + len(body)
        total = off_strings + len(strings.data)
        total += -total % 4 + self.spare
        head = _HEADER.pack(
            MAGIC, total, off_struct, off_strings, _HEADER.size, VERSION, LAST_COMPATIBLE,
            self.boot_cpu, len(strings.data), len(body),
        )  # fmt: skip
        blob = head + reserve + bytes(body) + bytes(strings.data)
        return blob + bytes(total - len(blob))


class _Strings:
    def __init__(self) -> None:
        self.data = bytearray()
        self._at: dict[str, int] = {}

    def offset(self, name: str) -> int:
        if name not in self._at:
            self._at[name] = len(self.data)
            self.data += name.encode() + b"\0"
        return self._at[name]


def _pad(out: bytearray) -> None:
    out += bytes(-len(out) % 4)


def _write_node(node: Node, out: bytearray, strings: _Strings) -> None:
    out += _WORD.pack(BEGIN_NODE) + node.name.encode() + b"\0"
    _pad(out)
    for name, value in node.properties.items():
        out += struct.pack(">3I", PROP, len(value), strings.offset(name)) + value
        _pad(out)
    for child in node.children:
        _write_node(child, out, strings)
    out += _WORD.pack(END_NODE)


class FdtError(Exception):
    """A blob is no device tree. The text is libfdt's name of the fault."""


def parse(blob: bytes) -> Tree:
    """The tree in `blob`. Errors: FdtError."""
    if len(blob) < _HEADER.size:
        raise FdtError("FDT_ERR_TRUNCATED")
    magic, total, off_struct, off_strings, _, version, last, boot_cpu, size_strings, size_struct = (
        _HEADER.unpack_from(blob)
    )
    if magic != MAGIC:
        raise FdtError("FDT_ERR_BADMAGIC")
    if version < LAST_COMPATIBLE or last > VERSION:
        raise FdtError("FDT_ERR_BADVERSION")
    if total > len(blob) or off_struct + size_struct > total or off_strings + size_strings > total:
        raise FdtError("FDT_ERR_TRUNCATED")
    reader = _Reader(blob[off_struct : off_struct + size_struct], blob[off_strings:][:size_strings])
    return Tree(reader.root(), boot_cpu)


class _Reader:
    """Walks the structure block. Every read is bounded."""

    def __init__(self, data: bytes, strings: bytes) -> None:
        self._data = data
        self._strings = strings
        self._at = 0

    def root(self) -> Node:
        if self._token() != BEGIN_NODE:
            raise FdtError("FDT_ERR_BADSTRUCTURE")
        node = self._node(0)
        if self._token() != END:
            raise FdtError("FDT_ERR_BADSTRUCTURE")
        return node

    def _take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise FdtError("FDT_ERR_TRUNCATED")
        self._at += size + -size % 4
        return part

    def _word(self) -> int:
        word: int = _WORD.unpack(self._take(4))[0]
        return word

    def _token(self) -> int:
        while True:
            token = self._word()
            if token != NOP:
                return token

    def _node(self, depth: int) -> Node:
        if depth > _MOST_DEPTH:
            raise FdtError("FDT_ERR_BADSTRUCTURE")
        node = Node(self._name())
        while True:
            token = self._token()
            if token == END_NODE:
                return node
            if token == BEGIN_NODE:
                node.children.append(self._node(depth + 1))
            elif token == PROP and not node.children:
                size, name_at = self._word(), self._word()
                end = self._strings.find(b"\0", name_at)
                if end < 0:
                    raise FdtError("FDT_ERR_BADSTRUCTURE")
                name = self._strings[name_at:end].decode(errors="replace")
                node.properties[name] = self._take(size)
            else:
                raise FdtError("FDT_ERR_BADSTRUCTURE")

    def _name(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise FdtError("FDT_ERR_TRUNCATED")
        return self._take(end + 1 - self._at)[:-1].decode(errors="replace")
