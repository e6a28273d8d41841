"""The litmus tests: what each thread does, what RVWMO forbids and why, and the code the guest runs.

One table. From a row come the events for the model (`rvwmo`), the assembly of the guest's bodies, and the
outcomes that fail a run. Statements, separated by `;`:

    x=1             store                    r1=x            load
    amo.rl x=1      amoswap.w.rl             r1=amo.aq x     amoor.w.aq with x0
    sc.rl x=1       lr.w; sc.w.rl until done r1=lr.aq x      lr.w.aq
    fence rw,w      FENCE
    ... addr r1, data r1, ctrl r1            after a load or store: its address, its data, or a branch
                                             before it depends on r1

Names follow the RISC-V litmus suite (github.com/litmus-tests/litmus-tests-riscv). Rules are numbered as in
Unprivileged ISA 20240411, chapter "RVWMO", "Preserved Program Order".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tests.system.rvwmo import Op, Outcome, outcomes

VARS = ("x", "y")


@dataclass(frozen=True)
class Litmus:
    """A row. forbidden: the outcomes (r1, r2, ...) that must not be seen; why: the rules that say so."""

    name: str
    threads: tuple[str, ...]
    forbidden: frozenset[Outcome]
    why: str

    @cached_property
    def parsed(self) -> list[list[Op]]:
        """The events of each thread."""
        return [parse(thread) for thread in self.threads]

    @property
    def harts(self) -> int:
        """How many harts it needs."""
        return len(self.threads)

    @cached_property
    def allowed(self) -> set[Outcome]:
        """What the model allows."""
        return outcomes(self.parsed)


def _t(name: str, *threads: str, forbidden: str = "", why: str) -> Litmus:
    rows = frozenset(tuple(int(c) for c in word) for word in forbidden.split())
    return Litmus(name, threads, rows, why)


ANY = "nothing is ordered"
TESTS: tuple[Litmus, ...] = (
    _t("MP", "x=1; y=1", "r1=y; r2=x", why=ANY),
    _t("MP+fence.rw.rws", "x=1; fence rw,rw; y=1", "r1=y; fence rw,rw; r2=x", forbidden="10", why="4, 4"),
    _t("MP+fence.w.w+fence.r.r", "x=1; fence w,w; y=1", "r1=y; fence r,r; r2=x", forbidden="10", why="4, 4"),
    _t("MP+fence.w.w+po", "x=1; fence w,w; y=1", "r1=y; r2=x", why="the reader is not ordered"),
    _t("MP+po+fence.r.r", "x=1; y=1", "r1=y; fence r,r; r2=x", why="the writer is not ordered"),
    _t("MP+fence.w.w+addr", "x=1; fence w,w; y=1", "r1=y; r2=x addr r1", forbidden="10", why="4, 9"),
    _t("MP+fence.w.w+ctrl", "x=1; fence w,w; y=1", "r1=y; r2=x ctrl r1", why="11 orders stores only"),
    _t("MP+amo.rl+amo.aq", "x=1; amo.rl y=1", "r1=amo.aq y; r2=x", forbidden="10", why="6, 5"),
    _t("MP+amo.rl+lr.aq", "x=1; amo.rl y=1", "r1=lr.aq y; r2=x", forbidden="10", why="6, 5"),
    _t("MP+sc.rl+lr.aq", "x=1; sc.rl y=1", "r1=lr.aq y; r2=x", forbidden="10", why="6, 5"),
    _t("SB", "x=1; r1=y", "y=1; r2=x", why=ANY),
    _t("SB+fence.rw.rws", "x=1; fence rw,rw; r1=y", "y=1; fence rw,rw; r2=x", forbidden="00", why="4, 4"),
    _t("SB+fence.w.rs", "x=1; fence w,r; r1=y", "y=1; fence w,r; r2=x", forbidden="00", why="4, 4"),
    _t("SB+fence.rw.rw+po", "x=1; fence rw,rw; r1=y", "y=1; r2=x", why="one side is not ordered"),
    _t("SB+fence.w.ws", "x=1; fence w,w; r1=y", "y=1; fence w,w; r2=x", why="W before W says nothing of R"),
    _t("SB+amo.rl+amo.aqs", "amo.rl x=1; r1=amo.aq y", "amo.rl y=1; r2=amo.aq x", forbidden="00", why="7, 7"),
    _t("SB+amo.rl+lr.aqs", "amo.rl x=1; r1=lr.aq y", "amo.rl y=1; r2=lr.aq x", forbidden="00", why="7, 7"),
    _t("SB+sc.rl+lr.aqs", "sc.rl x=1; r1=lr.aq y", "sc.rl y=1; r2=lr.aq x", forbidden="00", why="7, 7"),
    _t("LB", "r1=x; y=1", "r2=y; x=1", why=ANY),
    _t("LB+fence.rw.rws", "r1=x; fence rw,rw; y=1", "r2=y; fence rw,rw; x=1", forbidden="11", why="4, 4"),
    _t("LB+fence.r.ws", "r1=x; fence r,w; y=1", "r2=y; fence r,w; x=1", forbidden="11", why="4, 4"),
    _t("LB+datas", "r1=x; y=1 data r1", "r2=y; x=1 data r2", forbidden="11", why="10, 10"),
    _t("LB+addrs", "r1=x; y=1 addr r1", "r2=y; x=1 addr r2", forbidden="11", why="9, 9"),
    _t("LB+ctrls", "r1=x; y=1 ctrl r1", "r2=y; x=1 ctrl r2", forbidden="11", why="11, 11"),
    _t("LB+data+po", "r1=x; y=1 data r1", "r2=y; x=1", why="one side is not ordered"),
    _t("LB+amo.aqs", "r1=amo.aq x; y=1", "r2=amo.aq y; x=1", forbidden="11", why="5, 5"),
    _t("LB+amo.rls", "r1=x; amo.rl y=1", "r2=y; amo.rl x=1", forbidden="11", why="6, 6"),
    _t("CoRR", "x=1", "r1=x; r2=x", forbidden="10", why="2"),
    _t("CoRR+addr", "x=1", "r1=x; r2=x addr r1", forbidden="10", why="2, 9"),
    _t("CoRR+fence.r.r", "x=1", "r1=x; fence r,r; r2=x", forbidden="10", why="2, 4"),
    _t("CoRR+lr.aq", "x=1", "r1=lr.aq x; r2=x", forbidden="10", why="2, 5"),
    _t("IRIW", "x=1", "y=1", "r1=x; r2=y", "r3=y; r4=x", why="the readers are not ordered"),
    _t("IRIW+fence.rw.rws", "x=1", "y=1", "r1=x; fence rw,rw; r2=y", "r3=y; fence rw,rw; r4=x",
       forbidden="1010", why="4, 4; stores are multi-copy atomic"),
    _t("IRIW+fence.r.rs", "x=1", "y=1", "r1=x; fence r,r; r2=y", "r3=y; fence r,r; r4=x",
       forbidden="1010", why="4, 4; stores are multi-copy atomic"),
    _t("IRIW+addrs", "x=1", "y=1", "r1=x; r2=y addr r1", "r3=y; r4=x addr r3",
       forbidden="1010", why="9, 9; stores are multi-copy atomic"),
    _t("IRIW+amo.rl+amo.aqs", "amo.rl x=1", "amo.rl y=1", "r1=amo.aq x; r2=y", "r3=amo.aq y; r4=x",
       forbidden="1010", why="5, 5; stores are multi-copy atomic"),
    _t("IRIW+lr.aqs", "x=1", "y=1", "r1=lr.aq x; r2=y", "r3=lr.aq y; r4=x",
       forbidden="1010", why="5, 5; stores are multi-copy atomic"),
)  # fmt: skip
BY_NAME: Mapping[str, Litmus] = {test.name: test for test in TESTS}
OVERLAP = ("SB", (0, 0))  # what only real overlap shows

_STATEMENT = re.compile(
    r"(?:(?P<fence>fence) (?P<pred>[rw]+),(?P<succ>[rw]+)"
    r"|(?:(?P<store>(?:amo|sc)?)(?P<sbits>[.](?:aq|rl|aqrl))? ?(?P<svar>[xy])=1)"
    r"|(?P<reg>r\d)=(?:(?P<load>amo|lr)(?P<lbits>[.](?:aq|rl|aqrl))? )?(?P<lvar>[xy]))"
    r"(?: (?P<dep>addr|data|ctrl) (?P<on>r\d))?"
)


def parse(thread: str) -> list[Op]:
    """The operations of a thread as events. ValueError for what is no statement."""
    found: list[Op] = []
    for text in thread.split("; "):
        m = _STATEMENT.fullmatch(text)
        if m is None:
            raise ValueError(f"not a statement: {text!r}")
        if m["fence"]:
            found.append(Op(pred=m["pred"], succ=m["succ"]))
            continue
        bits = (m["lbits"] if m["reg"] else m["sbits"]) or ""
        on = {kind: m["on"] if m["dep"] == kind else "" for kind in ("addr", "data", "ctrl")}
        op = Op(
            var=m["lvar"] or m["svar"],
            acquire="aq" in bits,
            release="rl" in bits,
            addr=on["addr"],
            data=on["data"],
            ctrl=on["ctrl"],
        )
        if m["reg"]:
            found.append(replace(op, reads=True, writes=m["load"] == "amo", value=None, reg=m["reg"]))
        elif m["store"] == "sc":
            found.append(Op(reads=True, var=op.var))
            found.append(replace(op, writes=True, value=1, sc_of_lr=True))
        else:
            found.append(replace(op, reads=m["store"] == "amo", writes=True, value=1))
    return found


# -- the guest's side ----------------------------------------------------------------------------------

_BASE = {"x": "a0", "y": "a1"}
_RESULT = ("t3", "t4")


def _body(label: str, thread: str) -> tuple[list[str], int]:
    """Assembly of a thread, and its number of results. a0, a1: addresses of x and y; a2 holds 1."""
    lines = ["    .balign 64", f"{label}:", "    li      a2, 1"]
    held: dict[str, str] = {}
    for text in thread.split("; "):
        m = _STATEMENT.fullmatch(text)
        assert m is not None, text
        if m["fence"]:
            lines.append(f"    fence   {m['pred']}, {m['succ']}")
            continue
        at, value = _BASE[m["lvar"] or m["svar"]], "a2"
        if m["dep"] == "addr":
            lines += [f"    xor     t0, {held[m['on']]}, {held[m['on']]}", f"    add     t0, t0, {at}"]
            at = "t0"
        elif m["dep"] == "data":
            lines += [f"    xor     t0, {held[m['on']]}, {held[m['on']]}", "    ori     t0, t0, 1"]
            value = "t0"
        elif m["dep"] == "ctrl":
            lines += [f"    beqz    {held[m['on']]}, 1f", "1:"]
        bits = (m["lbits"] if m["reg"] else m["sbits"]) or ""
        if m["reg"]:
            to = held[m["reg"]] = _RESULT[len(held)]
            lines.append({None: f"    lw      {to}, ({at})",
                          "lr": f"    lr.w{bits} {to}, ({at})",
                          "amo": f"    amoor.w{bits} {to}, zero, ({at})"}[m["load"]])  # fmt: skip
        elif m["store"] == "sc":
            lines += [f"2:  lr.w    t1, ({at})", f"    sc.w{bits} t1, {value}, ({at})", "    bnez    t1, 2b"]
        elif m["store"] == "amo":
            lines.append(f"    amoswap.w{bits} zero, {value}, ({at})")
        else:
            lines.append(f"    sw      {value}, ({at})")
    results = []
    if len(held) == 2:
        results += ["    slli    t3, t3, 32", "    srli    t3, t3, 32", "    slli    t4, t4, 32"]
        results += ["    or      a0, t3, t4"]
    elif held:
        results.append("    mv      a0, t3")
    else:
        results.append("    li      a0, 0")
    return [*lines, *results, "    ret"], len(held)


def _clears(test: Litmus) -> list[int]:
    """For each thread the variables it clears: each by the last thread that does not store it."""
    masks = [0] * len(test.threads)
    for bit, var in enumerate(VARS):
        idle = [t for t, ops in enumerate(test.parsed)
                if not any(op.writes and op.var == var and op.value is not None for op in ops)]  # fmt: skip
        masks[idle[-1] if idle else 0] |= 1 << bit
    return masks


def assembly() -> str:
    """The bodies and the table that litmus.c reads (struct test)."""
    out = ["# Made by tests/system/litmus.py from its table.", '    .section .text.litmus, "ax"']
    rows: list[str] = ["    .section .data", "    .balign 8", "    .globl litmus_tests", "litmus_tests:"]
    for n, test in enumerate(TESTS):
        counts = []
        for t, thread in enumerate(test.threads):
            lines, results = _body(f"body_{n}_{t}", thread)
            out += lines
            counts.append(results)
        pad = [0] * (4 - test.harts)
        bodies = [*(f"body_{n}_{t}" for t in range(test.harts)), *pad]
        rows += [f"    .dword  name_{n}, {test.harts}"]
        rows += [
            f"    .dword  {', '.join(map(str, row))}" for row in (bodies, counts + pad, _clears(test) + pad)
        ]
    rows += ["    .globl litmus_count", f"litmus_count: .dword {len(TESTS)}"]
    rows += [f'name_{n}: .asciz "{test.name}"' for n, test in enumerate(TESTS)]
    return "\n".join([*out, *rows]) + "\n"


# -- reading what it printed ---------------------------------------------------------------------------

Counts = dict[str, dict[Outcome, int]]
_LINE = re.compile(r"litmus (\S+)((?: r\d=\d)+) (\d+)")


def read(console: str) -> Counts:
    """The histograms in a console's text."""
    counts: Counts = {}
    for name, registers, number in _LINE.findall(console):
        outcome = tuple(int(word[-1]) for word in registers.split())
        row = counts.setdefault(name, {})
        row[outcome] = row.get(outcome, 0) + int(number)
    return counts


def add(into: Counts, more: Counts) -> None:
    """Sum histograms."""
    for name, row in more.items():
        for outcome, number in row.items():
            into.setdefault(name, {})
            into[name][outcome] = into[name].get(outcome, 0) + number


def violations(counts: Counts) -> list[str]:
    """A line for each forbidden outcome that was seen."""
    found = []
    for name, row in counts.items():
        test = BY_NAME[name]
        for outcome, number in sorted(row.items()):
            if outcome in test.forbidden or outcome not in test.allowed:
                regs = " ".join(f"r{i + 1}={v}" for i, v in enumerate(outcome))
                found.append(f"{name}: {regs} seen {number} times; forbidden by RVWMO, rules {test.why}")
    return found


def overlapped(counts: Counts) -> int:
    """How often the outcome was seen that only real overlap gives."""
    name, outcome = OVERLAP
    return counts.get(name, {}).get(outcome, 0)


def table(counts: Counts) -> str:
    """The histograms, a line a test; forbidden outcomes are marked."""
    lines = []
    for test in TESTS:
        if test.name in counts:
            row = counts[test.name]
            cells = [f"{''.join(map(str, o))}: {row.get(o, 0)}{'' if o in test.allowed else '!'}"
                     for o in sorted(set(row) | test.forbidden)]  # fmt: skip
            lines.append(f"{test.name:24} " + "  ".join(cells))
    return "\n".join(lines)
