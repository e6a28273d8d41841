"""The `virt` board's device tree: made from the devices that exist, in the order of QEMU's blob.

Guests number devices by that order.
Source: BEHAVIOUR 4.3; QEMU 10.0's dumpdtb.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emu.core.fdt import Node, Tree
from emu.hw.intc.aclint import SWI_SIZE, clint_node
from emu.hw.misc.sifive_test import PASS, RESET
from emu.hw.riscv import virt
from emu.hw.riscv.cpu import CACHE_BLOCK
from emu.hw.tree import Place
from vcpu_worker.isa import ext

if TYPE_CHECKING:
    from emu.hw.riscv.virt import VirtMachine

SEED_BYTES = 32


def board_tree(machine: VirtMachine) -> Tree:
    """The device tree as far as the board knows it: without what -kernel and -initrd add."""
    harts = machine.smp.cpus
    serial = f"/soc/serial@{virt.UART0[0]:x}"
    # QEMU makes its cpu nodes from the last to the first, so hart 0 has the highest phandles
    intcs = [2 * (harts - i) for i in range(harts)]
    plic_handle, test_handle = 2 * harts + 1, 2 * harts + 2
    root = Node()
    root.cells("#address-cells", 2).cells("#size-cells", 2)
    root.strings("compatible", machine.dt_compatible or "riscv-virtio").strings("model", "riscv-virtio,qemu")
    for name, value in (("poweroff", PASS), ("reboot", RESET)):
        node = root.add(name).cells("value", value).cells("offset", 0)
        node.cells("regmap", test_handle).strings("compatible", f"syscon-{name}")
    machine.platform_bus.node(root, Place(*virt.PLATFORM_BUS, virt.PLATFORM_BUS_IRQ, plic_handle))
    memory = root.add(f"memory@{virt.DRAM_BASE:x}").strings("device_type", "memory")
    memory.u64("reg", virt.DRAM_BASE, machine.ram.size)
    _cpu_nodes(root.add("cpus"), machine.bits, intcs)
    if ext.has(machine.bits, "Zihpm"):
        # Only what is counted: cycles by mcycle, instructions by minstret
        pmu = root.add("pmu").cells("riscv,event-to-mhpmcounters", 1, 1, 1 << 0, 2, 2, 1 << 2)
        pmu.strings("compatible", "riscv,pmu")
    root.add("aliases").strings("serial0", serial)
    root.add("chosen").strings("stdout-path", serial).data("rng-seed", os.urandom(SEED_BYTES))
    _soc_nodes(root.add("soc"), machine, intcs, plic_handle, test_handle)
    return Tree(root)


def _cpu_nodes(cpus: Node, bits: int, intcs: Sequence[int]) -> None:
    cpus.cells("#address-cells", 1).cells("#size-cells", 0)
    cpus.cells("timebase-frequency", virt.TIMEBASE_HZ)
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


def _soc_nodes(
    soc: Node, machine: VirtMachine, intcs: Sequence[int], plic_handle: int, test_handle: int
) -> None:
    soc.cells("#address-cells", 2).cells("#size-cells", 2).strings("compatible", "simple-bus")
    soc.flag("ranges")
    machine.rtc.node(soc, Place(*virt.RTC, virt.RTC_IRQ, plic_handle))
    machine.uart.node(soc, Place(*virt.UART0, virt.UART_IRQ, plic_handle))
    machine.test.node(soc, Place(*virt.TEST, phandle=test_handle))
    for i in reversed(range(virt.VIRTIO_SLOTS)):
        base, size = virt.VIRTIO[0] + i * virt.VIRTIO[1], virt.VIRTIO[1]
        machine.virtio[i].node(soc, Place(base, size, virt.VIRTIO_IRQ + i, plic_handle))
    machine.plic.node(soc, Place(*virt.PLIC, phandle=plic_handle), intcs)
    if not machine.aclint:
        clint_node(soc, Place(*virt.CLINT), intcs)
        return
    machine.sswi.node(soc, Place(*virt.SSWI), intcs)
    base = virt.CLINT[0]
    machine.mtimer.node(soc, Place(base + SWI_SIZE, virt.CLINT[1] - SWI_SIZE), intcs)
    machine.swi.node(soc, Place(base, SWI_SIZE), intcs)


def new_seed(tree: Tree, blob: bytes) -> bytes:
    """Fresh randomness for /chosen/rng-seed, where the tree has one, at each reset; `blob` (packed) with it.

    The seed is found in the blob by its bytes: to pack a tree again takes a third of a reset.
    """
    chosen = tree.root.find("chosen")
    if chosen is None or not chosen.properties.get("rng-seed"):
        return blob
    old = bytes(chosen.properties["rng-seed"])
    new = os.urandom(len(old))
    chosen.data("rng-seed", new)
    if len(old) < SEED_BYTES:  # of a tree that was given, and too short to be found for sure
        return tree.pack()
    return blob.replace(old, new, 1)
