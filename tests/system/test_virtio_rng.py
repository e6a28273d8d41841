"""virtio-mmio and virtio-rng: a driver of our own over qtest, on both transports, and Debian's kernel."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.lib.guests import need
from tests.lib.qtest import Session, qtest
from tests.lib.vm import Emu

SLOT = 0x1000_8000  # the first device lands in the last slot
RING, BUFFER, SIZE, LENGTH = 0x8010_0000, 0x8020_0000, 8, 64
DESC, AVAIL, USED = RING, RING + 16 * SIZE, RING + 4096
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 64
PATTERN = bytes(range(256)) * 4
MODERN = ("-global", "virtio-mmio.force-legacy=false")
PLIC_PATH = "/machine/unattached/device[2]"


class Driver:
    """One queue of a virtio-mmio device, by the book (virtio 1.2, 4.2.3 and 4.2.4)."""

    def __init__(self, session: Session, modern: bool) -> None:
        self.session = session
        self.modern = modern
        self.made = 0

    def start(self) -> None:
        """Reset to DRIVER_OK, with queue 0."""
        s = self.session
        assert s.load(SLOT + 4) == (2 if self.modern else 1)
        assert s.load(SLOT + 8) == 4
        self.made = 0
        s.store(SLOT + 0x70, 0)
        s.store(SLOT + 0x70, ACKNOWLEDGE | DRIVER)
        if self.modern:
            s.store(SLOT + 0x14, 1)
            assert s.load(SLOT + 0x10) & 1, "VERSION_1 is offered"
            s.store(SLOT + 0x24, 1)
            s.store(SLOT + 0x20, 1)
            s.store(SLOT + 0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK)
            assert s.load(SLOT + 0x70) & FEATURES_OK
        else:
            s.store(SLOT + 0x28, 4096)
        assert s.ask(f"memset {RING:#x} 8192 0") == "OK"
        s.store(SLOT + 0x30, 0)
        assert s.load(SLOT + 0x34) >= SIZE
        s.store(SLOT + 0x38, SIZE)
        if self.modern:
            for off, at in ((0x80, DESC), (0x90, AVAIL), (0xA0, USED)):
                s.store(SLOT + off, at)
                s.store(SLOT + off + 4, 0)
            s.store(SLOT + 0x44, 1)
        else:
            s.store(SLOT + 0x3C, 4096)
            s.store(SLOT + 0x40, RING // 4096)
        s.store(SLOT + 0x70, s.load(SLOT + 0x70) | DRIVER_OK)

    def give(self, at: int, length: int, flags: int = 2) -> None:
        """A buffer, device-writable, and a kick."""
        s, n = self.session, self.made % SIZE
        descriptor = struct.pack("<QIHH", at, length, flags, 0).hex()
        assert s.ask(f"write {DESC + 16 * n:#x} 16 0x{descriptor}") == "OK"
        s.store(AVAIL + 4 + 2 * n, n, "w")
        self.made += 1
        s.store(AVAIL + 2, self.made, "w")
        s.store(SLOT + 0x50, 0)

    def used(self) -> int:
        """How many buffers have come back."""
        return self.session.load(USED + 2, "w")


def wait_used(driver: Driver, wanted: int) -> None:
    """The back end answers on a turn of the main loop: each of our questions is one."""
    for _ in range(1000):
        if driver.used() == wanted:
            return
    pytest.fail(f"{driver.used()} buffers came back, not {wanted}")


@pytest.fixture
def source(tmp_path: Path) -> tuple[str, ...]:
    """Options for a device whose randomness is known."""
    path = tmp_path / "bytes"
    path.write_bytes(PATTERN)
    return ("-object", f"rng-random,id=r,filename={path}", "-device", "virtio-rng-device,rng=r,id=rng")


@pytest.mark.parametrize("modern", [False, True])
def test_a_driver_gets_what_the_back_end_has(modern: bool, source: tuple[str, ...], tmp_path: Path) -> None:
    """Bytes in order, the interrupt raised and taken back, and the same again after a reset of the device."""
    with qtest(tmp_path, "-M", "virt", *(MODERN if modern else ()), *source) as session:
        assert session.ask(f"irq_intercept_in {PLIC_PATH}") == "OK"
        driver, seen = Driver(session, modern), 0
        for _life in range(2):
            driver.start()
            for n in range(3):
                assert session.load(SLOT + 0x60) == 0
                driver.give(BUFFER, LENGTH)
                wait_used(driver, n + 1)
                got = bytes.fromhex(session.ask(f"read {BUFFER:#x} {LENGTH}").removeprefix("OK 0x"))
                length = session.load(USED + 4 + 8 * n + 4)
                assert 0 < length <= LENGTH
                assert got[:length] == PATTERN[seen : seen + length]
                seen += length
                assert session.load(SLOT + 0x60) == 1
                session.store(SLOT + 0x64, 1)
                assert session.irqs == ["lower 8"]
        assert session.end() == (0, "")


@pytest.mark.parametrize(("at", "length", "flags"), [
    (0x4000_0000, 64, 2),  # no memory there
    (0x8000_0000 + (128 << 20) - 8, 64, 2),  # the end of RAM
    ((1 << 64) - 8, 64, 2),  # wraps
    (BUFFER, 64, 3),  # a chain without an end
    (BUFFER, 64, 4),  # an indirect table that was not negotiated, or is none
])  # fmt: skip
def test_a_hostile_buffer_breaks_the_device_until_its_reset(
    at: int, length: int, flags: int, source: tuple[str, ...], tmp_path: Path
) -> None:
    with qtest(tmp_path, "-M", "virt", *MODERN, *source) as session:
        driver = Driver(session, modern=True)
        driver.start()
        driver.give(at, length, flags)
        for _ in range(20):
            session.ask("endianness")
        assert session.load(SLOT + 0x70) & NEEDS_RESET or driver.used() == 0
        driver.start()
        assert not session.load(SLOT + 0x70) & NEEDS_RESET
        driver.give(BUFFER, LENGTH)
        wait_used(driver, 1)
        assert session.end()[0] == 0


@pytest.mark.parametrize(("harts", "modern"), [(1, False), (4, True)])
def test_linux_reads_hwrng(harts: int, modern: bool) -> None:
    """Two reads differ, and the interrupt came."""
    kernel, initrd = need("linux"), need("initrd-modules")
    with Emu(
        "-M", "virt", "-smp", str(harts), "-m", "512M", "-nographic", "-kernel", kernel, "-initrd", initrd,
        "-append", "console=ttyS0 test=shell", "-device", "virtio-rng-device", *(MODERN if modern else ()),
    ) as vm:  # fmt: skip
        vm.expect(rb"SHELL on ttyS0", 240)
        vm.send(b"cat /sys/class/misc/hw_random/rng_current\n")
        vm.expect(rb"virtio_rng\.0", 60)
        sums = []
        for _ in range(2):
            vm.send(b"dd if=/dev/hwrng bs=64 count=4 2>/dev/null | md5sum\n")
            sums.append(vm.expect(rb"\n([0-9a-f]{32})  -", 60)[1])
        assert sums[0] != sums[1]
        vm.send(b"grep virtio0 /proc/interrupts\n")
        assert int(vm.expect(rb":\s+(\d+)\s.*virtio0", 60)[1]) > 0
        vm.send(b"poweroff -f\n")
        assert vm.wait(60) == 0
