"""One hart as the main loop sees it: its slot, its channels, its process.

Rules
- a request is the level {wanted, wanted_gen}, stored in this order, then the event word (compiled code,
  since it is a read-modify-write), then a message and a ring, always (laws 3 and 4);
- both ends of every channel live in the main process: a fresh worker takes over the dead one's.
"""

from __future__ import annotations

from emu.workers.process import Process
from ipc.channel import Channel, pair
from ipc.doorbell import Bell
from ipc.layout import EV_MSG, HART, HartState, Want, slot_offset
from ipc.messages import Message, Pause, Query, Quit, Reset, Resume, Sender, Step, Work
from ipc.segment import Control
from vcpu_worker.entry import run_worker
from vcpu_worker.parts import Engine, Parts, Region

MASK64 = (1 << 64) - 1
WANTED = HART.offset("wanted") // 4
WANTED_GEN, ACKED_GEN = HART.offset("wanted_gen") // 8, HART.offset("acked_gen") // 8
RUNS = (Want.RUN, Want.STEP)
ANNOUNCE: dict[Want, type[Pause] | type[Resume] | type[Step] | type[Reset] | type[Quit]] = {
    Want.STOP: Pause,
    Want.RUN: Resume,
    Want.STEP: Step,
    Want.RESET: Reset,
    Want.QUIT: Quit,
}


class Vcpu:
    """Main's side of hart `index`. Has no process until `start`."""

    def __init__(self, index: int, control: Control, engine: Engine) -> None:
        self.index = index
        self.slot = control.hart(index)
        base = slot_offset(index)
        part = control.memory.buf[base : base + HART.size]
        self.w4, self.w8 = part.cast("I"), part.cast("Q")  # the slot as words, for what is looked at often
        self.address = control.hart_address(index)
        self._control = control
        self._engine = engine
        self._mail_in, mail_out = pair()
        up_main, self._up_worker = pair()
        self.mailbox = Channel(mail_out, f"hart {index}")
        self.up = Channel(up_main, f"hart {index}", Sender.VCPU)
        self.bell = Bell(blocking=True)
        self.process: Process | None = None
        self.ready = False
        self.lost = False
        self.last_words = ""  # text of a Fatal message
        self.death = ""  # how its last worker ended, a line for people
        self.cpu_at_request = 0
        self.slot.set("state", HartState.DEAD)
        self.log_fd = -1
        self.errors = True

    @property
    def kick_fd(self) -> int:
        """The descriptor that every hart sends a Kick for this one to."""
        return self.mailbox.fileno()

    def start(
        self,
        parent: int,
        regions: tuple[Region, ...],
        arena_bytes: int,
        main_bell: Bell,
        kicks: tuple[int, ...],
    ) -> None:
        """Fork a fresh worker. It says Ready when it is."""
        self._forget_the_past()
        self.cpu_at_request = 0
        parts = Parts(
            hart=self.index,
            parent=parent,
            gen=self.slot.get("acked_gen"),  # what was asked for since then is still to be done
            control=self._control,
            engine=self._engine,
            regions=regions,
            arena_bytes=arena_bytes,
            mailbox=self._mail_in,
            up=self._up_worker,
            bell=self.bell,
            main_bell=main_bell,
            kick_fds=kicks,
            log_fd=self.log_fd,
            errors=self.errors,
        )
        self.process = Process(run_worker, (parts,), f"hart{self.index}")

    def _forget_the_past(self) -> None:
        """What a dead worker has left unread. Nobody owns the slot now, so main may write to it."""
        stale = Channel(self._mail_in, self.mailbox.peer)
        while stale.receive() is not None:
            pass
        while self.up.receive() is not None:
            pass
        slot = self.slot
        slot.set("state", HartState.DEAD)
        slot.set("mmio_seq", slot.get("mmio_done"))
        slot.set("mmio_begun", slot.get("mmio_done"))
        slot.set("ring_tail", slot.get("ring_head"))
        for name in ("mmio_ready", "asleep", "kick_sent", "in_guest"):
            slot.set(name, 0)
        self.ready = False
        self.lost = False
        self.last_words = ""

    @property
    def alive(self) -> bool:
        """Whether it has a process, as far as we have been told."""
        return self.process is not None and self.process.ended is None

    def request(self, want: Want, gen: int) -> None:
        """Ask for `want` under generation `gen`."""
        slot = self.slot
        slot.set("wanted", want)
        slot.set("wanted_gen", gen)
        self.cpu_at_request = self.process.cpu_ns() if self.process else 0
        self._engine.call("post_event", self.address, EV_MSG)
        self.tell(ANNOUNCE[want](gen))

    def tell(self, message: Message) -> None:
        """Send and ring. A full mailbox has unread messages, which wake the hart as well."""
        self.mailbox.send(message)
        self.bell.ring()

    def ask(self, message: Query | Work) -> bool:
        """Have it look at a message soon, running or not. False: its mailbox is full."""
        sent = self.mailbox.send(message)
        self._engine.call("post_event", self.address, EV_MSG)
        self.bell.ring()
        return sent

    @property
    def acknowledged(self) -> bool:
        """Whether the newest request is."""
        return self.slot.get("acked_gen") == self.slot.get("wanted_gen")

    def may_begin(self) -> bool:
        """Whether main may begin a request of this hart: it runs, and nothing newer is asked (law 4)."""
        w8 = self.w8
        return w8[ACKED_GEN] == w8[WANTED_GEN] and self.w4[WANTED] in RUNS

    def kill(self) -> None:
        """End the process, if it has not ended."""
        if self.process is not None:
            self.process.kill()

    def cpu_since_request(self) -> int:
        """Processor time its process has used since the last request, ns."""
        return self.process.cpu_ns() - self.cpu_at_request if self.process else 0

    def last_pc(self) -> int:
        """pc as of the last block: what the slot knows of a hart that may have been anywhere in it."""
        slot = self.slot
        rec = slot.get("rec")
        return (slot.get("pcb") + rec // 4) & MASK64 if rec else slot.get("pc")

    @property
    def name(self) -> str:
        """For people."""
        return f"hart {self.index} (pid {self.process.pid})" if self.process else f"hart {self.index}"

    def close(self) -> None:
        """Give the descriptors back. The process has ended."""
        if self.process is not None:
            self.process.close()
        self.w4.release()
        self.w8.release()
        self.mailbox.close()
        self.up.close()
        self._mail_in.close()
        self._up_worker.close()
        self.bell.close()
