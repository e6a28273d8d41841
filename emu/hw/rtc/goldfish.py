"""Goldfish real-time clock: nanoseconds since the epoch, one alarm.

Rule: TIME_LOW latches TIME_HIGH, so that the pair is consistent; ALARM_LOW arms with the ALARM_HIGH written
before it. 4-byte accesses only. An alarm whose interrupt is enabled wakes a suspended machine.
Source: Android emulator's GOLDFISH-VIRTUAL-HARDWARE.TXT, "Goldfish timer"; BEHAVIOUR 4.6.
"""

from __future__ import annotations

from emu.core.fdt import Node
from emu.core.irq import OutLine
from emu.hw.register import RegisterDevice, RegisterMap
from emu.hw.tree import Place, device_node
from emu.hw.wakeup import Source, never
from emu.loop.timers import Timer
from emu.qom.device import ResetType
from emu.qom.types import qom_type

MASK32, MASK64 = (1 << 32) - 1, (1 << 64) - 1


@qom_type("goldfish_rtc")
class GoldfishRtc(RegisterDevice):
    """State: alarm_ns and whether it is armed (`alarm_running`), pending and enabled interrupt.

    wake: what it calls when it may have a reason to wake the machine (`wants_attention`).
    """

    regs = RegisterMap(size=0x24, access=(4,), stride=4)
    irq = OutLine("alarm")
    name = "goldfish_rtc"

    def instance_init(self) -> None:
        """Nobody sleeps."""
        self.wake: Source = never

    def realize(self) -> None:
        """The clock of -rtc drives it; the guest's calendar starts that far ahead of it."""
        self._clock = self.vm.rtc_clock
        self._offset_ns = self.vm.rtc_offset_ns
        self._timer = Timer(self._clock, self._fire)
        self._in_sleep = Timer(self.vm.clocks.virtual_rt, self._fire_in_sleep)
        if self._clock is self.vm.clocks.virtual:
            # -rtc clock=vm: guest time goes on while a suspended machine sleeps, but VIRTUAL's timers rest
            self.vm.run.on_suspend(self._sleep)
            self.vm.run.on_wakeup(lambda _reason: self._in_sleep.cancel())
        self.init_irq(self.irq)
        self.reset_enter(ResetType.COLD)

    def unrealize(self) -> None:
        """No alarm any more."""
        self._timer.cancel()
        self._in_sleep.cancel()

    def reset_enter(self, kind: ResetType) -> None:
        """No alarm, no interrupt; the calendar goes on, as the guest has set it."""
        self._timer.cancel()
        self._in_sleep.cancel()
        self.alarm_ns = 0
        self.alarm_running = False
        self.pending = self.enabled = False
        self._time_high = 0

    def reset_hold(self, kind: ResetType) -> None:
        """The line is low."""
        self._update_irq()

    def now_ns(self) -> int:
        """The guest's calendar, ns since the epoch."""
        return (self._clock.now_ns() + self._offset_ns) & MASK64

    @regs.read(0x00, "TIME_LOW")
    def time_low(self) -> int:
        """Low half of now; latches the high half."""
        now = self.now_ns()
        self._time_high = now >> 32
        return now & MASK32

    @regs.read(0x04, "TIME_HIGH")
    def time_high(self) -> int:
        """High half as latched."""
        return self._time_high

    @regs.write(0x00, "TIME_LOW")
    def set_time_low(self, value: int) -> None:
        """Set the low half of now."""
        self._shift(self.now_ns() & ~MASK32 | value)

    @regs.write(0x04, "TIME_HIGH")
    def set_time_high(self, value: int) -> None:
        """Set the high half of now."""
        self._shift(self.now_ns() & MASK32 | value << 32)

    @regs.read(0x08, "ALARM_LOW")
    def read_alarm_low(self) -> int:
        """Low half of the alarm."""
        return self.alarm_ns & MASK32

    @regs.write(0x08, "ALARM_LOW")
    def set_alarm_low(self, value: int) -> None:
        """Low half of the alarm; arms it."""
        self.alarm_ns = self.alarm_ns & ~MASK32 | value
        self._arm()

    @regs.read(0x0C, "ALARM_HIGH")
    def read_alarm_high(self) -> int:
        """High half of the alarm."""
        return self.alarm_ns >> 32

    @regs.write(0x0C, "ALARM_HIGH")
    def set_alarm_high(self, value: int) -> None:
        """High half of the alarm; the low half arms."""
        self.alarm_ns = value << 32 | self.alarm_ns & MASK32

    @regs.read(0x10, "IRQ_ENABLED")
    def read_enabled(self) -> int:
        """Bit 0."""
        return int(self.enabled)

    @regs.write(0x10, "IRQ_ENABLED")
    def set_enabled(self, value: int) -> None:
        """Bit 0: the alarm's interrupt reaches the line."""
        self.enabled = bool(value & 1)
        self._update_irq()

    @regs.write(0x14, "CLEAR_ALARM")
    def clear_alarm(self, _value: int) -> None:
        """Disarm."""
        self._timer.cancel()
        self.alarm_running = False

    @regs.read(0x18, "ALARM_STATUS")
    def alarm_status(self) -> int:
        """1 while armed."""
        return int(self.alarm_running)

    @regs.write(0x1C, "CLEAR_INTERRUPT")
    def clear_interrupt(self, _value: int) -> None:
        """Take the interrupt back."""
        self.pending = False
        self._update_irq()

    def _shift(self, now_ns: int) -> None:
        self._offset_ns = now_ns - self._clock.now_ns()

    def _arm(self) -> None:
        """The timer, or the interrupt at once if the moment is past."""
        if self.alarm_ns <= self.now_ns():
            self._timer.cancel()
            self._fire()
        else:
            self.alarm_running = True
            self._timer.mod_ns(self.alarm_ns - self._offset_ns)

    def _sleep(self) -> None:
        if self._timer.pending:
            self._in_sleep.mod_ns(self._timer.expiry_ns)

    def _fire_in_sleep(self) -> None:
        if self._timer.pending:
            self._timer.cancel()
            self._fire()

    def _fire(self) -> None:
        self.alarm_running = False
        self.pending = True
        self._update_irq()

    def wants_attention(self) -> bool:
        """Whether the alarm's interrupt is there."""
        return self.pending and self.enabled

    def _update_irq(self) -> None:
        self.irq.set(self.wants_attention())
        self.wake()

    def node(self, soc: Node, place: Place) -> Node:
        """Its device tree node."""
        return device_node(soc, "rtc", place, ["google,goldfish-rtc"])
