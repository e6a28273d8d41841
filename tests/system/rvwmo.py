"""RVWMO as a naive enumerator: which outcomes a litmus test of a few accesses may have.

A test is a list of threads; a thread is a list of `Op`. Every total order of all memory operations that
respects preserved program order is tried; a load gives the newest store, in that order, among those before
it in the order or before it in its own thread (load value axiom). Two stores of one address by different
threads do not occur, so the atomicity axiom holds by construction.
Source: Unprivileged ISA 20240411, chapter "RVWMO", "Preserved Program Order" rules 1-13 and the load value
axiom. Rules 2, 3 and 12 depend on what is read and are judged after an order is chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Op:
    """A memory operation or a fence of one thread.

    reads, writes: it has such a part (both: an AMO). var: variable. value: stored; None: what was read.
    reg: register the value read goes to, or "". addr, data, ctrl: registers it depends on, or "".
    pred, succ: a fence's sets, of "r" and "w". sc_of_lr: this is the SC of the LR before it.
    """

    reads: bool = False
    writes: bool = False
    var: str = ""
    value: int | None = 0
    reg: str = ""
    acquire: bool = False
    release: bool = False
    addr: str = ""
    data: str = ""
    ctrl: str = ""
    pred: str = ""
    succ: str = ""
    sc_of_lr: bool = False

    @property
    def is_fence(self) -> bool:
        return not (self.reads or self.writes)


Thread = Sequence[Op]
Outcome = tuple[int, ...]  # values of r1, r2, ...
Node = tuple[int, int]  # thread, place in program order


def _fenced(a: Op, b: Op, between: Thread) -> bool:
    return any(
        f.is_fence
        and ((a.reads and "r" in f.pred) or (a.writes and "w" in f.pred))
        and ((b.reads and "r" in f.succ) or (b.writes and "w" in f.succ))
        for f in between
    )


def _feeds(regs: Sequence[str], a: Op) -> bool:
    return bool(a.reg) and a.reg in regs


def _always(thread: Thread, i: int, j: int) -> bool:
    """Whether ppo orders operation i before operation j of a thread whatever is read."""
    a, b, between = thread[i], thread[j], thread[i + 1 : j]
    a_rcsc, b_rcsc = a.acquire or a.release, b.acquire or b.release
    return (
        (b.writes and a.var == b.var)  # 1
        or _fenced(a, b, between)  # 4
        or a.acquire  # 5
        or b.release  # 6
        or (a_rcsc and b_rcsc)  # 7
        or (b.sc_of_lr and j == i + 1)  # 8
        or _feeds((b.addr,), a)  # 9
        or _feeds((b.data,), a)  # 10
        or (b.writes and _feeds((b.ctrl,), a))  # 11
        or (b.writes and any(_feeds((m.addr,), a) for m in between))  # 13
    )


def _by_values(thread: Thread, i: int, j: int, source: dict[int, Node | None], t: int) -> bool:
    """Rules 2, 3 and 12. source: for each operation of the thread that reads, whom it read from."""
    a, b, between = thread[i], thread[j], range(i + 1, j)
    if not b.reads:
        return False
    stored = any(thread[m].writes and thread[m].var == a.var for m in between)
    if a.reads and a.var == b.var and not stored and source[i] != source[j]:
        return True  # 2
    if a.writes and (a.reads or a.sc_of_lr) and source[j] == (t, i):
        return True  # 3
    return any(
        thread[m].writes and source[j] == (t, m) and _feeds((thread[m].addr, thread[m].data), a)
        for m in between
    )  # 12


def outcomes(threads: Sequence[Thread]) -> set[Outcome]:
    """Every outcome RVWMO allows, registers in the order r1, r2, ..."""
    nodes = [(t, i) for t, ops in enumerate(threads) for i, op in enumerate(ops) if not op.is_fence]
    before = {
        n: {m for m in nodes if m[0] == n[0] and m[1] < n[1] and _always(threads[n[0]], m[1], n[1])}
        for n in nodes
    }
    return {found for order in _orders(nodes, before) if (found := _run(threads, order)) is not None}


def _orders(nodes: Sequence[Node], before: dict[Node, set[Node]]) -> Iterator[tuple[Node, ...]]:
    for order in itertools.permutations(nodes):
        at = {n: k for k, n in enumerate(order)}
        if all(at[m] < at[n] for n in nodes for m in before[n]):
            yield order


def _run(threads: Sequence[Thread], order: Sequence[Node]) -> Outcome | None:
    """The outcome of a global order, or None if a value-dependent rule forbids it."""
    at = {n: k for k, n in enumerate(order)}
    stores = [n for n in order if threads[n[0]][n[1]].writes]
    source: dict[Node, Node | None] = {}
    for n in order:
        op = threads[n[0]][n[1]]
        if op.reads:
            seen = [s for s in stores if s != n and threads[s[0]][s[1]].var == op.var
                    and (at[s] < at[n] or (s[0] == n[0] and s[1] < n[1]))]  # fmt: skip
            source[n] = max(seen, key=lambda s: at[s], default=None)
    for t, ops in enumerate(threads):
        own = {i: source[t, i] for i, op in enumerate(ops) if op.reads}
        for i, j in itertools.combinations([i for i, op in enumerate(ops) if not op.is_fence], 2):
            if _by_values(ops, i, j, own, t) and at[t, i] > at[t, j]:
                return None
    registers = {}
    for (t, i), found in source.items():
        reg = threads[t][i].reg
        if reg:
            registers[reg] = _stored(threads, source, found)
    return tuple(registers[r] for r in sorted(registers))


def _stored(threads: Sequence[Thread], source: dict[Node, Node | None], node: Node | None) -> int:
    """What a store leaves; 0 is there before all."""
    if node is None:
        return 0
    value = threads[node[0]][node[1]].value
    return _stored(threads, source, source[node]) if value is None else value
