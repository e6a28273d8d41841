"""virtio-rng and its back ends without processes: rate limit, lives, stop and cont; the daemon's protocol."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from emu.backends import rng
from emu.backends.rng import RngBackend
from emu.core.qdict import QValue
from emu.errors import HostError, OptionError, UserError
from emu.hw.virtio.rng import VirtioRng
from emu.loop.timers import MS
from emu.options.visitor import JSON, KEYVAL
from emu.qom import introspect
from emu.qom.creatable import object_add, object_del, object_help
from emu.qom.types import qom_type
from tests.lib.virtio import MmioDriver, VirtioMachine, virtio_machine


@qom_type("x-rng-counted")
class Counted(RngBackend):
    """0, 1, 2, ... when the test says so."""

    def instance_init(self) -> None:
        """From 0."""
        self.next = 0
        self.asked: list[int] = []
        self.shuts = 0

    def serve(self, vm: object) -> None:
        """Take it down."""
        self.asked.append(self.waiting[-1].size)

    def give(self, most: int = 1 << 20) -> None:
        """Answer the oldest request."""
        request = self.waiting.popleft()
        size = min(request.size, most)
        request.answer(bytes((self.next + i) & 0xFF for i in range(size)))
        self.next += size

    def shut(self) -> None:
        """Count."""
        self.shuts += 1


@pytest.fixture(params=[False, True], ids=["legacy", "modern"])
def box(request: pytest.FixtureRequest) -> Iterator[VirtioMachine]:
    with virtio_machine(request.param) as made:
        yield made


def counted(box: VirtioMachine, **values: str) -> tuple[Counted, MmioDriver]:
    """A device with our back end, its driver ready."""
    source = object_add({"qom-type": "x-rng-counted", "id": "r"}, KEYVAL)
    assert isinstance(source, Counted)
    box.add("virtio-rng-device", rng="r", id="rng0", **values)
    box.go()
    driver = MmioDriver(box)
    driver.start({0: 8})
    return source, driver


def test_bytes_fill_the_buffers_in_their_order(box: VirtioMachine) -> None:
    source, driver = counted(box)
    driver.give(0, 4, 4)
    assert source.asked == [8]
    driver.give(0, 5)
    assert source.asked == [8], "one request at a time"
    source.give()
    assert driver.take(0) == [bytes(range(8))]
    assert source.asked == [8, 5]
    source.give(most=2)
    assert driver.take(0) == [b"\x08\x09"], "fewer bytes than the buffer has room for"
    assert source.asked == [8, 5], "nothing left to fill"
    assert driver.isr == 1


def test_a_request_for_any_amount_is_cut_to_what_a_source_can_give(box: VirtioMachine) -> None:
    source, driver = counted(box)
    driver.give(0, 1 << 20)
    assert source.asked == [rng.MOST]


def test_the_rate_limit_counts_in_guest_time(box: VirtioMachine) -> None:
    source, driver = counted(box, **{"max-bytes": "6", "period": "100"})
    for _ in range(3):
        driver.give(0, 4)
    source.give()
    source.give()
    assert [len(part) for part in driver.take(0)] == [4, 2]
    assert source.asked == [4, 2]
    box.now_ns = 99 * MS
    box.turn()
    assert source.asked == [4, 2], "the period is not over"
    box.now_ns = 100 * MS
    box.turn()
    assert source.asked == [4, 2, 4]
    source.give()
    driver.give(0, 4)
    assert source.asked == [4, 2, 4, 2]
    box.stop()
    source.give()
    box.now_ns = 300 * MS
    box.turn()
    assert source.asked == [4, 2, 4, 2], "guest time stands"


def test_what_comes_for_a_former_life_is_dropped(box: VirtioMachine) -> None:
    source, driver = counted(box)
    driver.give(0, 4)
    driver.start({0: 8})
    source.give()
    assert driver.take(0) == []
    driver.give(0, 4)
    source.give()
    assert driver.take(0) == [bytes(range(4, 8))]
    driver.give(0, 4)
    box.reset()
    source.give()
    assert (driver.load(0x60), len(source.waiting)) == (0, 0)


def test_what_comes_while_the_machine_stands_is_asked_for_again(box: VirtioMachine) -> None:
    source, driver = counted(box)
    driver.give(0, 4)
    box.stop()
    source.give()
    assert driver.take(0) == []
    driver.give(0, 4)
    assert len(source.asked) == 1
    box.cont()
    assert source.asked == [4, 8]
    source.give()
    assert driver.take(0) == [bytes(range(4, 8)), bytes(range(8, 12))]


def test_buffers_that_were_there_before_the_driver_was_ready_are_filled(box: VirtioMachine) -> None:
    source, driver = counted(box)
    driver.negotiate()
    driver.add_queue(0, 8)
    driver.give(0, 4)
    assert source.asked == []
    driver.ready()
    assert source.asked == [4]


def test_a_deleted_back_end_serves_on_until_its_last_device_is_gone(box: VirtioMachine) -> None:
    source, driver = counted(box)
    object_del("r")
    driver.give(0, 4)
    source.give()
    assert driver.take(0) == [bytes(range(4))]
    assert (source.opened, source.shuts) == (True, 0)
    driver.device().unparent()
    assert (source.opened, source.shuts) == (False, 1)
    assert box.loop.clocks.virtual.armed == []


def test_without_a_back_end_of_the_users_it_has_a_child() -> None:
    with virtio_machine() as box:
        box.add("virtio-rng-device", id="rng0")
        path = "/machine/peripheral/rng0"
        assert introspect.qom_get(path, "rng") == f"{path}/default-backend"
        assert introspect.qom_get(f"{path}/default-backend", "type") == "rng-builtin"
        assert introspect.qom_get(f"{path}/default-backend", "opened") is True
        box.go()
        driver = MmioDriver(box)
        driver.start({0: 8})
        driver.give(0, 32)
        assert driver.take(0) == []
        box.turn()
        (first,) = driver.take(0)
        driver.give(0, 32)
        box.turn()
        assert len(first) == 32
        assert driver.take(0) != [first]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"period": "0"}, "'period' parameter expects a positive integer"),
        ({"max-bytes": "9223372036854775808"}, "'max-bytes' parameter must be positive, and less than 2^63"),
        ({"period": "foo"}, "Parameter 'period' expects integer"),
        ({"period": "4294967296"}, "Parameter 'period' expects uint32_t"),
        ({"max-bytes": "18446744073709551616"}, "Parameter 'max-bytes' expects integer"),
        ({"rng": "foo"}, "Device 'foo' not found"),
        ({"rng": "/machine"}, "Invalid parameter type for 'rng', expected: rng-backend"),
        ({"foo": "bar"}, "Property 'virtio-rng-device.foo' not found"),
    ],
)
def test_wrong_words_get_qemus_answers(values: dict[str, str], text: str) -> None:
    with virtio_machine() as box:
        with pytest.raises(UserError) as caught:
            box.add("virtio-rng-device", **values)
        assert caught.value.text == text
        assert all(mmio.device is None for mmio in box.transports)
        box.add("virtio-rng-device")


# -- rng-random


def random_file(box: VirtioMachine, path: str) -> MmioDriver:
    """A device on a file, its driver ready."""
    object_add({"qom-type": "rng-random", "id": "f", "filename": path}, KEYVAL)
    box.add("virtio-rng-device", rng="f")
    box.go()
    driver = MmioDriver(box)
    driver.start({0: 8})
    return driver


def test_a_file_is_read_as_far_as_it_goes_and_then_no_more(tmp_path: Path) -> None:
    """A regular file is always ready; at its end the guest waits, and the loop sleeps."""
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(10)))
    with virtio_machine() as box:
        driver = random_file(box, str(path))
        driver.give(0, 8)
        driver.give(0, 8)
        box.turn(5)
        assert driver.take(0) == [bytes(range(8)), b"\x08\x09"]
        driver.give(0, 8)
        box.turn(5)
        assert driver.take(0) == []
        assert box.errors() == [f"warning: {path}: end of file; no more entropy from it"]
        assert box.loop.deferred.timeout_ns() == -1
        driver.start({0: 8})
        driver.give(0, 8)
        box.turn(5)
        assert box.errors() == []


def test_a_pipe_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with virtio_machine() as box:
        driver = random_file(box, str(path))
        with path.open("wb", buffering=0) as writer:
            driver.give(0, 4)
            driver.give(0, 4)
            box.turn(3)
            assert driver.take(0) == []
            writer.write(b"abcdef")
            box.turn(3)
            assert driver.take(0) == [b"abcd", b"ef"]
            driver.give(0, 4)
            driver.start({0: 8})
            writer.write(b"gh")
            box.turn(3)
            assert driver.take(0) == [], "that was for the former life"
            driver.give(0, 4)
            box.turn(3)
            assert driver.take(0) == [b"gh"], "and was not read for it"
        object_del("f")
        driver.device().unparent()


@pytest.mark.parametrize("path", ["/nonexistent", ""])
def test_a_file_that_does_not_open_is_told_as_qemu_does(path: str) -> None:
    with virtio_machine(), pytest.raises(HostError) as caught:
        object_add({"qom-type": "rng-random", "id": "f", "filename": path}, KEYVAL)
    assert caught.value.text == f"Could not open '{path}': No such file or directory"


def test_properties_of_back_ends_are_qemus() -> None:
    with virtio_machine() as box:
        object_add({"qom-type": "rng-random", "id": "f"}, KEYVAL)
        assert introspect.qom_get("/objects/f", "filename") == "/dev/urandom"
        with pytest.raises(OptionError, match="Property 'filename' can no longer be set"):
            introspect.qom_set("/objects/f", "filename", "/dev/null")
        with pytest.raises(OptionError, match=r"Property 'rng-random\.opened' is not writable"):
            introspect.qom_set("/objects/f", "opened", False)
        object_del("f")
        assert box.errors() == []
    assert object_help("rng-random") == "rng-random options:\n  filename=<string>\n"
    assert object_help("rng-egd") == "rng-egd options:\n  chardev=<string>\n"
    assert object_help("rng-builtin") == "There are no options for rng-builtin.\n"
    assert introspect.qom_list_properties("rng-random") == [
        {"name": "type", "type": "string"}, {"name": "opened", "type": "bool"},
        {"name": "filename", "type": "string"},
    ]  # fmt: skip


# -- rng-egd


def egd(values: dict[str, QValue]) -> RngBackend:
    """A back end behind a chardev."""
    return cast(RngBackend, object_add({"qom-type": "rng-egd", "id": "e", **values}, JSON))


def test_a_daemon_is_asked_for_255_bytes_at_a_time_and_its_answers_are_shared_out() -> None:
    with virtio_machine() as box:
        daemon = box.chardev("c")
        source = egd({"chardev": "c"})
        box.add("virtio-rng-device", rng="e")
        box.go()
        driver = MmioDriver(box)
        driver.start({0: 8})
        driver.give(0, 300)
        assert daemon.out == bytes((2, 255, 2, 45))
        daemon.type(bytes(200))
        assert driver.take(0) == []
        daemon.type(b"\x01" * 99 + b"\x02" + b"left over")
        assert driver.take(0) == [bytes(200) + b"\x01" * 99 + b"\x02"]
        assert daemon.input == b"left over", "nobody asked for it"
        driver.give(0, 4)
        assert driver.take(0) == [], "never inside the request"
        box.turn()
        assert driver.take(0) == [b"left"]
        # a cancelled request: the daemon answers all the same, and it is nobody's
        daemon.input, daemon.out = b"", b""
        driver.give(0, 6)
        driver.start({0: 8})
        driver.give(0, 3)
        assert daemon.out == bytes((2, 6, 2, 3))
        box.turn()
        daemon.type(b"formernew")
        assert driver.take(0) == [b"new"]
        # a daemon that does not read: the question waits
        daemon.room, daemon.out = 1, b""
        driver.give(0, 5)
        daemon.make_room(100)
        assert daemon.out == bytes((2, 5))
        object_del("e")
        device = driver.device()
        assert isinstance(device, VirtioRng)
        device.unparent()
        assert source.opened is False
        egd({"chardev": "c"})


def test_a_daemon_that_cannot_be_had_is_told_as_qemu_does() -> None:
    with virtio_machine() as box:
        box.chardev("c")
        for values, text in (
            ({}, "Parameter 'chardev' is missing"), ({"chardev": "x"}, "Device 'x' not found"),
        ):  # fmt: skip
            with pytest.raises(UserError) as caught:
                egd(cast("dict[str, QValue]", values))
            assert caught.value.text == text
        egd({"chardev": "c"})
        with pytest.raises(UserError, match="chardev 'c' is already in use"):
            object_add({"qom-type": "rng-egd", "id": "f", "chardev": "c"}, JSON)
