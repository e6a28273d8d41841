"""One hart's loop: run guest code, serve what made it stop, obey what main wants.

Rules (DESIGN law 4)
- what main wants is the level {wanted_gen, wanted} in the slot; messages only make us look. A
  request is acknowledged by storing the state and then exactly that generation;
- a worker starts stopped with the generation it was born with acknowledged; whatever was asked for
  since then is a newer level, and is obeyed first;
- an instruction whose MMIO reply has come is finished before a stop is acknowledged (law 6);
- `kick_sent` is cleared after the mailbox was read and before levels are looked at: cleared earlier,
  a Kick could be lost; later, a level.
"""

from __future__ import annotations

import os
import select
import traceback

from ipc.channel import Channel
from ipc.codec import Malformed
from ipc.doorbell import Waiter
from ipc.errors import PeerGone
from ipc.layout import HartState, Want
from ipc.messages import Ack, Done, Fatal, FatalKind, Message, Query, Ready, Report, Sender, Work, WorkItem
from vcpu_worker.exits import HANDLERS, HartLost, step
from vcpu_worker.parts import Parts
from vcpu_worker.setup import PrivatePart
from vcpu_worker.trace_log import TraceLog

MASK64 = (1 << 64) - 1
EXIT_QUIT, EXIT_FATAL = 0, 1


class Worker:
    """The process side of one hart. `run` is its life."""

    def __init__(self, parts: Parts) -> None:
        self.hart = parts.hart
        self.engine = parts.engine
        self.address = parts.control.hart_address(parts.hart)
        self.slot = parts.control.hart(parts.hart)
        self._header = parts.control.header
        self.main_bell = parts.main_bell
        self.bell = parts.bell
        self.state = HartState.STOPPED
        self.acked = parts.gen
        self.stepping = False
        self.quitting = False
        self.messages = 0
        self.sleeps = 0
        self.log = TraceLog(parts.log_fd)
        self._mailbox = Channel(parts.mailbox, "the mailbox", Sender.EMU)
        self._up = Channel(parts.up, "the main loop")
        self._waiter = Waiter((parts.mailbox.fileno(), parts.bell.fileno()))
        self._room = select.poll()
        self._room.register(parts.up, select.POLLOUT)
        self._private = PrivatePart(parts)

    def run(self) -> int:
        """Live until told to quit; the process's exit status."""
        try:
            self._ready()
            while not self.quitting:
                if self.request_pending():
                    self._obey()
                elif self.stepping:
                    step(self)
                elif self.state is HartState.RUNNING:
                    HANDLERS[self.engine.run(self.address)](self)
                else:
                    self.wait(-1)
        except HartLost as e:
            return self._lost(e.kind, e.detail, str(e))
        except PeerGone:
            return EXIT_FATAL  # main has closed our channel; its death would have killed us
        except Exception:
            return self._lost(FatalKind.BUG, 0, traceback.format_exc(limit=-4))
        return EXIT_QUIT

    # -- what main wants

    def request_pending(self) -> bool:
        """Whether main wants something that is not acknowledged yet."""
        return self.slot.get("wanted_gen") != self.acked

    def _ready(self) -> None:
        self.slot.set("worker_pid", os.getpid())
        self.slot.set("state", HartState.STOPPED)
        self.slot.set("acked_gen", self.acked)
        self.send(Ready(self.hart, os.getpid(), self.acked))

    def _obey(self) -> None:
        # generation first: main stores it last, so `wanted` is at least as new, and doing the newer
        # thing under the older generation is only done again
        gen = self.slot.get("wanted_gen")
        want = Want(self.slot.get("wanted"))
        self.stepping = want is Want.STEP
        if want in (Want.RUN, Want.STEP):
            self.state = HartState.RUNNING
        else:
            self._stop(want)
        self.acked = gen
        self.slot.set("state", self.state)
        self.slot.set("acked_gen", gen)
        self.send(Ack(self.hart, gen, self.state))

    def _stop(self, want: Want) -> None:
        if want is Want.RESET:
            self.engine.call("hart_reset", self.address)
        elif self.slot.get("mmio_ready"):
            self.engine.call("run_step", self.address)
        self.slot.set("mmio_ready", 0)
        self.state = HartState.STOPPED
        self.quitting = want is Want.QUIT

    @property
    def sstep(self) -> int:
        """SSTEP_* bits."""
        return self._header.get("sstep")

    # -- what wakes us

    def wait(self, timeout_ns: int) -> None:
        """Sleep until a message, a ring or the timeout (below 0: none), and take what came."""
        if self._waiter.wait(timeout_ns):
            mail, rung = self._waiter.ready()
            if rung:
                self.bell.hear()
            if mail:
                self.read_mailbox()
                return
        self.slot.set("kick_sent", 0)

    def send(self, message: Message) -> None:
        """Send to main, waiting for room: main reads whatever else it does, or we die with it."""
        while not self._up.send(message):
            self._room.poll()

    def read_mailbox(self) -> None:
        """Take every message there is. Requests are levels already; queries are answered."""
        while (got := self._mailbox.receive()) is not None:
            if isinstance(got, Malformed):
                raise HartLost(FatalKind.PROTOCOL, 0, f"bad message in the mailbox: {got.why}")
            self.messages += 1
            self._answer(got)
        self.slot.set("kick_sent", 0)

    def _answer(self, message: Message) -> None:
        if isinstance(message, Query):
            self.send(self._report(message.seq))
        elif isinstance(message, Work):
            if message.item == WorkItem.FORGET_CODE:
                self.slot.set("code_epoch", (self.slot.get("code_epoch") + 1) & MASK64)
            self.send(Done(self.hart, message.seq))

    def _report(self, seq: int) -> Report:
        get = self.slot.get
        return Report(
            hart=self.hart,
            seq=seq,
            gen=self.acked,
            state=self.state,
            pc=get("pc"),
            priv=get("priv"),
            retired=(get("instret_base") - get("bud")) & MASK64,
            messages=self.messages,
            sleeps=self.sleeps,
        )

    # -- the end

    def _lost(self, kind: FatalKind, detail: int, text: str) -> int:
        try:
            self.send(Fatal(self.hart, kind, detail & MASK64, text[-2000:]))
        except PeerGone:
            return EXIT_FATAL
        return EXIT_FATAL
