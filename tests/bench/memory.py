"""Memory that one more hart costs: what its worker process has for itself alone.

Rules
- unique is what /proc/PID/smaps calls private (mapped by this process and no other), except guest RAM:
  a page of RAM that only one hart has touched so far is the guest's, not the worker's;
- QEMU has one process: there a hart costs the difference between two numbers of harts, by the number;
- page tables of the host are not in it; they are in the facts of the JSON.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.bench.engines import OURS, Engine
from tests.bench.guests import Guest
from tests.bench.live import Live
from tests.bench.profiles import Profile
from tests.bench.tasks import Context, Metric, Outcome, Target, Task, bare_arguments, linux_arguments

_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(?P<path>.*)$")
_RAM = re.compile(r"/emu-ram-|memfd:emu-ram")
SETTLE_S = 0.5
MAPPINGS = 8  # told in a profile


def unique_bytes(pid: int) -> int:
    """Private bytes of a process, guest RAM left out. Raises OSError if it is gone."""
    return unique_by_mapping(pid).total()


def unique_by_mapping(pid: int) -> Counter[str]:
    """The same by what is mapped: a file's name, `[heap]`, or `anonymous`. Raises OSError."""
    found, name, counts = Counter[str](), "", True
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = _MAPPING.match(line)
        if head:
            counts = not _RAM.search(head["path"])
            name = head["path"].removesuffix(" (deleted)").rpartition("/")[2] or "anonymous"
        elif counts and line.startswith(("Private_Clean:", "Private_Dirty:", "Private_Hugetlb:")):
            found[name] += int(line.split()[1]) * 1024
    return found


def table_bytes(pid: int) -> int:
    """The host's page tables of a process. Raises OSError if it is gone."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmPTE:"))


class MemoryTask(Task):
    """`linux`: after a boot to user space, all harts computing; else a guest of a few instructions."""

    def __init__(self, spin: Guest, linux: bool, harts: int, targets: Mapping[str, Target]) -> None:
        name = f"memory per hart, {'Linux' if linux else 'bare guest'}"
        super().__init__("memory-linux" if linux else "memory-bare", (Metric(name, "MB", True, targets),))
        self.spin = spin
        self.linux = linux
        self.harts = harts
        self.most_runs = 1
        if linux:
            # QEMU's guest RAM cannot be told from its own memory once a kernel has used it
            self.engines = (OURS,)  # type: ignore[misc]

    def run(self, engine: Engine, context: Context) -> Outcome:
        if engine.name == OURS:
            return self._ours(engine, context)
        many, one = (self._whole(engine, context, harts) for harts in (self.harts, 1))
        if isinstance(many, str) or isinstance(one, str):
            return Outcome(failure=many if isinstance(many, str) else str(one))
        value = (many - one) / (self.harts - 1) / 1e6
        return Outcome({self.metrics[0].name: value}, facts={"one": one, str(self.harts): many})

    def _start(self, engine: Engine, context: Context, harts: int) -> tuple[Live, bytes]:
        if self.linux:
            return Live(engine, linux_arguments(harts, "test=spin"), context.caches), b"SPIN "
        return Live(engine, bare_arguments(str(self.spin.build()), harts), context.caches), b"BENCH spin"

    def _whole(self, engine: Engine, context: Context, harts: int) -> int | str:
        live, sign = self._start(engine, context, harts)
        with live:
            if not live.wait_for(sign, context.timeout_s):
                return live.failure()
            time.sleep(SETTLE_S)
            return unique_bytes(live.emulator_pid())

    def _ours(self, engine: Engine, context: Context) -> Outcome:
        live, sign = self._start(engine, context, self.harts)
        with live:
            if not live.wait_for(sign, context.timeout_s):
                return Outcome(failure=live.failure())
            time.sleep(SETTLE_S)
            main = psutil.Process(live.emulator_pid())
            children = main.children(recursive=True)
            workers = [p for p in children if "hart" in p.name()] or children
            if len(workers) < self.harts:
                return Outcome(failure=f"{len(workers)} workers for {self.harts} harts")
            sizes = {p.pid: unique_bytes(p.pid) for p in workers}
            facts = {
                "workers": {p.name(): [sizes[p.pid], p.memory_info().rss] for p in workers},
                "main": unique_bytes(main.pid),
                "page_tables": [table_bytes(p.pid) for p in workers],
            }
            # the most is what one more hart may cost: hart 0 did the boot's work
            return Outcome({self.metrics[0].name: max(sizes.values()) / 1e6}, facts=facts)

    def profile(self, engine: Engine, context: Context) -> Profile:
        """What the largest worker's private memory is."""
        live, sign = self._start(engine, context, self.harts)
        with live:
            if not live.wait_for(sign, context.timeout_s):
                return Profile([f"{self.name}: no profile: {live.failure()}"])
            time.sleep(SETTLE_S)
            workers = psutil.Process(live.emulator_pid()).children(recursive=True)
            parts = max((unique_by_mapping(p.pid) for p in workers), key=Counter.total)
        told = [f"{name} {size / 1e6:.1f} MB" for name, size in parts.most_common(MAPPINGS) if size >= 1e5]
        line = f"{self.name}: the largest worker's {parts.total() / 1e6:.1f} MB: {', '.join(told)}"
        return Profile([line], {"unique": dict(parts.most_common())})
