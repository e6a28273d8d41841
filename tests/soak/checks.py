"""The checks of the long run. Each stands on a test of the suite, with a larger count and other seeds.

Counts are those the project has promised; `--scale` changes all of them.
"""

from __future__ import annotations

import importlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.soak.registry import NotPerformed, Seen, check, sums
from tests.system import litmus, test_adbits, test_atomics, test_ipi, test_litmus, test_output
from tests.system.guests.run import hogs

ROOT = Path(__file__).resolve().parents[2]
MILLION = 1_000_000
HOGS = 2
REPLACED_S = 5.0  # a machine that has lost a hart ends at once
# modules whose soak-marked tests are checks here
REGISTERED = (
    "tests/isa/test_fp.py",
    "tests/isa/test_unicorn.py",
    "tests/isa/test_models.py",
    "tests/system/test_privileged_oracle.py",
    "tests/mutants",
)


def _two_processors() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        raise NotPerformed("one processor: no two harts ever run at once")


# -- memory model --------------------------------------------------------------------------------------


def _flat(counts: litmus.Counts) -> Seen:
    return {f"{name} {''.join(map(str, o))}": n for name, row in counts.items() for o, n in row.items()}


def _counts(seen: Mapping[str, int]) -> litmus.Counts:
    counts: litmus.Counts = {}
    for key, number in seen.items():
        name, _, digits = key.rpartition(" ")
        counts.setdefault(name, {})[tuple(map(int, digits))] = number
    return counts


def litmus_table(seen: Mapping[str, int]) -> str:
    """The histograms as text."""
    return litmus.table(_counts(seen))


def _judge_two(seen: Mapping[str, int]) -> str:
    counts = _counts(seen)
    weak = litmus.overlapped(counts)
    if not weak:
        raise NotPerformed("SB never showed r1 = r2 = 0: no real overlap")
    return f"{sum(seen.values())} outcomes, none forbidden; SB r1=r2=0 {weak} times"


def _judge_four(seen: Mapping[str, int]) -> str:
    return f"{sum(seen.values())} outcomes, none forbidden"


def _litmus(count: int, seed: int, harts: int) -> Seen:
    counts = test_litmus.run(count, seed, harts)
    bad = litmus.violations(counts)
    assert not bad, "; ".join(bad)
    return _flat(counts)


@check("litmus-2", count=MILLION, part=25_000, judge=_judge_two,
       doc="MP, SB, LB, CoRR on two harts: nothing outside RVWMO; count is runs of each test")  # fmt: skip
def litmus_two(count: int, seed: int) -> Seen:
    """A part."""
    _two_processors()
    return _litmus(count, seed, 2)


@check("litmus-4", count=100_000, part=10_000, judge=_judge_four,
       doc="IRIW on four harts: stores are seen in one order; count is runs of each test")  # fmt: skip
def litmus_four(count: int, seed: int) -> Seen:
    """A part."""
    _two_processors()
    return _litmus(count, seed, 4)


def _atomics(harts: int) -> Callable[[int, int], Seen]:
    def part(count: int, seed: int) -> Seen:
        return {"operations of each kind": count, "meetings": test_atomics.run(count, seed, harts)}

    return part


def _met(seen: Mapping[str, int]) -> str:
    """Harts that took turns on a processor have not contended."""
    if seen["meetings"] < seen["operations of each kind"] // test_atomics.ENOUGH:
        raise NotPerformed(f"totals were exact, but the harts hardly met: {sums(seen)}")
    return sums(seen)


for _harts in (2, 4):
    check(
        f"atomics-{_harts}",
        count=10 * MILLION,
        part=2 * MILLION,
        judge=_met,
        doc=f"LR/SC and AMOs of {_harts} harts: exact totals; count is operations of each kind",
    )(_atomics(_harts))


@check(
    "adbits",
    count=MILLION,
    part=100_000,
    doc="walkers and a writer (hart, process) on one PTE: no bit lost; count is races",
)
def adbits(count: int, seed: int) -> Seen:
    """Two harts, three, then a writer on the host against one hart and two."""
    _two_processors()
    harts, host_writer = ((2, False), (3, False), (1, True), (2, True))[seed % 4]
    return {"races": count, "with the writer at work": test_adbits.run(count, seed, harts, host_writer)}


# -- wake-ups ------------------------------------------------------------------------------------------


@check(
    "ipi-idle",
    count=MILLION,
    part=50_000,
    doc="IPI round trips between sleeping harts, idle host; none lost",
)
def ipi_idle(count: int, seed: int) -> Seen:
    """Two harts and four by turns."""
    return {"round trips": test_ipi.run(count, seed, 2 + 2 * (seed % 2))}


@check("ipi-loaded", count=MILLION, part=10_000, doc="the same while two processes hog the processors")
def ipi_loaded(count: int, seed: int) -> Seen:
    """Two harts and four by turns."""
    with hogs(HOGS):
        return {"round trips": test_ipi.run(count, seed, 2 + 2 * (seed % 2))}


@check(
    "device", count=100_000, part=20_000, doc="UART interrupts through the PLIC to sleeping harts; none lost"
)
def device(count: int, seed: int) -> Seen:
    """One to four harts."""
    return {"interrupts": test_ipi.run_device(count, seed, 1 + seed % 4)}


@check("output", count=100_000, part=20_000, doc="characters of several harts on one UART, in order")
def output(count: int, seed: int) -> Seen:
    """Two harts and four by turns."""
    return {"characters": test_output.run(count, seed, 2 + 2 * (seed % 2))}


# -- instructions against oracles ----------------------------------------------------------------------


@check(
    "fp",
    count=10 * MILLION,
    part=MILLION,
    doc="floating point against exact arithmetic; count is operand sets",
)
def floating_point(count: int, seed: int) -> Seen:
    """All operations and rounding modes."""
    from tests.isa import test_fp

    bad = test_fp.run(count, seed)
    assert bad == 0, f"{bad} results differ from exact arithmetic"
    return {"operand sets": count}


def _by_group(module: str) -> Callable[[int, int], Seen]:
    def part(count: int, seed: int) -> Seen:
        tests = importlib.import_module(module)
        done = 0
        for group in tests.GROUPS:
            done += tests.run(group, count, seed)
        return {"instructions": done}

    return part


check("unicorn", count=MILLION, part=50_000, doc="random programs against Unicorn; count is per group")(
    _by_group("tests.isa.test_unicorn")
)
check(
    "models", count=MILLION, part=50_000, doc="random programs against Python models; count is per extension"
)(_by_group("tests.isa.test_models"))


@check("privileged", count=100_000, part=1_000, doc="random M/S/U programs against QEMU; count is programs")
def privileged(count: int, seed: int) -> Seen:
    """A part."""
    from emu.guests import GuestMissing, guest
    from tests.system import test_privileged_oracle as oracle

    try:
        guest("qemu")
    except GuestMissing as error:
        raise NotPerformed(str(error)) from error
    done = 0
    while done < count:
        oracle.compare(f"{seed}/{done}", min(oracle.PROGRAMS, count - done))
        done += oracle.PROGRAMS
    return {"programs": count}


# -- the whole machine ---------------------------------------------------------------------------------


@check(
    "boots", count=20, part=1, doc="Debian on four harts to power-off while two processes hog the processors"
)
def boots(count: int, seed: int) -> Seen:
    """Boots, one after the other."""
    from emu.guests import GuestMissing, guest
    from tests.system import test_linux

    try:
        guest("linux")
    except GuestMissing as error:
        raise NotPerformed(str(error)) from error
    with hogs(HOGS):
        for _ in range(count):
            with test_linux.linux(4, "builtin", "test=poweroff") as vm:
                status = vm.wait(600)
                assert status == 0, f"exit status {status}\n{vm.tail()}"
                test_linux.no_complaint(vm.console)
    return {"boots": count}


@check("kill", count=50, part=5, doc="SIGKILL of main or of a hart at a random moment: nothing is left")
def kill(count: int, seed: int) -> Seen:
    """Half of the moments in the first 300 ms."""
    from tests.lib import rawguest
    from tests.lib.processes import session_members
    from tests.system import test_emu_processes

    rng = random.Random(seed)
    seen = {"main killed": 0, "a hart killed": 0, "a stopped hart killed": 0}
    images = {"spin": rawguest.spin(), "access": rawguest.access(), "resets": rawguest.resets(100_000)}
    with tempfile.TemporaryDirectory() as folder:
        for n in range(count):
            guest = rng.choice(sorted(images))
            moment = rng.uniform(0, 0.3) if n % 2 else rng.uniform(0.3, 3.0)
            with test_emu_processes.emu(rawguest.written(Path(folder), images[guest])) as vm:
                time.sleep(moment)  # the moment is what is tested
                harts = [p for p in session_members(vm.pid) if p.name().startswith("emu-hart")]
                if not harts or rng.random() < 0.5:
                    vm.kill()
                    seen["main killed"] += 1
                else:
                    rng.choice(harts).kill()
                    try:
                        status = vm.status(REPLACED_S)
                    except subprocess.TimeoutExpired:
                        # it was stopped, so nothing was lost, and the machine goes on (law 5)
                        names = [p.name() for p in session_members(vm.pid)]
                        vm.kill()
                        assert all(f"emu-hart{i}" in names for i in range(4)), f"{guest}: {names}"
                        assert "a new worker takes over" in vm.errors(), guest
                        seen["a stopped hart killed"] += 1
                    else:
                        errors = vm.errors()
                        where = f"{guest}, kill {n} of a hart after {moment:.3f} s: status {status}: {errors}"
                        assert status == 1, where
                        assert "killed by signal 9" in errors, where
                        seen["a hart killed"] += 1
                vm.assert_nothing_left()
    return seen


# -- the tests themselves ------------------------------------------------------------------------------


def _mutants() -> int:
    from tests.mutants.table import MUTANTS

    return len(MUTANTS)


@check("mutants", count=_mutants(), part=1, doc="every mutant of our own code is noticed by its tests")
def mutants(count: int, seed: int) -> Seen:
    """Parts go through the table in order: the runner numbers them by their seeds."""
    from tests.mutants.table import MUTANTS
    from tests.mutants.tree import hunt

    for n in range(count):
        mutant = MUTANTS[(seed + n) % len(MUTANTS)]
        verdict = hunt(mutant)
        assert verdict.killed, f"mutant {mutant.name} lives: {mutant.rule}: {verdict.words[-500:]}"
    return {"mutants noticed": count}


@check("marked", count=1, part=1, doc="the other tests marked soak", judge=sums)
def marked(count: int, seed: int) -> Seen:
    """pytest -m soak without those that are checks here."""
    ignore = [f"--ignore={ROOT / name}" for name in REGISTERED]
    line = [sys.executable, "-m", "pytest", "-q", "-m", "soak", "--timeout", "7200", *ignore, "tests"]
    done = subprocess.run(
        line, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode == 5:
        raise NotPerformed("no other test is marked soak")
    assert done.returncode == 0, done.stdout[-2000:]
    return {"runs": 1}
