"""The `virt` board: memory map, interrupt sources, devices, what is booted.

Source: BEHAVIOUR 4.2, 4.4; QEMU 10.0's `info qtree`. Its flash, fw_cfg and PCIe are not built yet.
Beyond QEMU's: suspend=on, and some devices of the platform bus; each only when asked for.
"""

from __future__ import annotations

from typing import TypeVar

from emu.core.fdt import Tree
from emu.core.rom import Rom
from emu.errors import HostError, OptionError, strerror
from emu.hw.char.debug_console import DebugConsole
from emu.hw.char.ns16550a import Ns16550a
from emu.hw.intc.aclint import SWI_SIZE, AclintMtimer, AclintSwi
from emu.hw.intc.plic import Plic
from emu.hw.machine import MachineState, refused_auto, string
from emu.hw.misc.sifive_test import SifiveTest
from emu.hw.platform_bus import DynamicSysBusDevice, PlatformBus
from emu.hw.riscv.boot import Boot, describe_boot, load_dtb, reserve_firmware
from emu.hw.riscv.cpu import HartArray
from emu.hw.rtc.goldfish import GoldfishRtc
from emu.hw.sysbus import SysBusDevice
from emu.hw.virtio.mmio import VirtioMmio
from emu.hw.wakeup import WakeupSources
from emu.options.traits import MachineTraits
from emu.qom.device import Device
from emu.qom.property import Bool
from emu.qom.types import qom_type
from emu.runstate.requests import WakeupReason
from emu.workers.checkpoints import is_checkpoint
from emu.workers.sbi import Sbi
from ipc.layout import MAX_HARTS
from ipc.sbi import SUSP_OFFERED

D = TypeVar("D", bound=SysBusDevice)

# base, size of the slot; a device may decode less
MROM = (0x1000, 0xF000)
TEST = (0x10_0000, 0x1000)
RTC = (0x10_1000, 0x1000)
CLINT = (0x200_0000, 0x1_0000)
SSWI = (0x2F0_0000, 0x4000)
PLATFORM_BUS = (0x400_0000, 0x200_0000)
PLIC = (0xC00_0000, 0x60_0000)
UART0 = (0x1000_0000, 0x100)
VIRTIO = (0x1000_1000, 0x1000)  # slot 0; the others follow
DRAM_BASE = 0x8000_0000

VIRTIO_SLOTS = 8
VIRTIO_IRQ, UART_IRQ, RTC_IRQ, PLATFORM_BUS_IRQ = 1, 10, 11, 64
PLATFORM_BUS_IRQS = 32
TIMEBASE_HZ = 10_000_000

_AIA_GUESTS = "Set number of guest MMIO pages for AIA IMSIC. Valid value should be between 0 and 7."
_AIA = "Set type of AIA interrupt controller. Valid values are none, aplic, and aplic-imsic."


def _aia(_machine: object, value: str) -> None:
    if value not in ("none", "aplic", "aplic-imsic"):
        hint = "Valid values are none, aplic, and aplic-imsic."
        raise OptionError("Invalid AIA interrupt controller type", hint)
    if value != "none":
        raise OptionError(f"aia={value} is not supported in this build")


def _aia_guests(_machine: object, value: str) -> None:
    digits = value.strip()
    if not digits.isdecimal() or int(digits) > 7:
        raise OptionError("Invalid number of AIA IMSIC guests", "Valid values be between 0 and 7.")


@qom_type("virt-machine")
class VirtMachine(MachineState):
    """boot: what it starts with. tree: its device tree, complete after `finish`."""

    desc = "RISC-V VirtIO board"
    max_cpus = MAX_HARTS
    default_cpu = "rv64-riscv-cpu"
    ram_id = "riscv_virt_board.ram"
    traits = MachineTraits(
        "virtio", ("none", "virtio", "pflash"), frozenset({"cdrom"}), fw_cfg=True, numa=True, acpi=True,
    )
    dynamic_sysbus = True

    aclint = Bool("aclint", False, "(TCG only) Set on/off to enable/disable emulating ACLINT devices")
    acpi = refused_auto("acpi", "Enable ACPI")
    aia = string("aia", _AIA, _aia)
    aia_guests = string("aia-guests", _AIA_GUESTS, _aia_guests)
    iommu_sys = refused_auto("iommu-sys", "Enable IOMMU platform device")
    suspend = Bool("suspend", False, "Set on/off to enable/disable suspend to RAM (SBI SUSP) by the built-in "
                   "firmware")  # fmt: skip

    def instance_init(self) -> None:
        """No board yet."""
        self.tree: Tree | None = None
        self.boot = Boot(DRAM_BASE, DRAM_BASE)

    def check(self) -> None:
        """Also the checkpoint of a test."""
        super().check()
        if self.checkpoint and not is_checkpoint(self.checkpoint):
            raise OptionError(f"Parameter 'x-checkpoint' does not accept value '{self.checkpoint}'")

    # -- making

    def init(self) -> None:
        """Memory, harts, devices; firmware, kernel and initrd. Errors: UserError."""
        soc = HartArray()
        self.add_child("soc0", soc)
        soc.set_properties({"num-harts": self.smp.cpus, "cpu-type": self.cpu_type})
        soc.realize_on(self.sysbus)
        self.bits = soc.harts[0].bits
        self.vm.build(self.smp.cpus, self.ram, DRAM_BASE, MROM, self.checkpoint)
        self.boot = Boot(DRAM_BASE, DRAM_BASE + self.ram.size)
        self._set_header()
        self._make_devices()
        self.sbi = Sbi(self.vm.run.requests, self.vm.memory, DebugConsole(self.uart))
        self.vm.sbi = self.sbi
        self._load()
        if self.suspend:
            self._offer_suspend()

    def _offer_suspend(self) -> None:
        """The built-in firmware offers SUSP; who wakes the machine. Errors: OptionError."""
        if not self.boot.builtin_sbi:
            raise OptionError("suspend=on needs the built-in firmware: -bios default")
        assert self.vm.header is not None
        self.vm.header.set("sbi_flags", SUSP_OFFERED)
        run = self.vm.run
        sources = WakeupSources(run, self.vm.loop.deferred)
        self.rtc.wake = sources.add(WakeupReason.RTC, self.rtc.wants_attention)
        self.uart.wake = sources.add(WakeupReason.OTHER, self.uart.wants_attention)
        run.on_wakeup(lambda _reason: self.sbi.woken())

    def _set_header(self) -> None:
        """What compiled code must know of the board."""
        header = self.vm.header
        assert header is not None
        words = {
            "mtime_freq": TIMEBASE_HZ, "clint_base": CLINT[0], "clint_size": CLINT[1],
            "plic_base": PLIC[0], "plic_size": PLIC[1],
            "sswi_base": SSWI[0] if self.aclint else 0, "sswi_size": SSWI[1] if self.aclint else 0,
        }  # fmt: skip
        for name, value in words.items():
            header.set(name, value)
        for slot in self.vm.slots:
            slot.set("isa_ext", self.bits)

    def _make_devices(self) -> None:
        """In QEMU's order, which is what names and searches go by."""
        harts = self.smp.cpus
        self.swi = self._place(AclintSwi(), CLINT[0], num_harts=harts)
        if self.aclint:
            self.sswi = self._place(AclintSwi(), SSWI[0], num_harts=harts, sswi=1)
        self.mtimer = self._place(
            AclintMtimer(), CLINT[0] + SWI_SIZE, num_harts=harts, timebase_freq=TIMEBASE_HZ
        )
        self.plic = self._place(Plic(), PLIC[0], hart_config=",".join(["MS"] * harts))
        self.test = self._place(SifiveTest(), TEST[0])
        self.virtio = [
            self._place(VirtioMmio(), VIRTIO[0] + i * VIRTIO[1], VIRTIO_IRQ + i) for i in range(VIRTIO_SLOTS)
        ]
        self.platform_bus = self._place(
            PlatformBus(), PLATFORM_BUS[0], num_irqs=PLATFORM_BUS_IRQS, mmio_size=PLATFORM_BUS[1]
        )
        for n in range(PLATFORM_BUS_IRQS):
            self.platform_bus.connect_irq(n, self.plic.gpio_in(PLATFORM_BUS_IRQ + n))
        self.uart = self._place(Ns16550a(), UART0[0], UART_IRQ)
        port = self.serial_backend(0)
        if port is not None:
            self.uart.backend = port
            port.attach(self.uart)
        self.rtc = self._place(GoldfishRtc(), RTC[0], RTC_IRQ)

    def _place(self, device: D, gpa: int, source: int = 0, **values: int | str) -> D:
        for name, value in values.items():
            setattr(device, name, value)
        device.realize_on(self.sysbus)
        device.map_mmio(0, gpa)
        if source:
            device.connect_irq(0, self.plic.gpio_in(source))
        return device

    def plugged(self, device: Device) -> None:
        """A device for the platform bus. Errors: UserError without room."""
        assert isinstance(device, DynamicSysBusDevice)
        self.platform_bus.link(device)

    # -- booting

    def _load(self) -> None:
        """Firmware, kernel and initrd."""
        from emu.hw.riscv.virt_tree import board_tree  # which needs the addresses of this module

        boot = self.boot
        self.tree = load_dtb(self.dtb) if self.dtb else board_tree(self)
        # without harts that execute, a missing firmware is no error
        boot.load_firmware(self.firmware, self.vm.host.data_dirs)
        if self.kernel:
            boot.load_kernel(self.kernel)
            if self.initrd:
                boot.load_initrd(self.initrd)

    def finish(self) -> None:
        """Device tree, mask ROM and header words. Errors: UserError."""
        tree, boot, header = self.tree, self.boot, self.vm.header
        assert tree is not None
        assert header is not None
        self.platform_bus.add_device_nodes()
        if boot.builtin_sbi:
            reserve_firmware(tree)
        describe_boot(tree.root.get_or_add("chosen"), boot, self.append)
        boot.place_fdt(tree)
        boot.roms.check()
        rom = boot.mask_rom()
        header.bytes("mrom")[: len(rom)] = rom
        header.set("builtin_sbi", int(boot.builtin_sbi))
        header.set("sbi_kernel", boot.next_addr)
        header.set("sbi_fdt", boot.fdt_at)

    def hart_deadline_ns(self) -> int:
        """The machine timer's."""
        return self.mtimer.deadline_ns()

    def dump_dtb(self, path: str) -> None:
        """-machine dumpdtb=. Errors: HostError."""
        assert self.tree is not None
        try:
            with open(path, "wb") as file:
                file.write(self.tree.pack())
        except OSError as error:
            raise HostError(
                f"Error saving FDT to file {path}: Failed to create file “{path}”: {strerror(error)}"
            ) from error

    def rom_blobs(self) -> list[Rom]:
        """What was loaded; a reset brings it back."""
        return self.boot.roms.blobs

    def reset_board(self) -> None:
        """Memory contents as after power on, a fresh seed in the tree, no call of the SBI under way."""
        from emu.hw.riscv.virt_tree import new_seed

        self.sbi.reset()
        if self.tree is not None and self.boot.fdt_at:
            self.boot.roms.replace("fdt", new_seed(self.tree, self.boot.roms.data("fdt")))
        self.boot.roms.restore(self.vm.memory.write)


