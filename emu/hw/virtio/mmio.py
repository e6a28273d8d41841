"""virtio-mmio: a device's registers in memory, legacy (version 1) and modern (version 2).

Rules
- legacy is the default, as QEMU's; `-global virtio-mmio.force-legacy=false` gives the modern interface. A
  register of the other one is a guest error, and reads as 0;
- registers take 4-byte accesses, the configuration space (from 0x100) 1, 2 and 4 bytes; 8 bytes are two of 4;
- an empty slot answers magic, version and vendor, 0 to everything else, and ignores writes;
- every change of the interrupt status ends in `_update_irq`, which publishes it: harts read InterruptStatus
  from shared memory. With ioeventfd=on a driver's QueueNotify is a posted write: the hart does not wait.
Source: virtio 1.2, 4.2.2 and 4.2.4 (legacy); BEHAVIOUR 4.6; QEMU 10.0's answers.
"""

from __future__ import annotations

from collections.abc import Callable

from emu.core.fdt import Node
from emu.core.irq import OutLine
from emu.hw.register import RegisterDevice, RegisterMap, Rung, ShadowTable, no_shadows
from emu.hw.tree import Place, device_node
from emu.hw.virtio.bus import VirtioBus
from emu.hw.virtio.device import LEGACY_FEATURES, S_FEATURES_OK, VirtioDevice
from emu.qom.bus import automatic_name
from emu.qom.device import Device, ResetType
from emu.qom.property import Bool
from emu.qom.types import qom_type
from iothread.queue import Virtqueue
from ipc.virtqueue import F_RING_RESET, MAX_SIZE, Rings, legacy_rings

MAGIC = 0x7472_6976  # "virt"
VENDOR = 0x554D_4551  # "QEMU"
CONFIG = 0x100
MOST_QUEUES = 1024
QUEUE_ALIGN = 4096  # until the driver says another
MASK32 = 0xFFFF_FFFF

_EMPTY = frozenset({0x00, 0x04, 0x0C})  # what an empty slot has
_LEGACY_ONLY = frozenset({0x28, 0x3C, 0x40})
_MODERN_ONLY = frozenset({0x44, 0x80, 0x84, 0x90, 0x94, 0xA0, 0xA4, 0xAC, 0xC0, 0xFC})
_PARTS = ("desc", "avail", "used")


class QueueSetup:
    """What the driver has said of one queue. gpa: the legacy page; parts: addresses of modern rings."""

    def __init__(self) -> None:
        self.num = 0
        self.gpa = 0
        self.align = QUEUE_ALIGN
        self.parts = dict.fromkeys(_PARTS, 0)
        self.ready = False

    def set_part(self, name: str, shift: int, value: int) -> None:
        """Half of an address: shift 0 the low one, 32 the high one."""
        self.parts[name] = self.parts[name] & ~(MASK32 << shift) | value << shift


def _half(method: str, part: str, shift: int) -> Callable[[VirtioMmio, int], None]:
    """The method of a register that takes half of a ring's address."""

    def store(self: VirtioMmio, value: int) -> None:
        self._chosen.set_part(part, shift, value)

    store.__name__ = method
    return store


@qom_type("virtio-mmio-bus")
class VirtioMmioBus(VirtioBus):
    """virtio-mmio-bus.N: room for the one device of a transport."""

    max_devices = 1

    def __init__(self, transport: VirtioMmio) -> None:
        self._transport = transport
        super().__init__(transport, automatic_name(transport, self.qom_name))

    @property
    def modern(self) -> bool:
        """As the transport's property says."""
        return not self._transport.force_legacy

    def isr_changed(self) -> None:
        """To the line."""
        self._transport.isr_changed()


@qom_type("virtio-mmio")
class VirtioMmio(RegisterDevice):
    """device: what sits on the bus, None for nothing. setup: of each queue that the driver has touched."""

    regs = RegisterMap(size=0x200, access=(4,), stride=4)
    irq = OutLine("virtio")
    name = "virtio-mmio"

    force_legacy = Bool("force-legacy", True)
    format_transport_address = Bool("format_transport_address", True)
    ioeventfd = Bool("ioeventfd", True)

    def instance_init(self) -> None:
        """Nobody here."""
        self.device: VirtioDevice | None = None
        self._publish_at(no_shadows(), 0)
        self._power_on()

    def realize(self) -> None:
        """The line and the bus."""
        self.init_irq(self.irq)
        self.bus = VirtioMmioBus(self)

    def map_mmio(self, n: int, gpa: int) -> None:
        """Where it stands, harts find its interrupt status and its doorbell."""
        super().map_mmio(n, gpa)
        self._publish_at(self.vm.shadows, gpa)
        self._update_irq()

    def _publish_at(self, table: ShadowTable, gpa: int) -> None:
        self._isr_shadow = table.shadow(gpa + 0x60, self.regs.access)
        self._notify_posted = table.posted(gpa + 0x50)

    def plugged(self, device: Device) -> None:
        """A device has come: offer its features."""
        assert isinstance(device, VirtioDevice)
        device.offer(not self.force_legacy)
        self.device = device
        self._update_irq()

    def unplugged(self, device: Device) -> None:
        """It leaves."""
        self.device = None
        self._power_on()
        self._update_irq()

    def _power_on(self) -> None:
        self._page_size = 1
        self._features_sel = self._driver_features_sel = self._queue_sel = 0
        self._driver_features = [0, 0]
        self._setup: dict[int, QueueSetup] = {}

    def reset_enter(self, kind: ResetType) -> None:
        """As after power on; the device on the bus has done so before."""
        self._power_on()

    def reset_hold(self, kind: ResetType) -> None:
        """The line."""
        self._update_irq()

    # -- access

    def read(self, off: int, size: int) -> int:
        """A load."""
        if size == 8:
            return self.read(off, 4) | self.read(off + 4, 4) << 32
        if self.device is None:
            if off < CONFIG and size != 4:
                self._mistake("read", off, size)
            return super().read(off, size) if off in _EMPTY and size == 4 else 0
        if off >= CONFIG:
            return self.device.read_config(off - CONFIG, size)
        if self._of_the_other_version("read", off):
            return 0
        return super().read(off, size)

    def write(self, off: int, size: int, value: int) -> None:
        """A store."""
        if size == 8:
            self.write(off, 4, value & MASK32)
            self.write(off + 4, 4, value >> 32 & MASK32)
        elif self.device is None:
            if off < CONFIG and size != 4:
                self._mistake("write", off, size)
        elif off >= CONFIG:
            self.device.write_config(off - CONFIG, size, value)
        elif not self._of_the_other_version("write", off):
            super().write(off, size, value)

    def _mistake(self, what: str, off: int, size: int) -> None:
        self.guest_error(f"{self.name}: {self.regs.mistake(off, size, what)}")

    def _of_the_other_version(self, what: str, off: int) -> bool:
        if off not in (_MODERN_ONLY if self.force_legacy else _LEGACY_ONLY):
            return False
        name, has = self.regs.registers[off].name, "legacy" if self.force_legacy else "modern"
        self.guest_error(f"{self.name}: {what} of {name} at {off:#x}: not in the {has} interface")
        return True

    # -- identity and features

    @regs.read(0x00, "MagicValue")
    def magic(self) -> int:
        """ "virt" in ASCII, little-endian."""
        return MAGIC

    @regs.read(0x04, "Version")
    def version(self) -> int:
        """1 legacy, 2 modern."""
        return 1 if self.force_legacy else 2

    @regs.read(0x08, "DeviceID")
    def device_id(self) -> int:
        """The type of the device, 0 without one."""
        return self._there.device_id

    @regs.read(0x0C, "VendorID")
    def vendor(self) -> int:
        """ "QEMU" in ASCII, little-endian: guests may look at it."""
        return VENDOR

    @regs.read(0x10, "DeviceFeatures")
    def device_features(self) -> int:
        """The word that DeviceFeaturesSel chose of what is offered."""
        offered = self._there.host_features
        if self.force_legacy:
            return 0 if self._features_sel else offered & MASK32
        return (offered & ~LEGACY_FEATURES) >> 32 * self._features_sel & MASK32

    @regs.write(0x14, "DeviceFeaturesSel")
    def select_device_features(self, value: int) -> None:
        """Bits 0..31 or, for anything but 0, 32..63."""
        self._features_sel = int(value != 0)

    @regs.write(0x20, "DriverFeatures")
    def accept_features(self, value: int) -> None:
        """What the driver accepts: at once, or in the modern interface with FEATURES_OK."""
        if not self.force_legacy:
            self._driver_features[self._driver_features_sel] = value
        elif self._driver_features_sel:
            if value:  # Linux stores a 0 there
                self.guest_error(f"{self.name}: features beyond bit 31 in the legacy interface")
        else:
            self._there.set_features(value)

    @regs.write(0x24, "DriverFeaturesSel")
    def select_driver_features(self, value: int) -> None:
        """As DeviceFeaturesSel."""
        self._driver_features_sel = int(value != 0)

    # -- queues

    @property
    def _there(self) -> VirtioDevice:
        assert self.device is not None
        return self.device

    def _queue(self) -> Virtqueue | None:
        """The queue that QueueSel chose, if the device has it."""
        queues = self._there.queues
        return queues[self._queue_sel] if self._queue_sel < len(queues) else None

    @property
    def _chosen(self) -> QueueSetup:
        return self._setup.setdefault(self._queue_sel, QueueSetup())

    @regs.write(0x28, "GuestPageSize")
    def set_page_size(self, value: int) -> None:
        """Unit of QueuePFN, bytes. Of a value that is no power of two the lowest bit counts."""
        self._page_size = value & -value or 1

    @regs.write(0x30, "QueueSel")
    def select_queue(self, value: int) -> None:
        """The queue that the queue registers are about."""
        if value < MOST_QUEUES:
            self._queue_sel = value

    @regs.read(0x34, "QueueNumMax")
    def queue_num_max(self) -> int:
        """Largest size, 0 for a queue that is not there."""
        return MAX_SIZE if self._queue() is not None else 0

    @regs.write(0x38, "QueueNum")
    def set_queue_num(self, value: int) -> None:
        """Its size; in the modern interface it counts with QueueReady."""
        queue = self._queue()
        self._chosen.num = value
        if queue is not None and self.force_legacy:
            queue.set_size(value)
            self._place_legacy(queue)

    @regs.write(0x3C, "QueueAlign")
    def set_queue_align(self, value: int) -> None:
        """Alignment of the used ring, bytes."""
        queue = self._queue()
        self._chosen.align = value
        if queue is not None:
            self._place_legacy(queue)

    @regs.read(0x40, "QueuePFN")
    def queue_pfn(self) -> int:
        """Where the queue is, in pages; 0: nowhere."""
        return self._chosen.gpa // self._page_size if self._queue() is not None else 0

    @regs.write(0x40, "QueuePFN")
    def set_queue_pfn(self, value: int) -> None:
        """Put the queue there; 0 resets the device."""
        queue = self._queue()
        if value == 0:
            self._reset_device()
        elif queue is not None:
            self._chosen.gpa = value * self._page_size
            self._place_legacy(queue)

    def _place_legacy(self, queue: Virtqueue) -> None:
        chosen = self._chosen
        there = chosen.gpa and chosen.align
        queue.place(legacy_rings(chosen.gpa, queue.size, chosen.align) if there else None)

    @regs.read(0x44, "QueueReady")
    def queue_ready(self) -> int:
        """Whether the device may use the queue."""
        return int(self._chosen.ready)

    @regs.write(0x44, "QueueReady")
    def set_queue_ready(self, value: int) -> None:
        """Let the device use the queue, or take it away: then all of its buffers are the driver's again."""
        queue, chosen = self._queue(), self._chosen
        chosen.ready = bool(value)
        if queue is None:
            return
        if not value:
            self._there.reset_queue(self._queue_sel)
            return
        queue.set_size(chosen.num)
        queue.place(Rings(chosen.parts["desc"], chosen.parts["avail"], chosen.parts["used"]))

    @regs.write(0x50, "QueueNotify", Rung.POSTED)
    def notify_queue(self, value: int) -> None:
        """The queue of this number has buffers."""
        self._there.kick(value)

    set_desc_low = regs.write(0x80, "QueueDescLow")(_half("set_desc_low", "desc", 0))
    set_desc_high = regs.write(0x84, "QueueDescHigh")(_half("set_desc_high", "desc", 32))
    set_avail_low = regs.write(0x90, "QueueDriverLow")(_half("set_avail_low", "avail", 0))
    set_avail_high = regs.write(0x94, "QueueDriverHigh")(_half("set_avail_high", "avail", 32))
    set_used_low = regs.write(0xA0, "QueueDeviceLow")(_half("set_used_low", "used", 0))
    set_used_high = regs.write(0xA4, "QueueDeviceHigh")(_half("set_used_high", "used", 32))

    @regs.read(0xC0, "QueueReset")
    def queue_reset(self) -> int:
        """A reset is done when the write returns."""
        return 0

    @regs.write(0xC0, "QueueReset")
    def set_queue_reset(self, value: int) -> None:
        """Reset this queue alone, if that was negotiated. QEMU offers it and has no such register."""
        if not self._there.guest_features & F_RING_RESET:
            self.guest_error(f"{self.name}: QueueReset was not negotiated")
        elif value and self._queue() is not None:
            self._chosen.ready = False
            self._there.reset_queue(self._queue_sel)

    # -- status and interrupts

    @regs.read(0x60, "InterruptStatus", Rung.SHADOWED)
    def interrupt_status(self) -> int:
        """Bit 0: a used ring; bit 1: the configuration."""
        return self._there.isr

    @regs.write(0x64, "InterruptACK")
    def acknowledge(self, value: int) -> None:
        """Seen."""
        self._there.acknowledge(value)

    @regs.read(0x70, "Status")
    def status(self) -> int:
        """The driver's progress, and DEVICE_NEEDS_RESET."""
        return self._there.status

    @regs.write(0x70, "Status")
    def set_status(self, value: int) -> None:
        """0 resets the device. Features of a modern driver count from here."""
        device, value = self._there, value & 0xFF
        if not value:
            self._reset_device()
            return
        if not self.force_legacy and value & ~device.status & S_FEATURES_OK:
            device.set_features(self._driver_features[1] << 32 | self._driver_features[0])
        device.set_status(value)
        self._update_irq()

    def _reset_device(self) -> None:
        """The driver's reset. Page size and feature words stay: a driver sets them before it resets."""
        self._setup.clear()
        self._queue_sel = 0
        self._there.reset()

    @regs.write(0xAC, "SHMSel")
    def select_shm(self, value: int) -> None:
        """No device here has shared memory regions."""

    @regs.read(0xB0, "SHMLenLow")
    def shm_length_low(self) -> int:
        """All ones: there is no such region."""
        return MASK32

    @regs.read(0xB4, "SHMLenHigh")
    def shm_length_high(self) -> int:
        """All ones."""
        return MASK32

    @regs.read(0xFC, "ConfigGeneration")
    def config_generation(self) -> int:
        """Changes whenever the configuration does."""
        return self._there.generation

    def isr_changed(self) -> None:
        """The device has, or has not any more, something to say."""
        self._update_irq()

    def _update_irq(self) -> None:
        """Last act of every change: what harts see and do without us, then the line."""
        device = self.device
        self._isr_shadow.publish(None if device is None else device.isr)
        self._notify_posted.allow(self.ioeventfd and device is not None and device.driver_ok)
        self.irq.set(device is not None and device.isr != 0)

    def node(self, soc: Node, place: Place) -> Node:
        """Its device tree node."""
        return device_node(soc, "virtio_mmio", place, ["virtio,mmio"])
