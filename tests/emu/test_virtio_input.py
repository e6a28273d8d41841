"""virtio-keyboard: what it says of itself, events in groups, LEDs, the power button, lives, stop and cont."""

from __future__ import annotations

import random
import struct
from collections import deque
from collections.abc import Iterator

import pytest

from emu.hw.virtio.keyboard import KEY_POWER, VirtioKeyboard
from emu.qom.monitor import device_help
from tests.lib.virtio import MmioDriver, VirtioMachine, virtio_machine

EVENTS, STATES = 0, 1
SELECT, SUBSEL, LENGTH, DATA = 0x100, 0x101, 0x102, 0x108
ISR_CONFIG = 2
EV_SYN, EV_KEY, EV_LED = 0, 1, 0x11
SYN = (EV_SYN, 0, 0)
KEY_A = 30


@pytest.fixture(params=[False, True], ids=["legacy", "modern"])
def box(request: pytest.FixtureRequest) -> Iterator[VirtioMachine]:
    with virtio_machine(request.param) as made:
        yield made


def keyboard(box: VirtioMachine, room: int = 16, **values: str) -> tuple[VirtioKeyboard, MmioDriver]:
    """A keyboard whose driver is ready and has given `room` buffers for events."""
    made = box.add("virtio-keyboard-device", id="kbd", **values)
    assert isinstance(made, VirtioKeyboard)
    box.go()
    driver = MmioDriver(box)
    driver.start({EVENTS: 64, STATES: 64})
    for _ in range(room):
        driver.give(EVENTS, 8)
    return made, driver


def ask(driver: MmioDriver, select: int, subsel: int) -> bytes:
    """What the configuration says about that."""
    driver.store(SELECT, select, 1)
    driver.store(SUBSEL, subsel, 1)
    assert (driver.load(SELECT, 1), driver.load(SUBSEL, 1)) in ((select, subsel), (0, 0))
    return bytes(driver.load(DATA + i, 1) for i in range(driver.load(LENGTH, 1)))


def seen(driver: MmioDriver) -> list[tuple[int, int, int]]:
    """Events that came."""
    return [struct.unpack("<HHI", data) for data in driver.take(EVENTS)]


POWER = [(EV_KEY, KEY_POWER, 1), SYN, (EV_KEY, KEY_POWER, 0), SYN]


def test_it_says_what_qemus_says(box: VirtioMachine) -> None:
    _, driver = keyboard(box, serial="no. 7")
    assert ask(driver, 1, 0) == b"QEMU Virtio Keyboard\0"
    assert ask(driver, 2, 0) == b"no. 7"
    assert ask(driver, 3, 0) == struct.pack("<4H", 6, 0x627, 1, 1)
    assert ask(driver, 0x11, 0x11) == b"\7"
    assert ask(driver, 0x11, 0x14) == b"\0"
    keys = int.from_bytes(ask(driver, 0x11, EV_KEY), "little")
    assert keys.to_bytes(32, "little").rstrip(b"\0").hex() == QEMU_KEYS
    for nothing in ((0, 0), (1, 1), (0x10, 0), (0x11, 2), (0x11, 3), (0x12, 0), (0xFF, 0xFF)):
        assert ask(driver, *nothing) == b""
    assert driver.isr == ISR_CONFIG | 1


QEMU_KEYS = "feffffffffffffffffffcf7bffffbefeffdf00f8783080ff0700000004"
HELP = """\
virtio-keyboard-device options:
  any_layout=<bool>      - on/off (default: on)
  display=<str>
  event_idx=<bool>       - on/off (default: on)
  head=<uint32>          -  (default: 0)
  in_order=<bool>        - on/off (default: off)
  indirect_desc=<bool>   - on/off (default: on)
  iommu_platform=<bool>  - on/off (default: off)
  notify_on_empty=<bool> - on/off (default: on)
  packed=<bool>          - on/off (default: off)
  queue_reset=<bool>     - on/off (default: on)
  serial=<str>
  use-disabled-flag=<bool> - on/off (default: on)
  use-started=<bool>     - on/off (default: on)
  x-disable-legacy-check=<bool> - on/off (default: off)
"""


def test_its_properties_are_qemus() -> None:
    assert device_help("virtio-keyboard-device") == HELP


def test_what_is_asked_outlives_the_driver_and_not_the_machine(box: VirtioMachine) -> None:
    _, driver = keyboard(box)
    ask(driver, 1, 0)
    driver.start({EVENTS: 64, STATES: 64})
    assert driver.load(LENGTH, 1) == 21
    assert driver.load(DATA + 28, 1) == 0
    assert driver.load(DATA + 29, 1) == 0xFF, "it ends with the longest of what it can say"
    box.reset()
    assert driver.load(LENGTH, 1) == 0


def test_a_key_is_an_event_and_its_end(box: VirtioMachine) -> None:
    board, driver = keyboard(box)
    assert board.key(KEY_A, True)
    assert seen(driver) == [(EV_KEY, KEY_A, 1), SYN]
    assert board.key(KEY_A, False)
    assert seen(driver) == [(EV_KEY, KEY_A, 0), SYN]
    assert driver.isr & 1


def test_half_a_group_is_none(box: VirtioMachine) -> None:
    board, driver = keyboard(box, room=3)
    assert board.key(KEY_A, True)
    assert not board.key(KEY_A, False), "one buffer is too few"
    assert seen(driver) == [(EV_KEY, KEY_A, 1), SYN]
    driver.give(EVENTS, 8)
    assert board.key(KEY_POWER, True), "the buffer is still there"
    assert seen(driver) == [(EV_KEY, KEY_POWER, 1), SYN]


def test_a_short_buffer_gets_what_fits(box: VirtioMachine) -> None:
    board, driver = keyboard(box, room=0)
    driver.give(EVENTS, 4)
    driver.give(EVENTS, 3, 20)
    assert board.key(KEY_A, True)
    assert driver.take(EVENTS) == [struct.pack("<HH", EV_KEY, KEY_A), bytes(8)]


def test_nobody_hears_keys_before_the_driver_is_ready(box: VirtioMachine) -> None:
    board, driver = keyboard(box)
    driver.negotiate()
    driver.add_queue(EVENTS, 64)
    for _ in range(4):
        driver.give(EVENTS, 8)
    assert not board.key(KEY_A, True)
    driver.ready()
    assert seen(driver) == []
    assert board.key(KEY_A, False)


def test_leds_are_the_guests(box: VirtioMachine) -> None:
    board, driver = keyboard(box)
    for code, value, lit in ((1, 1, 0b010), (0, 1, 0b011), (1, 0, 0b001), (3, 1, 0b001), (2, 7, 0b101)):
        driver.send(STATES, struct.pack("<HHI", EV_LED, code, value))
        assert board.lit == lit
    assert driver.take(STATES) == [b""] * 5
    driver.send(STATES, struct.pack("<HHI", EV_KEY, 0, 0))
    driver.send(STATES, b"\x11")  # too short: the rest is zeros
    assert board.lit == 0b100
    assert driver.returned(STATES) == 2
    driver.start({EVENTS: 64, STATES: 64})
    assert board.lit == 0


# -- the power button


def test_powerdown_is_the_power_button(box: VirtioMachine) -> None:
    _, driver = keyboard(box)
    box.run.requests.powerdown_request()
    assert box.run.should_exit() is None
    assert box.events == [("POWERDOWN", {})]
    assert seen(driver) == POWER
    box.run.requests.powerdown_request()
    box.run.should_exit()
    assert seen(driver) == POWER


def test_a_press_while_the_machine_stands_is_kept(box: VirtioMachine) -> None:
    _, driver = keyboard(box)
    box.stop()
    for _ in range(2):
        box.run.requests.powerdown_request()
        box.run.should_exit()
    assert seen(driver) == []
    box.cont()
    assert seen(driver) == POWER, "once"
    box.stop()
    box.cont()
    assert seen(driver) == []


def test_a_reset_forgets_the_press(box: VirtioMachine) -> None:
    _, driver = keyboard(box)
    box.stop()
    box.run.requests.powerdown_request()
    box.run.should_exit()
    box.reset()
    box.cont()
    driver.start({EVENTS: 64, STATES: 64})
    for _ in range(4):
        driver.give(EVENTS, 8)
    assert seen(driver) == []


def test_a_keyboard_that_is_gone_is_no_power_button(box: VirtioMachine) -> None:
    board, _ = keyboard(box)
    board.unparent()
    assert box.run._powerdown == []


# -- against a model


class Model:
    """What a driver that sees everything must see. room: buffers it has out."""

    def __init__(self) -> None:
        self.room = 0
        self.events: deque[tuple[int, int, int]] = deque()
        self.waits = False

    def key(self, code: int, down: bool) -> bool:
        if self.room < 2:
            return False
        self.room -= 2
        self.events += [(EV_KEY, code, int(down)), SYN]
        return True

    def power(self) -> None:
        self.key(KEY_POWER, True)
        self.key(KEY_POWER, False)


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_keys_buffers_stops_and_lives(seed: int, box: VirtioMachine) -> None:
    rng = random.Random(seed)
    board, driver = keyboard(box, room=0)
    model, runs = Model(), True
    for step in range(300):
        op = rng.choice(("give", "give", "key", "key", "power", "stop", "cont", "take", "life"))
        if op == "give" and model.room < 60:
            driver.give(EVENTS, 8)
            model.room += 1
        elif op == "key":
            code, down = rng.randrange(1, 0x2FF), rng.random() < 0.5
            wanted = runs and model.key(code, down)
            assert board.key(code, down) == wanted, f"seed {seed}, step {step}"
        elif op == "power":
            box.run.requests.powerdown_request()
            box.run.should_exit()
            if runs:
                model.power()
            else:
                model.waits = True
        elif op == "stop":
            box.stop()
            runs = False
        elif op == "cont":
            box.cont()
            runs = True
            if model.waits:
                model.power()
            model.waits = False
        elif op == "take":
            assert seen(driver) == list(model.events), f"seed {seed}, step {step}"
            model.events.clear()
        elif op == "life" and rng.random() < 0.2:
            driver.start({EVENTS: 64, STATES: 64})
            model = Model()
