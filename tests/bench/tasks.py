"""What can be measured: a task is run on one engine and then on the other, again and again.

Rules
- one run of a task gives a value for each of its metrics, and a `check`, which has to be the same in
  every run on every engine (law of the bench: who computes something else has no speed);
- a metric says in which direction it is better and which targets of DESIGN it has;
- a failed run is an outcome too: its text is the row's value in the report.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from emu.guests.cache import GuestMissing, guest
from tests.bench import figures
from tests.bench.engines import OURS, QEMU, Beside, Caches, Engine, Run, build_engine, run_engine, watch_build
from tests.bench.guests import Guest
from tests.bench.profiles import Code, Profile, of_imports, of_run, of_steps
from tests.bench.sampling import Sampler, Samples

TICKS_HZ = 10_000_000
_LINE = re.compile(
    rb"^BENCH (?P<name>\S+) sum=(?P<sum>[0-9a-f]{16}) ops=(?P<ops>\d+) insns=(?P<insns>\d+) "
    rb"ticks=(?P<ticks>\d+)(?: hist=(?P<hist>\S+))?\r?$",
    re.MULTILINE,
)
CONSOLE = "console=ttyS0 earlycon=sbi"
LINUX_END = b"reboot: Power down"
LINUX_TROUBLE = re.compile(rb"^.*(?:WARNING:|BUG:|Oops|Call Trace|Kernel panic|rcu:.*stall).*$", re.MULTILINE)


@dataclass(frozen=True)
class Target:
    """`ratio`: speed as a fraction of QEMU's, at least. `limit`: our value, at most; `floor`: at least."""

    ratio: float | None = None
    limit: float | None = None
    floor: float | None = None

    def text(self) -> str:
        """For the table."""
        if self.ratio is not None:
            return f">= {figures.short(self.ratio)}x"
        if self.floor is not None:
            return f">= {figures.short(self.floor)}"
        return "" if self.limit is None else f"<= {figures.short(self.limit)}"

    def margin(self, ours: float | None, ratio: float | None) -> float | None:
        """How well it is met: 1 just so, less is missed. None if it cannot be told."""
        if self.ratio is not None:
            return None if ratio is None else ratio / self.ratio
        if ours is None or not ours:
            return None
        if self.floor is not None:
            return ours / self.floor
        return None if self.limit is None else self.limit / ours


NO_TARGET = Target()


@dataclass(frozen=True)
class Metric:
    """One row of the report. `targets` by stage: "boot", "translator" (DESIGN, Targets)."""

    name: str
    unit: str
    lower_is_better: bool = False
    targets: Mapping[str, Target] = field(default_factory=dict)


@dataclass
class Outcome:
    """One run of a task. `values` by metric; `facts` are for the JSON; `failure` "" means it ended well."""

    values: dict[str, float] = field(default_factory=dict)
    check: str = ""
    insns_per_op: float | None = None  # exact, from our minstret
    facts: dict[str, object] = field(default_factory=dict)
    failure: str = ""

    def used(self, run: Run) -> Outcome:
        """Note the processes' times, which say what the time went into."""
        self.facts |= {"wall_s": run.wall_s, "user_s": run.user_s, "sys_s": run.sys_s}
        self.failure = self.failure or run.failure()
        return self


@dataclass(frozen=True)
class Context:
    """What tasks need of the bench that runs them."""

    caches: Caches
    scale: int
    timeout_s: float

    def run(
        self, engine: Engine, arguments: list[str], *, cold: bool = False, beside: Beside | None = None
    ) -> Run:
        """A run of `engine`, ours with a warm engine unless `cold`. Raises engines.BuildFailed."""
        cache = None
        if engine.name == OURS:
            cache = self.caches.empty() if cold else self.caches.warm()
        return run_engine(engine, arguments, self.timeout_s, cache, beside)

    def sample(self, engine: Engine, arguments: list[str], harts: int, *, cold: bool = False) -> Samples:
        """A run of ours with a sampler beside it, for a profile."""
        samplers: list[Sampler] = []

        def beside(pid: int) -> Sampler:
            samplers.append(Sampler(pid, harts))
            return samplers[0]

        self.run(engine, arguments, cold=cold, beside=beside)
        return samplers[0].samples


class Task(ABC):
    """Something measured. `most_runs` bounds its runs; `engines` are those it is for."""

    most_runs: int | None = None
    engines: ClassVar[tuple[str, ...]] = (OURS, QEMU)

    def __init__(self, name: str, metrics: tuple[Metric, ...]) -> None:
        self.name = name
        self.metrics = metrics

    @abstractmethod
    def run(self, engine: Engine, context: Context) -> Outcome:
        """One measurement. Raises what the building of guests and engines raises."""

    def profile(self, engine: Engine, context: Context) -> Profile | None:
        """Where the time of a run of ours goes; None if there is nothing to look at."""
        return None


def bare_arguments(elf: str, harts: int) -> list[str]:
    """Options that start an ELF in M-mode; the same for both engines."""
    return ["-M", "virt", "-smp", str(harts), "-m", "256M", "-nographic", "-bios", "none", "-kernel", elf]


def profile_guest(task_guest: Guest, engine: Engine, context: Context) -> Profile:
    """Where the time of a bare guest goes, by its symbols."""
    elf = task_guest.build(context.scale)
    samples = context.sample(engine, bare_arguments(str(elf), task_guest.harts), task_guest.harts)
    return of_run(task_guest.name, samples, Code(task_guest.build(context.scale, symbols=True)))


def run_guest(task_guest: Guest, engine: Engine, context: Context, extra: tuple[str, ...] = ()) -> Outcome:
    """Run a guest to its end: metrics `rate` (ops/s), `p50` and `p99` (us) if it kept a histogram."""
    elf = task_guest.build(context.scale)
    run = context.run(engine, [*bare_arguments(str(elf), task_guest.harts), *extra])
    found = _LINE.search(run.output)
    if found is None:
        tail = run.output.decode(errors="replace").strip().splitlines()[-1:]
        failure = run.failure() or f"no result line; it printed {tail}"
        return Outcome(failure=failure).used(run)
    seconds = int(found["ticks"]) / TICKS_HZ
    ops, insns = int(found["ops"]), int(found["insns"])
    outcome = Outcome({"rate": ops / seconds}, found["sum"].decode()).used(run)
    outcome.facts |= {"guest_s": seconds, "ops": ops, "insns": insns}
    if engine.name == OURS or "-icount" in extra:
        outcome.insns_per_op = insns / ops
    if found["hist"]:
        histogram = figures.parse_histogram(found["hist"].decode())
        outcome.values |= {q: figures.histogram_us(histogram, int(q[1:]) / 100) for q in ("p50", "p99")}
    if seconds > run.wall_s and "-icount" not in extra:
        outcome.failure = f"the guest's clock saw {seconds:.2f} s in {run.wall_s:.2f} s"
    return outcome


class KernelTask(Task):
    """A guest that says how often it did something: MIPS, or operations per second in `unit`.

    exact: its instruction count depends on nothing but the ELF, so every run must give the same.
    """

    def __init__(self, task_guest: Guest, metric: Metric, divisor: float, exact: bool = True) -> None:
        super().__init__(task_guest.name, (metric,))
        self.guest = task_guest
        self.divisor = divisor
        self.exact = exact

    @property
    def in_mips(self) -> bool:
        """Whether the row is in instructions per second, so wants the exact count."""
        return self.metrics[0].unit == "MIPS"

    def run(self, engine: Engine, context: Context) -> Outcome:
        outcome = run_guest(self.guest, engine, context)
        rate = outcome.values.pop("rate", None)
        if rate is not None:
            outcome.values[self.metrics[0].name] = rate / self.divisor
        return outcome

    def profile(self, engine: Engine, context: Context) -> Profile:
        return profile_guest(self.guest, engine, context)

    def count(self, engine: Engine, context: Context) -> Outcome:
        """The same on QEMU with -icount, where minstret is exact as ours."""
        return run_guest(self.guest, engine, context, ("-icount", "shift=0,sleep=off"))


class LatencyTask(Task):
    """A guest with a histogram: metrics are `NAME p50` and `NAME p99`, in microseconds."""

    def __init__(self, task_guest: Guest, targets: Mapping[str, Target]) -> None:
        self.guest = task_guest
        p50, p99 = (Metric(f"{task_guest.name} {q}", "us", True) for q in ("p50", "p99"))
        super().__init__(task_guest.name, (Metric(p50.name, "us", True, targets), p99))

    def run(self, engine: Engine, context: Context) -> Outcome:
        outcome = run_guest(self.guest, engine, context)
        outcome.facts["mean_us"] = 1e6 / outcome.values.pop("rate") if outcome.values else None
        outcome.values = {f"{self.name} {q}": value for q, value in outcome.values.items()}
        return outcome

    def profile(self, engine: Engine, context: Context) -> Profile:
        return profile_guest(self.guest, engine, context)


class ScalingTask(Task):
    """The same work on every hart: throughput of two harts over that of one, measured back to back."""

    def __init__(self, name: str, one: Guest, two: Guest, targets: Mapping[str, Target]) -> None:
        super().__init__(name, (Metric(name, "times", False, targets),))
        self.parts = one, two

    def run(self, engine: Engine, context: Context) -> Outcome:
        alone, both = (run_guest(part, engine, context) for part in self.parts)
        failure = alone.failure or both.failure
        facts: dict[str, object] = {"one": alone.facts, "two": both.facts}
        if failure:
            return Outcome(facts=facts, failure=failure)
        value = both.values["rate"] / alone.values["rate"]
        return Outcome({self.name: value}, f"{alone.check} {both.check}", facts=facts)

    def profile(self, engine: Engine, context: Context) -> Profile:
        return profile_guest(self.parts[1], engine, context)


class StartTask(Task):
    """From exec to a guest's first byte of output, and to the end of the process."""

    def __init__(self, task_guest: Guest, targets: Mapping[str, Target]) -> None:
        self.guest = task_guest
        first = Metric("start: exec to first output", "ms", True, targets)
        super().__init__("start", (first, Metric("start: exec to exit", "ms", True)))

    def run(self, engine: Engine, context: Context) -> Outcome:
        run = context.run(engine, bare_arguments(str(self.guest.build()), 1))
        outcome = Outcome(check=run.output.decode(errors="replace").strip()).used(run)
        if run.first_s is None:
            outcome.failure = outcome.failure or "no output"
        elif not outcome.failure:
            outcome.values = {self.metrics[0].name: run.first_s * 1e3, self.metrics[1].name: run.wall_s * 1e3}
        return outcome

    def profile(self, engine: Engine, context: Context) -> Profile:
        """Also what main's imports take: they are in every start."""
        arguments = bare_arguments(str(self.guest.build()), 1)
        sampled = of_run(self.name, context.sample(engine, arguments, 1), Code(None))
        if engine.command[0] != sys.executable:
            return sampled  # a program we were given: its interpreter is not ours to ask
        asking = replace(engine, command=(sys.executable, "-X", "importtime", *engine.command[1:]))
        imports = of_imports(context.run(asking, arguments).errors)
        return Profile(sampled.lines + imports.lines, sampled.data | imports.data)


class LinuxTask(Task):
    """Debian's kernel to user space and power-off. `cold`: ours has no engine yet."""

    def __init__(self, harts: int, cold: bool, targets: Mapping[str, Target]) -> None:
        name = f"linux-{harts}-{'cold' if cold else 'warm'}"
        super().__init__(name, (Metric(name, "s", True, targets),))
        self.harts = harts
        self.cold = cold
        self.most_runs = 1 if cold else None

    def run(self, engine: Engine, context: Context) -> Outcome:
        try:
            arguments = linux_arguments(self.harts, "test=poweroff")
        except GuestMissing as error:
            return Outcome(failure=str(error))
        run = context.run(engine, arguments, cold=self.cold)
        outcome = Outcome({self.name: run.wall_s}, f"nproc={self.harts}").used(run)
        trouble = LINUX_TROUBLE.search(run.output)
        if trouble:
            outcome.failure = f"the kernel says: {trouble[0].decode(errors='replace').strip()}"
        elif f"GUEST-READY nproc={self.harts} ".encode() not in run.output:
            outcome.failure = outcome.failure or f"user space never saw {self.harts} harts"
        elif LINUX_END not in run.output:
            outcome.failure = outcome.failure or "no orderly power-off"
        return outcome

    def profile(self, engine: Engine, context: Context) -> Profile:
        arguments = linux_arguments(self.harts, "test=poweroff")
        samples = context.sample(engine, arguments, self.harts, cold=self.cold)
        return of_run(self.name, samples, Code(None), by_mode=True)


def linux_arguments(harts: int, words: str) -> list[str]:
    """Options of the reference boot: OpenSBI, Debian's kernel, our initramfs. Raises GuestMissing."""
    files = {"-bios": "opensbi", "-kernel": "linux", "-initrd": "initrd"}
    options = ["-M", "virt", "-smp", str(harts), "-m", "1G", "-nographic"]
    for option, name in files.items():
        options += [option, str(guest(name))]
    return [*options, "-append", f"{CONSOLE} {words}"]


# a line of the builder's that is no native's name tells what begins; what has ended by then
STEP_ENDED = {"natives": "imports", "handlers": "natives", "optimise and link": "handlers",
              "store": "optimise and link", "done": "store"}  # fmt: skip


class CompileTask(Task):
    """The engine's compilation from nothing."""

    engines = (OURS,)

    def __init__(self, targets: Mapping[str, Target]) -> None:
        name = "engine compile, cold"
        wall = Metric(name, "s", True, targets)
        super().__init__("compile", (wall, Metric(f"{name}: processor time", "s", True)))
        self.most_runs = 1

    def run(self, engine: Engine, context: Context) -> Outcome:
        run, failure = build_engine(context.caches.empty())
        outcome = Outcome(failure=failure).used(run)
        if not outcome.failure:
            values = (run.wall_s, run.user_s + run.sys_s)
            outcome.values = {metric.name: value for metric, value in zip(self.metrics, values, strict=True)}
        return outcome

    def profile(self, engine: Engine, context: Context) -> Profile:
        """By the builder's own steps."""
        steps = [(at, STEP_ENDED.get(what, what)) for at, what in watch_build(context.caches.empty())]
        names = set(STEP_ENDED.values())
        return of_steps(self.name, steps, lambda what: what if what in names else "natives")
