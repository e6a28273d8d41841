"""Guest physical memory as a debugger sees it: RAM and ROM as bytes, devices by their registers' reads.

Rules (as QEMU's debug accesses)
- a read of a device's register is a read like a hart's, with its side effects; an access is as wide as the
  register block takes, the address is aligned to and the bytes wanted allow;
- a write reaches RAM and ROM; where there is neither it is dropped, and that is no error;
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
        parts = []
        while size > 0:
            part = self._part(gpa, size)
            if not part:
                return None
            parts.append(part)
            gpa += len(part)
            size -= len(part)
        return b"".join(parts)

    def _part(self, gpa: int, size: int) -> bytes:
        """The first of these bytes, as many as lie together; none if the first one is nowhere."""
        memory = self._vm.memory
        for start, end in self._memories():
            if start <= gpa < end:
                return memory.read(gpa, min(size, end - gpa))
        region = self._vm.space.find(gpa)
        if region is None:
            return b""
        width = min(region.max_access, WIDEST, gpa & -gpa or WIDEST, 1 << size.bit_length() - 1)
        answered, value = self._vm.space.read(gpa, width)
        return (value & (1 << 8 * width) - 1).to_bytes(width, "little") if answered else b""

    def _memories(self) -> tuple[tuple[int, int], tuple[int, int]]:
        memory = self._vm.memory
        return memory.ram_range, memory.rom_range

    def write(self, gpa: int, data: bytes) -> bool:
        """Store where there is RAM or ROM. False: the host has no memory for it. Errors: HartRuns."""
        for hart, slot in enumerate(self._vm.slots):
            if not stands(slot):
                raise HartRuns(hart)
        end_of_all = gpa + len(data)
        try:
            for start, end in self._memories():
                first, behind = max(start, gpa), min(end, end_of_all)
                if first < behind:
                    self._vm.memory.patch(first, data[first - gpa : behind - gpa])
        except UserError:
            return False
        finally:
            self._doubt_code()
        return True

    def _doubt_code(self) -> None:
        vm = self._vm
        for hart in range(len(vm.slots)):
            vm.engine.call("doubt_code", vm.control.hart_address(hart))
