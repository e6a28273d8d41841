"""What the phases of the start make, one after the other: an `Emulator`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emu.report import Reporter

if TYPE_CHECKING:
    from emu.accel.accel import Accel
    from emu.chardev.factory import Chardevs
    from emu.core.log import Log
    from emu.gdbstub.server import GdbServer
    from emu.hw.machine import MachineState
    from emu.loop.notify import Signals
    from emu.loop.poll import MainLoop
    from emu.monitor.monitors import Monitors
    from emu.options.clock import RtcConfig
    from emu.options.default_devices import DefaultDevices
    from emu.options.drives import Drive
    from emu.options.settings import Settings
    from emu.runstate.control import VmControl
    from emu.vm import LateClock, Vm


@dataclass
class Emulator:
    """What the phases make, one after the other.

    monitors: None if there are none.
    """

    settings: Settings
    rtc: RtcConfig
    log: Log
    loop: MainLoop
    late: LateClock
    run: VmControl
    chardevs: Chardevs
    machine: MachineState
    defaults: DefaultDevices
    drives: list[Drive] = field(default_factory=list)
    accel: Accel | None = None
    vm: Vm | None = None
    gdb: GdbServer | None = None
    signals: Signals | None = None
    monitors: Monitors | None = None
    serial: list[str] = field(default_factory=list)  # labels of the serial ports' devices, "" for none

    @property
    def ready(self) -> bool:
        """Whether the machine is complete (with -preconfig it is not for a while)."""
        return self.vm is not None and self.vm.ready

    @property
    def reporter(self) -> Reporter:
        """Where messages go."""
        return self.settings.reporter
