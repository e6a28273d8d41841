"""virtio-serial: ports and their numbers, control messages, data both ways, back-pressure, hotplug, lives."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import cast

import pytest

from emu.errors import OptionError, UserError
from emu.hw.virtio.console import VirtSerialPort
from emu.hw.virtio.serial import CONTROL, F_MULTIPORT, MOST_WAITING, Event, VirtioSerial
from emu.hw.virtio.serial_port import PIECE, TURN_PIECES
from emu.qom import introspect
from emu.qom.monitor import device_help
from tests.lib.virtio import BASE, NEEDS_RESET, MmioDriver, VirtioMachine, virtio_machine

CONTROL_IN, CONTROL_OUT = 2, 3
Message = tuple[int, Event, int]
RESERVED = (
    "Port number 0 on virtio-serial devices reserved for virtconsole devices for backward compatibility."
)
BUS = "virtio-serial-bus"

HELP = {
    "virtio-serial-device": """\
virtio-serial-device options:
  any_layout=<bool>      - on/off (default: on)
  emergency-write=<bool> - on/off (default: on)
  event_idx=<bool>       - on/off (default: on)
  in_order=<bool>        - on/off (default: off)
  indirect_desc=<bool>   - on/off (default: on)
  iommu_platform=<bool>  - on/off (default: off)
  max_ports=<uint32>     -  (default: 31)
  notify_on_empty=<bool> - on/off (default: on)
  packed=<bool>          - on/off (default: off)
  queue_reset=<bool>     - on/off (default: on)
  use-disabled-flag=<bool> - on/off (default: on)
  use-started=<bool>     - on/off (default: on)
  x-disable-legacy-check=<bool> - on/off (default: off)
""",
    "virtio-rng-device": """\
virtio-rng-device options:
  any_layout=<bool>      - on/off (default: on)
  event_idx=<bool>       - on/off (default: on)
  in_order=<bool>        - on/off (default: off)
  indirect_desc=<bool>   - on/off (default: on)
  iommu_platform=<bool>  - on/off (default: off)
  max-bytes=<uint64>     -  (default: 9223372036854775807)
  notify_on_empty=<bool> - on/off (default: on)
  packed=<bool>          - on/off (default: off)
  period=<uint32>        -  (default: 65536)
  queue_reset=<bool>     - on/off (default: on)
  rng=<link<rng-backend>>
  use-disabled-flag=<bool> - on/off (default: on)
  use-started=<bool>     - on/off (default: on)
  x-disable-legacy-check=<bool> - on/off (default: off)
""",
    "virtconsole": """\
virtconsole options:
  chardev=<str>          - ID of a chardev to use as a backend
  name=<str>
  nr=<uint32>            -  (default: 4294967295)
""",
    "virtserialport": """\
virtserialport options:
  chardev=<str>          - ID of a chardev to use as a backend
  name=<str>
  nr=<uint32>            -  (default: 4294967295)
""",
    "virtio-mmio": """\
virtio-mmio options:
  force-legacy=<bool>    - on/off (default: on)
  format_transport_address=<bool> - on/off (default: on)
  ioeventfd=<bool>       - on/off (default: on)
""",
}


@pytest.mark.parametrize("name", HELP)
def test_help_is_what_qemu_10_prints(name: str) -> None:
    assert device_help(name) == HELP[name]


class Guest(MmioDriver):
    """A driver of virtio-serial, as Linux's: it fills queues to the device's side and reads messages."""

    def begin(self, ports: tuple[int, ...] = (0, 1), refuse: int = 0, ready: bool = True) -> None:
        """All queues; control buffers; DEVICE_READY."""
        self.negotiate(refuse)
        if not refuse & F_MULTIPORT:
            for n in (CONTROL_IN, CONTROL_OUT):
                self.add_queue(n, 32)
        for nr in ports:
            self.add_queue(self.to_guest(nr), 64)
            self.add_queue(self.from_guest(nr), 64)
        self.ready()
        if not refuse & F_MULTIPORT and ready:
            self.give_control(16)
            self.say(0, Event.DEVICE_READY, 1)

    @staticmethod
    def to_guest(nr: int) -> int:
        return 2 * nr + 2 if nr else 0

    @staticmethod
    def from_guest(nr: int) -> int:
        return 2 * nr + 3 if nr else 1

    def give_control(self, n: int) -> None:
        """Buffers for control messages."""
        for _ in range(n):
            self.give(CONTROL_IN, 64)

    def say(self, nr: int, event: int, value: int) -> None:
        """A control message."""
        self.send(CONTROL_OUT, CONTROL.pack(nr, event, value))
        self.take(CONTROL_OUT)

    def hear(self) -> list[Message]:
        """Control messages that came, names as PORT_NAME's value."""
        got: list[Message] = []
        for message in self.take(CONTROL_IN):
            nr, event, value = CONTROL.unpack_from(message)
            more = message[CONTROL.size :]
            got.append((nr, Event(event), cast(int, more) if more else value))
        return got

    def open(self, nr: int) -> None:
        """The port is made, and a program opens it."""
        self.say(nr, Event.PORT_READY, 1)
        self.say(nr, Event.PORT_OPEN, 1)

    def write(self, nr: int, data: bytes) -> None:
        """What a program sends."""
        self.send(self.from_guest(nr), data)

    def read(self, nr: int) -> bytes:
        """What came for a port."""
        return b"".join(self.take(self.to_guest(nr)))


@pytest.fixture(params=[False, True], ids=["legacy", "modern"])
def box(request: pytest.FixtureRequest) -> Iterator[VirtioMachine]:
    with virtio_machine(request.param) as made:
        made.add("virtio-serial-device", id="s")
        yield made


# -- numbers, names, configuration


def add_all(box: VirtioMachine, words: str) -> None:
    """virtconsole,nr=1 virtserialport ...: each a -device."""
    for word in words.split():
        driver, *pairs = word.split(",")
        box.add(driver, **dict(pair.split("=") for pair in pairs))


def refusal(box: VirtioMachine, device: dict[str, str], ports: str) -> str:
    """What is said against a device and its ports, "" for nothing."""
    try:
        box.add("virtio-serial-device", **device)
        add_all(box, ports)
    except UserError as error:
        return error.text
    return ""


@pytest.mark.parametrize(
    ("device", "ports", "text"),
    [
        ({"max_ports": "0"}, "", "Maximum number of serial ports not specified"),
        ({"max_ports": "512"}, "", "maximum ports supported: 511"),
        ({}, "virtconsole virtconsole,nr=0", "virtio-serial-bus: A port already exists at id 0"),
        ({}, "virtconsole,nr=99", "virtio-serial-bus: Out-of-range port id specified, max. allowed: 30"),
        ({}, "virtserialport,nr=31", "virtio-serial-bus: Out-of-range port id specified, max. allowed: 30"),
        ({}, "virtserialport,nr=0", RESERVED),
        ({"max_ports": "1"}, "virtconsole virtconsole",
         "virtio-serial-bus: Out-of-range port id specified, max. allowed: 0"),
        ({"max_ports": "2"}, "virtserialport virtserialport",
         "virtio-serial-bus: Out-of-range port id specified, max. allowed: 1"),
        ({"max_ports": "32"}, "virtconsole " * 33, f"{BUS}: Maximum port limit for this device reached"),
        ({"max_ports": "40"}, "virtconsole " * 41,
         "virtio-serial-bus: Out-of-range port id specified, max. allowed: 39"),
        ({}, "virtserialport,name=a virtserialport,name=a", f"{BUS}: A port already exists by name a"),
        ({}, "virtconsole,chardev=foo", "Property 'virtconsole.chardev' can't find value 'foo'"),
        ({}, "virtconsole,chardev=c virtserialport,chardev=c",
         "Property 'virtserialport.chardev' can't take value 'c': chardev 'c' is already in use"),
        ({"id": "vs"}, "virtconsole,bus=vs.0 virtconsole,bus=vs.1", "Bus 'vs.1' not found"),
        ({"id": "vs"}, "virtconsole,bus=virtio-serial-bus.0", "Bus 'virtio-serial-bus.0' not found"),
        ({}, "virtio-serial-port", "Parameter 'driver' expects a non-abstract device type"),
        ({}, "virtio-serial-bus", "'virtio-serial-bus' is not a valid device model name"),
    ],
)  # fmt: skip
def test_wrong_ports_get_qemus_answers(device: dict[str, str], ports: str, text: str) -> None:
    with virtio_machine() as box:
        box.chardev("c")
        assert refusal(box, device, ports) == text


def test_a_port_without_a_bus_is_refused() -> None:
    with virtio_machine() as box:
        with pytest.raises(OptionError) as caught:
            box.add("virtconsole")
        assert caught.value.text == "No 'virtio-serial-bus' bus found for device 'virtconsole'"


def test_numbers_are_given_as_qemu_gives_them(box: VirtioMachine) -> None:
    """The first console is port 0, which is kept for one; others get the lowest free."""
    ports = "virtserialport,id=a virtconsole,id=b virtconsole,id=c virtserialport,nr=7,id=d virtconsole,id=e"
    add_all(box, ports)
    numbers = {name: introspect.qom_get(f"/machine/peripheral/{name}", "nr") for name in "abcde"}
    assert numbers == {"a": 1, "b": 0, "c": 2, "d": 7, "e": 3}
    box.remove("a")
    add_all(box, "virtserialport,id=f")
    assert introspect.qom_get("/machine/peripheral/f", "nr") == 1
    names = [e["type"] for e in introspect.qom_list("/machine/peripheral/s/s.0") if "link" in str(e["type"])]
    assert len(names) == 5


def test_the_configuration_says_how_many_ports_there_may_be() -> None:
    for values, feature, words in (
        ({}, 6, (0, 31, 0, 0xFFFF_FFFF)),
        ({"max_ports": "1"}, 4, (0, 1, 0, 0xFFFF_FFFF)),
        ({"max_ports": "40", "emergency-write": "off"}, 2, (0, 40, 0xFFFF_FFFF, 0xFFFF_FFFF)),
    ):
        with virtio_machine(modern=True) as box:
            box.add("virtio-serial-device", **values)
            box.go()
            driver = MmioDriver(box)
            assert driver.load(8) == 3
            assert driver.offered() & 0xFF == feature
            assert tuple(driver.load(0x100 + 4 * i) for i in range(4)) == words
            most = int(values.get("max_ports", 31))
            for n, there in ((0, True), (2 * most + 1, True), (2 * most + 2, False)):
                driver.store(0x30, n)
                assert bool(driver.load(0x34)) is there


# -- control messages


def test_the_guest_is_told_of_every_port_what_it_is(box: VirtioMachine) -> None:
    box.chardev("c")
    box.chardev("d", connected=False)
    add_all(box, "virtconsole,chardev=c virtserialport,name=org.x,chardev=d virtserialport,nr=9")
    box.go()
    guest = Guest(box)
    guest.begin()
    assert guest.hear() == [(0, Event.PORT_ADD, 1), (1, Event.PORT_ADD, 1), (9, Event.PORT_ADD, 1)]
    guest.say(0, Event.PORT_READY, 1)
    assert guest.hear() == [(0, Event.CONSOLE_PORT, 1), (0, Event.PORT_OPEN, 1)]
    guest.say(1, Event.PORT_READY, 1)
    assert guest.hear() == [(1, Event.PORT_NAME, b"org.x\0")]
    guest.say(9, Event.PORT_READY, 1)
    assert guest.hear() == []
    assert box.errors() == []
    guest.say(0, Event.DEVICE_READY, 0)
    guest.say(1, Event.PORT_READY, 0)
    guest.say(5, Event.PORT_OPEN, 1)
    guest.say(1, 77, 1)
    guest.send(CONTROL_OUT, b"short")
    assert guest.hear() == []
    assert box.errors() == [
        "virtio-serial-device: guest failure in adding device s.0",
        "virtio-serial-device: guest failure in adding port 1 for device s.0",
        "virtio-serial-device: unexpected port id 5 in a control message",
        "virtio-serial-device: control message of 5 bytes",
    ]


def test_messages_wait_for_buffers_and_keep_their_order() -> None:
    """More ports than the guest has buffers; its own messages are taken all the while, or it would hang."""
    with virtio_machine(modern=True) as box:
        box.add("virtio-serial-device", max_ports="40")
        add_all(box, "virtserialport " * 39)
        box.go()
        guest = Guest(box)
        guest.begin(ready=False)
        guest.say(0, Event.DEVICE_READY, 1)
        assert guest.hear() == []
        heard: list[Message] = []
        for _ in range(20):
            guest.give_control(2)
            heard += guest.hear()
            guest.say(1, Event.PORT_OPEN, 1)
        assert [nr for nr, _, _ in heard] == list(range(1, 40))
        for _ in range(MOST_WAITING // 39 + 2):
            guest.say(0, Event.DEVICE_READY, 1)
        assert box.errors()[-1].endswith("no buffers for control messages")
        guest.begin(ready=False)
        guest.give_control(8)
        assert guest.hear() == [], "those were for the former life"


def test_a_guest_that_adds_messages_all_the_time_does_not_hold_the_main_loop() -> None:
    with virtio_machine(modern=True) as box:
        box.add("virtio-serial-device")
        box.go()
        guest = Guest(box)
        guest.begin()
        device, seen = cast(VirtioSerial, guest.device()), []

        def obey(message: bytes) -> None:
            seen.append(message)
            if len(seen) < 100:
                guest.take(CONTROL_OUT)
                guest.send(CONTROL_OUT, message, kick=False)

        device._obey = obey  # type: ignore[method-assign]
        guest.say(0, Event.RESIZE, 0)
        assert len(seen) == 32
        box.turn(4)
        assert len(seen) == 100


def test_ports_come_and_go_while_the_guest_runs(box: VirtioMachine) -> None:
    backend = box.chardev("c")
    box.go()
    guest = Guest(box)
    guest.begin()
    assert guest.hear() == []
    guest.store(0x64, 3)
    box.add("virtserialport", running=True, id="p", chardev="c", name="n")
    assert introspect.qom_get("/machine/peripheral/p", "hotplugged") is True
    assert guest.hear() == [(1, Event.PORT_ADD, 1)]
    assert guest.isr & 2, "the configuration is news"
    guest.open(1)
    assert guest.hear() == [(1, Event.PORT_NAME, b"n\0"), (1, Event.PORT_OPEN, 1)]
    assert box.events == [("VSERPORT_CHANGE", {"id": "p", "open": True})]
    guest.write(1, b"hello")
    assert backend.out == b"hello"
    backend.room = 0
    guest.write(1, b"stuck")
    box.remove("p")
    assert guest.hear() == [(1, Event.PORT_REMOVE, 1)]
    assert guest.returned(guest.from_guest(1)) == 2, "what was under way is the guest's again"
    guest.write(1, b"nobody")
    assert guest.returned(guest.from_guest(1)) == 1
    box.add("virtconsole", running=True, id="q", chardev="c", nr="1")
    assert guest.hear() == [(1, Event.PORT_ADD, 1)]
    with pytest.raises(UserError, match="A port already exists at id 1"):
        box.add("virtconsole", running=True, nr="1")
    assert box.errors() == []


# -- data


def test_a_console_goes_both_ways(box: VirtioMachine) -> None:
    backend = box.chardev("c")
    add_all(box, "virtconsole,chardev=c")
    box.go()
    guest = Guest(box)
    backend.type(b"too early ")
    guest.begin()
    guest.open(0)
    assert guest.read(0) == b""
    guest.give(0, 4)
    guest.give(0, 3, 5)
    assert guest.read(0) == b"too early "[:10]
    backend.type(b"later")
    guest.give(0, 100)
    assert guest.read(0) == b"later"
    guest.write(0, b"out")
    guest.write(0, b"put")
    assert backend.out == b"output"
    assert guest.returned(1) == 2
    assert guest.isr == 1


def test_a_console_loses_what_its_chardev_does_not_take_and_a_channel_does_not(box: VirtioMachine) -> None:
    """The hvc driver spins until its buffer is back; programs on a channel sleep."""
    console, channel = box.chardev("c"), box.chardev("d")
    add_all(box, "virtconsole,chardev=c virtserialport,chardev=d")
    box.go()
    guest = Guest(box)
    guest.begin()
    guest.open(0)
    guest.open(1)
    console.room = channel.room = 10
    for nr in (0, 1):
        guest.write(nr, b"0123456789abcdef")
        guest.write(nr, b"ghi")
    assert console.out == channel.out == b"0123456789"
    assert (guest.returned(1), guest.returned(5)) == (2, 0)
    box.turn()
    assert box.loop.deferred.timeout_ns() == -1, "nothing is tried again before there is room"
    channel.make_room(4)
    box.turn()
    assert (channel.out, guest.returned(5)) == (b"0123456789abcd", 0)
    channel.make_room(100)
    box.turn()
    assert (channel.out, guest.returned(5)) == (b"0123456789abcdefghi", 2)
    guest.write(1, b"jk")
    assert (channel.out[-2:], guest.returned(5)) == (b"jk", 1)


def test_a_channel_is_open_while_its_chardev_has_a_peer(box: VirtioMachine) -> None:
    backend = box.chardev("c", connected=False)
    add_all(box, "virtserialport,chardev=c,id=p")
    box.go()
    guest = Guest(box)
    guest.begin()
    guest.open(1)
    assert guest.hear() == [(1, Event.PORT_ADD, 1)]
    guest.write(1, b"to nobody")
    assert (backend.out, guest.returned(5)) == (b"", 1)
    guest.give(4, 16)
    backend.type(b"early")
    assert guest.read(1) == b""
    backend.connect(True)
    assert guest.hear() == [(1, Event.PORT_OPEN, 1)]
    backend.accept_input()
    assert guest.read(1) == b"early"
    backend.room = 2
    guest.write(1, b"abc")
    assert (backend.out, guest.returned(5)) == (b"ab", 0)
    backend.connect(False)
    assert guest.hear() == [(1, Event.PORT_OPEN, 0)]
    assert guest.returned(5) == 1, "nobody will ever read it"
    backend.room = 100
    backend.connect(True)
    guest.write(1, b"def")
    assert backend.out == b"abdef"


def test_input_waits_until_a_program_has_the_port_open(box: VirtioMachine) -> None:
    backend = box.chardev("c")
    add_all(box, "virtserialport,chardev=c,id=p")
    box.go()
    guest = Guest(box)
    guest.begin()
    guest.give(4, 16)
    guest.say(1, Event.PORT_READY, 1)
    backend.type(b"hello")
    assert guest.read(1) == b""
    guest.say(1, Event.PORT_OPEN, 1)
    assert guest.read(1) == b"hello"
    guest.say(1, Event.PORT_OPEN, 0)
    guest.give(4, 16)
    backend.type(b"more")
    assert guest.read(1) == b""
    changes = [{"id": "p", "open": opened} for opened in (True, False)]
    assert box.events == [("VSERPORT_CHANGE", change) for change in changes]


def test_a_driver_of_one_port_has_it_open_from_the_start(box: VirtioMachine) -> None:
    backend = box.chardev("c")
    add_all(box, "virtconsole,chardev=c")
    box.go()
    guest = Guest(box)
    guest.begin(ports=(0,), refuse=F_MULTIPORT)
    backend.type(b"in")
    guest.give(0, 8)
    assert guest.read(0) == b"in"
    guest.write(0, b"out")
    assert backend.out == b"out"


def test_a_character_can_be_shouted_without_any_queue(box: VirtioMachine) -> None:
    first, second = box.chardev("c"), box.chardev("d")
    add_all(box, "virtserialport,chardev=d virtconsole,nr=2 virtconsole,nr=3,chardev=c")
    box.go()
    driver = MmioDriver(box)
    for byte in b"panic":
        driver.store(0x108, byte)
    driver.store(0x108, 0)
    driver.store(0x108, 0x2100 | 0x21, 2)
    driver.store(0x100, 1, 2)
    assert first.out == b"panic!"
    assert second.out == b""
    assert driver.load(0x108) == 0


def test_one_turn_moves_a_bounded_amount_and_the_rest_follows(box: VirtioMachine) -> None:
    backend = box.chardev("c")
    add_all(box, "virtconsole,chardev=c")
    box.go()
    guest = Guest(box)
    guest.begin()
    queue = guest.queues[1]
    size = 1 << 20
    at = guest.memory(size)
    for _ in range(6):
        queue.add([(at, size, False)])
    guest.kick(1)
    assert len(backend.out) == TURN_PIECES * PIECE
    box.turn()
    assert len(backend.out) == 6 * size
    assert guest.returned(1) == 6


# -- lives


@pytest.mark.parametrize("how", ["status", "machine"])
def test_a_reset_in_the_middle_forgets_the_guests_side_alone(box: VirtioMachine, how: str) -> None:
    backend = box.chardev("c")
    add_all(box, "virtserialport,chardev=c,id=p")
    box.go()
    guest = Guest(box)
    guest.begin()
    guest.open(1)
    backend.room = 3
    guest.write(1, b"former")
    assert backend.out == b"for"
    if how == "status":
        guest.store(0x70, 0)
    else:
        box.reset()
    assert box.events[-1] == ("VSERPORT_CHANGE", {"id": "p", "open": False})
    backend.type(b"input")
    backend.make_room(100)
    box.turn()
    assert backend.out == b"for", "the rest was the former life's"
    guest.begin()
    assert guest.hear() == [(1, Event.PORT_ADD, 1)]
    guest.open(1)
    assert guest.hear() == [(1, Event.PORT_OPEN, 1)]
    guest.give(4, 16)
    assert guest.read(1) == b"input"
    guest.write(1, b"new")
    assert backend.out == b"fornew"


def test_nothing_moves_while_the_machine_stands(box: VirtioMachine) -> None:
    backend, channel, other = box.chardev("c"), box.chardev("d", connected=False), box.chardev("e")
    add_all(box, "virtconsole,chardev=c virtserialport,chardev=d virtserialport,chardev=e")
    box.go()
    guest = Guest(box)
    guest.begin(ports=(0, 1, 2))
    for nr in range(3):
        guest.open(nr)
    guest.hear()
    guest.give(0, 16)
    other.room = 1
    guest.write(2, b"abc")
    box.stop()
    other.make_room(100)
    backend.type(b"in")
    guest.write(0, b"out")
    channel.connect(True)
    box.turn(3)
    assert (backend.out, other.out, guest.read(0), guest.hear()) == (b"", b"a", b"", [])
    box.cont()
    assert other.out == b"abc"
    assert (backend.out, guest.read(0), guest.hear()) == (b"out", b"in", [(1, Event.PORT_OPEN, 1)])


def test_a_queue_that_is_reset_alone_gives_up_the_buffer_under_way() -> None:
    with virtio_machine(modern=True) as box:
        backend = box.chardev("c")
        box.add("virtio-serial-device")
        add_all(box, "virtserialport,chardev=c")
        box.go()
        guest = Guest(box)
        guest.begin()
        guest.open(1)
        backend.room = 1
        guest.write(1, b"abc")
        guest.store(0x30, 5)
        guest.store(0xC0, 1)
        guest.add_queue(5, 64)
        backend.make_room(100)
        box.turn()
        guest.write(1, b"xyz")
        assert backend.out == b"axyz"
        assert guest.returned(5) == 1


@pytest.mark.parametrize("seed", range(12))
def test_random_use_loses_nothing_and_keeps_the_order(seed: int) -> None:
    """Both directions of two channels and a console, at random: stops, throttling, closing, small buffers."""
    rng = random.Random(seed)
    with virtio_machine(modern=bool(seed & 1)) as box:
        box.add("virtio-serial-device")
        backends = [box.chardev("c"), box.chardev("d"), box.chardev("e")]
        add_all(box, "virtconsole,chardev=c virtserialport,chardev=d virtserialport,chardev=e")
        box.go()
        guest = Guest(box)
        guest.begin(ports=(0, 1, 2))
        for nr in range(3):
            guest.open(nr)
        sent, typed, got = [b""] * 3, [b""] * 3, [b""] * 3
        for step in range(1500):
            nr = rng.randrange(3)
            action = rng.randrange(8)
            data = rng.randbytes(rng.randint(1, 300))
            if action == 0 and len(guest.queues[guest.from_guest(nr)].free) > 0:
                guest.write(nr, data)
                sent[nr] += data
            elif action == 1:
                backends[nr].type(data)
                typed[nr] += data
            elif action == 2 and len(guest.queues[guest.to_guest(nr)].free) >= 2:
                guest.give(guest.to_guest(nr), rng.randint(1, 200), rng.randint(1, 50))
            elif action == 3 and nr:
                backends[nr].room = rng.choice((0, 5, 200))
            elif action == 4 and nr:
                backends[nr].make_room(rng.choice((1, 100, 1 << 20)))
            elif action == 5:
                box.turn()
            elif action == 6 and rng.random() < 0.3:
                rng.choice((box.stop, box.cont))()
            for i in range(3):
                got[i] += guest.read(i)
                guest.take(guest.from_guest(i))
                assert sent[i].startswith(backends[i].out), f"seed {seed}, step {step}"
                assert typed[i].startswith(got[i]), f"seed {seed}, step {step}"
        box.cont()
        for i in range(3):
            backends[i].make_room(1 << 30)
        box.turn(2)
        for _ in range(3000):
            if got == typed:
                break
            for i in range(3):
                if guest.queues[guest.to_guest(i)].free:
                    guest.give(guest.to_guest(i), 500)
                got[i] += guest.read(i)
        assert got == typed
        assert [backend.out for backend in backends] == sent
        assert box.errors() == []


@pytest.mark.parametrize("seed", range(4))
def test_any_control_message_is_survived(seed: int) -> None:
    rng = random.Random(seed)
    with virtio_machine(modern=True) as box:
        box.add("virtio-serial-device")
        box.chardev("c")
        add_all(box, "virtconsole virtserialport,chardev=c,id=p virtserialport")
        box.go()
        guest = Guest(box)
        guest.begin()
        for _ in range(1500):
            if rng.random() < 0.5:
                nr, event, value = rng.choice((0, 1, 2, 3, 1 << 31)), rng.randrange(9), rng.randrange(3)
                message = CONTROL.pack(nr, event, value)
            else:
                message = rng.randbytes(rng.randint(1, 40))
            guest.send(CONTROL_OUT, message)
            guest.take(CONTROL_OUT)
            if rng.random() < 0.3:
                guest.hear()
                guest.give_control(min(3, len(guest.queues[CONTROL_IN].free)))
            if rng.random() < 0.01:
                guest.begin()
        assert not guest.status & NEEDS_RESET
        guest.begin()
        guest.hear()
        guest.open(1)
        assert (1, Event.PORT_OPEN, 1) in guest.hear()
        port = cast(VirtSerialPort, guest.device().ports[1])  # type: ignore[attr-defined]
        assert port.guest_connected
        assert struct.calcsize("<IHH") == CONTROL.size
        assert guest.memory(1) >= BASE
