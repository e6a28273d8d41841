"""From outcomes to rows, a table, and JSON.

Rules
- a ratio is our speed over QEMU's, of the medians: 2 is twice as fast, whatever the unit;
- the worst row comes first: what failed, then by ratio, and where there is no QEMU to compare with, by how
  well the target is met;
- a target is judged against the reference QEMU alone.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench.engines import OURS, QEMU, Engine
from tests.bench.figures import Summary, short, summary
from tests.bench.tasks import NO_TARGET, KernelTask, Metric, Outcome, Target, Task

Outcomes = Mapping[str, Sequence[Outcome]]  # by engine


@dataclass
class Row:
    """One line of the table."""

    name: str
    unit: str
    ours: Summary | None
    qemu: Summary | None
    ratio: float | None
    target: Target
    margin: float | None
    failure: str = ""

    @property
    def score(self) -> float:
        """What rows are ordered by; smaller is worse."""
        if self.failure:
            return -1.0
        return next((each for each in (self.ratio, self.margin) if each is not None), 1e9)

    @property
    def missed(self) -> bool:
        """Whether it has a target and does not reach it."""
        return self.margin is not None and self.margin < 1

    def verdict(self) -> str:
        """The last column."""
        if self.failure:
            return f"FAILED: {self.failure}"
        if self.margin is None:
            return ""
        return "MISSED" if self.missed else "met"


def rows(task: Task, outcomes: Outcomes, stage: str, judge: bool) -> list[Row]:
    """The rows of a task. `judge`: QEMU is the reference, so ratios have targets."""
    failure = _failure(task, outcomes)
    made = []
    for metric in task.metrics:
        factor, unit = _mips(task, metric, outcomes)
        ours, qemu = (
            summary([o.values[metric.name] * factor for o in outcomes.get(name, ())
                     if not o.failure and metric.name in o.values]) for name in (OURS, QEMU)
        )  # fmt: skip
        ratio = None
        if ours and qemu and ours.median and qemu.median:
            ratio = ours.median / qemu.median
            ratio = 1 / ratio if metric.lower_is_better else ratio
        target = metric.targets.get(stage, NO_TARGET)
        if target.ratio is not None and not judge:
            target = NO_TARGET
        margin = target.margin(ours.median if ours else None, ratio)
        made.append(Row(metric.name, unit, ours, qemu, ratio, target, margin, failure))
    return made


def _mips(task: Task, metric: Metric, outcomes: Outcomes) -> tuple[float, str]:
    """Factor and unit of a row: MIPS are operations times the exact count of instructions in each."""
    if not (isinstance(task, KernelTask) and task.in_mips):
        return 1.0, metric.unit
    counts = [o.insns_per_op for each in outcomes.values() for o in each if o.insns_per_op]
    return (counts[0], "MIPS") if counts else (1.0, "M rounds/s")


def _failure(task: Task, outcomes: Outcomes) -> str:
    """Why the task counts as failed; "" if it does not."""
    for name, each in outcomes.items():
        for outcome in each:
            if outcome.failure:
                return f"{name}: {outcome.failure}"
    checks = {name: {o.check for o in each} for name, each in outcomes.items() if each}
    if len(set().union(*checks.values())) > 1:
        told = "; ".join(f"{name} {' '.join(sorted(each))}" for name, each in sorted(checks.items()))
        return f"results differ: {told}"
    if isinstance(task, KernelTask) and task.exact:
        counts = {o.insns_per_op for each in outcomes.values() for o in each if o.insns_per_op}
        if len(counts) > 1:
            return f"instruction counts differ: {sorted(counts)} per operation"
    return ""


def table(every: Sequence[Row]) -> str:
    """All rows, the worst first."""
    lines = [("row", "unit", "emu", "", "QEMU", "", "emu/QEMU", "target", "")]
    for row in sorted(every, key=lambda r: r.score):
        ratio = "-" if row.ratio is None else f"{short(row.ratio)}x"
        both = (*_cell(row.ours), *_cell(row.qemu))
        lines.append((row.name, row.unit, *both, ratio, row.target.text(), row.verdict()))
    widths = [max(len(line[i]) for line in lines) for i in range(8)]
    pad = (str.ljust, str.ljust, str.rjust, str.ljust, str.rjust, str.ljust, str.rjust, str.ljust)
    made = []
    for line in lines:
        cells = [put(cell, width) for put, cell, width in zip(pad, line[:8], widths, strict=True)]
        made.append("  ".join([*cells, line[8]]).rstrip())
    return "\n".join(made)


def _cell(value: Summary | None) -> tuple[str, str]:
    if value is None:
        return "-", ""
    if value.runs == 1:
        return short(value.median), ""
    return short(value.median), f"[{short(value.low)}..{short(value.high)}]"


def where_time_went(task: Task, each: Sequence[Outcome]) -> str:
    """One line on our runs of a task that missed a target: wall, user and system time."""
    runs = [o.facts for o in each if not o.failure and "wall_s" in o.facts]
    if not runs:
        return ""
    wall, user, system = (
        statistics.median(float(str(r[key])) for r in runs) for key in ("wall_s", "user_s", "sys_s")
    )
    return (
        f"{task.name}: {wall:.2f} s wall, {user:.2f} s user, {system:.2f} s system "
        f"({100 * (user + system) / wall:.0f} % of a processor)"
    )


@dataclass
class Report:
    """A whole bench."""

    facts: dict[str, str]
    engines: list[Engine]
    runs: int
    quick: bool
    stage: str
    warnings: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    outcomes: dict[str, Outcomes] = field(default_factory=dict)
    profiles: dict[str, dict[str, object]] = field(default_factory=dict)  # by task

    def text(self) -> str:
        """For people."""
        head = [f"{name:13} {value}" for name, value in self.facts.items()]
        for engine in self.engines:
            told = f"MISSING: {engine.missing}" if engine.missing else engine.version
            head.append(f"{engine.name:13} {told}")
        head.append(f"{'runs':13} {self.runs}, interleaved; medians [lowest..highest]; worst row first")
        if self.quick:
            head.append(f"{'quick':13} a tenth of the work, one run: shows that it works, measures nothing")
        lines = [*head, *(f"warning: {text}" for text in self.warnings), "", table(self.rows)]
        if self.notes:
            lines += ["", "What our runs used, and where their time went:", *self.notes]
        return "\n".join(lines)

    def json(self) -> str:
        """For machines: everything, every run."""
        ordered = sorted(self.rows, key=lambda r: r.score)
        outcomes = {
            task: {engine: [asdict(o) for o in each] for engine, each in by.items()}
            for task, by in self.outcomes.items()
        }
        return json.dumps(
            {
                "facts": self.facts,
                "engines": [asdict(e) for e in self.engines],
                "runs": self.runs,
                "quick": self.quick,
                "stage": self.stage,
                "warnings": self.warnings,
                "rows": [{**asdict(r), "missed": r.missed} for r in ordered],
                "outcomes": outcomes,
                "profiles": self.profiles,
            },
            indent=1,
        )

    def save(self, path: Path) -> None:
        """Write the JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.json() + "\n")
