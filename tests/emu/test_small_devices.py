"""Test finisher, empty virtio slots, interrupt controllers' odd accesses, and the parts they are made of."""

from __future__ import annotations

import pytest

from emu.core.address_space import AddressSpace
from emu.core.irq import Line, OutLine
from emu.core.rom import Roms
from emu.errors import UserError
from emu.hw.intc.plic import Plic
from emu.hw.misc.sifive_test import SifiveTest
from emu.hw.register import RegisterDevice, RegisterMap, Rung, ShadowTable
from emu.hw.virtio.mmio import VirtioMmio
from emu.qom.device import ResetType, reset_bus
from emu.qom.types import qom_type
from emu.runstate.requests import Cause
from ipc.layout import HEADER, SHADOWS, View
from tests.lib.board import add, bare, virt_board


@pytest.mark.parametrize(("value", "size", "asked"), [
    (0x5555, 4, [("shutdown", 0)]),
    (0x5555, 2, [("shutdown", 0)]),
    (0x0007_5555, 4, [("shutdown", 7)]),
    (0x0007_3333, 4, [("failed", 7)]),
    (0x3333, 2, [("failed", 0)]),
    (0x7777, 4, [("reset", 0)]),
    (0x1234, 4, []),
    (0x5555, 8, []),
    (0x55, 1, []),
])  # fmt: skip
def test_finisher(value: int, size: int, asked: list[tuple[str, int]]) -> None:
    with bare() as vm:
        device = add(vm, SifiveTest())
        requests = vm.run.requests
        device.write(0, size, value)
        seen = []
        cause = requests.take_shutdown()
        if cause is not Cause.NONE:
            kind = {Cause.GUEST_SHUTDOWN: "shutdown", Cause.GUEST_PANIC: "failed"}[cause]
            seen.append((kind, requests.exit_code))
        if requests.take_reset() is Cause.GUEST_RESET:
            seen.append(("reset", 0))
        assert seen == asked
        assert len(vm.lines.errors) == (not asked)
        assert device.read(0, 4) == 0


def test_empty_virtio_slot_identifies_itself_and_nothing_else() -> None:
    with bare() as vm:
        slot = add(vm, VirtioMmio())
        errors = vm.lines.errors
        words = {off: slot.read(off, 4) for off in range(0, 0x200, 4)}
        assert {off: v for off, v in words.items() if v} == {0: 0x7472_6976, 4: 1, 12: 0x554D_4551}
        for off in range(0, 0x200, 4):
            slot.write(off, 4, 0xFFFF_FFFF)
        assert slot.read(0x70, 4) == 0
        assert errors == []
        assert slot.read(0, 1) == 0
        slot.write(0x70, 2, 1)
        assert len(errors) == 2
        assert [slot.read(0x100, size) for size in (1, 2, 4, 8)] == [0] * 4


def test_plic_passes_lines_on_each_time_and_logs_what_harts_do_not_serve() -> None:
    with bare() as vm:
        plic = add(vm, Plic(), 0xC00_0000)
        line = Line("x")
        line.connect(plic.gpio_in(10).set)
        for level in (True, True, False):
            line.set(level)
        assert vm.sets == [(10, True), (10, True), (10, False)]
        assert plic.read(0, 8) == 0
        plic.write(0x3FF000, 4, 1)
        assert len(vm.lines.errors) == 2


def test_a_reset_makes_mtime_zero_now_and_takes_software_interrupts_back() -> None:
    with virt_board(2) as machine:
        vm = machine.vm
        assert vm.header is not None
        vm.slots[1].set("msip", 1)
        vm.clocks.virtual.now_ns = lambda: 1_000_000_000
        reset_bus(machine.sysbus, ResetType.COLD)
        assert vm.slots[1].get("msip") == 0
        assert (10_000_000 + vm.header.get("mtime_delta")) % (1 << 64) == 0


@qom_type("x-toy")
class Toy(RegisterDevice):
    regs = RegisterMap(size=8, access=(4,), stride=4)
    irq = OutLine("toy")
    other = OutLine("other")
    name = "toy"
    value = 0

    @regs.read(0, "A", Rung.SHADOWED)
    def read_a(self) -> int:
        """..."""
        return self.value

    @regs.write(0, "A", Rung.POSTED)
    def write_a(self, value: int) -> None:
        """..."""
        self.value = value


def test_each_instance_has_lines_of_its_own() -> None:
    one, two = Toy(), Toy()
    one.irq.set(True)
    assert (one.irq.level, one.other.level, two.irq.level) == (True, False, False)
    assert one.irq is one.irq


def test_rungs_are_declared_properties_of_registers() -> None:
    register = Toy.regs.registers[0]
    assert (register.name, register.read_rung, register.write_rung) == ("A", Rung.SHADOWED, Rung.POSTED)


def test_a_register_declared_twice_or_outside_is_a_mistake() -> None:
    regs = RegisterMap(size=8, access=(4,), stride=4)
    regs.read(0, "A")(lambda self: 0)
    with pytest.raises(ValueError, match="declared twice"):
        regs.read(0, "A")(lambda self: 0)
    for off in (2, 8, -4):
        with pytest.raises(ValueError, match="does not fit"):
            regs.write(off, "B")(lambda self, value: None)


def test_address_space_finds_devices_and_nothing_between_them() -> None:
    unassigned: list[str] = []
    space = AddressSpace(unassigned.append)
    toy = Toy()
    space.add(0x2000, 8, "high", Toy())
    space.add(0x1000, 8, "low", toy)
    assert [r.name for r in space.regions()] == ["low", "high"]
    assert space.write(0x1000, 4, 7)
    assert space.read(0x1000, 4) == (True, 7)
    for gpa in (0, 0xFFF, 0x1008, 0x1FFF, 0x2008, 1 << 60):
        assert space.read(gpa, 4) == (False, 0)
        assert not space.write(gpa, 4, 0)
    assert len(unassigned) == 12
    with pytest.raises(AssertionError):
        space.add(0x1004, 8, "overlap", Toy())


def test_shadows_are_slots_for_ever_and_a_full_table_is_no_harm() -> None:
    header = View(HEADER, memoryview(bytearray(HEADER.size)), 0)
    table = ShadowTable(header)
    made = [table.shadow(0x1000 + i, (1, 4)) for i in range(SHADOWS + 2)]
    for i, shadow in enumerate(made):
        shadow.publish(i)
    assert header.get("shadow_gpa", 3) == 0x1003
    assert (header.get("shadow_value", 3), header.get("shadow_sizes", 3)) == (3, 5)
    made[3].publish(None)
    assert (header.get("shadow_gpa", 3), header.get("shadow_value", 3)) == (0, 3)
    made[3].publish(9)
    assert (header.get("shadow_gpa", 3), header.get("shadow_value", 3)) == (0x1003, 9)


def test_overlapping_blobs_are_named_and_patches_may_overlap() -> None:
    roms = Roms()
    roms.add("a", 0x1000, bytes(16))
    roms.add("word", 0x1004, b"word", patch=True)
    roms.check()
    memory: dict[int, bytes] = {}
    roms.restore(memory.__setitem__)
    assert list(memory) == [0x1000, 0x1004]
    roms.add("b", 0x100F, b"x")
    with pytest.raises(UserError, match="Some ROM regions are overlapping") as error:
        roms.check()
    assert error.value.hint.endswith(
        "  a (addresses 0x0000000000001000 - 0x0000000000001010)\n"
        "  b (addresses 0x000000000000100f - 0x0000000000001010)\n"
    )
