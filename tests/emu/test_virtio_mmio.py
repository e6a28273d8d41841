"""virtio-mmio: registers of both interfaces, negotiation, interrupts, resets, stop and cont, mistakes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from emu.errors import OptionError, UserError
from emu.hw.virtio.device import VirtioDevice
from emu.qom import introspect
from emu.qom.types import qom_type
from emu.runstate.requests import Cause
from iothread.queue import Chain
from ipc.layout import SHADOWS
from ipc.virtqueue import F_IN_ORDER, F_RING_RESET, F_VERSION_1
from tests.lib.virtio import (
    ACKNOWLEDGE,
    BASE,
    DRIVER,
    DRIVER_OK,
    FEATURES_OK,
    NEEDS_RESET,
    RAM_BYTES,
    SLOT0,
    MmioDriver,
    VirtioMachine,
    virtio_machine,
)

LAST = 7


@qom_type("x-echo-device")
class Echo(VirtioDevice):
    """Writes what it reads, upside down. `hold`: keep buffers until `let_go`."""

    device_id = 0x3F

    def instance_init(self) -> None:
        """Nothing held."""
        self.held: list[Chain] = []
        self.hold = False
        self.lives = 0
        self.value = 0

    def realize(self) -> None:
        """Two queues, four bytes of configuration."""
        super().realize()
        self.config_size = 6
        for n in range(2):
            self.add_queue(16, lambda n=n: self.serve(n))  # type: ignore[misc]

    def serve(self, n: int) -> None:
        """Answer, or hold."""
        while (chain := self.queues[n].pop()) is not None:
            self.held.append(chain)
            if not self.hold:
                self.let_go(n)

    def let_go(self, n: int = 0) -> None:
        """Answer what is held."""
        held, self.held = self.held, []
        for chain in held:
            self.queues[n].push(chain, chain.write(chain.read(1 << 16)[::-1]))
        self.queues[n].notify()

    def driver_gone(self) -> None:
        """Count."""
        self.lives += 1

    def config(self) -> bytes:
        """A word, and two bytes that never change."""
        return self.value.to_bytes(4, "little") + b"\xab\xcd"

    def config_written(self, config: bytes) -> None:
        """Keep the word."""
        self.value = int.from_bytes(config[:4], "little")


@pytest.fixture(params=[False, True], ids=["legacy", "modern"])
def box(request: pytest.FixtureRequest) -> Iterator[VirtioMachine]:
    with virtio_machine(request.param) as made:
        made.add("x-echo-device", id="echo")
        made.go()
        yield made


def echo(box: VirtioMachine) -> Echo:
    device = box.transports[LAST].device
    assert isinstance(device, Echo)
    return device


def ask(driver: MmioDriver, text: bytes, n: int = 0) -> None:
    """A question with room for the answer."""
    at = driver.memory(64)
    driver.box.ram.write(at - BASE, text)
    queue = driver.queues[n]
    before = queue.avail
    queue.add([(at, len(text), False), (driver.memory(64), 64, True)])
    if queue.wants_kick(before):
        driver.kick(n)


# -- registers: the answers are those of QEMU 10.0.13 (rng and serial in place of our echo)


@pytest.mark.parametrize(("modern", "version"), [(False, 1), (True, 2)])
def test_an_empty_slot_has_magic_version_and_vendor_and_nothing_else(modern: bool, version: int) -> None:
    with virtio_machine(modern) as box:
        box.go()
        words = {off: box.space.read(SLOT0 + off, 4)[1] for off in range(0, 0x200, 4)}
        assert {off: word for off, word in words.items() if word} == {
            0: 0x7472_6976, 4: version, 0xC: 0x554D_4551,
        }  # fmt: skip
        for off in range(0, 0x200, 4):
            assert box.space.write(SLOT0 + off, 4, 0xFFFF_FFFF)
        assert box.space.read(SLOT0 + 8, 4) == (True, 0)
        assert box.errors() == []
        assert box.space.read(SLOT0, 2) == (True, 0)
        assert box.errors() == ["virtio-mmio: read of 2 bytes at 0x0: bad width"]


RESET_STATE = {
    False: {0: 0x7472_6976, 4: 1, 8: 0x3F, 0xC: 0x554D_4551, 0x10: 0x3900_0000, 0x34: 1024, 0xB0: 0xFFFF_FFFF,
            0xB4: 0xFFFF_FFFF},
    True: {0: 0x7472_6976, 4: 2, 8: 0x3F, 0xC: 0x554D_4551, 0x10: 0x3000_0000, 0x34: 1024, 0xB0: 0xFFFF_FFFF,
           0xB4: 0xFFFF_FFFF},
}  # fmt: skip


def test_registers_after_reset(box: VirtioMachine) -> None:
    driver = MmioDriver(box)
    words = {off: driver.load(off) for off in range(0, 0x100, 4)}
    assert {off: word for off, word in words.items() if word} == RESET_STATE[driver.modern]
    assert driver.load(0, 8) == 0x7472_6976 | (2 if driver.modern else 1) << 32, "8 bytes are two of 4"
    driver.store(0x14, 1)
    assert driver.load(0x10) == (0x101 if driver.modern else 0)
    driver.store(0x14, 2)
    assert driver.load(0x10) == (0x101 if driver.modern else 0)


def test_registers_of_the_other_interface_are_guest_errors(box: VirtioMachine) -> None:
    driver = MmioDriver(box)
    of_modern = (0x44, 0x80, 0x84, 0x90, 0x94, 0xA0, 0xA4, 0xAC, 0xC0, 0xFC)
    for off in (0x28, 0x3C, 0x40) if driver.modern else of_modern:
        box.errors()
        driver.store(off, 1)
        assert driver.load(off) == 0
        errors = box.errors()
        assert len(errors) == 2
        assert all("not in the" in text for text in errors)


@pytest.mark.parametrize(
    ("what", "off", "text"),
    [("read", 0x14, "read of write-only DeviceFeaturesSel"), ("read", 0x50, "read of write-only QueueNotify"),
     ("write", 0x10, "write of read-only DeviceFeatures (0x1)"),
     ("write", 0x34, "write of read-only QueueNumMax"), ("write", 0x60, "write of read-only InterruptStatus"),
     ("read", 0x2C, "read at 0x2c: no such register"),
     ("write", 0x48, "write at 0x48: no such register (0x1)")],
)  # fmt: skip
def test_wrong_direction_and_holes_are_errors(box: VirtioMachine, what: str, off: int, text: str) -> None:
    driver = MmioDriver(box)
    box.errors()
    if what == "read":
        assert driver.load(off) == 0
    else:
        driver.store(off, 1)
    assert [e.startswith(f"virtio-mmio: {text}") for e in box.errors()] == [True]


def test_registers_take_four_bytes_and_configuration_any(box: VirtioMachine) -> None:
    driver = MmioDriver(box)
    box.errors()
    driver.store(0x70, 1, 1)
    driver.store(0x70, 1, 2)
    assert (driver.load(0x70, 1), driver.status) == (0, 0)
    assert len(box.errors()) == 3
    driver.store(0x100, 0x1234_5678)
    assert (driver.load(0x100), driver.load(0x100, 2), driver.load(0x101, 1)) == (0x1234_5678, 0x5678, 0x56)
    driver.store(0x102, 0xBEEF, 2)
    driver.store(0x100, 0x11, 1)
    assert echo(box).value == 0xBEEF_5611
    assert (driver.load(0x104, 2), driver.load(0x104), driver.load(0x106, 1)) == (0xCDAB, 0xFFFF_FFFF, 0xFF)
    assert driver.load(0x1FC) == 0xFFFF_FFFF
    driver.store(0x104, 0xFFFF_FFFF)
    assert driver.load(0x104, 2) == 0xCDAB
    assert box.errors() == []


# -- negotiation


def test_features_that_were_not_offered_are_not_had(box: VirtioMachine) -> None:
    driver = MmioDriver(box)
    driver.store(0x70, ACKNOWLEDGE | DRIVER)
    driver.store(0x20, 0xFFFF_FFFF)
    if driver.modern:
        driver.store(0x24, 1)
        driver.store(0x20, 0xFFFF_FFFF)
        assert echo(box).guest_features == 0, "they count with FEATURES_OK"
        driver.store(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK)
    assert echo(box).guest_features == echo(box).host_features & (~0 if driver.modern else 0xFFFF_FFFF)
    assert box.errors() == ["x-echo-device: driver accepts the prohibited feature bit 30"]


def test_features_after_features_ok_are_refused() -> None:
    with virtio_machine(modern=True) as box:
        box.add("x-echo-device")
        box.go()
        driver = MmioDriver(box)
        driver.negotiate()
        before = echo(box).guest_features
        driver.store(0x24, 0)
        driver.store(0x20, 0)
        driver.store(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
        assert echo(box).guest_features == before


def test_a_driver_that_ignores_an_iommu_does_not_get_features_ok() -> None:
    with virtio_machine(modern=True) as box:
        box.add("x-echo-device", iommu_platform="on")
        box.go()
        driver = MmioDriver(box)
        driver.store(0x70, ACKNOWLEDGE | DRIVER)
        driver.store(0x24, 1)
        driver.store(0x20, 1)
        driver.store(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK)
        assert driver.status == ACKNOWLEDGE | DRIVER
        driver.store(0x20, 3)
        driver.store(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK)
        assert driver.status == ACKNOWLEDGE | DRIVER | FEATURES_OK


def test_properties_turn_features_on_and_off() -> None:
    off = dict.fromkeys(("indirect_desc", "event_idx", "notify_on_empty", "any_layout", "queue_reset"), "off")
    with virtio_machine(modern=True) as box:
        device = box.add("x-echo-device", in_order="on", **off)
        assert isinstance(device, VirtioDevice)
        assert device.host_features == F_VERSION_1 | F_IN_ORDER
        with pytest.raises(OptionError, match="packed=on is not supported in this build"):
            box.add("x-echo-device", packed="on")


# -- queues and interrupts


def test_questions_are_answered_and_the_line_follows_the_status(box: VirtioMachine) -> None:
    driver = MmioDriver(box)
    driver.start({0: 8, 1: 16})
    box.irqs.clear()
    for n in (0, 1):
        ask(driver, b"question", n)
        assert box.irqs == [(LAST, True)]
        assert driver.isr == 1
        assert driver.take(n) == [b"noitseuq"]
        driver.store(0x64, 2)
        assert driver.isr == 1
        driver.store(0x64, 1)
        assert driver.isr == 0
        assert box.irqs == [(LAST, True), (LAST, True), (LAST, False)], "each change drives the line"
        box.irqs.clear()
    assert box.errors() == []


def test_kicks_of_queues_that_are_not_there_do_nothing(box: VirtioMachine) -> None:
    driver = MmioDriver(box)
    driver.start({0: 8})
    for n in (1, 2, 1023, 0xFFFF_FFFF):
        driver.kick(n)
    assert (driver.isr, driver.status & NEEDS_RESET, box.errors()) == (0, 0, [])


def test_legacy_queue_registers() -> None:
    """Page size, alignment and size may come in any order; the answers are those of QEMU 10.0."""
    with virtio_machine() as box:
        box.add("x-echo-device")
        box.go()
        driver = MmioDriver(box)
        driver.store(0x28, 4096)
        driver.store(0x40, 0x8_0100)
        assert driver.load(0x40) == 0x8_0100
        driver.store(0x28, 0x3000)  # the lowest bit counts
        assert driver.load(0x40) == 0x8_0100
        driver.store(0x28, 0)
        assert driver.load(0x40) == 0x8010_0000
        driver.store(0x30, 5)
        assert (driver.load(0x34), driver.load(0x40)) == (0, 0)
        driver.store(0x40, 7)
        assert driver.load(0x40) == 0
        driver.store(0x30, 1024)
        assert driver.load(0x34) == 0, "out of range: the choice stays"
        driver.store(0x30, 0)
        for n in (0, 1025, 0xFFFF_FFFF):
            driver.store(0x38, n)
            assert echo(box).queues[0].size == 16
        driver.store(0x38, 8)
        assert echo(box).queues[0].size == 8
        driver.store(0x3C, 0)
        assert echo(box).queues[0].rings is None
        driver.store(0x3C, 64)
        rings = echo(box).queues[0].rings
        assert rings is not None
        assert rings.used == 0x8010_0000 + 192
        driver.store(0x70, 7)
        driver.store(0x40, 0)
        assert (driver.load(0x40), driver.status) == (0, 0), "page 0 resets the device"


def test_the_page_size_outlives_the_drivers_reset_but_not_the_machines() -> None:
    """Linux stores it once, before the reset."""
    with virtio_machine() as box:
        box.add("x-echo-device")
        box.go()
        driver = MmioDriver(box)
        driver.store(0x28, 4096)
        driver.store(0x70, 0)
        driver.store(0x40, 0x8_0100)
        rings = echo(box).queues[0].rings
        assert rings is not None
        assert rings.desc == 0x8010_0000
        box.reset()
        driver.store(0x40, 0x8_0100)
        rings = echo(box).queues[0].rings
        assert rings is not None
        assert rings.desc == 0x8_0100


def test_a_queue_that_is_taken_away_rests_and_one_that_is_reset_starts_anew() -> None:
    with virtio_machine(modern=True) as box:
        box.add("x-echo-device")
        box.go()
        driver = MmioDriver(box)
        driver.start({0: 8, 1: 8})
        for off, value in ((0x44, 0), (0xC0, 1)):
            ask(driver, b"abc")
            assert driver.take(0) == [b"cba"]
            driver.store(0x30, 0)
            driver.store(off, value)
            assert (driver.load(0x44), driver.load(0xC0)) == (0, 0)
            ask(driver, b"nobody hears")
            assert driver.take(0) == []
            ask(driver, b"other", 1)
            assert driver.take(1) == [b"rehto"]
            driver.add_queue(0, 8)
        driver.start({0: 8}, refuse=F_RING_RESET)
        box.errors()
        driver.store(0xC0, 1)
        assert driver.load(0x44) == 1
        assert box.errors() == ["virtio-mmio: QueueReset was not negotiated"]


def test_a_modern_driver_is_not_answered_before_it_is_ready_and_then_at_once() -> None:
    with virtio_machine(modern=True) as box:
        box.add("x-echo-device")
        box.go()
        driver = MmioDriver(box)
        driver.negotiate()
        driver.add_queue(0, 8)
        ask(driver, b"early")
        assert (driver.take(0), driver.isr) == ([], 0)
        driver.ready()
        assert driver.take(0) == [b"ylrae"]


def test_a_legacy_driver_is_answered_before_it_is_ready() -> None:
    with virtio_machine() as box:
        box.add("x-echo-device")
        box.go()
        driver = MmioDriver(box)
        driver.negotiate()
        driver.add_queue(0, 8)
        ask(driver, b"early")
        assert driver.take(0) == [b"ylrae"]


def test_the_generation_and_both_bits_tell_of_a_new_configuration(box: VirtioMachine) -> None:
    driver = MmioDriver(box)
    echo(box).notify_config()
    assert driver.isr == 0, "nobody there to hear"
    driver.start({0: 8})
    before = driver.load(0xFC)
    echo(box).value = 5
    echo(box).notify_config()
    assert driver.isr == 3
    assert driver.load(0xFC) == (before + 1 if driver.modern else 0)
    driver.store(0x64, 3)
    assert driver.isr == 0


# -- life: reset, stop, cont, mistakes


@pytest.mark.parametrize("how", ["status", "machine", "system_reset"])
def test_a_reset_forgets_what_is_under_way(box: VirtioMachine, how: str) -> None:
    """Buffers of the former life are answered to nobody, and the next life knows nothing of them."""
    driver = MmioDriver(box)
    driver.start({0: 8})
    echo(box).hold = True
    ask(driver, b"one")
    ask(driver, b"two")
    assert len(echo(box).held) == 2
    if how == "status":
        driver.store(0x70, 0)
    elif how == "machine":
        box.reset()
    else:
        box.run.system_reset(Cause.HOST_QMP_SYSTEM_RESET)
    assert (driver.status, driver.isr, driver.load(0x44 if driver.modern else 0x40)) == (0, 0, 0)
    assert echo(box).guest_features == 0
    queue = driver.queues[0]
    before = box.ram.read(queue.rings.used - BASE, 4 + 8 * 8)
    box.irqs.clear()
    echo(box).let_go()
    assert box.ram.read(queue.rings.used - BASE, 4 + 8 * 8) == before
    assert not any(level for _, level in box.irqs)
    echo(box).hold = False
    driver.start({0: 4})
    echo(box).let_go()
    assert driver.take(0) == []
    for _ in range(9):
        ask(driver, b"again")
        assert driver.take(0) == [b"niaga"]
    assert box.errors() == []


def test_nothing_is_touched_while_the_machine_stands_and_kicks_are_answered_when_it_goes_on(
    box: VirtioMachine,
) -> None:
    driver = MmioDriver(box)
    driver.start({0: 8, 1: 8})
    box.stop()
    ask(driver, b"stop")
    ask(driver, b"pots", 1)
    box.turn(3)
    assert (driver.take(0), driver.take(1), driver.isr) == ([], [], 0)
    box.cont()
    assert (driver.take(0), driver.take(1), driver.isr) == ([b"pots"], [b"stop"], 1)
    driver.store(0x64, 1)
    box.stop()
    ask(driver, b"lost")
    box.reset()
    box.cont()
    assert driver.isr == 0, "a reset takes the kick with it"


def test_a_mistake_breaks_the_device_until_its_reset(box: VirtioMachine) -> None:
    driver = MmioDriver(box)
    driver.start({0: 8, 1: 8})
    queue = driver.queues[0]
    queue.descriptor(0, BASE + RAM_BYTES - 2, 4)
    queue.publish(0)
    driver.kick(0)
    assert box.errors() == [f"x-echo-device: buffer of 4 bytes at {BASE + RAM_BYTES - 2:#x} is not in RAM"]
    if driver.modern:
        assert driver.status & NEEDS_RESET
        assert driver.isr == 3
        driver.store(0x70, driver.status & ~NEEDS_RESET)
        assert driver.status & NEEDS_RESET, "only a reset helps"
    else:
        assert (driver.status & NEEDS_RESET, driver.isr) == (0, 0)
    ask(driver, b"dead", 1)
    assert driver.take(1) == []
    assert box.errors() == []
    driver.start({0: 8, 1: 8})
    ask(driver, b"alive", 1)
    assert driver.take(1) == [b"evila"]


def test_rings_outside_of_memory_break_the_device(box: VirtioMachine) -> None:
    driver = MmioDriver(box)
    driver.negotiate()
    driver.store(0x30, 0)
    driver.store(0x38, 8)
    if driver.modern:
        for off in (0x80, 0x90, 0xA0):
            driver.store(off, 0xFFFF_F000)
            driver.store(off + 4, 0xFFFF_FFFF)
        driver.store(0x44, 1)
    else:
        driver.store(0x40, 0xFFFF_FFFF)
    driver.ready()
    driver.kick(0)
    assert len(box.errors()) == 1
    assert bool(driver.status & NEEDS_RESET) is driver.modern


# -- what harts do without us


def words(box: VirtioMachine, name: str) -> list[int]:
    assert box.header is not None
    return [box.header.get(name, i) for i in range(SHADOWS)]


def shadowed(box: VirtioMachine, gpa: int) -> int | None:
    """What a hart reads at `gpa` without asking, None if it asks."""
    assert box.header is not None
    at = words(box, "shadow_gpa")
    return box.header.get("shadow_value", at.index(gpa)) if gpa in at else None


def test_the_interrupt_status_is_shadowed_and_the_doorbell_posted_while_a_driver_is_ready(
    box: VirtioMachine,
) -> None:
    driver = MmioDriver(box)
    isr, bell = driver.base + 0x60, driver.base + 0x50
    assert shadowed(box, isr) == 0
    assert shadowed(box, SLOT0 + 0x60) is None, "an empty slot"
    assert words(box, "posted_gpa") == [0] * SHADOWS
    driver.start({0: 8})
    assert bell in words(box, "posted_gpa")
    ask(driver, b"x")
    assert (shadowed(box, isr), driver.isr) == (1, 1)
    driver.store(0x64, 1)
    assert shadowed(box, isr) == 0
    driver.store(0x70, 0)
    assert words(box, "posted_gpa") == [0] * SHADOWS


def test_without_ioeventfd_the_hart_waits_for_its_kick() -> None:
    with virtio_machine(ioeventfd="off") as box:
        box.add("x-echo-device")
        box.go()
        driver = MmioDriver(box)
        driver.start({0: 8})
        assert words(box, "posted_gpa") == [0] * SHADOWS


# -- places and names


def test_devices_fill_the_slots_from_the_last_and_are_found_by_path() -> None:
    with virtio_machine() as box:
        for i in range(8):
            box.add("x-echo-device", id=f"d{i}")
        assert [mmio.device.id for mmio in box.transports if mmio.device] == [f"d{7 - i}" for i in range(8)]
        with pytest.raises(OptionError, match="No 'virtio-bus' bus found for device 'x-echo-device'"):
            box.add("x-echo-device")
    with virtio_machine() as box:
        box.add("x-echo-device", bus="virtio-mmio-bus.3", id="d")
        assert box.transports[3].device is not None
        with pytest.raises(OptionError, match=r"Bus 'virtio-mmio-bus\.3' is full"):
            box.add("x-echo-device", bus="virtio-mmio-bus.3")
        assert str(introspect.qom_get("/machine/peripheral/d", "parent_bus")).endswith("/virtio-mmio-bus.3")
        assert introspect.qom_get("/machine/peripheral/d", "hotpluggable") is False
        for attempt in (lambda: box.add("x-echo-device", running=True), lambda: box.remove("d")):
            with pytest.raises(UserError, match=r"Bus 'virtio-mmio-bus\.\d' does not support hotplugging"):
                attempt()


# -- any bytes


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("modern", [False, True])
def test_random_stores_never_raise(seed: int, modern: bool) -> None:
    """A driver that stores anything anywhere, also into the rings; a reset brings the device back."""
    rng = random.Random(seed)
    with virtio_machine(modern) as box:
        box.add("x-echo-device")
        box.go()
        driver = MmioDriver(box)
        driver.start({0: 8})
        at = (0, 1, 2, 8, 0xFFFF, BASE >> 12, BASE, BASE + 0x10_0000, 0xFFFF_FFFF)
        for _ in range(3000):
            off = rng.choice((rng.randrange(0x200), rng.randrange(0, 0x104, 4), 0x50, 0x70))
            if rng.random() < 0.2:
                driver.load(off, rng.choice((1, 2, 4, 8)))
            else:
                value = rng.choice((rng.getrandbits(32), rng.choice(at)))
                driver.store(off, value, rng.choice((1, 2, 4, 4, 4, 8)))
            if rng.random() < 0.2:
                box.ram.write(0x10_0000 + rng.randrange(0x4000), rng.randbytes(16))
            if rng.random() < 0.01:
                driver.start({0: 8})
            if rng.random() < 0.02:
                rng.choice((box.stop, box.cont, box.reset))()
        box.cont()
        driver.start({0: 8})
        ask(driver, b"alive")
        assert driver.take(0) == [b"evila"], f"seed {seed}"
