"""Every message between the main loop and the harts: one frozen dataclass each, ranges declared.

Rules
- a message announces; what is wanted is a level in shared memory (law 4): a lost one hangs nothing;
- a number is never reused for another meaning; fields are sent in the order declared here;
- whoever receives has one handler for each: `vcpu_worker.worker` below 0x20, `emu.workers.handlers` above.

Two roads: the *mailbox* of a hart (anyone -> hart) and its *up* channel (hart -> main).
Ranges are part of the field's type, and `ipc.codec` refuses what lies outside, both ways.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, TypeVar, dataclass_transform, get_args, get_type_hints

from ipc.layout import MAX_HARTS, Debug, HartState


@dataclass(frozen=True)
class Range:
    """The values an integer field may have, both ends included."""

    low: int
    high: int


@dataclass(frozen=True)
class Text:
    """A text field of at most `most` characters."""

    most: int


U8 = Annotated[int, Range(0, 0xFF)]
U16 = Annotated[int, Range(0, 0xFFFF)]
U32 = Annotated[int, Range(0, 0xFFFF_FFFF)]
U64 = Annotated[int, Range(0, 0xFFFF_FFFF_FFFF_FFFF)]
Hart = Annotated[int, Range(0, MAX_HARTS - 1)]
Pid = Annotated[int, Range(1, 2**31 - 1)]
Line = Annotated[str, Text(2000)]

FROM_MAIN = 0xFFFF  # `sender` of a Kick that the main loop sends


class Sender(enum.Enum):
    """Which kind of process may send a message."""

    EMU = "main loop"
    VCPU = "hart"
    ANY = "main loop or hart"


class KickCause(enum.IntEnum):
    """Why a sleeping hart is woken; for people who read traces. The levels decide."""

    IRQ = 1
    IPI = 2
    FENCE = 3
    TIME = 4
    HSM = 5


class FatalKind(enum.IntEnum):
    """What a hart could not go on from."""

    ENGINE = 1  # Exit.FATAL: exit_arg[0] in `detail`
    PROTOCOL = 2  # a message that no peer of ours sends
    BUG = 3  # an exception in the worker's Python


class WorkItem(enum.IntEnum):
    """What a hart is asked to do between two instructions (run_on_cpu); a closed list, no functions."""

    BARRIER = 0  # nothing: the answer says that it was between two instructions
    FORGET_CODE = 1  # compare decoded pages with RAM before they are used again, as FENCE.I


class Message:
    """Base of all messages. Never sent itself."""

    __slots__ = ()


@dataclass(frozen=True)
class Spec:
    """What the codec knows of a message: its number, class, sender, reply and its fields in order."""

    number: int
    cls: type[Message]
    sender: Sender
    reply: type[Message] | None
    fields: tuple[tuple[str, Range | Text], ...]


SPECS: dict[int, Spec] = {}
SPEC_OF: dict[type[Message], Spec] = {}
M = TypeVar("M", bound=Message)


@dataclass_transform(frozen_default=True)
def message(number: int, sender: Sender, reply: type[Message] | None = None) -> Callable[[type[M]], type[M]]:
    """Declare the decorated class as message `number`. `reply`: what the receiver answers with.

    Errors: ValueError at import for a number used twice, or a field without a declared range.
    """

    def declare(cls: type[M]) -> type[M]:
        made: type[M] = dataclass(frozen=True)(cls)
        hints = get_type_hints(made, include_extras=True)
        spec_fields: list[tuple[str, Range | Text]] = []
        for f in fields(made):  # type: ignore[arg-type]
            limit = next((a for a in get_args(hints[f.name]) if isinstance(a, Range | Text)), None)
            if limit is None:
                raise ValueError(f"message {cls.__name__}: field {f.name!r} declares no range")
            spec_fields.append((f.name, limit))
        old = SPECS.get(number)
        if old is not None:
            raise ValueError(
                f"message number {number:#x} declared twice: {old.cls.__qualname__} and {cls.__qualname__}"
            )
        spec = Spec(number, made, sender, reply, tuple(spec_fields))
        SPECS[number] = spec
        SPEC_OF[made] = spec
        return made

    return declare


# -- hart -> main


@message(0x20, sender=Sender.VCPU)
class Ready(Message):
    """A fresh worker has its mappings, is stopped, and has acknowledged generation `gen`."""

    hart: Hart
    pid: Pid
    gen: U64


@message(0x21, sender=Sender.VCPU)
class Ack(Message):
    """The hart's slot says `state` for generation `gen`; only equality with the newest counts."""

    hart: Hart
    gen: U64
    state: Annotated[int, Range(min(HartState), max(HartState))]


@message(0x22, sender=Sender.VCPU)
class Report(Message):
    """Answer to Query `seq`: where the hart was at its last instruction boundary, and its counters."""

    hart: Hart
    seq: U32
    gen: U64
    state: Annotated[int, Range(min(HartState), max(HartState))]
    pc: U64
    priv: Annotated[int, Range(0, 3)]
    retired: U64
    messages: U64  # read since the worker started
    sleeps: U64  # times it slept


@message(0x23, sender=Sender.VCPU)
class Fatal(Message):
    """The hart cannot go on; its worker ends with status 1 after this."""

    hart: Hart
    kind: Annotated[int, Range(min(FatalKind), max(FatalKind))]
    detail: U64
    text: Line


@message(0x24, sender=Sender.VCPU)
class Done(Message):
    """Work `seq` is done."""

    hart: Hart
    seq: U32


@message(0x25, sender=Sender.VCPU)
class Debugged(Message):
    """The hart has stopped for a debugger, under generation `gen`, and waits for the next request."""

    hart: Hart
    gen: U64
    why: Annotated[int, Range(min(Debug), max(Debug))]


# -- main -> hart


@message(0x01, sender=Sender.EMU, reply=Ack)
class Pause(Message):
    """Stop at an instruction boundary, then acknowledge `gen`."""

    gen: U64


@message(0x02, sender=Sender.EMU, reply=Ack)
class Resume(Message):
    """Run. Also the first start of a hart, which always begins stopped."""

    gen: U64


@message(0x03, sender=Sender.EMU, reply=Ack)
class Reset(Message):
    """Stop, take the architectural reset state, acknowledge stopped."""

    gen: U64


@message(0x04, sender=Sender.EMU, reply=Ack)
class Quit(Message):
    """Stop, acknowledge, end the process with status 0."""

    gen: U64


@message(0x08, sender=Sender.EMU, reply=Ack)
class Step(Message):
    """Run one instruction, or take the trap or interrupt that comes instead; then Debugged, and wait."""

    gen: U64


@message(0x05, sender=Sender.EMU, reply=Report)
class Query(Message):
    """Say where you are. Answered at the next look at the mailbox, running or not."""

    seq: U32


@message(0x06, sender=Sender.EMU, reply=Done)
class Work(Message):
    """Do `item` between two instructions, running or not. Done before anything that is asked later."""

    seq: U32
    item: Annotated[int, Range(min(WorkItem), max(WorkItem))]


# -- anyone -> hart


@message(0x10, sender=Sender.ANY)
class Kick(Message):
    """Look at your levels. At most one is unread (`kick_sent` in the slot); compiled code sends it too."""

    cause: U8
    sender: U16  # hart, or FROM_MAIN
    seq: U32
