"""F and D instructions on a hart: operands, rounding modes, boxing, mstatus.FS and what is illegal.

The arithmetic itself is test_fp's; here each instruction gets few operands and the exact oracle judges.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.lib import exactfp
from tests.lib.exactfp import BOX, F32, WORD
from tests.lib.fpoperands import draw_double, draw_integer, draw_single, source_of
from tests.lib.hart import RAM_BASE, Bench, Hart
from vcpu_worker.isa.insn import INSNS, Insn, encode, load_all

load_all()
RD, RS1, RS2, RS3 = 10, 11, 12, 13
DATA = RAM_BASE + 0x8000
HANDLER = RAM_BASE + 0x4000
INITIAL, DIRTY, FS = 1 << 13, 3 << 13, 3 << 13
ILLEGAL = 2
DYNAMIC = 7
SETS = 40
FORMATS = {"s": "f32", "d": "f64"}
KINDS = {"w": "i32", "wu": "u32", "l": "i64", "lu": "u64"}
FUSED = {"fmadd": (0, 0), "fmsub": (0, 1), "fnmsub": (1, 0), "fnmadd": (1, 1)}  # flips of product, addend
ALL = sorted(i.name for i in INSNS.values() if i.ext in ("F", "D") and i.base is None)


def oracle_of(name: str) -> str | None:
    """The oracle's operation behind an instruction, or None: loads, stores, moves, signs, fused ones."""
    parts = name.split(".")
    if parts[0] == "fcvt":
        to, source = parts[1], parts[2]
        if to in KINDS:
            return f"{FORMATS[source]}_to_{KINDS[to]}"
        if source in KINDS:
            return f"{FORMATS[to]}_from_{KINDS[source].replace('32', '64')}"
        return f"{FORMATS[to]}_from_{FORMATS[source]}"
    op = f"{FORMATS.get(parts[-1], '')}_{parts[0][1:]}"
    return op if op in exactfp.OPERATIONS else None


COMPUTED = [n for n in ALL if oracle_of(n) is not None]
MODAL = [n for n in ALL if "rm" in INSNS[n].fields]


class Fpu:
    """A hart, and all words of this module in memory before it runs: so no FENCE.I is needed."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.hart: Hart = self.bench.harts[0]
        self.hart.mtvec = HANDLER
        words = {
            word_of(n, 0) | rm << 12 for n in ALL for rm in (range(8) if "rm" in INSNS[n].fields else (0,))
        }
        self.places = {word: RAM_BASE + 4 * k for k, word in enumerate(sorted(words))}
        self.bench.put(RAM_BASE, *self.places)

    def step(self, word: int) -> bool:
        """Execute one instruction with FS Initial and no flags; whether it was completed."""
        h = self.hart
        h.priv = 3
        h.mstatus = INITIAL
        h.fs_off = 0
        h.fflags = 0
        return self.resume(word)

    def resume(self, word: int) -> bool:
        """Execute one instruction; whether it was completed."""
        self.hart.pc = at = self.places[word]
        self.hart.step()
        if self.hart.pc == at + 4:
            return True
        assert self.hart.pc == HANDLER
        assert self.hart.mepc == at
        return False


@pytest.fixture(scope="module")
def shared() -> Fpu:
    return Fpu()


@pytest.fixture
def fpu(shared: Fpu) -> Iterator[Fpu]:
    shared.hart.frm = 0
    yield shared
    shared.hart.frm = 0


def word_of(name: str, rm: int = DYNAMIC) -> int:
    """The instruction with the registers of this module."""
    i = INSNS[name]
    given = {"rd": RD, "rs1": RS1, "rs2": RS2, "rs3": RS3, "rm": rm, "imm": 0}
    return encode(name, **{k: v for k, v in given.items() if k in i.fields})


def give(h: Hart, i: Insn, values: list[int]) -> None:
    """Source registers, in the file each of them belongs to."""
    for field, number, value in zip(("rs1", "rs2", "rs3"), (RS1, RS2, RS3), values, strict=True):
        if field in i.fields:
            (h.f if i.register_class[field] == "f" else h.x)[number] = value


def result(h: Hart, i: Insn) -> int:
    """What the instruction wrote to rd."""
    value: int = (h.f if i.register_class["rd"] == "f" else h.x)[RD]
    return value


def narrowed(name: str, a: int) -> int:
    """What a conversion from a 32-bit integer takes of the register."""
    if name.endswith(".wu"):
        return a & 0xFFFF_FFFF
    if name.endswith(".w"):
        a &= 0xFFFF_FFFF
        return a | BOX if a >> 31 else a
    return a


@pytest.mark.parametrize("name", COMPUTED)
def test_results_and_flags_are_exact(fpu: Fpu, name: str) -> None:
    i, op, h = INSNS[name], oracle_of(name), fpu.hart
    assert op is not None
    _, draw = source_of(op)
    r = Random(name)
    for k in range(SETS):
        a, b, c = draw(r), draw(r), draw(r)
        rm = k % 5
        # the mode in the instruction, and in frm
        for static in (rm, DYNAMIC) if "rm" in i.fields else (rm,):
            h.frm = rm if static == DYNAMIC else r.randrange(8)
            give(h, i, [a, b, c])
            assert fpu.step(word_of(name, static))
            want = exactfp.evaluate(
                op, narrowed(name, a) if "from_i" in op or "from_u" in op else a, b, c, rm
            )
            assert (result(h, i), h.fflags) == want, (name, rm, hex(a), hex(b))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", FUSED)
def test_fused_instructions_flip_signs_before_rounding(fpu: Fpu, name: str, suffix: str) -> None:
    single = suffix == "s"
    top = 1 << (31 if single else 63)
    draw = draw_single if single else draw_double
    product, addend = (top * flip for flip in FUSED[name])
    i, r = INSNS[f"{name}.{suffix}"], Random(name)
    for k in range(2 * SETS):
        a, b, c = draw(r), draw(r), draw(r)
        give(fpu.hart, i, [a, b, c])
        assert fpu.step(word_of(i.name, k % 5))
        want = exactfp.evaluate(f"{FORMATS[suffix]}_fma", a ^ product, b, c ^ addend, k % 5)
        assert (result(fpu.hart, i), fpu.hart.fflags) == want


@pytest.mark.parametrize("suffix", FORMATS)
def test_sign_injection_takes_bits_and_raises_nothing(fpu: Fpu, suffix: str) -> None:
    single = suffix == "s"
    top = 1 << (31 if single else 63)
    r, draw = Random(suffix), draw_single if single else draw_double
    for _ in range(2 * SETS):
        a, b = draw(r), draw(r)
        x, y = (exactfp.unbox(a), exactfp.unbox(b)) if single else (a, b)
        wanted = {"fsgnj": y & top, "fsgnjn": ~y & top, "fsgnjx": (x ^ y) & top}
        for name, sign in wanted.items():
            give(fpu.hart, INSNS[f"{name}.{suffix}"], [a, b, 0])
            assert fpu.step(word_of(f"{name}.{suffix}"))
            assert fpu.hart.f[RD] == (x & ~top | sign) | (BOX if single else 0)
            assert fpu.hart.fflags == 0


@pytest.mark.parametrize("value", [0x0123_4567_89AB_CDEF, 0x0000_0000_FFC0_0001, WORD])
def test_transfers_move_bits(fpu: Fpu, value: int) -> None:
    h = fpu.hart
    low = value & 0xFFFF_FFFF
    extended = low | BOX if low >> 31 else low

    def execute(name: str) -> None:
        assert fpu.step(word_of(name))
        assert h.fflags == 0

    h.f[RS1] = value  # boxed or not
    execute("fmv.x.w")
    assert h.x[RD] == extended
    execute("fmv.x.d")
    assert h.x[RD] == value
    h.x[RS1] = value
    execute("fmv.w.x")
    assert h.f[RD] == low | BOX
    execute("fmv.d.x")
    assert h.f[RD] == value
    h.x[RS1], h.f[RS2] = DATA, value
    fpu.bench.put(DATA, 0, 0, size=8)
    execute("fsw")
    assert fpu.bench.get(DATA) == low
    execute("fsd")
    assert fpu.bench.get(DATA) == value
    execute("flw")
    assert h.f[RD] == low | BOX
    execute("fld")
    assert h.f[RD] == value


def test_badly_boxed_single_reads_as_nan(fpu: Fpu) -> None:
    fpu.hart.f[RS1] = 0xFFFF_FFFE_3F80_0000
    assert fpu.step(word_of("fclass.s"))
    assert fpu.hart.x[RD] == 1 << 9
    give(fpu.hart, INSNS["fsgnj.s"], [0xFFFF_FFFE_BF80_0000, 0xBF80_0000, 0])
    assert fpu.step(word_of("fsgnj.s"))
    assert fpu.hart.f[RD] == F32.nan | BOX


@pytest.mark.parametrize("name", ALL)
def test_writing_registers_or_flags_makes_fs_dirty(fpu: Fpu, name: str) -> None:
    i = INSNS[name]
    give(fpu.hart, i, [DATA] * 3)
    assert fpu.step(word_of(name, 0))
    reads_only = name in ("fsw", "fsd", "fmv.x.w", "fmv.x.d", "fclass.s", "fclass.d")
    assert fpu.hart.mstatus & FS == (INITIAL if reads_only else DIRTY)


@pytest.mark.parametrize("name", ALL)
def test_illegal_when_fs_is_off(fpu: Fpu, name: str) -> None:
    h = fpu.hart
    h.mstatus, h.fs_off, h.fflags = 0, 1, 0
    h.f[RD], h.x[RD] = 0x5555, 0x6666
    give(h, INSNS[name], [DATA] * 3)
    assert not fpu.resume(word_of(name, 0))
    assert (h.mcause, h.mtval) == (ILLEGAL, word_of(name, 0))
    assert (h.f[RD], h.x[RD], h.fflags, h.mstatus & FS) == (0x5555, 0x6666, 0, 0)


@pytest.mark.parametrize("name", MODAL)
@pytest.mark.parametrize(("rm", "frm"), [(5, 0), (6, 0), (7, 5), (7, 6), (7, 7)])
def test_illegal_with_a_reserved_rounding_mode(fpu: Fpu, name: str, rm: int, frm: int) -> None:
    h = fpu.hart
    word = word_of(name, 0) | rm << 12
    h.frm = frm
    h.f[RD], h.x[RD] = 0x5555, 0x6666
    give(h, INSNS[name], [draw_integer(Random(name))] * 3)
    assert not fpu.step(word)
    assert (h.mcause, h.mtval) == (ILLEGAL, word)
    assert (h.f[RD], h.x[RD], h.fflags, h.mstatus & FS) == (0x5555, 0x6666, 0, INITIAL)
