"""The program: chooses rows, runs them A B A B, prints the report.

    python -m tests.bench [--quick] [--only ROW]... [--runs N] [--stage boot|translator]

Exit status: 0 if all was measured, whatever came out; 1 if an engine is missing, a run failed or results
differ; 2 for a wrong command line or thawed kernels; 130 if interrupted.
"""

from __future__ import annotations

import argparse
import fnmatch
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from emu.guests.errors import BuildError
from ipc import engine as blob
from tests.bench import facts, guests, report, rows
from tests.bench.engines import OURS, QEMU, BuildFailed, Caches, Engine, find_ours, find_qemu
from tests.bench.profiles import Profile
from tests.bench.tasks import Context, KernelTask, Outcome, Task

QUICK_SCALE = 10
RUNS = 5
TIMEOUT_S = 300.0
INTERRUPTED = 130


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("bench", description="Speed against QEMU, interleaved, worst row first.")
    add = parser.add_argument
    add("--runs", type=int, default=None, metavar="N", help=f"runs of each row ({RUNS})")
    add("--only", action="append", metavar="ROW", help="rows with this name or pattern; repeatable")
    add("--quick", action="store_true", help="a tenth of the work, one run: does it work?")
    add("--stage", choices=rows.STAGES, default=rows.STAGES[0], help="whose targets are judged")
    add("--engine", choices=(OURS, QEMU), help="run one engine alone")
    add("--emu", metavar="PATH", help="the program instead of this checkout's emulator")
    add("--qemu", metavar="PATH", help="another QEMU than the fetched reference (labelled)")
    add("--counts", action="store_true", help="check instruction counts with QEMU's -icount")
    add("--profile", action="store_true", help="profile every row, not only those that miss their target")
    add("--json", metavar="FILE", type=Path, help="where the JSON goes (build/bench/...)")
    add("--timeout", type=float, default=TIMEOUT_S, metavar="S", help="of one run")
    add("--list", action="store_true", help="print the rows' names and end")
    add("--thaw", action="store_true", help="freeze the kernels as they are now, and end")
    options = parser.parse_args(argv)
    if options.runs is not None and options.runs < 1:
        parser.error("--runs takes a positive number")
    return options


def chosen(every: list[Task], patterns: Sequence[str] | None) -> list[Task]:
    """Tasks whose name, or the name of one of whose rows, matches. ValueError if a pattern matches none."""
    if not patterns:
        return every
    names = {task.name: {task.name, *(metric.name for metric in task.metrics)} for task in every}
    for pattern in patterns:
        if not any(fnmatch.filter(each, pattern) for each in names.values()):
            raise ValueError(f"no row matches '{pattern}' (--list shows them)")
    return [t for t in every if any(fnmatch.filter(names[t.name], pattern) for pattern in patterns)]


class Bench:
    """One run of the program."""

    def __init__(self, engines: list[Engine], context: Context, runs: int) -> None:
        self._engines = engines
        self._context = context
        self._runs = runs

    def measure(self, task: Task, label: str) -> dict[str, list[Outcome]]:
        """Run a task A B A B. An engine whose run has failed is not tried again."""
        runs = min(self._runs, task.most_runs or self._runs)
        outcomes: dict[str, list[Outcome]] = {e.name: [] for e in self._engines if e.name in task.engines}
        for number in range(1, runs + 1):
            for engine in self._engines:
                done = outcomes.get(engine.name)
                if done is None or engine.missing or (done and done[-1].failure):
                    continue
                outcome = self._once(task, engine)
                done.append(outcome)
                took = outcome.facts.get("wall_s")
                told = outcome.failure or (f"{took:.2f} s" if isinstance(took, float) else "done")
                _progress(f"{label} {task.name}: run {number}/{runs} {engine.name}: {told}")
        return outcomes

    def count(self, task: KernelTask, label: str) -> Outcome | None:
        """The instruction count as QEMU sees it; None if there is no QEMU."""
        qemu = next((e for e in self._engines if e.name == QEMU and not e.missing), None)
        if qemu is None:
            return None
        outcome = self._guarded(lambda: task.count(qemu, self._context))
        _progress(f"{label} {task.name}: count by -icount: {outcome.failure or outcome.facts['insns']}")
        return outcome

    def profile(self, task: Task, label: str) -> Profile | None:
        """Where the time of a run of ours goes: one more run, beside which we look. None: nothing to say."""
        ours = next((e for e in self._engines if e.name == OURS and not e.missing), None)
        if ours is None:
            return None
        _progress(f"{label} {task.name}: profile")
        try:
            return task.profile(ours, self._context)
        except (BuildError, BuildFailed, OSError, ValueError) as error:
            return Profile([f"{task.name}: no profile: {type(error).__name__}: {error}"])

    def _once(self, task: Task, engine: Engine) -> Outcome:
        return self._guarded(lambda: task.run(engine, self._context))

    @staticmethod
    def _guarded(run: Callable[[], Outcome]) -> Outcome:
        try:
            return run()
        except (BuildError, BuildFailed, OSError, ValueError) as error:
            return Outcome(failure=f"{type(error).__name__}: {error}".splitlines()[0])


def _progress(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _terminated(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt  # what runs at the moment is ended, and what was measured is told


def main(argv: Sequence[str] | None = None) -> int:
    """The program: exit status."""
    # set, not left as they are: a shell starts background jobs with SIGINT ignored
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _terminated)
    options = parse(argv)
    every = rows.tasks()
    if options.list:
        print("\n".join(f"{task.name:20} {', '.join(m.name for m in task.metrics)}" for task in every))
        return 0
    try:
        if options.thaw:
            guests.thaw(rows.guests(every))
            return 0
        guests.check_frozen()
        tasks = chosen(every, options.only)
    except (guests.ThawedError, BuildError, ValueError) as error:
        _progress(f"bench: {error}")
        return 2
    engines = [find_ours(options.emu), find_qemu(options.qemu)]
    if options.engine:
        engines = [engine for engine in engines if engine.name == options.engine]
    runs = options.runs or (1 if options.quick else RUNS)
    made = report.Report(facts.collect(), engines, runs, options.quick, options.stage)
    made.warnings = facts.busy_warning()
    for engine in engines:
        if engine.missing:
            made.warnings.append(f"{engine.name} is missing, its column is empty: {engine.missing}")
        elif not engine.reference:
            made.warnings.append(f"{engine.name} is not the reference: no ratio is judged")
    if not options.quick:
        made.warnings += guests.elf_warnings(rows.guests(tasks))
    sources, interrupted = blob.digest(), False
    with tempfile.TemporaryDirectory(prefix="emu-bench-") as place:
        context = Context(Caches(Path(place)), QUICK_SCALE if options.quick else 1, options.timeout)
        try:
            measure_all(Bench(engines, context, made.runs), tasks, made, options.counts, options.profile)
        except KeyboardInterrupt:
            interrupted = True
            made.warnings.append("interrupted: the rows below are not all")
    if blob.digest() != sources:
        made.warnings.append("the sources changed while the bench ran: rows are of different engines")
    print(made.text())
    path = options.json or facts.ROOT / "build/bench" / f"{made.facts['date'].replace(':', '')}.json"
    made.save(path)
    print(f"\nEvery run: {path}")
    if interrupted:
        return INTERRUPTED
    return int(any(e.missing for e in engines) or any(row.failure for row in made.rows))


def measure_all(bench: Bench, tasks: list[Task], made: report.Report, counts: bool, profiles: bool) -> None:
    judge = all(engine.reference for engine in made.engines)
    for number, task in enumerate(tasks, start=1):
        label = f"[{number}/{len(tasks)}]"
        outcomes = bench.measure(task, label)
        if counts and isinstance(task, KernelTask) and task.in_mips:
            counted = bench.count(task, label)
            if counted is not None:
                counted.values.clear()  # -icount is not QEMU's speed
                outcomes["qemu -icount"] = [counted]
        made.outcomes[task.name] = outcomes
        new = report.rows(task, outcomes, made.stage, judge)
        made.rows += [row for row in new if row.failure or row.ours or row.qemu]
        if any(row.missed for row in new) or (profiles and any(row.ours for row in new)):
            note = report.where_time_went(task, outcomes.get(OURS, []))
            made.notes += [note] if note else []
            profile = bench.profile(task, label)
            if profile is not None:
                made.notes += profile.lines
                made.profiles[task.name] = profile.data


if __name__ == "__main__":
    sys.exit(main())
