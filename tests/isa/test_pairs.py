"""Pairs: two neighbours run by one handler; what changes under them must change both records."""

from __future__ import annotations

import random

from ipc.layout import Exit
from tests.lib.hart import RAM_BASE, Bench, Hart
from vcpu_worker.codegen.decode import op_number
from vcpu_worker.codegen.pairs import pairs, slot
from vcpu_worker.isa.insn import encode
from vcpu_worker.mem.decode import PAIR_SLOTS

START = RAM_BASE + 0x2000
LENGTH = 24
REGS = (8, 9, 10, 11, 12)


def some(rng: random.Random, size: int) -> bytes:
    """A random instruction of `size` bytes on REGS, of kinds that pair."""
    rd, rs1, rs2 = (rng.choice(REGS) for _ in range(3))
    if size == 4:
        word = rng.choice((
            encode("addi", rd=rd, rs1=rs1, imm=rng.randrange(-2048, 2048)),
            encode("add", rd=rd, rs1=rs1, rs2=rs2),
            encode("xor", rd=rd, rs1=rs1, rs2=rs2),
            encode("slli", rd=rd, rs1=rs1, shamt=rng.randrange(64)),
            encode("srli", rd=rd, rs1=rs1, shamt=rng.randrange(64)),
            encode("bne", rs1=rs1, rs2=rs2, imm=4),
        ))  # fmt: skip
    else:
        word = rng.choice((0x8002, 0x9002)) | rd << 7 | rs2 << 2  # c.mv, c.add
    return word.to_bytes(size, "little")


def run(h: Hart, m: Bench, code: list[bytes]) -> tuple[int, ...]:
    """fence.i and the code from known registers; all registers behind it."""
    text = encode("fence.i").to_bytes(4, "little") + b"".join(code)
    off = START - RAM_BASE
    m.ram[off : off + len(text)] = text
    for r in range(1, 32):
        h.x[r] = r * 0x0123_4567_89AB_CDEF
    h.pc = START
    assert h.run_exact(len(code) + 1) == Exit.BUDGET
    return tuple(h.x[i] for i in range(32))


def test_code_patched_under_pairs_runs_as_if_it_were_new() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    old = Bench(ram=1 << 16)
    # budgets beyond the stepped tail of an exact run, so that pairs do run
    for _ in range(40):
        code = [some(rng, rng.choice((2, 4))) for _ in range(LENGTH)]
        for _ in range(12):
            at = rng.randrange(LENGTH)
            code[at] = some(rng, len(code[at]))
            new = Bench(ram=1 << 16)
            assert loops(old, code) == loops(new, code)


def loops(m: Bench, code: list[bytes]) -> tuple[int, ...]:
    """The code 300 times round, so that most of it runs at full speed."""
    h = m.harts[0]
    size = sum(map(len, code))
    body = [*code, encode("addi", rd=5, rs1=5, imm=-1).to_bytes(4, "little")]
    body.append(encode("bne", rs1=5, rs2=0, imm=-(size + 4)).to_bytes(4, "little"))
    text = encode("addi", rd=5, rs1=0, imm=300).to_bytes(4, "little") + b"".join(body)
    whole = encode("fence.i").to_bytes(4, "little") + text
    off = START - RAM_BASE
    m.ram[off : off + len(whole)] = whole
    for r in range(1, 32):
        h.x[r] = r * 0x0123_4567_89AB_CDEF
    h.pc = START
    assert h.run_exact(2 + 300 * (LENGTH + 2)) == Exit.BUDGET
    assert h.pc == START + len(whole)
    return tuple(h.x[i] for i in range(32))


def test_patched_code_single_stepped_equals_new_code() -> None:
    rng = random.Random(7)
    old = Bench(ram=1 << 16)
    for _ in range(20):
        code = [some(rng, rng.choice((2, 4))) for _ in range(LENGTH)]
        new = Bench(ram=1 << 16)
        assert run(old.harts[0], old, code) == run(new.harts[0], new, code)


def test_every_pair_can_be_found_and_the_table_is_not_full() -> None:
    assert 200 < len(pairs()) < PAIR_SLOTS // 2
    assert len({(p.first, p.second) for p in pairs()}) == len(pairs())
    for p in pairs():
        assert 0 <= slot(op_number()[p.first], op_number()[p.second]) < PAIR_SLOTS
