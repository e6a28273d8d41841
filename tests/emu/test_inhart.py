"""CLINT, SSWI and PLIC from the main loop: as from a hart, with the same events and the same wake-ups."""

from __future__ import annotations

import random
import socket

import pytest

from emu.hw.intc.inhart import InHart
from ipc.codec import decode
from ipc.layout import EV_IRQ, HART, HEADER
from ipc.messages import FROM_MAIN, Kick
from tests.isa.test_plic import BASE as PLIC
from tests.isa.test_plic import HARTS, SIZE, Plic, agree, claim_at, ready
from tests.lib.hart import Bench
from vcpu_worker.csr.bits import MIP_MEIP, MIP_MSIP, MIP_MTIP, MIP_SEIP

CLINT, SSWI, UART = 0x200_0000, 0x2F0_0000, 0x1000_0000
STEPS = 20_000
NEVER = (1 << 64) - 1
LINES = MIP_MSIP | MIP_MTIP | MIP_MEIP | MIP_SEIP


def main_of(b: Bench) -> InHart:
    return InHart(b.engine, b.base, b.harts[0].address)


def board() -> Bench:
    """Time stands at tick 1000; no timer is due."""
    b = Bench(harts=HARTS, ram=1 << 16)
    for name, value in (
        ("clint_base", CLINT), ("clint_size", 0x1_0000), ("sswi_base", SSWI), ("sswi_size", 0x4000),
        ("plic_base", PLIC), ("plic_size", SIZE), ("clock_offset", 100_000),
    ):  # fmt: skip
        b.header.set(name, value)
    for h in b.harts:
        h.mtimecmp = NEVER
    return b


class FromMain(Plic):
    """The PLIC as the main loop reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.main = main_of(self.bench)

    def access(self, off: int, size: int, write: int, value: int = 0) -> int | None:
        if not write:
            return self.main.load(PLIC + off, size)
        return 0 if self.main.store(PLIC + off, size, value) else None


def test_the_plic_agrees_with_the_naive_model_of_the_harts_tests() -> None:
    agree(FromMain())


def words(b: Bench) -> list[object]:
    """All shared words of a board."""
    header = [bytes(b.header.bytes(p.field.name)) for p in HEADER]
    slots = [[bytes(h.view.bytes(p.field.name)) for p in HART if p.field.writer.name == "ANY"
              or p.field.name in ("mtimecmp", "event", "x", "pc")] for h in b.harts]  # fmt: skip
    return [header, slots]


def random_place(rng: random.Random) -> int:
    """An address in or near a register of one of the three."""
    return rng.choice((
        CLINT + 4 * rng.randrange(6), CLINT + 0x4000 + 4 * rng.randrange(10),
        CLINT + 0xBFF8 + 4 * rng.randrange(4),
        SSWI + 4 * rng.randrange(6), PLIC + 4 * rng.randrange(100), PLIC + 0x1000 + 4 * rng.randrange(5),
        PLIC + 0x2000 + 0x80 * rng.randrange(8) + 4 * rng.randrange(4), PLIC + claim_at(rng.randrange(8)) - 4,
        PLIC + claim_at(rng.randrange(8)), PLIC + rng.randrange(SIZE), rng.getrandbits(64),
    )) + rng.choice((0, 0, 0, 0, 1, 2))  # fmt: skip


def test_random_accesses_do_what_a_hart_would_do() -> None:
    """Two equal boards: hart 0's access on one, the main loop's on the other; all shared words agree."""
    seed = random.SystemRandom().getrandbits(32)
    print("seed", seed)
    rng = random.Random(seed)
    ours, harts = board(), board()
    main, h = main_of(ours), harts.harts[0]
    served = 0
    for step in range(STEPS):
        gpa, size = random_place(rng), rng.choice((1, 2, 4, 4, 4, 8))
        value = rng.getrandbits(rng.choice((1, 3, 64)))
        what = f"step {step}: {size} bytes at {gpa:#x}, value {value:#x}"
        if rng.random() < 0.3:
            source = rng.randrange(96)
            for b in (ours, harts):
                b.engine.call("plic_set_level", b.base, b.harts[0].address, source, 1)
        if rng.random() < 0.5:
            got = main.load(gpa, size)
            done = h.call("mmio_in_hart", gpa & NEVER, size, 0, 0)
            assert got == (h.scratch[1] if done else None), what
        else:
            done = h.call("mmio_in_hart", gpa & NEVER, size, 1, value & (1 << 8 * size) - 1)
            assert main.store(gpa, size, value) == bool(done), what
        served += done
        if step % 16 == 0:
            assert words(ours) == words(harts), what
        for i, (mine, theirs) in enumerate(zip(ours.harts, harts.harts, strict=True)):
            assert (mine.ssip_set, mine.event) == (theirs.ssip_set, theirs.event), what
            assert main.lines(i) == theirs.call("mip_now") & LINES, what
            mine.ssip_set = 0  # as a hart's own look at its interrupts does
            if rng.random() < 0.1:
                mine.event = theirs.event = 0
    assert served > STEPS // 10


def test_lines_are_levels_by_hart() -> None:
    b = board()
    main = main_of(b)
    assert [main.lines(i) for i in range(HARTS)] == [0] * HARTS
    assert main.store(CLINT + 4, 4, 1)
    assert main.store(CLINT + 0x4010, 8, 1000)
    assert [main.lines(i) for i in range(HARTS)] == [0, MIP_MSIP, MIP_MTIP]
    assert main.store(CLINT + 4, 4, 0)
    assert main.store(CLINT + 0x4010, 8, 1001)
    assert [main.lines(i) for i in range(HARTS)] == [0, 0, 0]
    plic = FromMain()
    for context, bit in ((2, MIP_MEIP), (5, MIP_SEIP)):
        ready(plic, 10, context)
        plic.line(10, 1)
        assert plic.main.lines(context // 2) & ~MIP_MTIP == bit
        assert plic.read(claim_at(context)) == 10
        assert plic.main.lines(context // 2) & ~MIP_MTIP == 0
        plic.write(claim_at(context), 10)
        plic.write(0x2000 + 0x80 * context, 0)


def test_a_look_at_lines_leaves_the_hart_alone() -> None:
    b = board()
    main = main_of(b)
    assert main.store(SSWI + 4, 4, 1)
    before = bytes(b.buf)
    assert main.lines(1) == 0
    assert bytes(b.buf) == before


@pytest.mark.parametrize("size", [0, 3, 5, 16])
def test_sizes_that_no_access_has_are_refused(size: int) -> None:
    main = main_of(board())
    assert main.load(CLINT, size) is None
    assert not main.store(CLINT, size, 1)


def test_shadowed_and_posted_registers_are_their_devices_business() -> None:
    b = board()
    b.header.set("shadow_gpa", UART + 5)
    b.header.set("shadow_sizes", 1)
    b.header.set("posted_gpa", UART)
    main = main_of(b)
    assert main.load(UART + 5, 1) is None
    assert not main.store(UART, 1, 65)


def test_a_store_wakes_a_sleeping_hart_with_a_kick_from_main() -> None:
    b = board()
    main = main_of(b)
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far.setblocking(False)
    with near, far:
        b.header.set("kick_fd", near.fileno(), 2)
        assert main.store(CLINT + 8, 4, 1)
        with pytest.raises(BlockingIOError):
            far.recv(64)
        b.harts[2].asleep = 1
        assert main.store(CLINT + 8, 4, 1)
        kick = decode(far.recv(64))
        assert isinstance(kick, Kick)
        assert kick.sender == FROM_MAIN
    assert b.harts[2].event & EV_IRQ
