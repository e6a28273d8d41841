"""Why guest code stopped, and what its worker does about it: one handler for each Exit.

Rules
- a handler returns when the hart may run again or main wants something; it never spins;
- a request to main is one number in the slot: `mmio_seq` (ours) against `mmio_begun` and `mmio_done`
  (main's). Main begins no request of a hart that has not acknowledged the newest generation, so a
  hart that sees a new one and its request not done takes it back by storing the old number: nobody
  has seen it, pc is still at the instruction, and it runs again after the resume (law 4);
- storing comes first, ringing second, always (law 3).
Measured on two cores: mailbox words and eventfd 5 us (p50) a round trip; spinning for the reply 8, with
a p99 of 100 and ruinous when harts outnumber cores; so the worker sleeps at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ipc.layout import SSTEP_NOIRQ, Debug, Exit
from ipc.messages import Debugged, FatalKind
from vcpu_worker.trace import report

if TYPE_CHECKING:
    from vcpu_worker.worker import Worker

Handler = Callable[["Worker"], None]
HANDLERS: dict[int, Handler] = {}
MASK32 = 0xFFFF_FFFF
NEVER = (1 << 64) - 1


class HartLost(Exception):
    """The hart cannot go on; its worker tells main (Fatal) and ends. Attributes: kind, detail."""

    def __init__(self, kind: FatalKind, detail: int, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.detail = detail


def on_exit(*reasons: Exit) -> Callable[[Handler], Handler]:
    """Register the decorated function for these reasons. Errors: ValueError for one taken already."""

    def register(handler: Handler) -> Handler:
        for reason in reasons:
            if reason in HANDLERS:
                raise ValueError(f"{reason!r} has two handlers: {HANDLERS[reason]} and {handler}")
            HANDLERS[reason] = handler
        return handler

    return register


@on_exit(Exit.MMIO, Exit.SBI)
def round_trip(w: Worker) -> None:
    """Ask main; return with the reply in the slot (mmio_ready), or with the request taken back.

    Compiled code has asked already for an access that it could wait for itself (hart.roundtrip).
    """
    slot = w.slot
    seq = slot.get("mmio_seq")
    if seq == slot.get("mmio_done"):
        seq = (seq + 1) & MASK32
        slot.set("mmio_seq", seq)
        w.main_bell.ring()
    while slot.get("mmio_done") != seq:
        if w.request_pending() and slot.get("mmio_begun") != seq:
            slot.set("mmio_seq", slot.get("mmio_done"))
            return
        w.read_mailbox()
        w.bell.hear()
    slot.set("mmio_ready", 1)
    slot.set("n_mmio", slot.get("n_mmio") + 1)


@on_exit(Exit.SLEEP)
def sleep(w: Worker) -> None:
    """WFI, or a hart that HSM has stopped: sleep until a level, a deadline or main says otherwise."""
    call, h = w.engine.call, w.address
    if not call("prepare_sleep", h):
        return
    w.sleeps += 1
    while not w.request_pending():
        left = call("sleep_ns", h)
        if left == 0:
            break
        w.wait(-1 if left == NEVER else left)
        if call("sleep_over", h):
            break
    call("end_sleep", h)


@on_exit(Exit.EVENT)
def event(w: Worker) -> None:
    """Main has sent something."""
    w.read_mailbox()


@on_exit(Exit.TRACE)
def trace(w: Worker) -> None:
    """-d int, in_asm: what happened since the last report goes to the log."""
    w.log.write(report(w.slot, w.hart), w.request_pending)


@on_exit(Exit.RING)
def ring(w: Worker) -> None:
    """Posted writes lie in the ring and main sleeps."""
    w.main_bell.ring()


@on_exit(Exit.NONE, Exit.BUDGET, Exit.STEP, Exit.STORM)
def go_on(w: Worker) -> None:
    """Nothing to do in parallel mode."""


@on_exit(Exit.DEBUG)
def debug(w: Worker) -> None:
    """A breakpoint: tell main, which stops the machine."""
    stop_for_debugger(w, Debug.BREAKPOINT)


def stop_for_debugger(w: Worker, why: Debug) -> None:
    """Say why (the slot is the level, the message the edge), and wait until main wants something.

    Main takes it only while nothing newer than this generation is asked: a stop that was under way comes
    first, and then a breakpoint is hit again after the resume.
    """
    w.slot.set("debug_why", why)
    w.slot.set("debug_gen", w.acked)
    w.send(Debugged(w.hart, w.acked, why))
    while not w.request_pending():
        w.wait(-1)


def step(w: Worker) -> None:
    """Want.STEP: one instruction, or the trap it takes, or an interrupt if those are not masked."""
    call, h = w.engine.call, w.address
    irq = 0 if w.sstep & SSTEP_NOIRQ else call("pending_irq", h)
    if irq:
        call("interrupt_enter", h, irq - 1)
    else:
        while (reason := call("run_step", h)) in (Exit.MMIO, Exit.SBI, Exit.NONE):
            HANDLERS[reason](w)
            if w.request_pending():
                return  # the instruction is finished with the stop, or has not begun
        if reason == Exit.FATAL:
            HANDLERS[reason](w)
    stop_for_debugger(w, Debug.STEP)


@on_exit(Exit.FATAL)
def fatal(w: Worker) -> None:
    """Compiled code met a state that cannot be."""
    code = w.slot.get("exit_arg")
    raise HartLost(FatalKind.ENGINE, code, f"the engine gave up, code {code:#x}")
