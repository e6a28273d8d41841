"""Pairs of instructions that often follow each other: one handler does both, saving a dispatch.

`pairs.csv` is a measurement, not a belief: the most frequent pairs of neighbours in a Debian boot and in
five integer kernels, half and half, sampled at random instruction counts (tests/bench/README says how).
A pair is chosen when its first instruction is decoded and the second lies behind it on the same page.

Rule: the first falls through and cannot leave to a native; the second may branch, but not far away. What
cannot be paired for that reason is left out here, whatever the file says.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

from vcpu_worker.codegen.decode import Op, op_number
from vcpu_worker.isa.insn import INSNS
from vcpu_worker.isa.vocab import Trace, trace
from vcpu_worker.mem.decode import PAIR_SLOTS

FILE = Path(__file__).with_suffix(".csv")
LEAVES = ("hcall", "system", "call", "amo", "illegal", "require_fp", "dirty_fp", "fence", "fence_order")
JUMPS = ("jump", "jump_rel", "branch")


@dataclass(frozen=True)
class Pair:
    """Two ops that follow each other in memory."""

    first: Op
    second: Op


def slot(first: int, second: int) -> int:
    """Where the search for a pair of op numbers begins (mem.decode.pair_op does the same)."""
    return (first * 31 + second) % PAIR_SLOTS


def traced(name: str) -> Trace:
    """The trace of an instruction's body (of its base, for a compressed one)."""
    body = INSNS[name].body
    assert body.func is not None
    return trace(body.func, list(body.operands))


@functools.cache
def pairs() -> tuple[Pair, ...]:
    """The pairs of the file that can be, in its order; the op numbers of pairs follow it."""
    known = op_number()
    out = []
    with FILE.open(newline="", encoding="ascii") as f:
        for row in csv.DictReader(f):
            first = Op(row["first"], int(row["length"]))
            second = Op(row["second"], int(row["second_length"]), row["near"] == "near")
            if first not in known or second not in known:
                raise ValueError(f"{FILE.name}: {row} names an op that is not")
            if traced(first.name).has(*LEAVES, *JUMPS) or traced(second.name).has(*LEAVES):
                continue
            out.append(Pair(first, second))
    return tuple(out)
