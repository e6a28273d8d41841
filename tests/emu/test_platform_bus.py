"""The platform bus: places, interrupts and nodes of the devices that a user puts there."""

from __future__ import annotations

import pytest

from emu.core.fdt import Node
from emu.core.irq import OutLine
from emu.errors import OptionError, UserError
from emu.hw.platform_bus import DynamicSysBusDevice
from emu.hw.register import RegisterMap
from emu.hw.riscv.virt import VirtMachine
from emu.hw.tree import Place, device_node
from emu.options.visitor import KEYVAL
from emu.qom.monitor import device_class, qdev_device_add
from emu.qom.types import qom_type
from tests.lib.board import FakeVm, bare, virt_board

BASE, SIZE = 0x400_0000, 0x200_0000


@qom_type("x-big-device")
class Big(DynamicSysBusDevice):
    """Two lines, half of the window and a little."""

    regs = RegisterMap(size=SIZE // 2 + 4, access=(4,), stride=4)
    one, two = OutLine("one"), OutLine("two")
    name = "big"

    def realize(self) -> None:
        """Its lines."""
        self.init_irq(self.one)
        self.init_irq(self.two)

    def node(self, parent: Node, place: Place) -> Node:
        """Its node."""
        return device_node(parent, "big", place, ["x,big"])


def put(name: str, **values: str) -> DynamicSysBusDevice:
    device = qdev_device_add({"driver": name, **values}, KEYVAL)
    assert isinstance(device, DynamicSysBusDevice)
    return device


def nodes(machine: VirtMachine) -> Node:
    assert machine.tree is not None
    machine.platform_bus.add_device_nodes()
    found = machine.tree.root.find("platform-bus@4000000")
    assert found is not None
    return found


def test_a_plain_board_has_the_bus_and_nothing_on_it() -> None:
    with virt_board() as machine:
        bus = nodes(machine)
        assert bus.children == []
        assert bus.read_strings("compatible") == ["qemu,platform", "simple-bus"]
        assert bus.read_cells("ranges") == (0, 0, BASE, SIZE)
        assert machine.vm.space.find(BASE) is None


def test_devices_get_the_first_place_that_fits_and_the_next_interrupt() -> None:
    with virt_board() as machine:
        vm = machine.vm
        assert isinstance(vm, FakeVm)
        panic, dog = put("pvpanic-mmio"), put("allwinner-wdt-sun6i", id="dog")
        second, more = put("allwinner-wdt-sun6i"), put("pvpanic-mmio", events="7")
        at = [device.gpa - BASE for device in (panic, dog, second, more)]
        assert at == [0, 0x400, 0x800, 2]
        vm.sets.clear()
        dog.outputs["sysbus-irq"][0].set(True)
        second.outputs["sysbus-irq"][0].set(False)
        assert vm.sets == [(64, True), (65, False)]
        bus = nodes(machine)
        assert [n.name for n in bus.children] == ["pvpanic@2", "watchdog@800", "watchdog@400", "pvpanic@0"]
        watchdog = bus.children[2]
        assert watchdog.read_cells("reg") == (0x400, 0x400)
        assert watchdog.read_cells("interrupts") == (64,)
        assert watchdog.read_strings("compatible") == ["allwinner,sun6i-a31-wdt"]
        assert "interrupts" not in bus.children[0].properties
        assert vm.space.read(BASE + 2, 1) == (True, 7)


def test_what_does_not_fit_is_refused_and_leaves_nothing() -> None:
    with virt_board() as machine:
        put("x-big-device")
        with pytest.raises(UserError, match="Platform Bus: Can not fit MMIO region of size 1000004"):
            put("x-big-device")
        before = len(machine.sysbus.devices)
        for _ in range(15):
            put_small = put("allwinner-wdt-sun6i")
        assert put_small.gpa == BASE + 0x100_0400 + 14 * 0x400
        for _ in range(15):
            put("allwinner-wdt-sun6i")
        with pytest.raises(UserError, match="Platform Bus: Can not fit IRQ line"):
            put("allwinner-wdt-sun6i")
        assert len(machine.sysbus.devices) == before + 30
        put("pvpanic-mmio")


def test_no_other_device_of_the_system_bus_is_the_users() -> None:
    with virt_board():
        with pytest.raises(OptionError, match="Parameter 'driver' expects a pluggable device type"):
            device_class("goldfish_rtc")
        assert device_class("pvpanic-mmio").qom_name == "pvpanic-mmio"


def test_a_machine_without_the_bus_takes_none() -> None:
    text = "Parameter 'driver' expects a dynamic sysbus device type for the machine"
    with bare(), pytest.raises(OptionError, match=text):
        device_class("pvpanic-mmio")


def test_a_tree_of_the_users_is_left_alone(tmp_path: object) -> None:
    with virt_board() as machine:
        assert machine.tree is not None
        blob = machine.tree.pack()
    path = f"{tmp_path}/virt.dtb"
    with open(path, "wb") as file:
        file.write(blob)
    with virt_board(dtb=path) as machine:
        put("pvpanic-mmio")
        assert machine.tree is not None
        machine.platform_bus.add_device_nodes()
        assert machine.tree.pack() == blob
