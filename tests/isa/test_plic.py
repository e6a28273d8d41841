"""PLIC natives against a naive model on random sequences, and their rules one by one."""

from __future__ import annotations

import random
import socket
import threading

import pytest

from ipc.layout import EV_IRQ, PLIC_SOURCES
from tests.lib.hart import Bench

BASE, SIZE = 0xC00_0000, 0x60_0000
HARTS = 3
CONTEXTS = 2 * HARTS
STEPS = 4000


def threshold_at(context: int) -> int:
    return 0x20_0000 + 0x1000 * context


def claim_at(context: int) -> int:
    return threshold_at(context) + 4


def enable_at(context: int, word: int) -> int:
    return 0x2000 + 0x80 * context + 4 * word


class Plic:
    """The device as a driver sees it."""

    def __init__(self, harts: int = HARTS) -> None:
        self.bench = Bench(harts=harts, ram=1 << 16)
        self.bench.header.set("plic_base", BASE)
        self.bench.header.set("plic_size", SIZE)
        self.hart = self.bench.harts[0]

    def access(self, off: int, size: int, write: int, value: int = 0) -> int | None:
        """The value read (0 for a write), or None if the access is not served."""
        if self.hart.call("mmio_in_hart", BASE + off, size, write, value):
            return 0 if write else int(self.hart.scratch[1])
        return None

    def read(self, off: int) -> int:
        got = self.access(off, 4, 0)
        assert got is not None
        return got

    def write(self, off: int, value: int) -> None:
        assert self.access(off, 4, 1, value) is not None

    def line(self, source: int, level: int) -> int:
        """Set a line; the bitmap of harts to ring."""
        h = self.hart
        return int(self.bench.engine.call("plic_set_level", h.header, h.slots, source, level))

    def claimable(self, context: int) -> int:
        return int(self.hart.call("plic_claimable", context))


class Model:
    """BEHAVIOUR 4.5, written down without any thought of several harts or words."""

    def __init__(self) -> None:
        self.priority = [0] * PLIC_SOURCES
        self.pending: set[int] = set()
        self.claimed: set[int] = set()
        self.enable: list[set[int]] = [set() for _ in range(CONTEXTS)]
        self.threshold = [0] * CONTEXTS

    def best(self, context: int) -> int:
        candidates = [
            (-self.priority[s], s)
            for s in self.pending & self.enable[context] - self.claimed
            if self.priority[s] > self.threshold[context]
        ]
        return min(candidates)[1] if candidates else 0

    def claim(self, context: int) -> int:
        source = self.best(context)
        if source:
            self.pending.discard(source)
            self.claimed.add(source)
        return source

    def word(self, sources: set[int], word: int) -> int:
        return sum(1 << (s & 31) for s in sources if s >> 5 == word)


def one_step(rng: random.Random, plic: Plic, model: Model) -> str:
    """A random operation on both; what it was."""
    context, source = rng.randrange(CONTEXTS), rng.randrange(PLIC_SOURCES)
    what = rng.choice(("line", "line", "claim", "claim", "complete", "enable", "priority", "threshold"))
    value = rng.getrandbits(32)
    if what == "line":
        source, level = rng.randrange(1, PLIC_SOURCES), rng.getrandbits(1)
        plic.line(source, level)
        if level:
            model.pending.add(source)
    elif what == "claim":
        assert plic.read(claim_at(context)) == model.claim(context)
    elif what == "complete":
        value = rng.choice((source, rng.choice([*model.claimed, 0]), value))
        plic.write(claim_at(context), value)
        model.claimed.discard(value)
    elif what == "enable":
        word = rng.randrange(3)
        plic.write(enable_at(context, word), value)
        kept = {s for s in model.enable[context] if s >> 5 != word}
        model.enable[context] = kept | {word * 32 + b for b in range(32) if value >> b & 1}
    elif what == "priority":
        source = rng.randrange(1, PLIC_SOURCES)
        plic.write(4 * source, value)
        model.priority[source] = value & 7
    else:
        plic.write(threshold_at(context), value)
        model.threshold[context] = value & 7
    return f"{what} context {context} source {source} value {value:#x}"


def agree(plic: Plic) -> None:
    """Random sequences on `plic` and on the model. Errors: AssertionError."""
    seed = random.SystemRandom().getrandbits(32)
    print("seed", seed)
    rng = random.Random(seed)
    model = Model()
    before = [0] * CONTEXTS
    for step in range(STEPS):
        for h in plic.bench.harts:
            h.event = 0
        what = f"step {step}: {one_step(rng, plic, model)}"
        now = [int(model.best(c) != 0) for c in range(CONTEXTS)]
        assert [plic.claimable(c) for c in range(CONTEXTS)] == now, what
        for c in range(CONTEXTS):
            if now[c] > before[c]:
                assert plic.bench.harts[c // 2].event & EV_IRQ, what
        before = now
        for word in range(3):
            assert plic.read(0x1000 + 4 * word) == model.word(model.pending, word), what
            for c in range(CONTEXTS):
                assert plic.read(enable_at(c, word)) == model.word(model.enable[c], word), what
        source = rng.randrange(PLIC_SOURCES)
        assert plic.read(4 * source) == model.priority[source], what
        c = rng.randrange(CONTEXTS)
        assert plic.read(threshold_at(c)) == model.threshold[c], what


def test_random_sequences_agree_with_a_naive_model() -> None:
    agree(Plic())


def ready(plic: Plic, source: int, context: int, priority: int = 1) -> None:
    plic.write(4 * source, priority)
    plic.write(
        enable_at(context, source >> 5), plic.read(enable_at(context, source >> 5)) | 1 << (source & 31)
    )


def test_of_equal_priorities_the_lowest_source_is_claimed() -> None:
    plic = Plic()
    for source in (40, 10, 95):
        ready(plic, source, 1, 3)
        plic.line(source, 1)
    assert [plic.read(claim_at(1)) for _ in range(4)] == [10, 40, 95, 0]


def test_a_source_raised_again_while_claimed_waits_for_its_completion() -> None:
    plic = Plic()
    ready(plic, 10, 1)
    plic.line(10, 1)
    assert plic.read(claim_at(1)) == 10
    plic.line(10, 1)
    assert plic.claimable(1) == 0
    plic.bench.harts[0].event = 0
    plic.write(claim_at(1), 10)
    assert plic.claimable(1) == 1
    assert plic.bench.harts[0].event & EV_IRQ


def test_level_0_does_not_take_a_pending_bit_back_and_completion_does_not_look_at_the_line() -> None:
    plic = Plic()
    ready(plic, 7, 0)
    plic.line(7, 1)
    plic.line(7, 0)
    assert plic.read(claim_at(0)) == 7
    plic.line(7, 1)
    plic.line(7, 0)
    plic.write(claim_at(0), 7)
    assert plic.read(claim_at(0)) == 7
    plic.write(claim_at(0), 7)
    assert plic.read(claim_at(0)) == 0


def test_sources_that_do_not_exist_do_nothing() -> None:
    plic = Plic()
    for source in (0, PLIC_SOURCES, 1 << 20, (1 << 64) - 1):
        assert plic.line(source, 1) == 0
    assert [plic.read(0x1000 + 4 * w) for w in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("off", "size", "write"),
    [
        (4, 1, 0), (4, 2, 0), (4, 8, 1),  # 4-byte access only (BEHAVIOUR 4.5)
        (0, 4, 1),  # source 0 has no priority
        (4 * PLIC_SOURCES, 4, 0), (0x100C, 4, 0), (0x1000, 4, 1),  # beyond the sources; pending is read-only
        (enable_at(0, 3), 4, 0), (enable_at(CONTEXTS, 0), 4, 0),
        (threshold_at(CONTEXTS), 4, 0), (threshold_at(0) + 8, 4, 1), (SIZE - 4, 4, 0),
    ],
)  # fmt: skip
def test_what_is_no_register_is_left_to_the_main_loop(off: int, size: int, write: int) -> None:
    assert Plic().access(off, size, write, 1) is None


def test_the_bitmap_names_sleeping_harts_that_enable_the_source() -> None:
    plic = Plic(harts=70)
    for hart, mode in ((1, 0), (2, 1), (63, 1), (64, 0), (69, 1)):
        ready(plic, 33, 2 * hart + mode)
    for hart in (0, 2, 63, 64, 69):
        plic.bench.harts[hart].asleep = 1
    assert plic.line(33, 1) == 1 << 2 | 1 << 63
    h = plic.hart
    rest = plic.bench.engine.call("plic_sleepers", h.header, h.slots, 33, 64)
    assert rest == 1 << 0 | 1 << 5
    woken = [i for i, hart in enumerate(plic.bench.harts) if hart.event & EV_IRQ]
    assert woken == [1, 2, 63, 64, 69]


def test_a_sleeping_hart_gets_one_kick_until_it_has_woken() -> None:
    plic = Plic()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far.setblocking(False)
    with near, far:
        plic.bench.header.set("kick_fd", near.fileno(), 1)
        plic.hart.view.bytes("kick_msg")[:4] = b"kick"
        plic.hart.kick_len = 4
        sleeper = plic.bench.harts[1]
        sleeper.asleep = 1
        for _ in range(2):
            plic.write(threshold_at(2), 1)  # another hart's threshold: that hart looks again
        assert sleeper.event & EV_IRQ
        assert far.recv(64) == b"kick"
        with pytest.raises(BlockingIOError):
            far.recv(64)
        assert sleeper.kick_sent == 1
        sleeper.kick_sent = 0
        plic.write(threshold_at(2), 1)
        assert far.recv(64) == b"kick"
    sleeper.kick_sent = 0
    plic.bench.header.set("kick_fd", 2**31 - 1, 1)  # no such descriptor: the send fails
    plic.write(threshold_at(2), 1)
    assert sleeper.kick_sent == 0


def test_harts_that_claim_at_the_same_time_never_hold_one_source() -> None:
    plic = Plic(harts=2)
    sources = (3, 40, 77)
    for source in sources:
        for context in (1, 3):
            ready(plic, source, context, source & 7 or 1)
    holder: dict[int, int] = {}
    served = [0, 0]
    wrong: list[str] = []
    done = threading.Event()

    def serve(hart: int) -> None:
        h = plic.bench.harts[hart]
        at = BASE + claim_at(2 * hart + 1)
        idle = False
        while not idle:
            idle = done.is_set()  # one more round after the last line was raised
            while h.call("plic_claimable", 2 * hart + 1):
                assert h.call("mmio_in_hart", at, 4, 0, 0)
                source = int(h.scratch[1])
                if source:
                    if holder.setdefault(source, hart) != hart:
                        wrong.append(f"source {source} held twice")
                    served[hart] += 1
                    holder.pop(source, None)
                    assert h.call("mmio_in_hart", at, 4, 1, source)

    harts = [threading.Thread(target=serve, args=(i,)) for i in range(2)]
    for t in harts:
        t.start()
    for i in range(6000):
        plic.line(sources[i % 3], 1)
    done.set()
    for t in harts:
        t.join()
    assert not wrong
    assert sum(served) >= len(sources)
    assert [plic.read(0x1000 + 4 * w) for w in range(3)] == [0, 0, 0]
    assert [plic.bench.header.get("plic_claimed", w) for w in range(3)] == [0, 0, 0]


def test_reset_clears_everything_but_the_lines() -> None:
    plic = Plic()
    ready(plic, 10, 5, 7)
    plic.write(threshold_at(5), 3)
    plic.line(10, 1)
    plic.bench.engine.call("plic_reset", plic.hart.header)
    assert plic.read(40) == 0
    assert plic.read(enable_at(5, 0)) == 0
    assert plic.read(threshold_at(5)) == 0
    assert plic.read(0x1000) == 0
    assert plic.bench.header.get("plic_level", 10) == 1
