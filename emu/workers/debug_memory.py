"""Guest physical memory as a debugger sees it: RAM, ROM that can be written, registers of devices.

Rules (QEMU's)
- an access to a register is one like a hart's, with its side effects: as wide as the device takes, the
  address is aligned to, and the bytes wanted allow;
- what lies before something that is nowhere has been read or written all the same;
- code that was written is seen by every hart at its next instruction, without a FENCE.I of the guest: who
  writes stands outside of the guest. That is why the harts must be stopped (law 6: a stopped hart's words
  are anybody's to change, and only then).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.errors import UserError
from ipc.layout import HartState, View

if TYPE_CHECKING:
    from emu.vm import Vm

WIDEST = 8


class HartRuns(UserError):
    """Something that only a stopped hart allows was asked for. Attributes: hart."""

    def __init__(self, hart: int) -> None:
        super().__init__(f"hart {hart} is running: stop the machine first")
        self.hart = hart


def stands(slot: View) -> bool:
    """Whether a hart executes nothing, now and until main lets it."""
    state = slot.get("state")
    if state == HartState.DEAD:
        return True
    return state == HartState.STOPPED and slot.get("acked_gen") == slot.get("wanted_gen")


class DebugMemory:
    """The memory of a machine that has harts."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm

    def read(self, gpa: int, size: int) -> bytes | None:
        """`size` bytes at `gpa`; None if something of them is nowhere."""
        data = bytearray()
        while size > len(data):
            at = gpa + len(data)
            place = self._place(at, size - len(data))
            if place is None:
                return None
            length, is_memory = place
            if is_memory:
                data += self._vm.memory.read(at, length)
            else:
                _, value = self._vm.space.read(at, length)
                data += (value & (1 << 8 * length) - 1).to_bytes(length, "little")
        return bytes(data)

    def write(self, gpa: int, data: bytes) -> bool:
        """Store there. False: something of it is nowhere, or the host has no memory. Errors: HartRuns."""
        for hart, slot in enumerate(self._vm.slots):
            if not stands(slot):
                raise HartRuns(hart)
        try:
            return self._write(gpa, data)
        finally:
            self._doubt_code()

    def _write(self, gpa: int, data: bytes) -> bool:
        done = 0
        while done < len(data):
            place = self._place(gpa + done, len(data) - done)
            if place is None:
                return False
            length, is_memory = place
            part = data[done : done + length]
            if not is_memory:
                self._vm.space.write(gpa + done, length, int.from_bytes(part, "little"))
            else:
                try:
                    self._vm.memory.patch(gpa + done, part)
                except UserError:
                    return False
            done += length
        return True

    def _place(self, gpa: int, size: int) -> tuple[int, bool] | None:
        """How many of these bytes one access takes, and whether it is to memory; None: nothing is there."""
        memory = self._vm.memory
        for start, end in (memory.ram_range, memory.rom_range):
            if start <= gpa < end:
                return min(size, end - gpa), True
        region = self._vm.space.find(gpa)
        if region is None:
            return None
        aligned = gpa & -gpa or WIDEST
        return min(region.max_access, WIDEST, aligned, 1 << size.bit_length() - 1), False

    def _doubt_code(self) -> None:
        vm = self._vm
        for hart in range(len(vm.slots)):
            vm.engine.call("doubt_code", vm.control.hart_address(hart))
