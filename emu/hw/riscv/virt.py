"""The `virt` board: memory map, interrupt sources, devices, device tree.

The tree is made from the devices that exist, in the order in which QEMU's blob has its nodes. QEMU's flash,
fw_cfg, PCIe and platform bus are not built yet, and so not in it.
Source: BEHAVIOUR 4.2, 4.3; QEMU 10.0's dumpdtb.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emu.core.address_space import AddressSpace
from emu.core.fdt import Node, Tree
from emu.core.log import Log
from emu.hw.char.ns16550a import Ns16550a
from emu.hw.intc.aclint import Sswi
from emu.hw.intc.clint import Clint
from emu.hw.intc.plic import Plic
from emu.hw.misc.sifive_test import PASS, RESET, PowerSwitch, SifiveTest
from emu.hw.register import Device, ShadowTable
from emu.hw.rtc.goldfish import GoldfishRtc
from emu.hw.tree import Place
from emu.hw.virtio.mmio import VirtioMmio
from emu.loop.timers import Clock
from ipc.layout import View
from vcpu_worker.isa import ext

# base, size of the slot; a device may decode less
MROM = (0x1000, 0xF000)
TEST = (0x10_0000, 0x1000)
RTC = (0x10_1000, 0x1000)
CLINT = (0x200_0000, 0x1_0000)
SSWI = (0x2F0_0000, 0x4000)
PLIC = (0xC00_0000, 0x60_0000)
UART0 = (0x1000_0000, 0x100)
VIRTIO = (0x1000_1000, 0x1000)  # slot 0; the others follow
DRAM_BASE = 0x8000_0000

VIRTIO_SLOTS = 8
VIRTIO_IRQ, UART_IRQ, RTC_IRQ = 1, 10, 11
TIMEBASE_HZ = 10_000_000
CACHE_BLOCK = 64
SEED_BYTES = 32
SERIAL_PATH = f"/soc/serial@{UART0[0]:x}"


@dataclass(frozen=True)
class Surroundings:
    """What the board stands on: the control object's words, compiled code, clocks, and whom it may ask."""

    space: AddressSpace
    header: View
    slots: Sequence[View]
    set_level: Callable[[int, bool], None]  # the PLIC's compiled functions
    reset_plic: Callable[[], None]
    virtual: Clock
    rtc: Clock
    rtc_offset_ns: int
    guest_ns: Callable[[], int]
    switch: PowerSwitch
    log: Log


class VirtBoard:
    """The devices, at their addresses. `bits`: EXT_* word that every hart has."""

    def __init__(self, around: Surroundings, bits: int, ram_size: int, aclint: bool = False) -> None:
        self.ram_size = ram_size
        self._around = around
        self._bits = bits
        self.space = around.space
        self.plic = Plic(around.set_level, around.reset_plic)
        self.clint = Clint(around.header, around.slots, aclint)
        self.sswi = Sswi() if aclint else None
        self.uart = Ns16550a(around.virtual, shadows=ShadowTable(around.header), gpa=UART0[0])
        self.rtc = GoldfishRtc(around.rtc, around.rtc_offset_ns)
        self.test = SifiveTest(around.switch)
        self.virtio = [VirtioMmio() for _ in range(VIRTIO_SLOTS)]
        self._devices: list[Device] = []
        self._place()
        self._connect()
        self._set_header()

    def _place(self) -> None:
        self._add(TEST, self.test, self.test.regs.size)
        self._add(RTC, self.rtc, self.rtc.regs.size)
        self._add(CLINT, self.clint, CLINT[1])
        if self.sswi:
            self._add(SSWI, self.sswi, SSWI[1])
        self._add(PLIC, self.plic, PLIC[1])
        self._add(UART0, self.uart, self.uart.regs.size)
        for i, slot in enumerate(self.virtio):
            self._add((VIRTIO[0] + i * VIRTIO[1], VIRTIO[1]), slot, slot.regs.size)

    def _add(self, slot: tuple[int, int], device: Device, decoded: int) -> None:
        device.guest_error = self._around.log.guest_error
        self.space.add(slot[0], decoded, device.name, device)
        self._devices.append(device)

    def _connect(self) -> None:
        self.uart.irq.connect(self.plic.input(UART_IRQ))
        self.rtc.irq.connect(self.plic.input(RTC_IRQ))
        for i, slot in enumerate(self.virtio):
            slot.irq.connect(self.plic.input(VIRTIO_IRQ + i))

    def _set_header(self) -> None:
        """What compiled code must know of the board."""
        words = {
            "mtime_freq": TIMEBASE_HZ, "clint_base": CLINT[0], "clint_size": CLINT[1],
            "plic_base": PLIC[0], "plic_size": PLIC[1],
            "sswi_base": SSWI[0] if self.sswi else 0, "sswi_size": SSWI[1] if self.sswi else 0,
        }  # fmt: skip
        for name, value in words.items():
            self._around.header.set(name, value)
        for slot in self._around.slots:
            slot.set("isa_ext", self._bits)

    def reset(self) -> None:
        """Every device as after power on. The harts are stopped."""
        self.plic.reset()  # first: devices drive their lines when they are reset
        for device in self._devices:
            if device is not self.plic:
                device.reset()
        self.clint.restart(self._around.guest_ns())

    # -- device tree

    def tree(self) -> Tree:
        """The device tree as far as the board knows it: without what -kernel and -initrd add."""
        harts = len(self._around.slots)
        # QEMU makes its cpu nodes from the last to the first, so hart 0 has the highest phandles
        intcs = [2 * (harts - i) for i in range(harts)]
        plic_handle, test_handle = 2 * harts + 1, 2 * harts + 2
        root = Node()
        root.cells("#address-cells", 2).cells("#size-cells", 2)
        root.strings("compatible", "riscv-virtio").strings("model", "riscv-virtio,qemu")
        for name, value in (("poweroff", PASS), ("reboot", RESET)):
            node = root.add(name).cells("value", value).cells("offset", 0)
            node.cells("regmap", test_handle).strings("compatible", f"syscon-{name}")
        memory = root.add(f"memory@{DRAM_BASE:x}").strings("device_type", "memory")
        memory.u64("reg", DRAM_BASE, self.ram_size)
        self._cpu_nodes(root.add("cpus"), intcs)
        if ext.has(self._bits, "Zihpm"):
            # Only what is counted: cycles by mcycle, instructions by minstret
            pmu = root.add("pmu").cells("riscv,event-to-mhpmcounters", 1, 1, 1 << 0, 2, 2, 1 << 2)
            pmu.strings("compatible", "riscv,pmu")
        root.add("aliases").strings("serial0", SERIAL_PATH)
        root.add("chosen").strings("stdout-path", SERIAL_PATH).data("rng-seed", os.urandom(SEED_BYTES))
        self._soc_nodes(root.add("soc"), intcs, plic_handle, test_handle)
        return Tree(root)

    def _cpu_nodes(self, cpus: Node, intcs: Sequence[int]) -> None:
        bits = self._bits
        cpus.cells("#address-cells", 1).cells("#size-cells", 0).cells("timebase-frequency", TIMEBASE_HZ)
        extensions, isa = ext.isa_extensions(bits), ext.isa_string(bits)
        for i, intc in enumerate(intcs):
            cpu = cpus.add(f"cpu@{i:x}").cells("phandle", intc - 1).strings("device_type", "cpu")
            cpu.cells("reg", i).strings("status", "okay").strings("compatible", "riscv")
            for name in ("cbop", "cboz", "cbom"):
                if ext.has(bits, f"Zi{name}"):
                    cpu.cells(f"riscv,{name}-block-size", CACHE_BLOCK)
            cpu.strings("riscv,isa-extensions", *extensions)
            cpu.strings("riscv,isa-base", "rv64i").strings("riscv,isa", isa)
            cpu.strings("mmu-type", ext.mmu_type(bits))
            controller = cpu.add("interrupt-controller").cells("#interrupt-cells", 1)
            controller.flag("interrupt-controller").strings("compatible", "riscv,cpu-intc")
            controller.cells("phandle", intc)
        cluster = cpus.add("cpu-map").add("cluster0")
        for i, intc in enumerate(intcs):
            cluster.add(f"core{i}").cells("cpu", intc - 1)

    def _soc_nodes(self, soc: Node, intcs: Sequence[int], plic_handle: int, test_handle: int) -> None:
        soc.cells("#address-cells", 2).cells("#size-cells", 2).strings("compatible", "simple-bus")
        soc.flag("ranges")
        self.rtc.node(soc, Place(*RTC, RTC_IRQ, plic_handle))
        self.uart.node(soc, Place(*UART0, UART_IRQ, plic_handle))
        self.test.node(soc, Place(*TEST, phandle=test_handle))
        for i in reversed(range(VIRTIO_SLOTS)):
            base, size = VIRTIO[0] + i * VIRTIO[1], VIRTIO[1]
            self.virtio[i].node(soc, Place(base, size, VIRTIO_IRQ + i, plic_handle))
        self.plic.node(soc, Place(*PLIC, phandle=plic_handle), intcs)
        if self.sswi:
            self.sswi.node(soc, Place(*SSWI), intcs)
        self.clint.node(soc, Place(*CLINT), intcs)


def new_seed(tree: Tree) -> None:
    """Fresh randomness for /chosen/rng-seed, where the tree has one: at each reset."""
    chosen = tree.root.find("chosen")
    if chosen is not None and "rng-seed" in chosen.properties:
        chosen.data("rng-seed", os.urandom(len(chosen.properties["rng-seed"])))
