"""A hart's state from outside: registers, CSRs by their rules, memory as it sees it; no trace of looking."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from emu.core.address_space import AddressSpace
from emu.vm import Vm
from emu.workers.debug_memory import DebugMemory, HartRuns
from emu.workers.hart_state import HartState, NoSuchCsr
from ipc.layout import Exit, Want, slot_offset
from ipc.layout import HartState as State
from tests.isa.test_breakpoints import CODE, loop, map_pages
from tests.lib.hart import MROM_BASE, RAM_BASE, Bench
from vcpu_worker.isa.insn import encode

RAM = 1 << 16
DEVICE, DEVICE_SIZE = 0x1000_0000, 0x20


class Registers:
    """A device of 32 bytes, each its own offset, that notes its accesses."""

    def __init__(self) -> None:
        self.accesses: list[tuple[str, int, int]] = []

    def read(self, off: int, size: int) -> int:
        self.accesses.append(("read", off, size))
        return int.from_bytes(range(off, off + size), "little")

    def write(self, off: int, size: int, value: int) -> None:
        self.accesses.append((f"write {value:#x}", off, size))


class Memory:
    """RAM and ROM of a Bench as `emu.core.memory.GuestMemory` has them."""

    def __init__(self, b: Bench) -> None:
        self.bench = b
        self.ram_range = RAM_BASE, RAM_BASE + RAM
        self.rom_range = MROM_BASE, MROM_BASE + 0xF000

    def _place(self, gpa: int) -> tuple[memoryview, int]:
        if gpa >= RAM_BASE:
            return memoryview(self.bench.ram), gpa - RAM_BASE
        return self.bench.header.bytes("mrom"), gpa - MROM_BASE

    def read(self, gpa: int, size: int) -> bytes:
        where, at = self._place(gpa)
        return bytes(where[at : at + size])

    def patch(self, gpa: int, data: bytes) -> None:
        where, at = self._place(gpa)
        where[at : at + len(data)] = data


class Desk:
    """Two harts in this process, and what a Vm gives of them."""

    def __init__(self) -> None:
        self.bench = b = Bench(harts=2, ram=RAM)
        self.device = Registers()
        space = AddressSpace()
        space.add(DEVICE, DEVICE_SIZE, "device", self.device, 4)
        control = SimpleNamespace(
            memory=SimpleNamespace(buf=b.buf), header_address=b.base,
            hart_address=lambda i: b.base + slot_offset(i),
        )  # fmt: skip
        self.vm = cast(Vm, SimpleNamespace(
            slots=[h.view for h in b.harts], control=control, engine=b.engine, memory=Memory(b), space=space,
        ))  # fmt: skip
        self.hart = HartState(self.vm, 0)
        self.memory = DebugMemory(self.vm)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_registers_are_the_slots(desk: Desk) -> None:
    h, slot = desk.hart, desk.bench.harts[0]
    for number in range(32):
        h.set_x(number, number << 60 | 5)
        h.set_f(number, number << 59 | 7)
    assert [h.x(n) for n in range(32)] == [0, *(slot.x[n] for n in range(1, 32))]
    assert [h.f(n) for n in range(32)] == [(n << 59 | 7) & (1 << 64) - 1 for n in range(32)]
    h.set_pc(CODE + 3)
    assert (h.pc, slot.pc) == (CODE + 2, CODE + 2)


def test_a_new_mode_is_one_that_exists_and_translation_follows(desk: Desk) -> None:
    h = desk.hart
    map_pages(desk.bench, {0x5000: CODE})
    assert h.priv == 1
    assert h.translate(0x5008) == CODE + 8
    h.set_priv(3)
    assert h.translate(0x5008) == 0x5008
    h.set_priv(2)
    assert h.priv == 3
    h.set_priv(0)
    assert h.translate(0x5008) is None, "no page of U-mode"
    assert h.translate(1 << 60) is None


def test_csrs_are_written_by_their_rules_and_read_without_a_trace(desk: Desk) -> None:
    h, slot = desk.hart, desk.bench.harts[0]
    h.set_csr("mtvec", 0x8000_0001)
    assert h.csr("mtvec") == 0x8000_0001
    h.set_csr("mtvec", 0x8000_0002)  # reserved mode
    assert h.csr("mtvec") == 0x8000_0001
    h.set_csr("mhartid", 5)
    assert h.csr("mhartid") == 0
    h.set_csr("mstatus", 1 << 13)
    assert slot.fs_off == 0, "what follows from it"
    h.set_csr("minstret", 1000)
    assert h.csr("minstret") == 1000
    slot.ssip_set = 1
    before = bytes(desk.bench.buf)
    assert h.csr("sip") == 0
    assert h.csr("mip") & 2 == 2, "what another hart has asked for is pending"
    for number in h.csr_numbers():
        h.read_csr(number)
    assert h.translate(0x1234) == 0x1234
    assert bytes(desk.bench.buf) == before


def test_names_that_are_no_csr_of_this_hart(desk: Desk) -> None:
    with pytest.raises(NoSuchCsr, match="hart 0 has no CSR 'hstatus'"):
        desk.hart.csr("hstatus")
    with pytest.raises(NoSuchCsr):
        desk.hart.set_csr("vstart", 1)
    assert desk.hart.read_csr(0x5C0) == 0


def test_a_running_hart_can_be_read_and_not_changed(desk: Desk) -> None:
    slot = desk.bench.harts[0]
    slot.wanted, slot.wanted_gen = Want.RUN, 1  # about to run
    changes = (
        lambda h: h.set_x(1, 1), lambda h: h.set_f(1, 1), lambda h: h.set_pc(0), lambda h: h.set_priv(0),
        lambda h: h.set_csr("mepc", 0), lambda h: h.write(RAM_BASE, b"x"),
    )  # fmt: skip
    for change in changes:
        with pytest.raises(HartRuns, match="hart 0 is running: stop the machine first"):
            change(desk.hart)
    other = HartState(desk.vm, 1)
    other.set_x(1, 5)
    with pytest.raises(HartRuns):
        other.write(RAM_BASE, b"x")  # memory is every hart's
    slot.state, slot.acked_gen = State.RUNNING, 1
    slot.pcb, slot.rec = RAM_BASE, 64
    assert desk.hart.pc == RAM_BASE + 16, "as of the last block"
    assert desk.hart.csr("mepc") == 0
    slot.state = State.DEAD
    desk.hart.set_x(1, 1)


def test_memory_is_read_and_written_across_pages_as_the_hart_sees_it(desk: Desk) -> None:
    map_pages(desk.bench, {0x5000: RAM_BASE + 0x3000, 0x6000: RAM_BASE + 0x8000})
    h = desk.hart
    data = bytes(range(1, 41))
    assert h.write(0x5FF0, data)
    assert desk.bench.ram[0x3FF0:0x4000] == data[:16]
    assert desk.bench.ram[0x8000:0x8018] == data[16:]
    assert h.read(0x5FF0, 40) == data
    assert h.read(0x6FF0, 17) is None
    assert not h.write(0x6FF0, bytes(17))
    assert h.read(0x6FF0, 0) == b""


def test_a_write_is_executed_by_every_hart_without_a_fence(desk: Desk) -> None:
    m = desk.bench
    loop(m)
    for h in m.harts:
        h.pc = CODE
        h.run_exact(9000)
    assert desk.hart.write(CODE, encode("addi", rd=6, rs1=6, imm=1).to_bytes(4, "little") * 6)
    for h in m.harts:
        before = h.x[5]
        assert h.run_exact(700) == Exit.BUDGET
        assert (h.x[5], h.x[6]) == (before, 600)


def test_physical_memory_is_ram_rom_and_registers(desk: Desk) -> None:
    m, device = desk.memory, desk.device
    assert m.write(MROM_BASE + 0xEFFE, b"ab")
    assert m.read(MROM_BASE + 0xEFFE, 2) == b"ab"
    assert m.read(MROM_BASE + 0xEFFF, 2) is None
    assert m.read(RAM_BASE + RAM - 1, 2) is None
    assert not m.write(RAM_BASE + RAM - 1, b"cd")
    assert m.read(RAM_BASE + RAM - 1, 1) == b"c", "what was before the end is written"
    # as wide as the device takes, aligned, and not beyond what is wanted
    assert m.read(DEVICE + 1, 8) == bytes(range(1, 9))
    assert device.accesses == [("read", 1, 1), ("read", 2, 2), ("read", 4, 4), ("read", 8, 1)]
    device.accesses.clear()
    assert m.write(DEVICE + 6, bytes((1, 2, 3, 4, 5)))
    assert device.accesses == [("write 0x201", 6, 2), ("write 0x403", 8, 2), ("write 0x5", 10, 1)]
    assert m.read(DEVICE + DEVICE_SIZE - 4, 8) is None
    assert m.read((1 << 64) - 1, 1) is None
    assert m.read(0, 0) == b""
