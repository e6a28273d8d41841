"""Watchdog of Allwinner's sun6i chips: a simple platform device that Debian's RISC-V kernel has a driver for.

QEMU has it on Arm boards, by the same name; here it sits on the platform bus, if the user asks for it.

    0x00 IRQ_EN   bit 0: the interrupt reaches the line
    0x04 IRQ_STA  bit 0: it is there; a store of 1 takes it back
    0x10 CTRL     0xA57 in bits 12:1 and bit 0: count from the start
    0x14 CFG      bits 1:0: 1 reset the system, 2 interrupt
    0x18 MODE     bits 7:4 how long to count, bit 0 enabled

Rules
- enabling it, and a store to MODE while it is enabled, begins a count; so does CTRL with its key;
- a count ends once: then it is silent until the next begins (the action may have let the guest live);
- guest time: it stands with the machine, and while a suspended machine sleeps, since nobody could feed it;
- what expiry does to the machine is -action watchdog=.
Source: Allwinner H3 User Manual 1.2, "Watchdog" (A31's is the same); Linux's sunxi_wdt for what it is sent.
"""

from __future__ import annotations

from emu.core.fdt import Node
from emu.core.irq import OutLine
from emu.hw.platform_bus import DynamicSysBusDevice
from emu.hw.register import RegisterMap
from emu.hw.tree import Place, device_node
from emu.loop.timers import MS, Timer
from emu.qom.device import Category, ResetType
from emu.qom.types import qom_type
from emu.runstate.happenings import watchdog_perform_action
from emu.runstate.requests import WakeupReason

# By MODE's bits 7:4; the other numbers are reserved
INTERVALS_MS = (500, 1000, 2000, 3000, 4000, 5000, 6000, 8000, 10_000, 12_000, 14_000, 16_000)
KEY, RESTART = 0xA57, 1
CFG_RESET, CFG_INTERRUPT, CFG_MASK = 1, 2, 3
MODE_ENABLED, INTERVAL_SHIFT, INTERVAL_MASK = 1, 4, 0xF
IRQ = 1


@qom_type("allwinner-wdt-sun6i")
class AllwinnerWdt(DynamicSysBusDevice):
    """State: the registers by their names, and the timer of the count."""

    regs = RegisterMap(size=0x400, access=(4,), stride=4)
    irq = OutLine("watchdog")
    name = "allwinner-wdt"
    category = Category.WATCHDOG
    desc = "Allwinner sun6i watchdog"

    def instance_init(self) -> None:
        """As after power on."""
        self._zero()

    def realize(self) -> None:
        """Its clock."""
        self._clock = self.vm.clocks.virtual
        self._timer = Timer(self._clock, self._expired)
        self._left_ns = 0  # of the count, in the machine's sleep
        self.init_irq(self.irq)
        self.vm.run.on_suspend(self._sleep)
        self.vm.run.on_wakeup(self._wake)

    def unrealize(self) -> None:
        """No count."""
        self._timer.cancel()

    def reset_enter(self, kind: ResetType) -> None:
        """Off."""
        self._timer.cancel()
        self._left_ns = 0
        self._zero()

    def reset_hold(self, kind: ResetType) -> None:
        """The line is low."""
        self._update_irq()

    def _zero(self) -> None:
        self.irq_enabled = self.irq_status = self.cfg = self.mode = 0

    # -- registers

    @regs.read(0x00, "IRQ_EN")
    def read_irq_enabled(self) -> int:
        """Bit 0."""
        return self.irq_enabled

    @regs.write(0x00, "IRQ_EN")
    def write_irq_enabled(self, value: int) -> None:
        """Bit 0."""
        self.irq_enabled = value & IRQ
        self._update_irq()

    @regs.read(0x04, "IRQ_STA")
    def read_irq_status(self) -> int:
        """Bit 0."""
        return self.irq_status

    @regs.write(0x04, "IRQ_STA")
    def write_irq_status(self, value: int) -> None:
        """1 clears."""
        self.irq_status &= ~value
        self._update_irq()

    @regs.read(0x10, "CTRL")
    def read_ctrl(self) -> int:
        """Nothing to read."""
        return 0

    @regs.write(0x10, "CTRL")
    def write_ctrl(self, value: int) -> None:
        """With its key and bit 0: count anew."""
        if value >> 1 & 0xFFF != KEY:
            self.guest_error(f"{self.name}: CTRL without its key: {value:#x}")
        elif value & RESTART:
            self._count()

    @regs.read(0x14, "CFG")
    def read_cfg(self) -> int:
        """What expiry does."""
        return self.cfg

    @regs.write(0x14, "CFG")
    def write_cfg(self, value: int) -> None:
        """What expiry does."""
        self.cfg = value & CFG_MASK

    @regs.read(0x18, "MODE")
    def read_mode(self) -> int:
        """Interval and bit 0."""
        return self.mode

    @regs.write(0x18, "MODE")
    def write_mode(self, value: int) -> None:
        """Interval and bit 0; a count begins, or ends."""
        self.mode = value & (INTERVAL_MASK << INTERVAL_SHIFT | MODE_ENABLED)
        self._count()

    # -- the count

    def _count(self) -> None:
        if not self.mode & MODE_ENABLED:
            self._timer.cancel()
            return
        interval = self.mode >> INTERVAL_SHIFT & INTERVAL_MASK
        if interval >= len(INTERVALS_MS):
            self.guest_error(f"{self.name}: reserved interval {interval:#x}")
            interval = 0
        self._timer.mod_ns(self._clock.now_ns() + INTERVALS_MS[interval] * MS)

    def _expired(self) -> None:
        if self.cfg == CFG_RESET:
            watchdog_perform_action(self.vm.run, self.vm.host.print_line)
        elif self.cfg == CFG_INTERRUPT:
            self.irq_status = IRQ
            self._update_irq()

    def _sleep(self) -> None:
        if self._timer.pending:
            self._left_ns = max(self._timer.expiry_ns - self._clock.now_ns(), 1)
            self._timer.cancel()

    def _wake(self, _reason: WakeupReason) -> None:
        if self._left_ns:
            self._timer.mod_ns(self._clock.now_ns() + self._left_ns)
            self._left_ns = 0

    def _update_irq(self) -> None:
        self.irq.set(bool(self.irq_status & self.irq_enabled))

    def node(self, parent: Node, place: Place) -> Node:
        """Its device tree node."""
        return device_node(parent, "watchdog", place, ["allwinner,sun6i-a31-wdt"])
