"""All harts of a machine: their workers' birth, stop, run, reset, end and death, by law 4.

Rules
- one generation for the VM, bumped by every request; a request goes to every hart, and is done when each
  living one has acknowledged exactly that generation;
- while we wait we serve: requests that may be begun, rings, messages, deaths. No lock is held;
- a hart that uses a second of processor time without acknowledging is broken and killed; one that gets
  no processor is waited for, with a log line every five seconds;
- a worker that dies stopped has lost nothing and is replaced; one that dies in guest code is lost
  until a reset (law 5);
- resume does not wait: a hart acknowledges it before its first instruction, and until then nothing of
  it is begun. Waiting would let the first harts run while the last ones queue for a processor.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from emu.loop.poll import MainLoop, Phase, PollRecord
from emu.runstate.harts import HartLoss
from emu.workers.descriptors import allow_descriptors
from emu.workers.handlers import Bus, ExitServer, SbiHandler, Upcalls
from emu.workers.process import Ended
from emu.workers.vcpu import RUNS, Vcpu
from emu.workers.work import WorkList
from ipc.doorbell import Bell
from ipc.layout import HartState, Want
from ipc.messages import Debugged, Report, WorkItem
from ipc.segment import Control, Reached, no_checkpoint
from vcpu_worker.parts import Engine, Region

ARENA_BYTES = 10 << 20  # a Debian boot is as fast with it as with 16 MiB
BROKEN_NS = 1_000_000_000
LOG_EVERY_S = 5.0
LOOK_EVERY_S = 0.1
QUIT_S = 0.5
MASK64 = (1 << 64) - 1


class WorkerFailed(Exception):
    """A worker could not be made, or ended before it was ready. The text is one line for the user."""


class Exhausted(Protocol):
    """Guest RAM, as far as a SIGBUS is explained by it (ipc.ram.Ram)."""

    def exhausted_text(self) -> str:
        """One line, with sizes."""
        ...


class Fleet:
    """The harts of one machine. `on_loss` is told of each lost hart, `on_debug` of each that stopped for a
    debugger; `log` takes a line."""

    def __init__(
        self,
        control: Control,
        engine: Engine,
        regions: tuple[Region, ...],
        ram: Exhausted,
        bus: Bus,
        sbi: SbiHandler,
        log: Callable[[str], None],
        on_loss: Callable[[HartLoss], None],
        reached: Reached = no_checkpoint,
        arena_bytes: int = ARENA_BYTES,
        on_debug: Callable[[int], None] | None = None,
    ) -> None:
        self.control = control
        self.bell = Bell()
        self._engine = engine
        self._header, self._slots = control.header_address, control.hart_address(0)
        self._regions = regions
        self._ram = ram
        self._log = log
        self._on_loss = on_loss
        self._reached = reached
        self._arena_bytes = arena_bytes
        self._generation = 0
        self._started = False
        self._quitting = False
        self._wants: Callable[[Vcpu], Want] = lambda v: Want.STOP
        self._exclusive = 0
        self._all_sent = True
        self._before: Callable[[Vcpu], Want] = self._wants
        self._ran = False
        self._loop: MainLoop | None = None
        allow_descriptors(control.harts)
        self.vcpus = tuple(Vcpu(i, control, engine) for i in range(control.harts))
        self.work = WorkList(self.vcpus)
        self.server = ExitServer(self.vcpus, bus, sbi, self.bell, reached, control.header)
        self._on_debug = on_debug or (lambda hart: None)
        self._upcalls = Upcalls(self.work.answered, self._debugged)
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._watch(self.bell.fileno(), self.server.on_bell)
        for v in self.vcpus:
            self._watch(v.up.fileno(), lambda v=v: self._upcalls.read(v))  # type: ignore[misc]

    # -- birth

    def trace_to(self, log_fd: int, errors: bool) -> None:
        """Have workers started from now on write what the header's `trace` asks for to a descriptor.

        errors: whether they keep standard error.
        """
        for v in self.vcpus:
            v.log_fd, v.errors = log_fd, errors

    def start(self) -> None:
        """Fork every worker; return when all are ready, stopped. Errors: WorkerFailed."""
        header = self.control.header
        for i, v in enumerate(self.vcpus):
            header.set("kick_fd", v.kick_fd, i)
        for i, region in enumerate(self._regions):
            header.set("region_gpa", region.gpa, i)
            header.set("region_size", region.size, i)
            header.set("region_flags", region.flags, i)
        header.set("host_cpus", len(os.sched_getaffinity(0)))
        header.set("runnable", self.control.harts)
        gc.collect()
        gc.freeze()  # a collection in a child would touch, and so copy, our pages
        for n, v in enumerate(self.vcpus, 1):
            self._fork(v)
            self._reached(f"after_fork_{n}")
        half = (len(self.vcpus) + 1) // 2
        self._gather(lambda v: sum(w.ready for w in self.vcpus) >= half, "start")
        self._reached("half_mapped")
        self._gather(lambda v: v.ready, "start")
        self._started = True

    def _fork(self, vcpu: Vcpu) -> None:
        kicks = tuple(v.kick_fd for v in self.vcpus)
        try:
            vcpu.start(os.getpid(), self._regions, self._arena_bytes, self.bell, kicks)
        except OSError as e:
            raise WorkerFailed(f"cannot start a process for hart {vcpu.index}: {e.strerror}") from e
        assert vcpu.process is not None
        self._watch(vcpu.process.fileno(), lambda: self._ended(vcpu))

    # -- requests

    def pause_all(self) -> None:
        """Stop every hart; return when all have acknowledged. Their posted writes are done then."""
        self._request(Want.STOP)
        self._reached("in_pause_gather")
        self._gather(lambda v: v.acknowledged, "stop")
        self.server.drain_rings()

    def resume_all(self) -> None:
        """Let every hart run."""
        self._request(Want.RUN)

    def resume_only(self, wants: Mapping[int, Want]) -> None:
        """Let the harts named run, or run one instruction (STEP); the others acknowledge that they stay."""
        self._request_each(lambda v: wants.get(v.index, Want.STOP))

    def _debugged(self, got: Debugged) -> None:
        if got.gen == self._generation:
            self._on_debug(got.hart)

    def reset_all(self) -> None:
        """Give every hart its reset state, stopped; a fresh worker to one that has none, with a log line."""
        for v in self.vcpus:
            if v.alive:
                continue
            if self._replaced(v):
                self._log(f"{v.death}; a reset follows, a new worker takes over")
            else:
                v.lost = True
                self._on_loss(HartLoss(v.index, 0, v.last_pc(), f"{v.name} stays without a worker"))
        self.control.header.set("runnable", self.control.harts)
        self._request(Want.RESET)
        self._reached("in_reset")
        self._gather(lambda v: v.acknowledged, "reset")

    def quit(self) -> None:
        """End every worker, patiently for half a second."""
        if self._quitting:
            return
        self._quitting = True
        self._request(Want.QUIT)
        self._reached("in_quit")
        deadline = time.monotonic() + QUIT_S
        while any(v.alive for v in self.vcpus):
            left = deadline - time.monotonic()
            if left <= 0:
                for v in self.vcpus:
                    v.kill()
            self._turn(left if left > 0 else None)

    def _request(self, want: Want) -> None:
        self._request_each(lambda v: want)

    def _request_each(self, want: Callable[[Vcpu], Want]) -> None:
        self._generation = (self._generation + 1) & MASK64
        self.control.header.set("generation", self._generation)
        for v in self.vcpus:
            if v.alive:
                v.request(want(v), self._generation)
        self._wants = want
        self.server.release()

    def stop_current(self) -> None:
        """The hart that is being served gets its reply behind the next request to all, or at `go_on`."""
        self.server.hold_current()

    def go_on(self) -> None:
        """Give the replies that were held back."""
        self.server.release()

    # -- work between two instructions

    def async_run_on_cpu(
        self, hart: int, item: WorkItem, done: Callable[[bool], None] | None = None
    ) -> None:
        """Have a hart do `item`, whatever its state; never waits. done(whether it was) is called once."""
        self.work.ask(hart, item, done or (lambda was_done: None))

    def run_on_cpu(self, hart: int, item: WorkItem) -> bool:
        """As async_run_on_cpu, and wait for it, serving; False if the hart has died."""
        answers: list[bool] = []
        self.async_run_on_cpu(hart, item, answers.append)
        self._gather(lambda v: v.index != hart or bool(answers), "work")
        return bool(answers) and answers[0]

    def report(self, hart: int) -> Report | None:
        """What a hart says of itself; None if it has no worker."""
        answers: list[Report | None] = []
        self.work.query(hart, answers.append)
        self._gather(lambda v: v.index != hart or bool(answers), "query")
        return answers[0] if answers else None

    def start_exclusive(self) -> None:
        """Return when no hart is inside guest code; none enters before the last `end_exclusive`."""
        self._exclusive += 1
        if self._exclusive == 1:
            self._before = self._wants
            self._ran = any(self._wants(v) in RUNS for v in self.vcpus)
            if self._ran:
                self.pause_all()

    def end_exclusive(self) -> None:
        """Harts that ran before go on; a step begun by a debugger may be made again."""
        self._exclusive -= 1
        if self._exclusive == 0 and self._ran:
            self._request_each(self._before)

    def plic_set(self, source: int, level: bool) -> None:
        """A device drives an interrupt line: harts that enable it and sleep are rung."""
        header, slots = self._header, self._slots
        bits = self._engine.call("plic_set_level", header, slots, source, int(level))
        first = 0
        while True:
            while bits:
                low = bits & -bits
                self.vcpus[first + low.bit_length() - 1].bell.ring()
                bits ^= low
            first += 64
            if not level or first >= len(self.vcpus):
                return
            bits = self._engine.call("plic_sleepers", header, slots, source, first)

    def is_lost(self, hart: int) -> bool:
        """Whether this hart has no worker any more."""
        return self.vcpus[hart].lost

    def processes(self) -> dict[int, int]:
        """Process number by hart, of those that have one."""
        return {vcpu.index: vcpu.process.pid for vcpu in self.vcpus if vcpu.process is not None}

    def any_lost(self) -> bool:
        """Whether some hart has none."""
        return any(v.lost for v in self.vcpus)

    # -- waiting

    def _gather(self, done: Callable[[Vcpu], bool], what: str) -> None:
        """Serve until `done` for every living hart. Broken harts die of it; see the module's rules."""
        began = time.monotonic()
        next_log = began + LOG_EVERY_S
        while pending := [v for v in self.vcpus if v.alive and not done(v)]:
            self._turn(LOOK_EVERY_S)
            now = time.monotonic()
            for v in pending:
                if v.alive and not done(v) and v.cpu_since_request() > BROKEN_NS:
                    self._log(
                        f"{v.name} has used 1 s of processor time without acknowledging the {what}: killed"
                    )
                    v.kill()
            if now >= next_log:
                next_log = now + LOG_EVERY_S
                for v in pending:
                    if v.alive and not done(v) and v.process is not None:
                        self._log(
                            f"{v.name} has not acknowledged the {what} for {now - began:.0f} s "
                            f"({v.process.host_state()})"
                        )

    def _turn(self, timeout_s: float | None) -> None:
        """Wait for harts alone, and serve them."""
        if not self._may_sleep():
            timeout_s = 0
        events = self._epoll.poll(timeout_s)
        self.control.header.set("main_awake", 1)
        for fd, _ in events:
            handler = self._handlers.get(fd)
            if handler is not None:
                handler()

    def _may_sleep(self) -> bool:
        """Do what harts wait for; whether nothing came meanwhile, and harts know that we sleep."""
        self.server.serve()
        self._all_sent = self.work.pump()
        return self._engine.call("main_may_sleep", self._header, self._slots) == 1

    def _watch(self, fd: int, handler: Callable[[], None] | None) -> None:
        if handler is None:
            self._epoll.unregister(fd)
            del self._handlers[fd]
        else:
            self._epoll.register(fd, select.EPOLLIN)
            self._handlers[fd] = handler
        if self._loop is not None:
            self._loop.watch(fd, read=handler)

    def attach(self, loop: MainLoop) -> None:
        """Let `loop` serve the harts from now on."""
        self._loop = loop
        for fd, handler in self._handlers.items():
            loop.watch(fd, read=handler)
        loop.add_poll_notifier(self._around_wait)

    def _around_wait(self, record: PollRecord) -> None:
        if record.phase is not Phase.FILL:
            self.control.header.set("main_awake", 1)
        elif record.timeout_ms and not self._may_sleep():
            record.timeout_ms = 0
        elif not self._all_sent:
            record.timeout_ms = min(record.timeout_ms, int(LOOK_EVERY_S * 1000))

    # -- death

    def _ended(self, vcpu: Vcpu) -> None:
        process = vcpu.process
        if process is None or (ended := process.reap()) is None:
            return
        self._upcalls.read(vcpu)
        self.server.drain_rings()
        self.server.forget(vcpu.index)
        self.work.forget(vcpu.index)
        self._watch(process.fileno(), None)
        last_pc, was_stopped = vcpu.last_pc(), vcpu.slot.get("state") == HartState.STOPPED
        vcpu.slot.set("state", HartState.DEAD)
        process.close()
        if self._quitting:
            return
        text = vcpu.death = self._death_text(vcpu, ended, last_pc)
        if not vcpu.ready and not self._started:
            raise WorkerFailed(text)
        if was_stopped and vcpu.ready and self._replaced(vcpu):
            self._log(f"{text}; it was stopped, a new worker takes over")
            return
        vcpu.lost = True
        self._on_loss(HartLoss(vcpu.index, ended.signal, last_pc, text))

    def _replaced(self, vcpu: Vcpu) -> bool:
        """Give a hart without a worker a fresh one. False, with a log line, if the host has none to give."""
        try:
            self._fork(vcpu)
        except WorkerFailed as e:
            self._log(str(e))
            return False
        return True

    def _death_text(self, vcpu: Vcpu, ended: Ended, last_pc: int) -> str:
        text = f"{vcpu.name}: worker {ended.text()}, last block at pc {last_pc:#x}"
        if ended.signal == signal.SIGBUS:
            text += f": {self._ram.exhausted_text()}"
        if vcpu.last_words:
            text += f": {vcpu.last_words.strip()}"
        return text

    def close(self) -> None:
        """Give everything back. All workers have ended (`quit`)."""
        if self._loop is not None:
            self._loop.remove_poll_notifier(self._around_wait)
            for fd in self._handlers:
                self._loop.watch(fd)
        self._epoll.close()
        for v in self.vcpus:
            v.close()
        self.bell.close()
