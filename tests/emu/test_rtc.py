"""Goldfish RTC: the latched pair, the alarm, setting the time."""

from __future__ import annotations

import pytest

from emu.hw.rtc.goldfish import GoldfishRtc
from emu.options.clock import RtcConfig
from emu.qom.device import ResetType, reset_tree
from tests.lib.board import add, bare

LOW, HIGH, ALARM_LOW, ALARM_HIGH, ENABLE, CLEAR_ALARM, STATUS, CLEAR_IRQ = range(0, 0x20, 4)
EPOCH_NS = 1_700_000_000_123_456_789


class Board:
    def __init__(self, offset_ns: int = 0) -> None:
        self.now = EPOCH_NS
        with bare(host=lambda: self.now, rtc=RtcConfig(offset_s=offset_ns // 1_000_000_000)) as vm:
            self.rtc = add(vm, GoldfishRtc())
            self.clock = vm.clocks.host
            self.errors = vm.lines.errors

    def read(self, reg: int) -> int:
        return self.rtc.read(reg, 4)

    def write(self, reg: int, value: int) -> None:
        self.rtc.write(reg, 4, value)

    def time(self) -> int:
        low = self.read(LOW)
        return self.read(HIGH) << 32 | low

    def alarm(self, ns: int) -> None:
        self.write(ALARM_HIGH, ns >> 32)
        self.write(ALARM_LOW, ns & 0xFFFF_FFFF)

    def pass_ns(self, ns: int) -> None:
        self.now += ns
        self.clock.run()


def test_time_is_ns_since_the_epoch() -> None:
    assert Board().time() == EPOCH_NS
    assert Board(3_600_000_000_000).time() == EPOCH_NS + 3_600_000_000_000


def test_high_half_is_that_of_the_moment_when_low_was_read() -> None:
    board = Board()
    board.now = (5 << 32) - 1
    assert board.read(LOW) == 0xFFFF_FFFF
    board.now += 1
    assert board.read(HIGH) == 4


def test_alarm_interrupts_once_when_its_moment_comes() -> None:
    board = Board()
    board.write(ENABLE, 1)
    board.alarm(EPOCH_NS + 1000)
    assert (board.read(STATUS), board.rtc.irq.level) == (1, False)
    board.pass_ns(999)
    assert board.rtc.irq.level is False
    board.pass_ns(1)
    assert (board.read(STATUS), board.rtc.irq.level) == (0, True)
    board.write(CLEAR_IRQ, 1)
    assert board.rtc.irq.level is False


def test_alarm_in_the_past_fires_at_once() -> None:
    board = Board()
    board.write(ENABLE, 1)
    board.alarm(EPOCH_NS - 1)
    assert (board.read(STATUS), board.rtc.irq.level) == (0, True)


def test_disabled_alarm_waits_for_its_enable() -> None:
    board = Board()
    board.alarm(EPOCH_NS + 10)
    board.pass_ns(10)
    assert board.rtc.irq.level is False
    board.write(ENABLE, 1)
    assert board.rtc.irq.level is True


def test_cleared_alarm_does_not_fire() -> None:
    board = Board()
    board.write(ENABLE, 1)
    board.alarm(EPOCH_NS + 10)
    board.write(CLEAR_ALARM, 1)
    board.pass_ns(100)
    assert (board.read(STATUS), board.rtc.irq.level) == (0, False)


def test_alarm_reads_back() -> None:
    board = Board()
    board.alarm(EPOCH_NS + 7)
    assert board.read(ALARM_HIGH) << 32 | board.read(ALARM_LOW) == EPOCH_NS + 7


def test_time_can_be_set_and_survives_a_reset() -> None:
    board = Board()
    board.write(HIGH, 1)
    board.write(LOW, 5)
    assert board.time() == (1 << 32) + 5
    board.alarm((1 << 32) + 100)
    reset_tree(board.rtc, ResetType.COLD)
    board.pass_ns(10)
    assert board.time() == (1 << 32) + 15
    assert (board.read(STATUS), board.read(ENABLE), board.read(ALARM_LOW)) == (0, 0, 0)


@pytest.mark.parametrize("size", [1, 2, 8])
def test_other_widths_are_logged_and_read_0(size: int) -> None:
    board = Board()
    assert board.rtc.read(LOW, size) == 0
    board.rtc.write(ENABLE, size, 1)
    assert board.read(ENABLE) == 0
    assert len(board.errors) == 2


MISTAKES = [(0x20, False), (0x20, True), (STATUS, True), (CLEAR_ALARM, False)]


@pytest.mark.parametrize(("reg", "write"), MISTAKES)
def test_absent_registers_and_wrong_directions_are_logged(reg: int, write: bool) -> None:
    board = Board()
    if write:
        board.rtc.write(reg, 4, 1)
    else:
        assert board.rtc.read(reg, 4) == 0
    assert len(board.errors) == 1
