"""A hart in this very process: no workers, no main loop; for tests of compiled code.

    m = Bench(harts=1, ram=1 << 20)
    m.put(0x8000_0000, encode(...), ...)
    h = m.harts[0]; h.pc = 0x8000_0000; h.step(); h.x[5]

Each Bench maps its own memory and gives it back when collected. Time stands unless `clock=True`.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

from ipc import engine as blob
from ipc.layout import HART, HEADER, REGION_WRITE, View, control_size, slot_offset
from vcpu_worker.isa import ext
from vcpu_worker.mem.fetch import PAGE_STRIDE

RAM_BASE = 0x8000_0000
MROM_BASE = 0x1000
LIBC = ctypes.CDLL(None)


def function_address(name: str) -> int:
    """Host address of a libc function."""
    return ctypes.cast(getattr(LIBC, name), ctypes.c_void_p).value or 0


def address_of(m: mmap.mmap) -> int:
    """Host address of a writable mapping."""
    return ctypes.addressof(ctypes.c_char.from_buffer(m))


class _Regs:
    def __init__(self, hart: Hart, field: str) -> None:
        self.hart, self.field = hart, field

    def __getitem__(self, i: int) -> int:
        return self.hart.view.get(self.field, i)

    def __setitem__(self, i: int, v: int) -> None:
        self.hart.view.set(self.field, v & 0xFFFF_FFFF_FFFF_FFFF, i)


class Hart:
    """One slot. Fields of the layout are attributes; x and f are indexable."""

    view: View

    def __init__(self, bench: Bench, index: int) -> None:
        self.__dict__["bench"] = bench
        self.__dict__["index"] = index
        self.__dict__["view"] = View(HART, bench.buf, slot_offset(index))
        self.__dict__["address"] = bench.base + slot_offset(index)
        self.__dict__["x"] = _Regs(self, "x")
        self.__dict__["f"] = _Regs(self, "f")

    def __getattr__(self, name: str) -> Any:
        if HART.fields[name].field.count > 1:
            return _Regs(self, name)
        return self.view.get(name)

    def __setattr__(self, name: str, value: int) -> None:
        width = HART.fields[name].field.width
        self.view.set(name, value & ((1 << (8 * width)) - 1))

    def call(self, native: str, *args: int) -> int:
        """An exported native with this hart as its first argument."""
        return self.bench.engine.call(native, self.address, *args)

    def step(self) -> int:
        """One instruction or trap."""
        return self.call("run_step")

    def run_exact(self, n: int) -> int:
        """At most n retired instructions; an Exit."""
        return self.call("run_exact", n)


class Bench:
    """Control object, RAM and harts, reset and ready at RAM_BASE in M-mode."""

    def __init__(
        self, harts: int = 1, ram: int = 1 << 20, isa_ext: int | None = None, clock: bool = False
    ) -> None:
        self.engine = blob.load()
        size = control_size(harts)
        self.control = mmap.mmap(-1, size)
        self.buf = memoryview(self.control)
        self.base = address_of(self.control)
        self.ram = mmap.mmap(-1, ram)
        self.header = View(HEADER, self.buf, 0)
        g = self.header
        g.set("harts", harts)
        g.set("host_cpus", 1)
        g.set("runnable", harts)
        g.set("mtime_freq", 10_000_000)
        g.set("region_gpa", RAM_BASE, 0)
        g.set("region_size", ram, 0)
        g.set("region_flags", REGION_WRITE, 0)
        g.set("region_gpa", MROM_BASE, 1)
        g.set("region_size", 0xF000, 1)
        if clock:
            g.set("clock_enabled", 1)
        self.arenas = []
        self.harts = []
        for i in range(harts):
            h = Hart(self, i)
            h.isa_ext = ext.RV64_DEFAULT if isa_ext is None else isa_ext
            h.hartid = i
            h.header = self.base
            h.slots = self.base + slot_offset(0)
            hosts = [address_of(self.ram), self.base + HEADER.offset("mrom")]
            firsts = [0, ram >> 12]
            for r in range(2):
                h.view.set("region_host", hosts[r], r)
                h.view.set("region_first", firsts[r], r)
            h.os_clock_gettime = function_address("clock_gettime")
            h.os_send = function_address("send")
            h.os_write = function_address("write")
            h.dispatch = self.engine.dispatch_address
            h.stop_table = self.engine.stop_address
            h.decode_tables = self.engine.tables_address
            pages = (ram >> 12) + 15
            private = mmap.mmap(-1, -(-4 * pages // 4096) * 4096 + 64 * PAGE_STRIDE)
            self.arenas.append(private)
            h.page_map = address_of(private)
            h.page_map_len = pages
            h.arena = address_of(private) + -(-4 * pages // 4096) * 4096
            h.arena_pages = 64
            h.slice = 20000
            h.call("hart_reset")
            h.pc = RAM_BASE
            self.harts.append(h)

    def put(self, gpa: int, *words: int, size: int = 4) -> int:
        """Words of `size` bytes into RAM; the address behind them. 16-bit instructions: size=2 each."""
        for w in words:
            off = gpa - RAM_BASE
            self.ram[off : off + size] = w.to_bytes(size, "little")
            gpa += size
        return gpa

    def get(self, gpa: int, size: int = 8) -> int:
        """A little-endian number in RAM."""
        off = gpa - RAM_BASE
        return int.from_bytes(self.ram[off : off + size], "little")
