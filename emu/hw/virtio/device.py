"""Virtio devices without their transport: status, features, queues, configuration, run state.

    transport (mmio) -> VirtioDevice -> the device's own: handle a queue, its features, its configuration

Rules
- queues are worked on while the machine runs and, for a virtio 1 driver, from DRIVER_OK on; a kick that comes
  otherwise is kept and answered at that moment, so that no driver waits for ever;
- a mistake of the driver breaks the device until it is reset: DEVICE_NEEDS_RESET for a virtio 1 driver, a
  line in the log, nothing raised;
- `reset` forgets everything of the former life: what completes late finds no buffers (`iothread.queue`).
Source: virtio 1.2, 2.1, 2.2 and 3.1; the properties and their defaults are QEMU 10.0's.
"""

from __future__ import annotations

from collections.abc import Callable

from emu.hw.machine import refused_flag
from emu.hw.virtio.bus import VirtioBus
from emu.qom.device import Device, ResetType
from emu.qom.property import Bool
from emu.qom.types import qom_type
from emu.runstate.states import RunState
from iothread.queue import Virtqueue
from ipc.virtqueue import (
    F_ACCESS_PLATFORM,
    F_ANY_LAYOUT,
    F_EVENT_IDX,
    F_IN_ORDER,
    F_INDIRECT_DESC,
    F_NOTIFY_ON_EMPTY,
    F_RING_RESET,
    F_UNUSED_30,
    F_VERSION_1,
)

S_ACKNOWLEDGE, S_DRIVER, S_DRIVER_OK, S_FEATURES_OK, S_NEEDS_RESET, S_FAILED = 1, 2, 4, 8, 0x40, 0x80
ISR_QUEUE, ISR_CONFIG = 1, 2
LEGACY_FEATURES = F_NOTIFY_ON_EMPTY | F_ANY_LAYOUT | F_UNUSED_30


@qom_type("virtio-device", abstract=True)
class VirtioDevice(Device):
    """device_id: of the specification. config_size: bytes of its configuration space.

    host_features: offered; guest_features: what of them the driver accepted. isr: ISR_* bits.
    """

    bus_type = "virtio-bus"
    device_id = 0

    indirect_desc = Bool("indirect_desc", True)
    event_idx = Bool("event_idx", True)
    notify_on_empty = Bool("notify_on_empty", True)
    any_layout = Bool("any_layout", True)
    iommu_platform = Bool("iommu_platform", False)
    packed = refused_flag("packed", "on/off")
    queue_reset = Bool("queue_reset", True)
    in_order = Bool("in_order", False)
    # How QEMU judges whether a device is started or disabled, kept for old machine types: no effect here
    use_started = Bool("use-started", True)
    use_disabled_flag = Bool("use-disabled-flag", True)
    disable_legacy_check = Bool("x-disable-legacy-check", False)

    def instance_init(self) -> None:
        """No queues, nothing negotiated."""
        self.config_size = 0
        self.queues: list[Virtqueue] = []
        self._handlers: list[Callable[[], None]] = []
        self._kicked: set[int] = set()
        self.status = 0
        self.isr = 0
        self.generation = 0
        self.host_features = 0
        self.guest_features = 0
        self.broken = False
        self.vm_running = False

    # -- for devices to override

    def device_features(self) -> int:
        """Feature bits of the device type that it offers."""
        return 0

    def config(self) -> bytes:
        """The configuration space, `config_size` bytes."""
        return b""

    def config_written(self, config: bytes) -> None:
        """The driver stored to the configuration space; `config` is what it has made of it."""

    def driver_ready(self) -> None:
        """The driver is set up (DRIVER_OK)."""

    def driver_gone(self) -> None:
        """It is not any more, or never was: a reset. Forget what it did; its chains are worth nothing."""

    def queue_restarted(self, n: int) -> None:
        """Queue `n` alone was reset: chains of it are worth nothing any more."""

    def resumed(self) -> None:
        """The machine goes on: what could not be done while it stood."""

    # -- life

    def realize(self) -> None:
        """Follow the run state. A device checks its properties before it calls this, which cannot fail."""
        run = self.vm.run
        self.vm_running = run.states.running
        run.on_change(self._run_changed, self.depth())
        self._later = self.vm.loop.deferred.new(self._answer_kicks)

    def unrealize(self) -> None:
        """Follow it no more."""
        self.vm.run.off_change(self._run_changed)
        self._later.cancel()
        self.reset()
        self.queues.clear()
        self._handlers.clear()

    def add_queue(self, size: int, handler: Callable[[], None]) -> Virtqueue:
        """One more queue. handler: the driver has made buffers available, or may have."""
        queue = Virtqueue(self.vm.dma, size, self.mistake, self._queue_interrupt)
        self.queues.append(queue)
        self._handlers.append(handler)
        return queue

    def offer(self, modern: bool) -> None:
        """The transport is there: what the device offers on it."""
        said = (
            (self.indirect_desc, F_INDIRECT_DESC), (self.event_idx, F_EVENT_IDX),
            (self.notify_on_empty, F_NOTIFY_ON_EMPTY), (self.any_layout, F_ANY_LAYOUT),
            (self.iommu_platform, F_ACCESS_PLATFORM), (self.in_order, F_IN_ORDER),
            (self.queue_reset, F_RING_RESET), (modern, F_VERSION_1),
        )  # fmt: skip
        self.host_features = sum(bit for on, bit in said if on) | self.device_features()

    def reset_enter(self, kind: ResetType) -> None:
        """As after power on. The transport drives the line afterwards."""
        self._forget()

    def reset(self) -> None:
        """The driver's: nothing of the former life stays."""
        self._forget()
        self._isr_changed()

    def _forget(self) -> None:
        self._kicked.clear()
        self.set_status(0)
        self.guest_features = 0
        for queue in self.queues:
            queue.reset()
            queue.set_features(0)
        self.broken = False
        self.isr = 0

    def reset_queue(self, n: int) -> None:
        """Queue `n` alone, as after power on."""
        self.queues[n].reset()
        self._kicked.discard(n)
        self.queue_restarted(n)

    # -- what the driver does, through the transport

    @property
    def version_1(self) -> bool:
        """Whether the driver speaks virtio 1."""
        return bool(self.guest_features & F_VERSION_1)

    def set_features(self, features: int) -> None:
        """The driver accepts these. Ones that were not offered it does not get."""
        if self.status & S_FEATURES_OK:
            self.guest_error("driver sets features after FEATURES_OK")
            return
        if features & F_UNUSED_30:
            self.guest_error("driver accepts the prohibited feature bit 30")
        self.guest_features = features & self.host_features
        for queue in self.queues:
            queue.set_features(self.guest_features)

    def set_status(self, status: int) -> None:
        """The driver's progress. FEATURES_OK is refused if a feature that must be accepted was not."""
        if self.version_1 and status & ~self.status & S_FEATURES_OK and not self._features_valid():
            return
        before = self.driver_ok
        self.status = status | self.status & S_NEEDS_RESET if status else 0
        if not self.driver_ok:
            self.driver_gone()
        elif not before:
            self.driver_ready()
        self._answer_kicks()

    def _features_valid(self) -> bool:
        return not self.iommu_platform or bool(self.guest_features & F_ACCESS_PLATFORM)

    @property
    def driver_ok(self) -> bool:
        """Whether the driver is set up."""
        return bool(self.status & S_DRIVER_OK)

    def _may_work(self) -> bool:
        # a legacy driver may kick before DRIVER_OK and expect an answer
        return self.vm_running and (self.driver_ok or not self.version_1)

    def kick(self, n: int) -> None:
        """The driver says that queue `n` has buffers."""
        if n >= len(self.queues) or not self.queues[n].ready:
            return
        if self._may_work():
            self._handlers[n]()
        else:
            self._kicked.add(n)

    def kick_later(self, n: int) -> None:
        """Go on with queue `n` on the next turn of the main loop."""
        self._kicked.add(n)
        self._later.schedule()

    def _answer_kicks(self) -> None:
        while self._kicked and self._may_work():
            n = min(self._kicked)
            self._kicked.discard(n)
            if self.queues[n].ready:
                self._handlers[n]()

    def _run_changed(self, running: bool, _state: RunState) -> None:
        self.vm_running = running
        if running:
            self._answer_kicks()
            if not self.broken:
                self.resumed()

    def read_config(self, off: int, size: int) -> int:
        """A load of 1, 2 or 4 bytes; beyond the end all ones."""
        if off + size > self.config_size:
            return (1 << 8 * size) - 1
        return int.from_bytes(self.config()[off : off + size], "little")

    def write_config(self, off: int, size: int, value: int) -> None:
        """A store; nothing beyond the end."""
        if off + size <= self.config_size:
            config = bytearray(self.config())
            config[off : off + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
            self.config_written(bytes(config))

    def acknowledge(self, bits: int) -> None:
        """The driver has seen these causes of interrupts."""
        self.isr &= ~bits
        self._isr_changed()

    # -- what the driver gets to know

    def _queue_interrupt(self) -> None:
        self.isr |= ISR_QUEUE
        self._isr_changed()

    def notify_config(self) -> None:
        """The configuration, or the need of a reset, is news."""
        if self.driver_ok:
            self.generation = (self.generation + 1) & 0xFFFF_FFFF
            self.isr |= ISR_QUEUE | ISR_CONFIG
            self._isr_changed()

    def _isr_changed(self) -> None:
        if isinstance(self.parent_bus, VirtioBus):
            self.parent_bus.isr_changed()

    def mistake(self, text: str) -> None:
        """QEMU's virtio_error: the driver broke the rules, and the device with them."""
        self.guest_error(text)
        self.broken = True
        for queue in self.queues:
            queue.broken = True
        if self.version_1:
            self.status |= S_NEEDS_RESET
            self.notify_config()

    def guest_error(self, text: str) -> None:
        """The guest did something invalid: a line in the log, if that is wanted."""
        self.vm.log.guest_error(f"{self.qom_name}: {text}")
