"""-machine none: no RAM, no devices. It starts fast, and monitors can look around in it.

Source: BEHAVIOUR 3.3, 4.1, 7.2 (what management programs probe with it); QEMU 10.0.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.hw.machine import MachineState
from emu.options.traits import MachineTraits
from emu.qom.types import qom_type


@qom_type("none-machine")
class NullMachine(MachineState):
    """An empty machine."""

    desc = "empty machine"
    default_ram = 0
    ram_id = "ram"
    traits = MachineTraits(
        lacks=frozenset({"serial", "parallel", "floppy", "cdrom", "sdcard"}), harts=False
    )

    def check(self) -> None:
        """QEMU's refusals."""
        super().check()
        if self.kernel:
            raise OptionError(
                "The -kernel parameter is not supported (use the generic 'loader' device instead)."
            )
        if self.ram.size:
            raise OptionError("machine 'none' has no RAM in this build")

    def init(self) -> None:
        """Nothing."""
        self.vm.build_empty()
