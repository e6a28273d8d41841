"""The bench's own logic: what it computes from runs, and that its kernels are the frozen ones. No speeds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.bench import figures, guests, report, rows
from tests.bench.engines import OURS, QEMU, Engine, timed
from tests.bench.run import chosen
from tests.bench.tasks import KernelTask, Metric, Outcome, Target, Task

TASKS = rows.tasks()


def kernel(name: str) -> KernelTask:
    task = next(t for t in TASKS if t.name == name)
    assert isinstance(task, KernelTask)
    return task


def outcome(value: float, check: str = "1", insns: float | None = None, name: str = "k0-mix") -> Outcome:
    return Outcome({name: value}, check, insns)


def test_kernels_are_the_frozen_ones() -> None:
    guests.check_frozen()


@pytest.mark.parametrize("guest", rows.guests(TASKS), ids=lambda g: g.name)
def test_every_kernel_builds(guest: guests.Guest) -> None:
    assert guest.build().read_bytes()[:4] == b"\x7fELF"


def test_a_changed_kernel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "k0_mix.c").write_text("int main(void) { return 0; }\n")
    monkeypatch.setattr(guests, "KERNELS", tmp_path)
    with pytest.raises(guests.ThawedError, match=r"k0_mix\.c.*--thaw"):
        guests.check_frozen()


def test_names_of_rows_are_unique() -> None:
    names = [metric.name for task in TASKS for metric in task.metrics]
    assert len(names) == len(set(names))
    assert len({task.name for task in TASKS}) == len(TASKS)


def test_only_takes_tasks_and_rows_and_patterns() -> None:
    assert [t.name for t in chosen(TASKS, ["k?-*"])] == ["k0-mix", "k1-records", "k2-sort", "k3-hash"]
    assert [t.name for t in chosen(TASKS, ["mmio-scr p50"])] == ["mmio-scr"]
    with pytest.raises(ValueError, match="no row matches 'nothing'"):
        chosen(TASKS, ["nothing"])


# -- figures


@pytest.mark.parametrize(
    ("text", "q", "us"),
    [
        ("10:100", 0.5, 1.0),
        ("10:50,11:50", 0.5, 1.05),
        ("2:99,100:1", 0.99, 0.25),
        ("2:98,100:2", 0.99, 10.0),
        ("0:4", 0.25, 0.0),  # never below nothing
        ("4096:8", 0.5, 422.4),  # steps of 256 ticks there
    ],
)
def test_percentiles_of_histograms(text: str, q: float, us: float) -> None:
    assert figures.histogram_us(figures.parse_histogram(text), q) == pytest.approx(us)


def test_an_empty_histogram_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="empty"):
        figures.histogram_us({}, 0.5)


def test_summary_is_median_and_extremes() -> None:
    assert figures.summary([3.0, 1.0, 2.0]) == figures.Summary(2.0, 1.0, 3.0, 3)
    assert figures.summary([]) is None


# -- rows


def test_mips_are_rates_times_our_exact_count() -> None:
    outcomes = {OURS: [outcome(4.0, insns=100.0)], QEMU: [outcome(20.0)]}
    (row,) = report.rows(kernel("k0-mix"), outcomes, "boot", True)
    assert (row.unit, row.ratio, row.missed) == ("MIPS", 0.2, False)
    assert row.ours
    assert row.qemu
    assert (row.ours.median, row.qemu.median) == (400.0, 2000.0)


def test_a_missed_target_is_said_and_none_is_judged_against_another_qemu() -> None:
    outcomes = {OURS: [outcome(1.0, insns=100.0)], QEMU: [outcome(20.0)]}
    (row,) = report.rows(kernel("k0-mix"), outcomes, "boot", True)
    assert row.verdict() == "MISSED"
    (row,) = report.rows(kernel("k0-mix"), outcomes, "boot", False)
    assert row.verdict() == ""


def test_different_results_are_a_failure() -> None:
    outcomes = {OURS: [outcome(4.0, "1")], QEMU: [outcome(4.0, "2")]}
    (row,) = report.rows(kernel("k0-mix"), outcomes, "boot", True)
    assert row.failure == "results differ: emu 1; qemu 2"


def test_different_instruction_counts_are_a_failure() -> None:
    outcomes = {OURS: [outcome(4.0, insns=100.0), outcome(4.0, insns=100.1)], QEMU: []}
    (row,) = report.rows(kernel("k0-mix"), outcomes, "boot", True)
    assert "instruction counts differ" in row.failure


def test_less_time_is_a_better_ratio() -> None:
    class Timed(Task):
        def run(self, engine: object, context: object) -> Outcome:
            raise NotImplementedError

    task = Timed("boot", (Metric("boot", "s", True, {"boot": Target(ratio=1 / 3)}),))
    outcomes = {OURS: [outcome(6.0, name="boot")], QEMU: [outcome(3.0, name="boot")]}
    (row,) = report.rows(task, outcomes, "boot", True)
    assert (row.ratio, row.verdict()) == (0.5, "met")


def test_the_worst_row_is_first_and_failures_before_it() -> None:
    def row(name: str, ratio: float | None, margin: float | None = None, failure: str = "") -> report.Row:
        return report.Row(name, "s", None, None, ratio, Target(limit=1.0), margin, failure)

    made = [row("fine", 2.0), row("slow", 0.1), row("limit", None, 0.5), row("bad", 1.0, None, "x")]
    told = report.table(made)
    assert [line.split()[0] for line in told.splitlines()] == ["row", "bad", "slow", "limit", "fine"]


def test_the_json_has_every_run() -> None:
    made = report.Report({"date": "today"}, [Engine(OURS, ("emu",), "1")], 1, True, "boot")
    made.outcomes["k0-mix"] = {OURS: [outcome(4.0, insns=100.0)]}
    made.rows = report.rows(kernel("k0-mix"), made.outcomes["k0-mix"], "boot", True)
    assert '"insns_per_op": 100.0' in made.json()
    assert "today" in made.text()


# -- processes


def run(code: str, timeout_s: float = 60) -> tuple[object, ...]:
    done = timed([sys.executable, "-c", code], dict(os.environ), timeout_s)
    return done.status, done.output, done.overrun, done.failure()


def test_a_timed_process_gives_output_and_status() -> None:
    assert run("print('hello')") == (0, b"hello\n", False, "")
    assert run("import sys; sys.exit('no')") == (1, b"", False, "exit status 1 no")


def test_a_process_that_overruns_is_killed() -> None:
    status, output, overrun, failure = run("import time; print('x', flush=True); time.sleep(60)", 2)
    assert (status, output, overrun) == (-9, b"x\n", True)
    assert str(failure).startswith("killed after 2 s")
