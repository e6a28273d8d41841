"""Profiles: what they are computed from, and one taken of a real run. No speeds."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from emu.guests import bare
from ipc.layout import HART, HartState, View, slot_offset
from tests.bench import profiles, report, rows, run
from tests.bench.engines import OURS, Caches, Engine, find_ours
from tests.bench.hostpc import Names, engine_symbols
from tests.bench.sampling import HartSamples, Samples, block_of, state_of
from tests.bench.tasks import Context, Metric, Outcome, Target, Task

TASKS = {task.name: task for task in rows.tasks()}
GUESTS = {guest.name: guest for guest in rows.guests(list(TASKS.values()))}
SCALE = 5  # a fifth of a kernel's work: a second, so that there is something to look at


def slot(**words: int) -> View:
    view = View(HART, memoryview(bytearray(slot_offset(1))), slot_offset(0))
    for name, value in words.items():
        view.set(name, value)
    return view


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ({}, "away"),
        ({"worker_pid": 7, "state": HartState.DEAD, "in_guest": 1}, "away"),
        ({"worker_pid": 7, "state": HartState.RUNNING, "in_guest": 1}, "guest"),
        ({"worker_pid": 7, "state": HartState.RUNNING}, "python"),
        ({"worker_pid": 7, "state": HartState.STOPPED}, "python"),
        ({"worker_pid": 7, "state": HartState.RUNNING, "asleep": 1}, "asleep"),
        # compiled code waits for a reply without leaving: still in guest while it spins
        ({"worker_pid": 7, "state": 1, "in_guest": 1, "mmio_seq": 3, "mmio_done": 2}, "waiting"),
    ],
)  # fmt: skip
def test_what_a_slot_says_of_its_hart(words: dict[str, int], state: str) -> None:
    assert state_of(slot(**words)) == state


def test_a_block_head_is_mode_and_pc() -> None:
    rec, pc = 0x7F00_0000_1230, 0x8000_0104
    assert block_of(slot(rec=rec, pcb=pc - rec // 4 & (1 << 64) - 1, priv=1)) == (1, pc)
    assert block_of(slot(pcb=5)) is None


@pytest.mark.parametrize("name", ["k1-records", "ipi-pingpong", "spin"])
def test_the_twin_with_symbols_is_equal_in_what_is_loaded(name: str) -> None:
    assert bare.flat(GUESTS[name].build()) == bare.flat(GUESTS[name].build(symbols=True))


def test_code_is_named_by_symbol_and_instruction() -> None:
    code = profiles.Code(GUESTS["spin"].build(symbols=True))
    assert code.symbol(bare.RAM) == "_start"
    assert code.text(bare.RAM).startswith("_start+0x0: ")
    assert code.symbol(bare.RAM - 4) == code.symbol(bare.RAM + (1 << 20)) == ""
    assert profiles.Code(None).text(0x8000_0000) == "0x80000000"


def test_host_code_is_named_by_the_engines_symbols_or_by_its_file() -> None:
    maps = (
        "7f0000000000-7f0000004000 r-xp 00000000 00:01 5    /memfd:emu-engine (deleted)\n"
        "7f0000010000-7f0000014000 r-xp 00001000 08:01 9    /usr/lib/libpython.so\n"
        "7f0000020000-7f0000024000 rw-p 00000000 00:00 0 \n"
    )
    names = Names(maps, [(0, "op_leave"), (0x100, "i.add.4"), (0x180, "walk")])
    told = [names.of(0x7F00_0000_0000 + off) for off in (0x0, 0x104, 0x3FFF, 0x1_0000, 0x2_0000, 0x9_0000)]
    assert told == [
        "engine op_leave", "engine i.add.4", "engine walk", "libpython.so", "unknown", "unknown",
    ]  # fmt: skip


def test_the_engine_has_its_symbol_file() -> None:
    assert {"i.add.4", "load_slow", "run"} <= {name for _, name in engine_symbols()}


def test_imports_are_summed_by_package() -> None:
    errors = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       100 |        100 |   encodings.aliases\n"
        "import time:      2000 |       9000 | emu.machine\nimport time:      1000 |       1000 |   emu\n"
    )
    made = profiles.of_imports(errors)
    assert made.data == {"imports_us": {"emu": 3000, "encodings": 100}}
    assert "emu 3, encodings 0" in made.lines[0]


def test_steps_are_summed_by_group_and_the_longest_are_named() -> None:
    steps = [(1.0, "imports"), (1.5, "walk"), (4.0, "pmp"), (9.0, "link")]
    own = ("imports", "link")
    made = profiles.of_steps("compile", steps, lambda what: what if what in own else "natives")
    assert made.lines[0].endswith("link 5.0 s, natives 3.0 s, imports 1.0 s")
    assert "link 5.00 s, pmp 2.50 s" in made.lines[1]


def test_a_profile_tells_shares_counts_and_hot_blocks() -> None:
    hart = HartSamples()
    hart.states.update({"guest": 60, "asleep": 30, "waiting": 10})
    hart.pcs.update({(3, bare.RAM): 59, (1, 0x4000): 1})
    hart.waits.update({0x1000_0005: 9, 0x10_1000: 1})
    hart.host.update({"engine walk": 30, "engine i.add.4": 20, "libpython": 50})
    hart.counters = dict.fromkeys(("n_traps", "n_irqs", "n_mmio", "n_walks", "n_pages"), 1234)
    hart.counters["retired"] = 5_000_000
    samples = Samples([hart], looks=100, wall_s=2.0, marks={"first guest instruction": 0.25})
    text = "\n".join(profiles.of_run("x", samples, profiles.Code(GUESTS["spin"].build(symbols=True))).lines)
    for part in (
        "first guest instruction at 0.250 s", "guest code 60 %, waiting for main 10 %, asleep 30 %",
        "5.00 M instructions, 1,234 traps", "compiled code 50 %; libpython 50 %, walk 30 %, i.add.4 20 %",
        "waits: uart 90 %, rtc 10 %", "guest code: _start 98 %, no symbol 2 %",
        "98 %  M  block at _start+0x0",
    ):  # fmt: skip
        assert part in text
    by_mode = profiles.of_run("x", samples, profiles.Code(None), by_mode=True)
    assert "guest code: M-mode 98 %, S-mode 2 %" in "\n".join(by_mode.lines)
    json.dumps(by_mode.data)


class Slow(Task):
    """A row with a target of 1."""

    def __init__(self, value: float) -> None:
        super().__init__("slow", (Metric("slow", "s", True, {"boot": Target(limit=1.0)}),))
        self.value = value

    def run(self, engine: Engine, context: Context) -> Outcome:
        return Outcome({"slow": self.value})

    def profile(self, engine: Engine, context: Context) -> profiles.Profile:
        return profiles.Profile(["slow: because"], {"why": 1})


@pytest.mark.parametrize(("value", "always", "told"), [(2.0, False, 1), (0.5, False, 0), (0.5, True, 1)])
def test_a_row_that_misses_its_target_is_reported_with_its_profile(
    value: float, always: bool, told: int, tmp_path: Path
) -> None:
    engine = Engine(OURS, ("emu",), "1")
    made = report.Report({}, [engine], 1, True, "boot")
    bench = run.Bench([engine], Context(Caches(tmp_path), 1, 60), 1)
    run.measure_all(bench, [Slow(value)], made, False, always)
    assert made.text().count("slow: because") == told
    assert json.loads(made.json())["profiles"] == ({"slow": {"why": 1}} if told else {})


def test_a_profile_of_a_real_run_says_where_it_went(tmp_path: Path) -> None:
    """One hart that computes: most of its time in guest code, in functions of its own source."""
    task = TASKS["k1-records"]
    made = task.profile(find_ours(None), Context(Caches(tmp_path), SCALE, 120))
    assert made is not None
    text = "\n".join(made.lines)
    (hart,) = json.loads(json.dumps(made.data))["harts"]
    states = Counter(hart["states"])
    assert states["guest"] > states.total() / 2, text
    assert hart["counters"]["retired"] > 10_000_000, text
    assert 0 < hart["on_cpu_s"] < made.data["wall_s"], text
    # which of them are caught is the sampler's luck
    assert re.search(r"\b(copy|compare|in_order|classify|select_kind|fill)\b", text), text
    assert "first guest instruction at" in text
    if hart["host"]:  # the kernel may forbid it
        engine = sum(n for name, n in hart["host"].items() if name.startswith("engine "))
        assert engine > sum(hart["host"].values()) / 2, text
