"""The long run: `python -m tests.soak.run [--only NAME] [--scale F]`, or `make soak`.

Every check goes on where it stood when the run was last interrupted, unless the sources have changed.
Exit status 0: all passed or were not performed; 1: something failed; 130: interrupted.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tests.soak import checks, lifecycle, record  # noqa: F401  # they register
from tests.soak.registry import CHECKS, Check, NotPerformed

FAILED, NOT_PERFORMED = "FAILED", "not performed"


class Runner:
    """Runs checks, shows how far they are, records how they ended."""

    def __init__(self, console: Console, state: record.State, sources: record.Sources, scale: float) -> None:
        self.console = console
        self.state = state
        self.sources = sources
        self.scale = scale
        self.keep = True

    def run(self, check: Check, seed: int) -> str:
        """Bring a check to its end; what the record says of it."""
        at = self.state.checks.setdefault(check.name, record.Progress(seed))
        total = check.size(self.scale)
        self.console.print(f"{check.name}: {check.doc}; seed {at.seed}, {at.done} of {total} done")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(check.name, total=total, completed=at.done)
            try:
                while at.done < total:
                    self._part(check, at, min(check.part, total - at.done))
                    bar.update(task, completed=at.done)
                result = f"ok: {check.judge(at.seen)}"
            except NotPerformed as reason:
                result = f"{NOT_PERFORMED}: {reason}"
            except pytest.skip.Exception as reason:
                result = f"{NOT_PERFORMED}: {reason}"
            except (
                Exception,
                pytest.fail.Exception,
            ) as error:  # a check that breaks has failed; the others shall still run
                self.console.print(f"{check.name}, seed {at.seed + at.parts}:\n{error}", markup=False)
                kind = (
                    ""
                    if isinstance(error, AssertionError | pytest.fail.Exception)
                    else f"{type(error).__name__}: "
                )
                first = next(iter(str(error).splitlines()), "")
                result = f"{FAILED} at seed {at.seed + at.parts}: {kind}{first}"
        self._ended(check, at, result)
        return result

    def _part(self, check: Check, at: record.Progress, count: int) -> None:
        start = time.monotonic()
        try:
            seen = check.func(count, at.seed + at.parts)
        finally:
            at.seconds += time.monotonic() - start
        at.done += count
        at.parts += 1
        for name, number in seen.items():
            at.seen[name] = at.seen.get(name, 0) + number
        self.state.save()

    def _ended(self, check: Check, at: record.Progress, result: str) -> None:
        self.console.print(f"{check.name}: {result} ({at.seconds:.0f} s)", markup=False)
        del self.state.checks[check.name]
        self.state.save()
        if check.name.startswith("litmus") and at.seen:
            table = checks.litmus_table(at.seen)
            self.console.print(table, markup=False)
            if self.keep:
                tables(check.name, self.sources.commit, table)
        if self.keep:
            today = datetime.now(UTC).strftime("%Y-%m-%d")
            record.append((today, self.sources.commit, check.name, record.machine(), str(at.done),
                           str(at.seed), f"{at.seconds:.0f} s", result))  # fmt: skip


def prepare(console: Console) -> None:
    """Build the engine, if need be: no check shall measure that, or kill it."""
    with console.status("building the engine"):
        subprocess.run([sys.executable, "-m", "vcpu_worker.codegen.build"], cwd=record.ROOT, check=True,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def tables(name: str, commit: str, text: str) -> None:
    """Put the newest histogram of a check into LITMUS.md."""
    path = record.TABLES
    parts: dict[str, str] = {}
    if path.exists():
        for part in path.read_text().split("\n## ")[1:]:
            parts[part.split(",", 1)[0]] = part
    parts[name] = f"{name}, commit {commit}, {record.machine()}\n\n```\n{text}\n```\n"
    head = (
        "# Outcomes of the litmus tests\n\nThe newest long run of each: outcome: times; `!` is forbidden.\n"
    )
    path.write_text(head + "".join(f"\n## {part}" for _, part in sorted(parts.items())))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.run", description="The long run.")
    parser.add_argument(
        "--only", action="append", metavar="NAME", choices=sorted(CHECKS), help="this check; repeatable"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="multiply every count (default 1)")
    parser.add_argument("--seed", type=int, help="first seed (default: random, printed)")
    parser.add_argument("--restart", action="store_true", help="forget how far an interrupted run was")
    parser.add_argument("--no-record", action="store_true", help="neither resume nor write tests/SOAK.md")
    parser.add_argument("--list", action="store_true", help="name the checks and end")
    args = parser.parse_args(argv)
    console = Console(highlight=False, soft_wrap=True)
    if args.list:
        for check in CHECKS.values():
            console.print(f"{check.name:12} {check.size(args.scale):>9}  {check.doc}", markup=False)
        return 0
    sources = record.sources()
    state = record.State(f"{sources.digest} {args.scale}", keep=not args.no_record)
    if args.restart:
        state.checks.clear()
    runner = Runner(console, state, sources, args.scale)
    runner.keep = not args.no_record
    failed = 0
    try:
        prepare(console)
        for name in args.only or CHECKS:
            seed = args.seed if args.seed is not None else random.SystemRandom().getrandbits(31)
            failed += runner.run(CHECKS[name], seed).startswith(FAILED)
    except KeyboardInterrupt:
        state.save()
        console.print("interrupted; the next run goes on from here")
        return 130
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
