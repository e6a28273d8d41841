"""Where an emulator of ours spends its time, seen from outside: its memory and /proc, looked at often.

Nothing is asked of the emulator, and it does nothing for this: a thread of the bench maps the control object
and reads the harts' slots every millisecond. What a sample says of a hart:

    asleep    WFI, or stopped by HSM
    waiting   an access or SBI call is with the main loop
    guest     compiled code; pc is that of the last block head (law 5), so a sample counts for its block
    python    the worker's loop around compiled code
    away      no worker yet, or it has not said that it is ready

Rules
- a profile is of a run of its own: the thread takes some percent of a processor from who is measured;
- what its processes execute on the host is another matter: `hostpc.py`, where the kernel allows it;
- processor time, and time spent waiting for a processor, are the kernel's (schedstat), for the whole of the
  run; shares by sample are of wall time between the first guest instruction and the end.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from ipc.layout import HART, HartState, View, control_size, slot_offset
from tests.bench.hostpc import HostPc
from tests.lib.objects import find_object, map_fd

INTERVAL_S = 0.001
KERNEL_EVERY = 20  # samples between two looks at /proc
STATES = ("guest", "waiting", "asleep", "python", "away")
COUNTERS = ("n_traps", "n_irqs", "n_mmio", "n_walks", "n_pages")
MASK64 = (1 << 64) - 1


@dataclass
class Used:
    """Of one process: seconds on a processor, and runnable without one."""

    on_cpu_s: float = 0.0
    queued_s: float = 0.0


@dataclass
class HartSamples:
    """What was seen of a hart. pcs: (mode, block head) while in guest code; waits: where accesses went; host:
    code of ours that its process executed, by name."""

    states: Counter[str] = field(default_factory=Counter)
    pcs: Counter[tuple[int, int]] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)
    host: Counter[str] = field(default_factory=Counter)
    used: Used = field(default_factory=Used)
    counters: dict[str, int] = field(default_factory=dict)


@dataclass
class Samples:
    """A whole run. marks: seconds since the start, by what was first seen then."""

    harts: list[HartSamples]
    main: Used = field(default_factory=Used)
    main_host: Counter[str] = field(default_factory=Counter)
    marks: dict[str, float] = field(default_factory=dict)
    looks: int = 0
    wall_s: float = 0.0


def scheduled(pid: int) -> Used | None:
    """The kernel's account of a process of one thread; None if it is gone or not accounted for."""
    try:
        on_cpu, queued, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (OSError, ValueError):
        return None
    return Used(int(on_cpu) / 1e9, int(queued) / 1e9)


class Sampler:
    """Samples the emulator `pid` with `harts` harts, from entering the block to leaving it."""

    def __init__(self, pid: int, harts: int) -> None:
        self.samples = Samples([HartSamples() for _ in range(harts)])
        self._pid = pid
        self._end = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="sampler")

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _mark(self, what: str) -> None:
        self.samples.marks.setdefault(what, time.monotonic() - self._began)

    def _run(self) -> None:
        hosts = {self._pid: HostPc(self._pid)}
        slots = self._slots()
        due = time.monotonic()
        while slots and not self._end.is_set():
            self._look(slots)
            if self.samples.looks % KERNEL_EVERY == 0:
                self._ask_kernel(slots)
                self._ask_clock_event(slots, hosts)
            self.samples.looks += 1
            due = max(due + INTERVAL_S, time.monotonic() - INTERVAL_S)
            self._end.wait(max(due - time.monotonic(), 0))
        self.samples.wall_s = time.monotonic() - self._began
        for slot, hart in zip(slots, self.samples.harts, strict=False):
            if (host := hosts.pop(slot.get("worker_pid"), None)) is not None:
                hart.host = host.close()
            hart.counters = {name: slot.get(name) for name in COUNTERS}
            hart.counters["retired"] = (slot.get("instret_base") - slot.get("bud")) & MASK64

        self.samples.main_host = hosts[self._pid].close()

    @staticmethod
    def _ask_clock_event(slots: list[View], hosts: dict[int, HostPc]) -> None:
        for slot in slots:
            pid = slot.get("worker_pid")
            if pid and pid not in hosts and slot.get("state") != HartState.DEAD:
                hosts[pid] = HostPc(pid)
        for host in hosts.values():
            host.take()
            host.look_at_maps()

    def _slots(self) -> list[View]:
        """Wait for the control object. Empty if the emulator ends before it has one."""
        size = control_size(len(self.samples.harts))
        while not self._end.is_set():
            self._ask_kernel([])
            fd = find_object(self._pid, size)
            if fd is not None:
                self._mark("memory made")
                control = map_fd(fd, size)
                return [View(HART, control, slot_offset(i)) for i in range(len(self.samples.harts))]
            self._end.wait(INTERVAL_S)
        return []

    def _look(self, slots: list[View]) -> None:
        began = "first guest instruction" in self.samples.marks
        for slot, hart in zip(slots, self.samples.harts, strict=True):
            state = state_of(slot)
            if state != "away":
                self._mark("first worker ready")
            if state == "guest":
                if not began:
                    self._mark("first guest instruction")
                at = block_of(slot)
                if at is not None:
                    hart.pcs[at] += 1
            elif state == "waiting":
                hart.waits[slot.get("exit_gpa")] += 1
            if began:
                hart.states[state] += 1

    def _ask_kernel(self, slots: list[View]) -> None:
        self.samples.main = scheduled(self._pid) or self.samples.main
        for slot, hart in zip(slots, self.samples.harts, strict=False):
            pid = slot.get("worker_pid")
            hart.used = (scheduled(pid) if pid else None) or hart.used


def state_of(slot: View) -> str:
    """One of STATES. Words are read one by one while the hart goes on, so a rare sample is of no moment."""
    if slot.get("state") == HartState.DEAD or not slot.get("worker_pid"):
        return "away"
    if slot.get("asleep"):
        return "asleep"
    if slot.get("mmio_seq") != slot.get("mmio_done"):
        return "waiting"
    return "guest" if slot.get("in_guest") else "python"


def block_of(slot: View) -> tuple[int, int] | None:
    """(mode, pc of the last block head); None if it changed while it was read."""
    rec, pcb = slot.get("rec"), slot.get("pcb")
    if not rec or (rec, pcb) != (slot.get("rec"), slot.get("pcb")):
        return None
    return slot.get("priv"), (pcb + rec // 4) & MASK64
