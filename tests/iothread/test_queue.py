"""The device's side of a split virtqueue: against a naive driver, and against a hostile one."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iothread.queue import Chain, Virtqueue
from ipc.dma import Dma
from ipc.ram import Ram
from ipc.virtqueue import (
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    F_EVENT_IDX,
    F_NOTIFY_ON_EMPTY,
    Rings,
    legacy_rings,
    wants_event,
)
from tests.lib.vring import Driver

BASE, SIZE = 0x8000_0000, 1 << 20
RINGS = Rings(BASE + 0x1000, BASE + 0x3000, BASE + 0x4000)
HEAP = BASE + 0x8000
TABLES = BASE + 0x6000


class Box:
    """A queue, its driver, and what happened."""

    def __init__(self, ram: Ram, size: int = 8, features: int = 0, rings: Rings = RINGS) -> None:
        self.mistakes: list[str] = []
        self.interrupts = 0
        self.dma = Dma(ram, BASE)
        self.queue = Virtqueue(self.dma, size, self.mistakes.append, self._interrupt)
        self.queue.set_features(features)
        self.queue.place(rings)
        self.driver = Driver(ram, BASE, rings, size, bool(features & F_EVENT_IDX))
        self.driver.clear()

    def _interrupt(self) -> None:
        self.interrupts += 1

    def popped(self) -> Chain:
        chain = self.queue.pop()
        assert chain is not None
        return chain


@pytest.fixture
def ram() -> Iterator[Ram]:
    made = Ram.create(SIZE)
    yield made
    made.close()


def test_a_buffer_goes_there_and_back(ram: Ram) -> None:
    box = Box(ram)
    ram.write(HEAP - BASE, b"question")
    box.driver.add([(HEAP, 4, False), (HEAP + 4, 4, False), (HEAP + 0x100, 3, True), (HEAP + 0x200, 9, True)])
    chain = box.popped()
    assert (chain.readable_bytes, chain.writable_bytes) == (8, 12)
    assert chain.read(100) == b"question"
    assert chain.read(3, skip=2) == b"est"
    assert chain.write(b"answer") == 6
    box.queue.push(chain, 6)
    box.queue.notify()
    assert [written for _, written in box.driver.take()] == [6]
    assert ram.read(HEAP + 0x100 - BASE, 3) + ram.read(HEAP + 0x200 - BASE, 3) == b"answer"
    assert (box.interrupts, box.mistakes) == (1, [])
    assert box.queue.pop() is None


def test_a_store_after_the_copy_changes_nothing(ram: Ram) -> None:
    box = Box(ram)
    buffer = box.driver.add([(HEAP, 16, True)], table=TABLES)
    assert box.queue.room(1) == 16
    box.driver.store(TABLES, "QIHH", 0, 0xFFFF_FFFF, DESC_F_WRITE | DESC_F_NEXT, 9)
    box.driver.descriptor(buffer.head, 0, 0)
    chain = box.popped()
    assert chain.writable == [(HEAP, 16)]
    assert chain.write(bytes(range(20))) == 16
    assert box.mistakes == []


def test_a_chain_of_a_former_life_is_not_handed_back(ram: Ram) -> None:
    box = Box(ram)
    box.driver.add([(HEAP, 4, True)])
    chain = box.popped()
    box.queue.reset()
    box.queue.place(RINGS)
    box.driver.clear()
    box.queue.push(chain, 4)
    assert box.driver.take() == []
    box.driver.add([(HEAP, 4, True)])
    box.queue.push(box.popped(), 2)
    assert [written for _, written in box.driver.take()] == [2]


def test_room_counts_without_taking_and_stops_when_it_has_seen_enough(ram: Ram) -> None:
    box = Box(ram)
    for i in range(4):
        box.driver.add([(HEAP, 10 + i, False), (HEAP + 0x100, 100, True)])
    assert box.queue.room(150) == 200
    assert box.queue.room(1000) == 400
    assert [box.popped().readable_bytes for _ in range(4)] == [10, 11, 12, 13]
    assert box.queue.pop() is None
    assert box.queue.empty


def test_rings_of_a_legacy_queue_lie_as_the_specification_has_them() -> None:
    assert legacy_rings(0x10_0000, 8, 4096) == Rings(0x10_0000, 0x10_0080, 0x10_1000)
    assert legacy_rings(0x10_0000, 1024, 4096) == Rings(0x10_0000, 0x10_4000, 0x10_5000)
    assert legacy_rings(0, 8, 4) == Rings(0, 128, 152)


def test_zero_sized_queue_cannot_be_given_a_size(ram: Ram) -> None:
    queue = Virtqueue(Dma(ram, BASE), 0, lambda text: None, lambda: None)
    queue.set_size(8)
    assert queue.size == 0


# -- interrupts


@pytest.mark.parametrize(
    ("event", "new", "old", "wanted"),
    [(0, 1, 0, True), (1, 1, 0, False), (5, 6, 2, True), (1, 6, 2, False), (5, 5, 2, False),
     (0xFFFF, 0, 0xFFFF, True), (0xFFFE, 3, 0xFFFD, True), (3, 3, 0xFFFD, False), (4, 4, 4, False)],
)  # fmt: skip
def test_event_arithmetic_of_the_specification(event: int, new: int, old: int, wanted: bool) -> None:
    assert wants_event(event, new, old) is wanted


def test_a_driver_that_polls_is_not_interrupted_unless_it_asked_to_hear_of_an_empty_queue(ram: Ram) -> None:
    for features, interrupts in ((0, 0), (F_NOTIFY_ON_EMPTY, 1)):
        box = Box(ram, features=features)
        box.driver.ask_no_interrupts(True)
        for _ in range(2):
            box.driver.add([(HEAP, 4, True)])
        first, second = box.popped(), box.popped()
        box.queue.push(first, 0)
        box.queue.notify()
        assert box.interrupts == 0
        box.queue.push(second, 0)
        box.queue.notify()
        assert box.interrupts == interrupts


def test_with_event_idx_only_the_index_that_was_asked_for_interrupts(ram: Ram) -> None:
    box = Box(ram, features=F_EVENT_IDX)
    box.driver.set_used_event(2)
    seen = []
    for _ in range(6):
        box.driver.add([(HEAP, 4, True)])
    for _ in range(6):
        box.queue.push(box.popped(), 0)
        before = box.interrupts
        box.queue.notify()
        seen.append(box.interrupts - before)
    # the first decision of a life is always yes; then when used goes from 2 to 3
    assert seen == [1, 0, 1, 0, 0, 0]


def test_the_event_index_follows_what_was_read_so_that_the_next_buffer_is_announced(ram: Ram) -> None:
    box = Box(ram, features=F_EVENT_IDX)
    assert box.queue.pop() is None
    for _ in range(20):
        before = box.driver.avail
        box.driver.add([(HEAP, 4, True)])
        assert box.driver.wants_kick(before), "the queue was empty: nobody else would look"
        box.queue.push(box.popped(), 0)
        assert box.queue.pop() is None
        box.driver.take()


def test_a_used_index_that_went_round_once_is_not_mistaken_for_no_progress(ram: Ram) -> None:
    box = Box(ram, features=F_EVENT_IDX)
    box.driver.set_used_event(5)
    box.driver.add([(HEAP, 4, True)])
    box.queue.push(box.popped(), 0)
    box.queue.notify()
    for _ in range(1 << 16):
        box.driver.take()
        box.driver.add([(HEAP, 4, True)])
        box.queue.push(box.popped(), 0)
    box.interrupts = 0
    box.queue.notify()
    assert box.interrupts == 1


# -- against a model


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("features", [0, F_EVENT_IDX, F_NOTIFY_ON_EMPTY, F_EVENT_IDX | F_NOTIFY_ON_EMPTY])
def test_random_use_is_what_the_model_says(ram: Ram, seed: int, features: int) -> None:
    """Buffers of random shapes, popped, looked at, pushed out of order; indices go round several times."""
    rng = random.Random(seed)
    size = rng.choice((1, 2, 4, 8, 16, 64, 256))
    box = Box(ram, size, features)
    queue, driver = box.queue, box.driver
    start = rng.choice((0, 0xFFF0))
    if start:  # as if 65520 buffers had gone by
        queue._last = queue._seen = queue._used = driver.avail = driver.used = start
        driver.store(RINGS.avail + 2, "H", start)
        driver.store(RINGS.used + 2, "H", start)
    waiting: list[tuple[int, int, int]] = []  # head, readable, writable: the model of what pop gives
    popped: list[tuple[Chain, int]] = []
    expected: Counter[tuple[int, int]] = Counter()
    for step in range(3000):
        action = rng.randrange(5)
        if action <= 1 and driver.free:
            indirect = rng.random() < 0.3
            most = 5 if indirect else min(5, len(driver.free))
            n = rng.randint(1, most)
            readable = rng.randint(0, n)
            segments = [(HEAP + 64 * rng.randrange(64), rng.randint(1, 64), i >= readable) for i in range(n)]
            # a table of its own for each descriptor in flight
            table = TABLES + 0x80 * driver.free[-1] if indirect and driver.free[-1] < 64 else 0
            if not table and n > len(driver.free):
                continue
            b = driver.add(segments, table)
            lengths = [sum(s for _, s, w in segments if w is side) for side in (False, True)]
            waiting.append((b.head, lengths[0], lengths[1]))
        elif action == 2:
            if rng.random() < 0.3:
                assert queue.room(1 << 30) == sum(w for _, _, w in waiting)
            chain = queue.pop()
            assert (chain is None) == (not waiting)
            if chain:
                assert (chain.head, chain.readable_bytes, chain.writable_bytes) == waiting.pop(0)
                popped.append((chain, chain.writable_bytes))
        elif action == 3 and popped:
            chain, room = popped.pop(rng.randrange(len(popped)))
            written = chain.write(rng.randbytes(rng.randint(0, room)))
            queue.push(chain, written)
            expected[chain.head, written] += 1
        else:
            driver.set_used_event(rng.choice((driver.used, driver.used + 1, rng.randrange(1 << 16))) & 0xFFFF)
            if not features & F_EVENT_IDX:
                driver.ask_no_interrupts(rng.random() < 0.5)
            queue.notify()
            for buffer, written in driver.take():
                expected[buffer.head, written] -= 1
        assert box.mistakes == [], f"seed {seed}, step {step}"
    for buffer, written in driver.take():
        expected[buffer.head, written] -= 1
    assert not +expected
    assert not -expected
    assert len(driver.out) == len(waiting) + len(popped)


# -- a hostile driver


def _avail_index_jumps(d: Driver) -> None:
    d.store(d.rings.avail + 2, "H", d.size + 1)


def _head_out_of_range(d: Driver) -> None:
    d.publish(d.size)


def _loop(d: Driver) -> None:
    d.descriptor(0, HEAP, 4, DESC_F_NEXT, 1)
    d.descriptor(1, HEAP, 4, DESC_F_NEXT, 0)
    d.publish(0)


def _next_out_of_range(d: Driver) -> None:
    d.descriptor(0, HEAP, 4, DESC_F_NEXT, d.size)
    d.publish(0)


def _zero_length(d: Driver) -> None:
    d.descriptor(0, HEAP, 0)
    d.publish(0)


def _readable_after_writable(d: Driver) -> None:
    d.descriptor(0, HEAP, 4, DESC_F_WRITE | DESC_F_NEXT, 1)
    d.descriptor(1, HEAP, 4)
    d.publish(0)


def _buffer(gpa: int, size: int) -> object:
    def what(d: Driver) -> None:
        d.descriptor(0, gpa, size)
        d.publish(0)

    return what


def _table(gpa: int, size: int, flags: int = DESC_F_INDIRECT) -> object:
    def what(d: Driver) -> None:
        d.descriptor(0, gpa, size, flags)
        d.publish(0)

    return what


def _table_in_table(d: Driver) -> None:
    d.store(TABLES, "QIHH", TABLES, 16, DESC_F_INDIRECT, 0)
    d.descriptor(0, TABLES, 16, DESC_F_INDIRECT)
    d.publish(0)


def _loop_in_table(d: Driver) -> None:
    d.store(TABLES, "QIHH", HEAP, 4, DESC_F_NEXT, 0)
    d.descriptor(0, TABLES, 16, DESC_F_INDIRECT)
    d.publish(0)


def _next_out_of_table(d: Driver) -> None:
    d.store(TABLES, "QIHH", HEAP, 4, DESC_F_NEXT, 1)
    d.descriptor(0, TABLES, 16, DESC_F_INDIRECT)
    d.publish(0)


def _more_than_there_are(d: Driver) -> None:
    """The same descriptor again and again: more buffers out than the queue has."""
    d.descriptor(0, HEAP, 4)
    for _ in range(d.size):
        d.publish(0)


MISTAKES = [
    (_avail_index_jumps, "available index went from 0 to 9, the queue has 8"),
    (_head_out_of_range, "available entry names descriptor 8 of 8"),
    (_loop, "looped descriptor"),
    (_next_out_of_range, "next descriptor is 8 of 8"),
    (_zero_length, "zero sized buffers are not allowed"),
    (_readable_after_writable, "readable descriptor after a writable one"),
    (_buffer(0, 4), "buffer of 4 bytes at 0x0 is not in RAM"),
    (_buffer(BASE - 1, 4), "buffer of 4 bytes at 0x7fffffff is not in RAM"),
    (_buffer(BASE + SIZE - 3, 4), "buffer of 4 bytes at 0x800ffffd is not in RAM"),
    (_buffer((1 << 64) - 2, 4), "buffer of 4 bytes at 0xfffffffffffffffe is not in RAM"),
    (_buffer(HEAP, 0xFFFF_FFFF), "buffer of 4294967295 bytes at 0x80008000 is not in RAM"),
    (_table(TABLES, 0), "invalid size 0 of an indirect table"),
    (_table(TABLES, 24), "invalid size 24 of an indirect table"),
    (_table(BASE + SIZE - 16, 32), "indirect table of 32 bytes at 0x800ffff0 is not in RAM"),
    (_table(TABLES, 0xFFFF_FFF0), "indirect table of 4294967280 bytes at 0x80006000 is not in RAM"),
    (_table_in_table, "indirect descriptor in an indirect table"),
    (_loop_in_table, "looped descriptor"),
    (_next_out_of_table, "next descriptor is 1 of 1"),
]


@pytest.mark.parametrize(("mistake", "text"), MISTAKES, ids=[t for _, t in MISTAKES])
def test_a_mistake_of_the_driver_kills_the_queue_and_nothing_else(ram: Ram, mistake, text: str) -> None:  # type: ignore[no-untyped-def]
    box = Box(ram)
    mistake(box.driver)
    assert box.queue.room(1) == 0
    assert box.mistakes == [text]
    box.driver.publish(0)
    assert box.queue.pop() is None
    assert box.queue.room(1) == 0
    assert box.queue.empty
    box.queue.notify()
    assert (box.mistakes, box.interrupts, box.queue.ready) == ([text], 0, False)
    box.queue.reset()
    box.queue.place(RINGS)
    box.driver.clear()
    box.driver.add([(HEAP, 4, True)])
    box.queue.push(box.popped(), 4)
    assert len(box.driver.take()) == 1, "a reset heals"


def test_more_buffers_than_descriptors_is_a_mistake(ram: Ram) -> None:
    box = Box(ram)
    _more_than_there_are(box.driver)
    for _ in range(8):
        box.popped()
    box.driver.publish(0)
    assert box.queue.pop() is None
    assert box.mistakes == ["more than 8 buffers at once"]


@pytest.mark.parametrize(
    ("rings", "text"),
    [
        (Rings(BASE + 8, RINGS.avail, RINGS.used),
         "descriptor table at 0x80000008 is not aligned to 16 bytes"),
        (Rings(RINGS.desc, BASE + 1, RINGS.used), "available ring at 0x80000001 is not aligned to 2 bytes"),
        (Rings(RINGS.desc, RINGS.avail, BASE + 2), "used ring at 0x80000002 is not aligned to 4 bytes"),
        (Rings(0, RINGS.avail, RINGS.used), "descriptor table of 128 bytes at 0x0 is not in RAM"),
        (Rings(RINGS.desc, RINGS.avail, BASE + SIZE - 64),
         "used ring of 68 bytes at 0x800fffc0 is not in RAM"),
        (Rings(RINGS.desc, (1 << 64) - 2, RINGS.used),
         "available ring of 20 bytes at 0xfffffffffffffffe is not in RAM"),
    ],
)  # fmt: skip
def test_rings_must_be_aligned_and_in_ram(ram: Ram, rings: Rings, text: str) -> None:
    box = Box(ram)
    box.queue.place(rings)
    assert box.queue.pop() is None
    assert box.queue.pop() is None
    box.queue.notify()
    assert (box.mistakes, box.interrupts) == ([text], 0)


def test_an_indirect_table_may_follow_direct_descriptors_and_be_larger_than_the_queue(ram: Ram) -> None:
    box = Box(ram, size=4)
    for i in range(20):
        box.driver.store(TABLES + 16 * i, "QIHH", HEAP + i, 1, DESC_F_NEXT if i < 19 else 0, i + 1)
    box.driver.descriptor(2, HEAP + 0x100, 5, DESC_F_NEXT, 1)
    box.driver.descriptor(1, TABLES, 20 * 16, DESC_F_INDIRECT)
    box.driver.publish(2)
    chain = box.popped()
    assert chain.readable_bytes == 25
    assert len(chain.readable) == 21
    assert box.mistakes == []


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_in_memory_give_buffers_in_ram_or_one_clean_mistake(ram: Ram, data: st.DataObject) -> None:
    """Rings and tables of random bytes, with enough structure to get past the first check."""
    features = data.draw(st.sampled_from((0, F_EVENT_IDX)))
    size = data.draw(st.sampled_from((1, 4, 16, 1024)))
    box = Box(ram, size, features, Rings(BASE + 0x1000, BASE + 0x6000, BASE + 0x8000))
    rng = random.Random(data.draw(st.integers(0, 1 << 32)))
    where = (0, BASE, BASE + 0x1000, HEAP, TABLES, BASE + SIZE - 8, (1 << 64) - 16)
    entries = bytearray()
    for _ in range(size):
        gpa = rng.choice(where) + rng.choice((0, 0, 1, 16, rng.randrange(1 << 20)))
        length = rng.choice((0, 1, 16, 48, 4096, rng.randrange(1 << 32)))
        entries += struct.pack(
            "<QIHH", gpa % (1 << 64), length, rng.choice((0, 1, 2, 3, 4, 5, rng.randrange(1 << 16))),
            rng.choice((0, 1, size - 1, size, rng.randrange(1 << 16))),
        )  # fmt: skip
    ram.write(0x1000, entries)
    ram.write(TABLES - BASE + 0x4000, entries[: 0x100])
    ram.write(0x6004, b"".join(struct.pack("<H", rng.choice((0, 1, size - 1, size))) for _ in range(size)))
    ram.write(0x6002, struct.pack("<H", rng.choice((1, size, size + 1, 0xFFFF))))
    for _ in range(size + 2):
        chain = box.queue.pop()
        if chain is None:
            break
        for gpa, length in chain.readable + chain.writable:
            assert length > 0
            assert gpa >= BASE
            assert gpa + length <= BASE + SIZE
        assert len(chain.readable) + len(chain.writable) <= 1024
        chain.read(64)
        box.queue.push(chain, 0)
        box.queue.notify()
    assert len(box.mistakes) <= 1
    assert box.queue.broken == bool(box.mistakes)
