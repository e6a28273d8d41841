"""Everything the bench measures, with the targets that DESIGN gives each row.

Stages: "boot" is the first SMP boot (an interpreter), "translator" what comes after it. A row without a
target at a stage is reported only.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.bench.control import ControlTask
from tests.bench.guests import Guest
from tests.bench.memory import MemoryTask
from tests.bench.quick import QuickStartTask
from tests.bench.tasks import (
    CompileTask,
    KernelTask,
    LatencyTask,
    LinuxTask,
    Metric,
    ScalingTask,
    StartTask,
    Target,
    Task,
)

STAGES = ("boot", "translator")
Targets = Mapping[str, Target]


def at_least(boot: float | None, translator: float | None) -> Targets:
    """Ratios of our speed to QEMU's."""
    pairs = zip(STAGES, (boot, translator), strict=True)
    return {stage: Target(ratio=ratio) for stage, ratio in pairs if ratio is not None}


def at_most(boot: float, translator: float | None = None) -> Targets:
    """Limits in the row's own unit."""
    return {"boot": Target(limit=boot), "translator": Target(limit=translator or boot)}


# 400 MIPS "where QEMU does 2000", which is a ratio: machines differ
COMPUTE = at_least(0.2, 1.5)
NOT_SLOWER = at_least(None, 1.0)
SPIN = Guest("spin", "spin.S", alone=True)
IDLE = Guest("idle", "idle.S", alone=True)
CONTROL = at_least(1.0, 1.0)
TINY = Guest("tiny", "tiny.S", alone=True)


def _kernel(
    name: str, source: str, unit: str = "MIPS", targets: Targets = NOT_SLOWER, phase: int = 0,
    harts: int = 1, exact: bool = True,
) -> KernelTask:  # fmt: skip
    defines = (("PHASE", phase),) if phase else ()
    divisor = {"M": 1e6, "k": 1e3}.get(unit[0], 1.0)
    task_guest = Guest(name, source, defines, harts)
    return KernelTask(task_guest, Metric(name, unit, targets=targets), divisor, exact)


def _latency(name: str, source: str, targets: Targets, phase: int = 0, harts: int = 1) -> LatencyTask:
    defines = (("PHASE", phase),) if phase else ()
    return LatencyTask(Guest(name, source, defines, harts), targets)


def _alone(harts: int) -> Guest:
    return Guest(f"smp-alone-{harts}", "smp.c", (("PHASE", 4),), harts)


def tasks() -> list[Task]:
    """All of them, in the order in which they run: what is quick to tell first."""
    return [
        _kernel("k0-mix", "k0_mix.c", targets=COMPUTE),
        _kernel("k1-records", "k1_records.c", targets=COMPUTE),
        _kernel("k2-sort", "k2_sort.c", targets=COMPUTE),
        _kernel("k3-hash", "k3_hash.c", targets=COMPUTE),
        StartTask(TINY, at_most(250, 200)),
        QuickStartTask("none", at_most(150)),
        QuickStartTask("virt", at_most(150)),
        *(LinuxTask(harts, False, at_least(1 / 3, 1 / 1.5)) for harts in (1, 2, 4)),
        _kernel("sha256", "sha256.c"),
        _kernel("stream", "stream.c", "MB/s"),
        _kernel("chase", "chase.c", "M loads/s"),
        _kernel("matmul", "matmul.c", "MFLOP/s"),
        _kernel("nbody", "nbody.c", "k steps/s"),
        _kernel("sv39-touch", "sv39.c", "M pages/s", phase=1),
        _kernel("sv39-sfence-page", "sv39.c", "k rounds/s", phase=2),
        _kernel("sv39-sfence-all", "sv39.c", "k rounds/s", phase=3),
        _kernel("sv39-fault", "sv39.c", "k faults/s", phase=4),
        _kernel("sv39-switch", "sv39.c", "k switches/s", phase=5),
        _kernel("ecall", "ecall.c", "M traps/s"),
        _kernel("csr", "csr.c", "M CSRs/s"),
        _kernel("fencei", "fencei.c", "k rounds/s"),
        _kernel("mmio-lsr", "mmio.c", "M reads/s", phase=1),
        _kernel("mmio-mtime", "mmio.c", "M reads/s", phase=2),
        _latency("mmio-scr", "scr.c", at_most(10, 7)),
        _kernel("uart", "uart.c", "k chars/s", exact=False),
        _kernel("smp-amo", "smp.c", "M ops/s", phase=1, harts=2, exact=False),
        _kernel("smp-lrsc", "smp.c", "M ops/s", phase=2, harts=2, exact=False),
        _kernel("smp-lock", "smp.c", "M sections/s", phase=3, harts=2, exact=False),
        ScalingTask("smp-scaling", _alone(1), _alone(2), {"translator": Target(floor=1.9)}),
        _latency("ipi-running", "ipi.c", {}, phase=1, harts=2),
        _latency("ipi-sleeping", "ipi.c", {}, phase=2, harts=2),
        _kernel("ipi-pingpong", "ipi.c", "k trips/s", at_least(None, 0.7), phase=3, harts=2, exact=False),
        *(ControlTask(guest, load, harts, CONTROL if harts in (1, 4) else {})
          for guest, load in ((SPIN, "busy"), (IDLE, "idle")) for harts in (1, 4, 8)),
        MemoryTask(SPIN, False, 4, at_most(20)),
        MemoryTask(SPIN, True, 4, at_most(20)),
        CompileTask(at_most(60)),
        *(LinuxTask(harts, True, {}) for harts in (1, 2, 4)),
    ]


def guests(every: list[Task]) -> list[Guest]:
    """The ELFs behind the tasks, each once."""
    found: dict[str, Guest] = {SPIN.name: SPIN, IDLE.name: IDLE, TINY.name: TINY}
    for task in every:
        if isinstance(task, KernelTask | LatencyTask):
            found[task.guest.name] = task.guest
        elif isinstance(task, ScalingTask):
            found |= {part.name: part for part in task.parts}
    return list(found.values())
