"""The address space as qtest and monitors use it: any range, RAM, ROM and devices alike.

An access is cut at regions, and within a device's region to widths that it takes, aligned; what nobody
answers reads as 0 and swallows stores, as QEMU's qtest sees it.
Units: gpa and sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from emu.vm import Vm


def _parts(vm: Vm, gpa: int, size: int) -> Iterator[tuple[int, int]]:
    """(gpa, size) of device accesses that together cover the range."""
    end = gpa + size
    while gpa < end:
        region = vm.space.find(gpa)
        most = region.max_access if region is not None else 8
        step = min(most, end - gpa, gpa & -gpa if gpa else most)
        step = 1 << (step.bit_length() - 1)
        yield gpa, step
        gpa += step


def _memory(vm: Vm, gpa: int, size: int) -> bool:
    """Whether the whole range is RAM or ROM."""
    if vm.header is None:
        return False
    base, end = vm.memory.ram_range
    return (base <= gpa and gpa + size <= end) or vm.memory.in_rom(gpa, size)


def bus_read(vm: Vm, gpa: int, size: int) -> bytes:
    """`size` bytes at `gpa`."""
    if _memory(vm, gpa, size):
        return vm.memory.read(gpa, size)
    out = bytearray()
    for at, step in _parts(vm, gpa, size):
        if _memory(vm, at, step):
            out += vm.memory.read(at, step)
        else:
            _, value = vm.space.read(at, step)
            out += value.to_bytes(step, "little")
    return bytes(out)


def bus_write(vm: Vm, gpa: int, data: bytes) -> None:
    """Store `data` at `gpa`. A store to ROM is swallowed."""
    if _memory(vm, gpa, len(data)):
        if not vm.memory.in_rom(gpa, len(data)):
            vm.memory.write(gpa, data)
        return
    for at, step in _parts(vm, gpa, len(data)):
        part = data[at - gpa : at - gpa + step]
        if not _memory(vm, at, step):
            vm.space.write(at, step, int.from_bytes(part, "little"))
        elif not vm.memory.in_rom(at, step):
            vm.memory.write(at, part)
