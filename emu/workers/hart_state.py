"""A hart's architectural state, for who looks from outside: debuggers, monitors, reports.

Rules
- between slices a hart is nothing but its slot (law 6): while it is stopped, main may change what is
  otherwise the hart's own, and only then (`HartRuns` is raised else). Reads are always possible; of a
  running hart they show some moment, with pc as of its last block;
- what a CSR holds and what a write to it does is said once, in `vcpu_worker.csr`: its compiled functions
  are called here, reads on a copy of the slot, so that looking changes nothing;
- no state of a guest raises anything here: an address that leads nowhere is None, not an error.
The worker is a fork of this process, so host addresses in its slot hold here as well.
Units: gva, gpa and sizes in bytes.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from emu.errors import UserError
from emu.workers.debug_memory import DebugMemory, HartRuns, stands
from ipc.engine import host_calls
from ipc.layout import HART, View, slot_offset
from ipc.segment import address_of
from vcpu_worker.csr import reg

if TYPE_CHECKING:
    from emu.vm import Vm

MASK64 = (1 << 64) - 1
PAGE = 4096
NOWHERE = MASK64  # of the native `probe`
PRIVS = (0, 1, 3)  # U, S, M


class NoSuchCsr(UserError):
    """This hart has no CSR of that name."""

    def __init__(self, hart: int, name: str) -> None:
        super().__init__(f"hart {hart} has no CSR '{name}'")


class HartState:
    """Hart `index` of `vm`. Registers are unsigned 64-bit words."""

    def __init__(self, vm: Vm, index: int) -> None:
        self.index = index
        self.memory = DebugMemory(vm)
        self._vm = vm
        self._slot = vm.slots[index]
        self._address = vm.control.hart_address(index)
        self._copy: _Copy | None = None

    # -- whether it stands

    @property
    def stopped(self) -> bool:
        """Whether the hart executes nothing, now and until main lets it."""
        return stands(self._slot)

    def _must_stand(self) -> None:
        if not self.stopped:
            raise HartRuns(self.index)

    # -- registers

    def x(self, number: int) -> int:
        """Integer register 0..31."""
        return self._slot.get("x", number)

    def set_x(self, number: int, value: int) -> None:
        """x0 keeps its 0. Errors: HartRuns."""
        self._must_stand()
        if number:
            self._slot.set("x", value & MASK64, number)

    def f(self, number: int) -> int:
        """Floating-point register 0..31, its bits; NaN-boxed if it holds a single."""
        return self._slot.get("f", number)

    def set_f(self, number: int, value: int) -> None:
        """Errors: HartRuns."""
        self._must_stand()
        self._slot.set("f", value & MASK64, number)

    @property
    def pc(self) -> int:
        """The next instruction's gva; of a running hart, as of its last block."""
        get = self._slot.get
        rec = get("rec")
        if self.stopped or not rec:
            return get("pc")
        return (get("pcb") + rec // 4) & MASK64

    def set_pc(self, gva: int) -> None:
        """Go on there. Bit 0 is dropped: no instruction lies at an odd address. Errors: HartRuns."""
        self._must_stand()
        self._slot.set("pc", gva & MASK64 & ~1)

    @property
    def priv(self) -> int:
        """0 U, 1 S, 3 M."""
        return self._slot.get("priv")

    def set_priv(self, priv: int) -> None:
        """A mode that does not exist changes nothing. Errors: HartRuns."""
        self._must_stand()
        if priv in PRIVS:
            self._slot.set("priv", priv)
            self._vm.engine.call("update_ctx", self._address)

    # -- CSRs

    def csr_numbers(self) -> list[int]:
        """The CSRs that this hart has, in the order of their numbers."""
        names = reg.load_all()
        isa_ext = self._slot.get("isa_ext")
        return sorted(n for n in names if reg.available(n, isa_ext))

    def csr_number(self, name: str) -> int:
        """The number of a CSR by its name in the manual. Errors: NoSuchCsr."""
        reg.load_all()
        number = reg.NUMBERS.get(name)
        if number is None or not reg.available(number, self._slot.get("isa_ext")):
            raise NoSuchCsr(self.index, name)
        return number

    def csr(self, name: str) -> int:
        """Its value as M-mode would read it. Errors: NoSuchCsr."""
        return self.read_csr(self.csr_number(name))

    def set_csr(self, name: str, value: int) -> None:
        """Write it by its WARL rule, with what follows from it. Errors: NoSuchCsr, HartRuns."""
        self.write_csr(self.csr_number(name), value)

    def read_csr(self, number: int) -> int:
        """As `csr`, by number; 0 if there is none."""
        return self._ask("csr_peek", number)

    def write_csr(self, number: int, value: int) -> None:
        """As `set_csr`, by number; nothing if there is none or it is read-only. Errors: HartRuns."""
        self._must_stand()
        if not reg.read_only(number):
            self._vm.engine.call("csr_poke", self._address, number, value & MASK64)

    def _ask(self, native: str, *args: int) -> int:
        """A compiled function on a copy of the slot."""
        if self._copy is None:
            self._copy = _Copy(self._vm, self.index)
        return self._copy.call(native, *args)

    # -- memory as this hart sees it

    def translate(self, gva: int) -> int | None:
        """The gpa that data at `gva` lies at in the present mode; None if nowhere. No A or D bit is set."""
        gpa = self._ask("probe", gva & MASK64)
        return None if gpa == NOWHERE else gpa

    def read(self, gva: int, size: int) -> bytes | None:
        """`size` bytes at `gva`; None if something of them is nowhere."""
        parts = []
        for start, length in _pages(gva, size):
            gpa = self.translate(start)
            part = None if gpa is None else self.memory.read(gpa, length)
            if part is None:
                return None
            parts.append(part)
        return b"".join(parts)

    def write(self, gva: int, data: bytes) -> bool:
        """Store at `gva`, page by page; False at the first page that is nowhere. Errors: HartRuns."""
        done = 0
        for start, length in _pages(gva, len(data)):
            gpa = self.translate(start)
            if gpa is None or not self.memory.write(gpa, data[done : done + length]):
                return False
            done += length
        return True


class _Copy:
    """A slot's words in memory of our own, for functions that look and must leave no trace."""

    def __init__(self, vm: Vm, index: int) -> None:
        self._engine = vm.engine
        at = slot_offset(index)
        self._slot = vm.control.memory.buf
        self._from, self._end = at, at + HART.size
        self._memory = mmap.mmap(-1, HART.size)
        self._record = View(HART, memoryview(self._memory), 0)
        self._at = address_of(self._memory)
        # a hart that never had a worker has none of these
        control = vm.control
        self._words = {**host_calls(), "header": control.header_address, "slots": control.hart_address(0)}

    def call(self, native: str, *args: int) -> int:
        """Call it on a fresh copy."""
        self._memory[:] = self._slot[self._from : self._end]
        for name, value in self._words.items():
            self._record.set(name, value)
        return self._engine.call(native, self._at, *args)


def _pages(gva: int, size: int) -> list[tuple[int, int]]:
    """(start, length) of the parts of a range that lie in one page each; gva wraps at 64 bits."""
    parts = []
    while size > 0:
        length = min(size, PAGE - gva % PAGE)
        parts.append((gva & MASK64, length))
        gva += length
        size -= length
    return parts
