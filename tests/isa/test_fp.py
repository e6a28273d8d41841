"""Soft float against the exact oracle: every operation, every rounding mode, results and flags.

`run(count, seed)` is the soak: `python -m tests.isa.test_fp COUNT SEED`.
"""

from __future__ import annotations

import itertools
import sys
from random import Random

import pytest

from ipc.layout import Fault
from tests.lib import exactfp
from tests.lib.exactfp import BOX, F32, F64
from tests.lib.fpoperands import FEW32, FEW64, far_products, source_of
from tests.lib.softfloat import SoftFloat
from vcpu_worker.fp.check import OPERATIONS

MODES = {"rne": 0, "rtz": 1, "rdn": 2, "rup": 3, "rmm": 4}
DYNAMIC = 7
SEED = 20240411
BINARY = ("add", "sub", "mul", "div", "min", "max", "eq", "lt", "le")
RANDOM_SETS = 1000  # per operation and mode
ILLEGAL = 2


def modal(op: str) -> bool:
    """Whether an operation has a rounding mode."""
    return not op.endswith(("_min", "_max", "_eq", "_lt", "_le", "_class"))


# those without a rounding mode once
CASES = [(op, mode) for op in OPERATIONS for mode in MODES if mode == "rne" or modal(op)]


@pytest.fixture(scope="module")
def fpu() -> SoftFloat:
    return SoftFloat()


def differences(fpu: SoftFloat, op: str, operands: list[int], rm: int) -> list[str]:
    """Operand sets whose result or flags are not the oracle's, as text."""
    got = fpu.batch(op, operands, rm)
    exact = exactfp.OPERATIONS[op]
    out = []
    for i in range(len(operands) // 3):
        a, b, c = operands[3 * i : 3 * i + 3]
        bits, flags = exact(a, b, c, rm)
        if got[2 * i] != bits or got[2 * i + 1] != flags:
            out.append(
                f"{op} rm={rm} {a:#x} {b:#x} {c:#x}: {got[2 * i]:#x} flags {got[2 * i + 1]:#x}, "
                f"exactly {bits:#x} flags {flags:#x}"
            )
    return out


def directed(op: str) -> list[int]:
    """Operand sets from the tables of edges: all pairs, or all triples of a few."""
    if op.endswith("_fma"):
        single = op.startswith("f32")
        sets = [*itertools.product(FEW32 if single else FEW64, repeat=3)]
        sets += [tuple(v | BOX for v in t) for t in far_products(F32)] if single else far_products(F64)
        return list(itertools.chain(*sets))
    edges, _ = source_of(op)
    if op.endswith(BINARY):
        return [v for a in edges for b in edges for v in (a, b, 0)]
    return [v for a in edges for v in (a, 0, 0)]


def related(r: Random, op: str) -> list[int]:
    """A random operand set; for sums and FMA one in four nearly cancels."""
    _, draw = source_of(op)
    a, b, c = draw(r), draw(r), draw(r)
    if op.endswith(("_add", "_sub", "_fma")) and not r.getrandbits(2):
        near = r.randrange(-3, 4)
        if op.endswith("_fma"):
            product, _ = exactfp.OPERATIONS[op[:4] + "mul"](a, b, 0, exactfp.RNE)
            c = (product ^ (1 << 31 if op.startswith("f32") else 1 << 63)) + near & exactfp.WORD
        else:
            b = a + near & exactfp.WORD
            if r.getrandbits(1):
                b ^= 1 << 31 if op.startswith("f32") else 1 << 63
    return [a, b, c]


@pytest.mark.parametrize(("op", "mode"), CASES)
def test_edges_agree_with_the_exact_result(fpu: SoftFloat, op: str, mode: str) -> None:
    assert differences(fpu, op, directed(op), MODES[mode])[:10] == []


@pytest.mark.parametrize(("op", "mode"), CASES)
def test_random_operands_agree_with_the_exact_result(fpu: SoftFloat, op: str, mode: str) -> None:
    r = Random(f"{SEED} {op} {mode}")
    operands = [v for _ in range(RANDOM_SETS) for v in related(r, op)]
    assert differences(fpu, op, operands, MODES[mode])[:10] == []


@pytest.mark.parametrize("op", [op for op in OPERATIONS if modal(op)])
def test_dynamic_mode_is_frm(fpu: SoftFloat, op: str) -> None:
    r = Random(SEED)
    operands = [v for _ in range(50) for v in related(r, op)]
    for rm in MODES.values():
        fpu.slot.set("frm", rm)
        assert fpu.batch(op, operands, DYNAMIC) == fpu.batch(op, operands, rm)
    fpu.slot.set("frm", 0)


@pytest.mark.parametrize("op", [op for op in OPERATIONS if modal(op)])
@pytest.mark.parametrize(("rm", "frm"), [(5, 0), (6, 0), (7, 5), (7, 6), (7, 7)])
def test_reserved_mode_is_illegal_and_raises_no_flags(fpu: SoftFloat, op: str, rm: int, frm: int) -> None:
    edges, _ = source_of(op)
    fpu.slot.set("frm", frm)
    fpu.slot.set("fflags", 0)
    for v in edges:
        fpu.one(op, v, v, v, rm)
        assert fpu.slot.get("fault") == Fault.TRAP
        assert fpu.slot.get("trap_cause") == ILLEGAL
        fpu.slot.set("fault", 0)
    assert fpu.slot.get("fflags") == 0
    fpu.slot.set("frm", 0)


def test_flags_accrue(fpu: SoftFloat) -> None:
    one, three, zero = 0x3FF0 << 48, 0x4008 << 48, 0
    fpu.slot.set("fflags", exactfp.UF)
    assert fpu.one("f64_add", one, one) == 0x4000 << 48
    assert fpu.slot.get("fflags") == exactfp.UF
    fpu.one("f64_div", one, three)
    assert fpu.slot.get("fflags") == exactfp.UF | exactfp.NX
    fpu.one("f64_div", one, zero)
    assert fpu.slot.get("fflags") == exactfp.UF | exactfp.NX | exactfp.DZ


def run(count: int, seed: int) -> int:
    """Compare at least `count` operand sets over all operations and modes; prints and counts differences."""
    fpu = SoftFloat()
    r = Random(seed)
    done = bad = 0
    while done < count:
        for op in OPERATIONS:
            for rm in MODES.values():
                found = differences(fpu, op, [v for _ in range(2000) for v in related(r, op)], rm)
                done += 2000
                bad += len(found)
                for line in found[:10]:
                    print(line)
    print(f"seed {seed}: {done} operand sets, {bad} differences")
    return bad


@pytest.mark.soak
def test_soak() -> None:
    assert run(10_000_000, SEED) == 0


if __name__ == "__main__":
    sys.exit(1 if run(int(sys.argv[1]), int(sys.argv[2])) else 0)
