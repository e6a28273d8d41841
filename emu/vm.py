"""What runs a machine: memory objects, guest clock, harts, run control, and what devices may use of them.

    MachineState (emu.hw)  what the machine is: objects, properties, addresses
    Vm (here)              what makes it go; devices reach it as `device.vm`

Order of making: the Vm with its host's parts; the machine object; then the board's `init` calls `build` (or
`build_empty`); devices; `start` is the first moment with processes.

Rules
- this is the only place that knows all of the parts; each of them knows only what it is given;
- errors of the contract (`ipc.errors`) become errors for the user here;
- without harts that execute (machine none, qtest) no process is made, and what makes them is not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from emu.chardev.factory import Chardevs
from emu.core.address_space import AddressSpace
from emu.core.log import Log
from emu.errors import HostError
from emu.loop.poll import MainLoop
from emu.loop.timers import Clock, Clocks
from emu.options.clock import RtcClock, RtcConfig
from emu.report import print_line
from emu.runstate.control import VmControl
from emu.runstate.harts import GuestTime, HartLoss, NoHarts
from emu.runstate.requests import ORDER, Cause
from emu.runstate.states import RunState
from emu.workers.checkpoints import Checkpoints
from ipc.errors import IpcError, ResourceError

if TYPE_CHECKING:
    from emu.core.memory import GuestDma, GuestMemory
    from emu.hw.intc.inhart import InHart
    from emu.hw.machine import MachineState, RamConfig
    from emu.hw.register import ShadowTable
    from emu.workers.fleet import Fleet
    from emu.workers.sbi import Answer
    from ipc.clock import GuestClock
    from ipc.engine import Engine
    from ipc.layout import View
    from ipc.ram import Ram
    from ipc.segment import Control
    from vcpu_worker.parts import Region

@dataclass
class Host:
    """What a machine needs of the process it lives in.

    log_line: a line for the user, which gets the program's name before it; print_line: one that does not.
    """

    loop: MainLoop
    log: Log
    log_line: Callable[[str], None]
    chardevs: Chardevs
    rtc: RtcConfig = field(default_factory=RtcConfig)
    executes: bool = True  # whether harts run guest code
    data_dirs: list[str] = field(default_factory=list)  # where firmware is searched
    serial: list[str] = field(default_factory=list)  # labels of the serial ports' devices, "" for none
    background: bool = False  # standard streams will be let go
    print_line: Callable[[str], None] = print_line


class LateClock:
    """Guest time before there is a machine: 0. The main loop's clocks are made before the machine."""

    def __init__(self) -> None:
        self._clock: GuestTime | None = None

    def now_ns(self) -> int:
        """Guest time, ns."""
        return 0 if self._clock is None else self._clock.now_ns()

    def enable(self) -> None:
        """Let it run."""
        if self._clock is not None:
            self._clock.enable()

    def disable(self) -> None:
        """Stop it."""
        if self._clock is not None:
            self._clock.disable()

    def connect(self, clock: GuestTime) -> None:
        """Here it is."""
        self._clock = clock


class HandClock:
    """Guest time that only moves when it is told to: qtest's, and that of a machine without harts.

    With a header, harts' words show it too (CLINT registers are compiled code on them).
    """

    def __init__(self, header: View | None = None) -> None:
        self._shown: GuestClock | None = None
        self._now_ns = 0
        if header is not None:
            from ipc.clock import GuestClock

            self._shown = GuestClock(header)

    def now_ns(self) -> int:
        """Guest time, ns."""
        return self._now_ns

    def set_ns(self, now_ns: int) -> None:
        """Make it `now_ns`."""
        self._now_ns = now_ns
        if self._shown is not None:
            self._shown.set_ns(now_ns)

    def enable(self) -> None:
        """Nothing: nobody runs."""

    def disable(self) -> None:
        """Nothing."""


class SbiHandler(Protocol):
    """Answers SBI calls that reach the main loop (emu.workers.sbi.Sbi)."""

    def __call__(self, hart: int, eid: int, fid: int, args: tuple[int, ...]) -> Answer | None: ...


@contextmanager
def for_the_user() -> Iterator[None]:
    """Errors of the contract between processes, as errors for the user."""
    try:
        yield
    except IpcError as error:
        raise HostError(str(error)) from error


class Vm:
    """run: its run control. space: what answers where. memory: RAM and ROM as the main loop reads them.

    slots: each hart's words; header: the words of all. Before `build` only space, clocks, loop, log and
    chardevs are there.
    """

    control: Control
    ram: Ram
    memory: GuestMemory

    def __init__(
        self, host: Host, run: VmControl, late: LateClock, load_engine: Callable[[], Engine]
    ) -> None:
        self.host = host
        self.run = run
        self.loop = host.loop
        self.clocks: Clocks = host.loop.clocks
        self.log = host.log
        self.chardevs = host.chardevs
        self.executes = host.executes
        self.space = AddressSpace(unassigned=lambda text: host.log.write("invalid_mem", text))
        self.machine: MachineState | None = None
        self.slots: Sequence[View] = ()
        self.header: View | None = None
        self.fleet: Fleet | None = None
        self.sbi: SbiHandler | None = None
        self.on_debug: list[Callable[[int], None]] = []  # told which hart, before the machine stops
        self.hand_clock: HandClock | None = None
        self.ready = False  # the machine is complete: devices that come now are hotplugged
        self._load_engine = load_engine
        self._engine: Engine | None = None
        self._late = late
        self._reached = Checkpoints(None)
        self._shadows: ShadowTable | None = None
        self._dma: GuestDma | None = None
        self._inhart: InHart | None = None
        self._built = False

    # -- making

    def build_empty(self) -> None:
        """A machine without memory and harts."""
        self.hand_clock = HandClock()
        self._control_by(NoHarts(), self.hand_clock)

    def build(
        self, harts: int, ram: RamConfig, ram_base: int, rom: tuple[int, int], checkpoint: str = ""
    ) -> None:
        """Memory objects and harts. rom: base and size of the mask ROM. Errors: HostError."""
        from emu.core.memory import GuestMemory

        self._reached = Checkpoints(checkpoint or None)
        with for_the_user():
            self.control, self.ram = self._make_memory(harts, ram)
        self.header = self.control.header
        self.slots = [self.control.hart(i) for i in range(harts)]
        self.memory = GuestMemory(self.ram, ram_base, self.header.bytes("mrom"), rom[0])
        if self.executes:
            from ipc.clock import GuestClock

            clock = GuestClock(self.header)
            self.fleet = self._make_fleet(ram_base, rom)
            self._control_by(self.fleet, clock)
        else:
            from emu.workers.idle import IdleHarts

            self.hand_clock = HandClock(self.header)
            self._control_by(IdleHarts(self.control, self.engine), self.hand_clock)

    def _make_memory(self, harts: int, ram: RamConfig) -> tuple[Control, Ram]:
        from ipc.ram import Backing, Ram
        from ipc.segment import Control, fresh_name

        if not self.executes:
            # nobody else maps them: no names, and no child to guard those
            control = Control.create(harts, memfd=True)
            return control, Ram.create(ram.size, Backing.MEMFD, ram.prealloc)
        from emu.workers.guard import NameGuard

        names = fresh_name("control"), fresh_name("ram")
        backing = Backing.MEMFD if ram.memfd else Backing.SHM
        with NameGuard(names):
            control = Control.create(harts, names[0], self._reached)
            try:
                return control, Ram.create(ram.size, backing, ram.prealloc, names[1], self._reached)
            except ResourceError:
                control.close()
                raise

    def _make_fleet(self, ram_base: int, rom: tuple[int, int]) -> Fleet:
        from emu.workers.fleet import Fleet
        from ipc.layout import HEADER, REGION_ROM, REGION_WRITE
        from vcpu_worker.parts import Region

        rom_host = self.control.header_address + HEADER.offset("mrom")
        regions: tuple[Region, ...] = (
            Region(ram_base, self.ram.size, REGION_WRITE, self.ram.memory.address),
            Region(*rom, REGION_ROM, rom_host),
        )
        with for_the_user():
            fleet = Fleet(
                self.control, self.engine, regions, self.ram, self.space, self._sbi_call, self.host.log_line,
                lambda loss: self._lost(loss), self._reached, on_debug=self._debugged,
            )  # fmt: skip
        fleet.trace_to(self.log.fileno(), errors=not self.host.background or bool(self.log.items))
        self.trace()
        return fleet

    def trace(self) -> None:
        """Have harts report what the log wants of them: it has begun, or wants something else."""
        from ipc.layout import TRACE_ASM, TRACE_INT

        traced = {"int": TRACE_INT, "in_asm": TRACE_ASM}
        if self.header is not None:
            self.header.set("trace", sum(bit for item, bit in traced.items() if self.log.wants(item)))

    def _control_by(self, fleet: Fleet | NoHarts, clock: GuestTime) -> None:
        self._late.connect(clock)
        if self.header is not None:
            self.run.publish = self._publish
            self._publish(self.run.states.current, self.run.requests.pending())
        self.run.connect(fleet)
        self.run.on_reset(self._reset)
        self._built = True

    def _publish(self, state: RunState, pending: list[str]) -> None:
        """For who looks at our memory from outside (emu.stress.situation)."""
        assert self.header is not None
        self.header.set("run_state", list(RunState).index(state))
        self.header.set("requests", sum(1 << ORDER.index(name) for name in pending))

    def _lost(self, loss: HartLoss) -> None:
        self.run.hart_lost(loss)

    def _debugged(self, hart: int) -> None:
        """A hart stands at a breakpoint, or has done its step (cpu_handle_guest_debug)."""
        for handler in list(self.on_debug):
            handler(hart)
        self.run.requests.debug_request()

    def _sbi_call(self, hart: int, eid: int, fid: int, args: tuple[int, ...]) -> Answer | None:
        assert self.sbi is not None
        return self.sbi(hart, eid, fid, args)

    # -- for devices

    @property
    def engine(self) -> Engine:
        """The compiled engine: its functions on the words of harts. Loaded at first use."""
        if self._engine is None:
            self._engine = self._load_engine()
        return self._engine

    @property
    def dma(self) -> GuestDma:
        """RAM as the data planes of devices reach it."""
        if self._dma is None:
            from emu.core.memory import GuestDma

            self._dma = GuestDma(self.ram, self.memory.ram_range[0])
        return self._dma

    @property
    def shadows(self) -> ShadowTable:
        """Where devices publish registers that harts read without asking."""
        from emu.hw.register import ShadowTable, no_shadows

        if self._shadows is None:
            self._shadows = ShadowTable(self.header) if self.header is not None else no_shadows()
        return self._shadows

    @property
    def inhart(self) -> InHart:
        """What a hart does to its interrupt controllers, for accesses that begin in this process."""
        if self._inhart is None:
            from emu.hw.intc.inhart import InHart

            control = self.control
            self._inhart = InHart(self.engine, control.header_address, control.hart_address(0))
        return self._inhart

    def plic_set(self, source: int, level: bool) -> None:
        """A device drives a source of the PLIC: harts that enable it and sleep are rung."""
        if self.fleet is not None:
            self.fleet.plic_set(source, level)
        else:
            header, slots = self.control.header_address, self.control.hart_address(0)
            self.engine.call("plic_set_level", header, slots, source, int(level))

    @property
    def rtc_clock(self) -> Clock:
        """The clock that -rtc chose to drive the guest's calendar."""
        clocks = self.clocks
        return {RtcClock.HOST: clocks.host, RtcClock.RT: clocks.realtime, RtcClock.VM: clocks.virtual}[
            self.host.rtc.clock
        ]

    @property
    def rtc_offset_ns(self) -> int:
        """How far the guest's calendar is ahead of that clock, at the start."""
        rtc, clock = self.host.rtc, self.rtc_clock
        if rtc.base_s is not None:
            return rtc.base_s * 1_000_000_000 - clock.now_ns()
        offset_ns = rtc.offset_s * 1_000_000_000
        # a calendar on the host's own clock follows when that is set
        if rtc.clock is RtcClock.HOST:
            return offset_ns
        return offset_ns + self.clocks.host.now_ns() - clock.now_ns()

    # -- running

    def _reset(self, _cause: Cause) -> None:
        """Everything but the harts, which follow."""
        from emu.qom.device import ResetType, reset_bus

        assert self.machine is not None
        reset_bus(self.machine.sysbus, ResetType.COLD)
        self.machine.reset_board()

    def start(self) -> None:
        """Fork the workers, reset everything; stopped. Errors: HostError."""
        if self.fleet is not None:
            from emu.workers.fleet import WorkerFailed

            try:
                self.fleet.start()
            except WorkerFailed as error:
                raise HostError(str(error)) from error
            self.fleet.attach(self.loop)
        with for_the_user():
            self.run.system_reset(Cause.NONE)
        self.ready = True

    def close(self) -> None:
        """End the workers, give memory back. Twice does no harm."""
        if not self._built:
            return
        self._built = False
        self.run.cleanup()
        if self.fleet is not None:
            self.fleet.close()
        if self.header is not None:
            self.memory.close()
            self.control.close()
            self.ram.close()
