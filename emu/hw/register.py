"""Register maps: which method answers which offset of a device, and on which rung of the MMIO ladder.

A device class has one `RegisterMap`; `@regs.read(off, NAME)` and `@regs.write(off, NAME)` name the methods
where the registers stand. A guest mistake (no register, wrong width, wrong direction) is logged and reads
as 0.

The rung of a register (DESIGN section 3) is a declared property of it. Rungs above the round trip need a
device that keeps its shadows true: see `ShadowTable`.
Units: offsets and widths in bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from emu.hw.sysbus import SysBusDevice
from emu.qom.types import qom_type
from ipc.layout import SHADOWS, View

M = TypeVar("M", bound=Callable[..., Any])


class Rung(enum.Enum):
    """How a hart reaches a register."""

    ROUND_TRIP = "round trip"  # always right
    POSTED = "posted"  # a write that nobody waits for
    SHADOWED = "shadowed"  # a read from a word that the device publishes


@dataclass
class Register:
    """One register: `reads` and `writes` are names of methods, "" for none."""

    off: int
    name: str
    reads: str = ""
    writes: str = ""
    read_rung: Rung = Rung.ROUND_TRIP
    write_rung: Rung = Rung.ROUND_TRIP


def key(off: int, size: int) -> int:
    """An access as one number."""
    return off << 4 | size


class RegisterMap:
    """The registers of a device class.

    size: bytes it decodes. access: widths it takes, at a register's own offset. stride: bytes of a register;
    what a wider store has above them is cut off.
    """

    def __init__(self, size: int, access: tuple[int, ...], stride: int) -> None:
        self.size = size
        self.access = access
        self.stride = stride
        self.registers: dict[int, Register] = {}

    def _at(self, off: int, name: str) -> Register:
        if off % self.stride or not 0 <= off < self.size:
            raise ValueError(f"register {name} at {off:#x} does not fit the map")
        return self.registers.setdefault(off, Register(off, name))

    def read(self, off: int, name: str, rung: Rung = Rung.ROUND_TRIP) -> Callable[[M], M]:
        """The decorated method `(self) -> int` answers loads of the register at `off`."""

        def declare(method: M) -> M:
            register = self._at(off, name)
            if register.reads:
                raise ValueError(f"register {name} at {off:#x}: read declared twice")
            register.reads, register.read_rung = method.__name__, rung
            return method

        return declare

    def write(self, off: int, name: str, rung: Rung = Rung.ROUND_TRIP) -> Callable[[M], M]:
        """The decorated method `(self, value) -> None` takes stores to the register at `off`."""

        def declare(method: M) -> M:
            register = self._at(off, name)
            if register.writes:
                raise ValueError(f"register {name} at {off:#x}: write declared twice")
            register.writes, register.write_rung = method.__name__, rung
            return method

        return declare

    def loads(self, device: RegisterDevice) -> dict[int, Callable[[], int]]:
        """`device`'s methods by key(off, size): a device looks one up at each access."""
        return {
            key(r.off, size): getattr(device, r.reads)
            for r in self.registers.values() if r.reads for size in self.access
        }  # fmt: skip

    def stores(self, device: RegisterDevice) -> dict[int, Callable[[int], None]]:
        """As `loads`, for writes."""
        return {
            key(r.off, size): getattr(device, r.writes)
            for r in self.registers.values() if r.writes for size in self.access
        }  # fmt: skip

    def mistake(self, off: int, size: int, what: str) -> str:
        """What is wrong with an access that no method answers. what: "read" or "write"."""
        if size not in self.access:
            return f"{what} of {size} bytes at {off:#x}: bad width"
        register = self.registers.get(off)
        if register is None:
            return f"{what} at {off:#x}: no such register"
        return f"{what} of {'write' if what == 'read' else 'read'}-only {register.name}"


@qom_type("register-device", abstract=True)
class RegisterDevice(SysBusDevice):
    """A device on the system bus that answers by a register map. `regs.size` bytes are its first region.

    name: of the region and in log lines. The default map is empty: for devices whose registers compiled code
    serves.
    """

    regs = RegisterMap(size=0, access=(), stride=1)
    name = "device"

    def instance_init(self) -> None:
        """Find the methods once: each access looks one up."""
        regs = self.regs
        self._loads, self._stores = regs.loads(self), regs.stores(self)
        self._mask = (1 << 8 * regs.stride) - 1
        if regs.size:
            self.init_mmio(self.name, regs.size, self, max(regs.access))

    def guest_error(self, text: str) -> None:
        """The guest did something invalid: a line in the log, if that is wanted."""
        self.vm.log.guest_error(text)

    def read(self, off: int, size: int) -> int:
        """A load; `off` from the device's base."""
        load = self._loads.get(off << 4 | size)
        if load is None:
            self.guest_error(f"{self.name}: {self.regs.mistake(off, size, 'read')}")
            return 0
        return load() & ((1 << 8 * size) - 1)

    def write(self, off: int, size: int, value: int) -> None:
        """A store; `off` from the device's base."""
        store = self._stores.get(off << 4 | size)
        if store is None:
            self.guest_error(f"{self.name}: {self.regs.mistake(off, size, 'write')} ({value:#x})")
        else:
            store(value & self._mask)


class Shadow:
    """One register's shadow: a hart reads `value` from shared memory while it is published.

    Rule: a slot belongs to one address for ever, so a hart that saw the address reads a value of this
    register, at worst one that was current a moment ago.
    """

    def __init__(self, header: View, index: int, gpa: int, sizes: int) -> None:
        self._header = header
        self._index = index
        self._gpa = gpa
        self.value: int | None = None
        header.set("shadow_sizes", sizes, index)

    def publish(self, value: int | None) -> None:
        """Reads give `value` from now on; None: they come to the device again."""
        if value == self.value:
            return
        if value is None:
            self._header.set("shadow_gpa", 0, self._index)
        else:
            self._header.set("shadow_value", value, self._index)
            self._header.set("shadow_gpa", self._gpa, self._index)  # after the value
        self.value = value


class Posted:
    """One register's posted writes: while on, a hart goes on without waiting."""

    def __init__(self, header: View, index: int, gpa: int) -> None:
        self._header = header
        self._index = index
        self._gpa = gpa
        self.on = False

    def allow(self, on: bool) -> None:
        """Allow or stop posting. Writes already under way still arrive, in order."""
        if on != self.on:
            self._header.set("posted_gpa", self._gpa if on else 0, self._index)
            self.on = on


class ShadowTable:
    """The header's words for shadowed reads and posted writes. First come, first served.

    A device that gets no slot works all the same, by round trips: it gets a slot nobody reads.
    """

    def __init__(self, header: View) -> None:
        self._header = header
        self._shadows = 0
        self._posted = 0

    def shadow(self, gpa: int, sizes: tuple[int, ...]) -> Shadow:
        """A shadow for the register at `gpa`, not yet published; it serves loads of `sizes` bytes."""
        if self._shadows == SHADOWS:
            return Shadow(_NOWHERE, 0, 0, 0)
        self._shadows += 1
        return Shadow(self._header, self._shadows - 1, gpa, sum(sizes))

    def posted(self, gpa: int) -> Posted:
        """Posted writes for the register at `gpa`, not yet allowed."""
        if self._posted == SHADOWS:
            return Posted(_NOWHERE, 0, 0)
        self._posted += 1
        return Posted(self._header, self._posted - 1, gpa)


class _Nowhere(View):
    """A view that forgets: for devices that are not on a machine, and when the table is full."""

    def __init__(self) -> None:
        pass

    def set(self, name: str, value: int, index: int = 0) -> None:
        return


_NOWHERE = _Nowhere()


def no_shadows() -> ShadowTable:
    """A table that publishes nothing."""
    return ShadowTable(_NOWHERE)
