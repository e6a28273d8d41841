"""CLINT, ACLINT SSWI, guest time, shadowed reads and posted writes, as compiled code serves them."""

from __future__ import annotations

import os
import random

import pytest

from ipc.layout import EV_IRQ, EV_TIME, RING_SLOTS
from tests.lib.hart import Bench

CLINT, SSWI, UART = 0x200_0000, 0x2F0_0000, 0x1000_0000
CMP, TIME = 0x4000, 0xBFF8
HARTS = 3
TICK_NS = 100
MASK64 = (1 << 64) - 1


def board() -> Bench:
    """Three harts, time standing at tick 1000."""
    b = Bench(harts=HARTS, ram=1 << 16)
    g = b.header
    for name, value in (
        ("clint_base", CLINT), ("clint_size", 0x1_0000), ("sswi_base", SSWI), ("sswi_size", 0x4000),
        ("mtime_freq", 10_000_000), ("clock_enabled", 0), ("clock_offset", 1000 * TICK_NS),
    ):  # fmt: skip
        g.set(name, value)
    return b


def access(b: Bench, gpa: int, size: int, write: int, value: int = 0) -> int | None:
    """As hart 0: the value read (0 for a write), None if not served."""
    h = b.harts[0]
    if h.call("mmio_in_hart", gpa, size, write, value):
        return 0 if write else int(h.scratch[1])
    return None


def read(b: Bench, off: int, size: int = 4) -> int | None:
    return access(b, CLINT + off, size, 0)


def write(b: Bench, off: int, value: int, size: int = 4) -> None:
    assert access(b, CLINT + off, size, 1, value) == 0


def test_msip_is_bit_0_of_a_word_per_hart() -> None:
    b = board()
    write(b, 4, 0xFFFF_FFFF)
    assert [read(b, 4 * i) for i in range(HARTS)] == [0, 1, 0]
    assert b.harts[1].event & EV_IRQ
    assert b.harts[0].event == 0
    write(b, 4, 0xFFFF_FFFE)
    assert read(b, 4) == 0


@pytest.mark.parametrize(
    ("off", "size", "value", "whole"),
    [
        (CMP + 8, 8, 0x1122_3344_5566_7788, 0x1122_3344_5566_7788),
        (CMP + 8, 4, 0x5566_7788, 0xAAAA_AAAA_5566_7788),
        (CMP + 12, 4, 0x1122_3344, 0x1122_3344_BBBB_BBBB),
    ],
)
def test_mtimecmp_takes_words_and_halves(off: int, size: int, value: int, whole: int) -> None:
    b = board()
    b.harts[1].mtimecmp = 0xAAAA_AAAA_BBBB_BBBB
    write(b, off, value, size)
    assert b.harts[1].mtimecmp == whole
    assert b.harts[1].event == EV_IRQ | EV_TIME
    assert read(b, CMP + 8, 8) == whole
    assert read(b, CMP + 8) == whole & 0xFFFF_FFFF
    assert read(b, CMP + 12) == whole >> 32


@pytest.mark.parametrize(
    ("off", "size", "value", "whole"),
    [
        (TIME, 8, 0x1_0000_0005, 0x1_0000_0005),
        (TIME, 4, 7, 7),
        (TIME + 4, 4, 3, (3 << 32) + 1000),
    ],
)
def test_writing_mtime_lets_every_hart_look_at_its_timer(off: int, size: int, value: int, whole: int) -> None:
    b = board()
    assert read(b, TIME, 8) == 1000
    write(b, off, value, size)
    assert read(b, TIME, 8) == whole
    assert read(b, TIME) == whole & 0xFFFF_FFFF
    assert read(b, TIME + 4) == whole >> 32
    assert [h.event for h in b.harts] == [EV_IRQ | EV_TIME] * HARTS
    b.header.set("clock_offset", (1000 + 42) * TICK_NS)
    assert read(b, TIME, 8) == whole + 42


@pytest.mark.parametrize(
    ("gpa", "size"),
    [
        (CLINT, 1), (CLINT, 2), (CLINT, 8), (CLINT + 4 * HARTS, 4),  # 4-byte access; harts that exist
        (CLINT + CMP, 1), (CLINT + CMP + 8 * HARTS, 8), (CLINT + TIME, 2),
        (CLINT + 0xC000, 4), (CLINT + 0xFFFC, 4),
        (SSWI, 8), (SSWI + 4 * HARTS, 4),
        (CLINT + 2, 4), (CLINT + CMP + 4, 8), (SSWI + 1, 4),  # not aligned
    ],
)  # fmt: skip
def test_what_is_no_register_is_left_to_the_main_loop(gpa: int, size: int) -> None:
    b = board()
    assert access(b, gpa, size, 0) is None
    assert access(b, gpa, size, 1, 1) is None


def test_sswi_asks_for_ssip_and_reads_0() -> None:
    b = board()
    assert access(b, SSWI + 8, 4, 1, 2) == 0
    assert b.harts[2].ssip_set == 0
    assert access(b, SSWI + 8, 4, 1, 1) == 0
    assert b.harts[2].ssip_set == 1
    assert b.harts[2].event & EV_IRQ
    assert access(b, SSWI + 8, 4, 0) == 0


def test_windows_of_size_0_serve_nothing() -> None:
    b = board()
    for name in ("clint_size", "sswi_size"):
        b.header.set(name, 0)
    assert access(b, CLINT, 4, 0) is None
    assert access(b, SSWI, 4, 0) is None


@pytest.mark.parametrize("freq", [1, 32_768, 10_000_000, 24_000_000, 1_000_000_000, 9_999_999_999])
def test_ticks_are_nanoseconds_times_frequency_rounded_down(freq: int) -> None:
    rng = random.Random(freq)
    b = board()
    b.header.set("mtime_freq", freq)
    for bits in range(1, 64):
        ns = rng.getrandbits(bits)
        b.header.set("clock_offset", ns)
        assert b.harts[0].call("time_ticks") == (ns * freq // 1_000_000_000) & MASK64


def test_time_runs_with_the_host_while_enabled_and_stands_while_not() -> None:
    import time

    b = board()
    b.header.set("clock_offset", 0)
    assert b.harts[0].call("time_ticks") == 0
    b.header.set("clock_enabled", 1)
    low = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // TICK_NS
    got = b.harts[0].call("time_ticks")
    assert low <= got <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // TICK_NS


def test_a_shadow_serves_reads_of_its_sizes_only() -> None:
    b = board()
    g = b.header
    g.set("shadow_gpa", UART + 6, 3)
    g.set("shadow_value", 0x60, 3)
    g.set("shadow_sizes", 1 | 2, 3)
    assert access(b, UART + 6, 1, 0) == 0x60
    assert access(b, UART + 6, 2, 0) == 0x60
    assert access(b, UART + 6, 4, 0) is None
    assert access(b, UART + 4, 1, 0) is None
    assert access(b, UART + 6, 1, 1, 0) is None
    g.set("shadow_gpa", 0, 3)
    assert access(b, UART + 6, 1, 0) is None


def test_posted_writes_fill_the_ring_and_wake_a_sleeping_main_loop() -> None:
    b = board()
    h = b.harts[0]
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        h.main_fd = fd
        b.header.set("posted_gpa", UART, 0)
        h.ring_head = h.ring_tail = 0xFFFF_FFFE  # both wrap
        b.header.set("main_awake", 1)
        assert access(b, UART, 1, 1, ord("a")) == 0
        with pytest.raises(BlockingIOError):
            os.eventfd_read(fd)
        b.header.set("main_awake", 0)
        for i in range(RING_SLOTS - 1):
            assert access(b, UART, 1, 1, i) == 0
        assert os.eventfd_read(fd) == RING_SLOTS - 1
        assert access(b, UART, 1, 1, 0) is None  # full: a synchronous exit, before which main drains
        assert h.ring_head == RING_SLOTS - 2
        at = 0xFFFF_FFFE & (RING_SLOTS - 1)
        assert (h.ring_gpa[at], h.ring_value[at], h.ring_size[at]) == (UART, ord("a"), 1)
        h.ring_tail = 0xFFFF_FFFF
        assert access(b, UART, 1, 1, ord("z")) == 0
        assert h.ring_value[at] == ord("z")
        assert access(b, UART + 1, 1, 1, 0) is None
    finally:
        os.close(fd)
