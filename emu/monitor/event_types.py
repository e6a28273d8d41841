"""The events that machines tell of: name, data, how often. The schema and the limits come from here.

Whoever has something to tell calls `VmControl.emit(name, data)`; a test holds every event that was told in it
against these declarations.
Source: BEHAVIOUR 5.1, 5.2; QEMU's QAPI. X_VCPU_LOST is ours (DESIGN law 5).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from emu.core.qdict import QDict
from emu.monitor.throttle import SECOND_NS
from emu.monitor.types import EMPTY, U64, QmpType, type_of
from emu.runstate.actions import WatchdogAction
from emu.runstate.requests import Cause

T = TypeVar("T", bound=type)

ShutdownCause = enum.Enum("ShutdownCause", {cause.name: cause.qmp for cause in Cause})  # type: ignore[misc]


@dataclass(frozen=True)
class Event:
    """data: a dataclass, None for no data. period_ns: told at most that often; about: of each such member."""

    name: str
    data: type | None
    period_ns: int = 0
    about: str = ""
    features: tuple[str, ...] = ()

    @property
    def type(self) -> QmpType:
        """The type of its data."""
        return EMPTY if self.data is None else type_of(self.data)


EVENTS: dict[str, Event] = {}


def qmp_event(
    name: str, *, once_in_ns: int = 0, about: str = "", features: tuple[str, ...] = ()
) -> Callable[[T], T]:
    """Declare the decorated dataclass as the data of the event `name`."""

    def declare(cls: T) -> T:
        _declare(Event(name, cls, once_in_ns, about, features))
        return cls

    return declare


def _declare(event: Event) -> None:
    if event.name in EVENTS:
        raise ValueError(f"event {event.name} declared twice")
    EVENTS[event.name] = event


for _name in ("STOP", "RESUME", "POWERDOWN", "SUSPEND", "WAKEUP", "GUEST_PVSHUTDOWN"):
    _declare(Event(_name, None))


@qmp_event("SHUTDOWN")
@dataclass(frozen=True)
class Shutdown:
    """The machine ends, or stops instead."""

    guest: bool
    reason: ShutdownCause


@qmp_event("RESET")
@dataclass(frozen=True)
class Reset:
    """It begins anew."""

    guest: bool
    reason: ShutdownCause


class GuestPanicAction(enum.Enum):
    """What comes of a panic."""

    PAUSE = "pause"
    POWEROFF = "poweroff"
    RUN = "run"


@qmp_event("GUEST_PANICKED")
@dataclass(frozen=True)
class GuestPanicked:
    """info: what the guest said of it; no device here gives any."""

    action: GuestPanicAction
    info: QDict | None = None


@qmp_event("GUEST_CRASHLOADED")
@dataclass(frozen=True)
class GuestCrashloaded:
    """As `GuestPanicked`."""

    action: GuestPanicAction
    info: QDict | None = None


@qmp_event("WATCHDOG", once_in_ns=SECOND_NS)
@dataclass(frozen=True)
class Watchdog:
    """A watchdog has expired."""

    action: WatchdogAction


@qmp_event("DEVICE_DELETED")
@dataclass(frozen=True)
class DeviceDeleted:
    """device: its id, if it had one."""

    path: str
    device: str | None = None


@qmp_event("RTC_CHANGE", once_in_ns=SECOND_NS)
@dataclass(frozen=True)
class RtcChange:
    """The guest has set its clock. offset: seconds ahead of the host's choice."""

    offset: int
    qom_path: str


@qmp_event("VSERPORT_CHANGE", once_in_ns=SECOND_NS, about="id")
@dataclass(frozen=True)
class VserportChange:
    """A program of the guest has opened or closed a port."""

    id: str
    open: bool


@qmp_event("X_VCPU_LOST", features=("unstable",))
@dataclass(frozen=True)
class VcpuLost:
    """The worker of a hart has died in guest code. signal: 0 if it ended by itself."""

    cpu_index: int
    signal: int
    last_pc: U64
