"""A machine: memory objects, harts, board, boot and run control of one VM, tied together.

Order of making (each step needs the ones before): memory objects; guest clock; harts' main side (not yet
running); board; what is booted; first reset; workers. `start` is the first moment with processes.

Rules
- this is the only place that knows all of them; each of them knows only what it is given;
- errors of the contract (`ipc.errors`) become errors for the user here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from emu.core.address_space import AddressSpace
from emu.core.fdt import Tree
from emu.core.log import Log
from emu.core.memory import GuestMemory
from emu.errors import HostError, strerror
from emu.hw.char.debug_console import DebugConsole
from emu.hw.misc.loader import Loader, load
from emu.hw.riscv import virt
from emu.hw.riscv.boot import Boot, describe_boot, load_dtb, reserve_firmware
from emu.hw.riscv.virt import Surroundings, VirtBoard, new_seed
from emu.loop.poll import MainLoop
from emu.loop.timers import Clock, Clocks
from emu.options.clock import RtcClock, RtcConfig
from emu.options.machine_properties import MachineConfig
from emu.runstate.control import VmControl
from emu.runstate.requests import Actions, Cause
from emu.workers.checkpoints import Checkpoints
from emu.workers.fleet import Fleet, StartFailed
from emu.workers.guard import NameGuard
from emu.workers.sbi import Answer, Sbi
from ipc.clock import GuestClock
from ipc.engine import Engine
from ipc.errors import IpcError, ResourceError
from ipc.layout import HEADER, REGION_ROM, REGION_WRITE, TRACE_ASM, TRACE_INT
from ipc.ram import Backing, Ram
from ipc.segment import Control, fresh_name
from vcpu_worker.parts import Region

# items of -d that harts report themselves
TRACED = {"int": TRACE_INT, "in_asm": TRACE_ASM}


@dataclass
class Host:
    """What a machine needs of the process it lives in. log_line: a line for the user, no prefix."""

    loop: MainLoop
    log: Log
    log_line: Callable[[str], None]
    actions: Actions = field(default_factory=Actions)
    reached: Checkpoints = field(default_factory=Checkpoints)


class LateClock:
    """Guest time before there is a machine: 0. The main loop's clocks are made before the machine."""

    def __init__(self) -> None:
        self._clock: GuestClock | None = None

    def now_ns(self) -> int:
        """Guest time, ns."""
        return 0 if self._clock is None else self._clock.now_ns()

    def connect(self, clock: GuestClock) -> None:
        """Here it is."""
        self._clock = clock


class GuestSwitch:
    """The guest's power switch (sifive_test): requests to the run control."""

    def __init__(self, run: VmControl) -> None:
        self._requests = run.requests

    def guest_shutdown(self, code: int) -> None:
        """End well."""
        self._requests.shutdown_request(Cause.GUEST_SHUTDOWN, code)

    def guest_failed(self, code: int) -> None:
        """End badly."""
        self._requests.shutdown_request(Cause.GUEST_PANIC, code)

    def guest_reset(self) -> None:
        """Begin again."""
        self._requests.reset_request(Cause.GUEST_RESET)


@contextmanager
def _for_the_user() -> Iterator[None]:
    """Errors of the contract between processes, as errors for the user."""
    try:
        yield
    except (IpcError, StartFailed) as error:
        raise HostError(str(error)) from error


class Machine:
    """run: its run control. board: its devices. fleet: its harts. boot: what it starts with."""

    def __init__(
        self, config: MachineConfig, rtc: RtcConfig, engine: Engine, host: Host, late: LateClock
    ) -> None:
        self.config = config
        self._host = host
        self._loaders: list[Loader] = []
        with _for_the_user():
            self.control, self.ram = self._make_memory()
        self.clock = GuestClock(self.control.header)
        late.connect(self.clock)
        self.space = AddressSpace(unassigned=lambda text: host.log.write("invalid_mem", text))
        with _for_the_user():
            self.fleet = Fleet(
                self.control, engine, self._regions(), self.ram, self.space, self._sbi_call, host.log_line,
                lambda loss: self.run.hart_lost(loss), host.reached,
            )  # fmt: skip
        self.run = VmControl(
            self.fleet, self.clock, host.loop.clocks.virtual, host.loop.notify, host.log_line,
            lambda name, data: None, host.actions,
        )  # fmt: skip
        self.board = VirtBoard(
            self._surroundings(engine, rtc), config.cpu.bits, config.ram.size, config.aclint
        )
        rom = self.control.header.bytes("mrom")
        self.memory = GuestMemory(self.ram, virt.DRAM_BASE, rom, virt.MROM[0])
        self.sbi = Sbi(self.run.requests, self.memory, DebugConsole(self.board.uart))
        self.boot = Boot(virt.DRAM_BASE, virt.DRAM_BASE + config.ram.size)
        self.tree: Tree | None = None
        self.run.on_reset(self._reset)
        bits = sum(bit for item, bit in TRACED.items() if host.log.wants(item))
        if bits:
            self.fleet.trace_to(host.log.fileno(), bits)

    # -- making

    def _make_memory(self) -> tuple[Control, Ram]:
        names = fresh_name("control"), fresh_name("ram")
        config, reached = self.config, self._host.reached
        backing = Backing.MEMFD if config.ram.memfd else Backing.SHM
        with NameGuard(names):
            control = Control.create(config.smp.cpus, names[0], reached)
            try:
                return control, Ram.create(
                    config.ram.size, backing, config.ram.prealloc, names[1], reached
                )
            except ResourceError:
                control.close()
                raise

    def _regions(self) -> tuple[Region, ...]:
        rom_host = self.control.header_address + HEADER.offset("mrom")
        return (
            Region(virt.DRAM_BASE, self.ram.size, REGION_WRITE, self.ram.memory.address),
            Region(*virt.MROM, REGION_ROM, rom_host),
        )

    def _surroundings(self, engine: Engine, rtc: RtcConfig) -> Surroundings:
        header_address = self.control.header_address
        clocks = self._host.loop.clocks
        rtc_clock = {RtcClock.HOST: clocks.host, RtcClock.RT: clocks.realtime, RtcClock.VM: clocks.virtual}[
            rtc.clock
        ]

        def reset_plic() -> None:
            engine.call("plic_reset", header_address)

        return Surroundings(
            self.space, self.control.header, [self.control.hart(i) for i in range(self.control.harts)],
            self.fleet.plic_set, reset_plic, clocks.virtual, rtc_clock, _calendar_ns(rtc, rtc_clock, clocks),
            self.clock.now_ns, GuestSwitch(self.run), self._host.log,
        )  # fmt: skip

    def _sbi_call(self, hart: int, eid: int, fid: int, args: tuple[int, ...]) -> Answer | None:
        return self.sbi(hart, eid, fid, args)

    # -- booting

    def load(self, directories: list[str]) -> None:
        """Firmware, kernel and initrd; `directories` are searched for firmware. Errors: UserError."""
        config, boot = self.config, self.boot
        self.tree = load_dtb(config.dtb) if config.dtb else self.board.tree()
        boot.load_firmware(config.firmware, directories)
        if config.kernel:
            boot.load_kernel(config.kernel)
            if config.initrd:
                boot.load_initrd(config.initrd)

    def add_loader(self, loader: Loader) -> None:
        """A -device loader. Errors: OptionError."""
        load(loader, self.boot.roms, self.boot.ram_base, self.boot.ram_end)
        self._loaders.append(loader)

    def finish_boot(self) -> None:
        """Device tree, mask ROM and header words. Errors: UserError."""
        tree, boot, header = self.tree, self.boot, self.control.header
        assert tree is not None
        if boot.builtin_sbi:
            reserve_firmware(tree)
        describe_boot(tree.root.get_or_add("chosen"), boot, self.config.append)
        boot.place_fdt(tree)
        boot.roms.check()
        rom = boot.mask_rom()
        header.bytes("mrom")[: len(rom)] = rom
        header.set("builtin_sbi", int(boot.builtin_sbi))
        header.set("sbi_kernel", boot.next_addr)
        header.set("sbi_fdt", boot.fdt_at)

    def dump_dtb(self, path: str) -> None:
        """-machine dumpdtb=. Errors: HostError."""
        assert self.tree is not None
        try:
            with open(path, "wb") as file:
                file.write(self.tree.pack())
        except OSError as error:
            raise HostError(
                f"Error saving FDT to file {path}: Failed to create file “{path}”: {strerror(error)}"
            ) from error

    def _reset(self, _cause: Cause) -> None:
        """Everything but the harts, which follow."""
        self.board.reset()
        self.sbi.reset()
        if self.tree is not None and self.boot.fdt_at:
            new_seed(self.tree)
            self.boot.roms.replace("fdt", self.tree.pack())
        self.boot.roms.restore(self.memory.write)

    # -- running

    def start(self) -> None:
        """Fork the workers, reset everything; stopped. Errors: HostError."""
        with _for_the_user():
            self.fleet.start()
            self.fleet.attach(self._host.loop)
            self.run.system_reset(Cause.NONE)

    def close(self) -> None:
        """End the workers, give memory back."""
        self.run.cleanup()
        self.fleet.close()
        self.memory.close()
        self.control.close()
        self.ram.close()


def _calendar_ns(rtc: RtcConfig, clock: Clock, clocks: Clocks) -> int:
    """How far the guest's calendar is ahead of the clock that drives it, at the start."""
    if rtc.base_s is not None:
        return rtc.base_s * 1_000_000_000 - clock.now_ns()
    offset_ns = rtc.offset_s * 1_000_000_000
    # a calendar on the host's own clock follows when that is set
    return offset_ns if rtc.clock is RtcClock.HOST else offset_ns + clocks.host.now_ns() - clock.now_ns()
