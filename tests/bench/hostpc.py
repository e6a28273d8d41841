"""Which code of ours a process executes: the kernel's clock event samples its program counter.

One sample a millisecond of processor time, user mode only, into a ring that we map; named by the engine's
symbol file (handlers `i.NAME.LENGTH`, pairs `p.A.B`, natives by their own names) or by the mapping's file.
Needs no tool and no compiler, but a kernel that lets us (perf_event_paranoid up to 2): without, there is no
such part of a profile.
Source: perf_event_open(2).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import re
import struct
from bisect import bisect_right
from collections import Counter
from pathlib import Path

from ipc import engine as blob

_SYSCALL = {"x86_64": 298, "aarch64": 241}
PERIOD_NS = 1_000_000
RING_PAGES = 8
_TYPE_SOFTWARE, _CPU_CLOCK, _SAMPLE_IP = 1, 0, 1
_EXCLUDE_KERNEL_AND_HYPERVISOR = 1 << 5 | 1 << 6
_ATTR_BYTES = 112
_HEAD, _TAIL = 1024, 1032  # offsets in the ring's first page
_RECORD_SAMPLE = 9
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \S+ *(.*)$", re.MULTILINE)
ENGINE = "memfd:emu-engine"


class HostPc:
    """Samples of process `pid`, from now on; `ok` says whether the kernel lets us."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._pcs: list[int] = []
        self._maps = ""
        attr = bytearray(_ATTR_BYTES)
        struct.pack_into(
            "<IIQQQQQ", attr, 0, _TYPE_SOFTWARE, _ATTR_BYTES, _CPU_CLOCK, PERIOD_NS, _SAMPLE_IP, 0,
            _EXCLUDE_KERNEL_AND_HYPERVISOR,
        )  # fmt: skip
        number = _SYSCALL.get(platform.machine())
        self._fd = -1
        if number is not None:
            raw = (ctypes.c_char * _ATTR_BYTES).from_buffer(attr)
            self._fd = ctypes.CDLL(None, use_errno=True).syscall(number, raw, pid, -1, -1, 0)
        self.ok = self._fd >= 0
        if self.ok:
            self._ring = mmap.mmap(self._fd, (1 + RING_PAGES) * mmap.PAGESIZE)

    def take(self) -> None:
        """Empty the ring; more often than it fills (some thousand samples)."""
        if not self.ok:
            return
        size = RING_PAGES * mmap.PAGESIZE
        (head,) = struct.unpack_from("<Q", self._ring, _HEAD)
        (tail,) = struct.unpack_from("<Q", self._ring, _TAIL)
        while tail < head:
            at = mmap.PAGESIZE + tail % size  # records are multiples of 8 bytes: a header never wraps
            kind, _, length = struct.unpack_from("<IHH", self._ring, at)
            if kind == _RECORD_SAMPLE:
                (pc,) = struct.unpack_from("<Q", self._ring, mmap.PAGESIZE + (tail + 8) % size)
                self._pcs.append(pc)
            tail += length
        struct.pack_into("<Q", self._ring, _TAIL, tail)

    def look_at_maps(self) -> None:
        """Note where its code lies; to be called while it lives."""
        try:
            self._maps = Path(f"/proc/{self._pid}/maps").read_text() or self._maps
        except OSError:
            return

    def close(self) -> Counter[str]:
        """Samples by name. No more are taken."""
        if not self.ok:
            return Counter()
        self.take()
        self._ring.close()
        os.close(self._fd)
        self.ok = False
        names = Names(self._maps, engine_symbols())
        return Counter(names.of(pc) for pc in self._pcs)


def engine_symbols() -> list[tuple[int, str]]:
    """(offset, name) of everything in this checkout's engine, ascending; empty if it has no symbol file."""
    try:
        lines = blob.blob_path().with_suffix(".sym").read_text().splitlines()
    except OSError:
        return []
    return sorted((int(at, 16), name) for at, _, name in (line.split(maxsplit=2) for line in lines))


class Names:
    """What a host address of a process is."""

    def __init__(self, maps: str, engine: list[tuple[int, str]]) -> None:
        self._maps = [
            (int(a, 16), int(b, 16), int(off, 16), path) for a, b, off, path in _MAPPING.findall(maps)
        ]
        self._offsets = [at for at, _ in engine]
        self._names = [name for _, name in engine]

    def of(self, pc: int) -> str:
        """`engine NAME`, or the file that is mapped there."""
        for start, end, off, path in self._maps:
            if start <= pc < end:
                if ENGINE not in path:
                    return path.rpartition("/")[2] or "anonymous"
                at = bisect_right(self._offsets, pc - start + off) - 1
                return f"engine {self._names[at]}" if at >= 0 else "engine"
        return "unknown"
