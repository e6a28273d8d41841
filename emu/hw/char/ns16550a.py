"""16550A serial port, as QEMU's `serial-mm` on the virt board: registers a byte apart, 16-byte FIFOs.

Rules
- any access of 1 to 8 bytes acts on the byte that is addressed;
- every change of state ends in `_update_irq`, which also publishes the shadows: LSR, IIR and MSR are read
  from shared memory while a read of them changes nothing, THR writes are posted while each of them is
  sure to leave at once (no divisor latch, no loopback, backend not blocked);
- input whose interrupt is enabled wakes a suspended machine, though the line may be low (VIRTUAL rests);
- posted bytes that arrive while the backend is blocked all the same (the harts' rings held them) are
  kept, though the FIFO of a real chip would have lost them.
Times: guest clock (VIRTUAL), ns.
Source: National PC16550D data sheet, section 8; BEHAVIOUR 4.6.
"""

from __future__ import annotations

from collections import deque

from emu.core.fdt import Node
from emu.core.irq import OutLine
from emu.hw.char.serial_backend import NoBackend, SerialBackend
from emu.hw.register import RegisterDevice, RegisterMap, Rung, ShadowTable, no_shadows
from emu.hw.tree import Place, device_node
from emu.hw.wakeup import Source, never
from emu.loop.timers import Timer
from emu.qom.device import ResetType
from emu.qom.property import Uint
from emu.qom.types import qom_type

IER_RDI, IER_THRI, IER_RLSI, IER_MSI = 0x01, 0x02, 0x04, 0x08
IIR_NO_INT, IIR_MSI, IIR_THRI, IIR_RDI, IIR_RLSI, IIR_CTI, IIR_FE = 0x01, 0x00, 0x02, 0x04, 0x06, 0x0C, 0xC0
IIR_ID = 0x0F
FCR_FE, FCR_RFR, FCR_XFR, FCR_KEPT = 0x01, 0x02, 0x04, 0xC9
LCR_BREAK, LCR_DLAB = 0x40, 0x80
MCR_OUT2, MCR_LOOP = 0x08, 0x10
LSR_DR, LSR_OE, LSR_BI, LSR_THRE, LSR_TEMT = 0x01, 0x02, 0x10, 0x20, 0x40
LSR_INT_ANY = 0x1E
MSR_DELTAS, MSR_RESET = 0x0F, 0xB0  # carrier, data set ready, clear to send

BYTES = [bytes([i]) for i in range(256)]
FIFO = 16
OVERFLOW = 1 << 16  # bytes kept beyond the FIFO: all harts' rings full of them, twice over
TRIGGERS = {0x00: 1, 0x40: 4, 0x80: 8, 0xC0: 14}
BAUD_BASE = 399193
CLOCK_HZ = 3686400
RESET_DIVISOR = 12
MOST_RETRIES = 4  # with a write watch; then the byte is dropped


@qom_type("serial-mm")
class Ns16550a(RegisterDevice):
    """State: the registers by their names; `_rx`, `_tx` the FIFOs; `thr_ipending`, `timeout_ipending` the
    two interrupt causes that are no bits of a register; `tsr_retry` tries of the byte under way. wake: called
    when it may have a reason to wake the machine (`wants_attention`)."""

    regs = RegisterMap(size=8, access=(1, 2, 4, 8), stride=1)
    irq = OutLine("serial")
    name = "serial"

    regshift = Uint("regshift", 8, 0)
    endianness = Uint("endianness", 8, 2)

    def instance_init(self) -> None:
        """Nobody at the other end."""
        self.backend: SerialBackend = NoBackend()
        self.wake: Source = never
        self._rx: deque[int] = deque()
        self._tx: deque[int] = deque()
        self._publish_at(no_shadows(), 0)

    def realize(self) -> None:
        """The clock and the line."""
        self._clock = self.vm.clocks.virtual
        self._timeout = Timer(self._clock, self._fifo_timeout)
        self.init_irq(self.irq)
        self._power_on()

    def unrealize(self) -> None:
        """No timeout any more."""
        self._timeout.cancel()

    def map_mmio(self, n: int, gpa: int) -> None:
        """Where it stands, harts find its shadows."""
        super().map_mmio(n, gpa)
        self._publish_at(self.vm.shadows, gpa)

    def _publish_at(self, table: ShadowTable, gpa: int) -> None:
        self._iir_shadow = table.shadow(gpa + 2, self.regs.access)
        self._lsr_shadow = table.shadow(gpa + 5, self.regs.access)
        self._msr_shadow = table.shadow(gpa + 6, self.regs.access)
        self._thr_posted = table.posted(gpa)

    def reset_enter(self, kind: ResetType) -> None:
        """Power-on state; a byte that waits for the backend is lost."""
        self._power_on()

    def reset_hold(self, kind: ResetType) -> None:
        """The line, and room for input."""
        self._update_irq()
        self._room()

    def _power_on(self) -> None:
        self.rbr = self.thr = self.tsr = 0
        self.ier = self.lcr = self.fcr = self.scr = 0
        self.iir, self.mcr = IIR_NO_INT, MCR_OUT2
        self.lsr, self.msr = LSR_THRE | LSR_TEMT, MSR_RESET
        self.divisor = RESET_DIVISOR
        self.trigger = 1
        self.thr_ipending = self.timeout_ipending = False
        self.tsr_retry = 0
        self.last_break = False
        self._rx.clear()
        self._tx.clear()
        self._timeout.cancel()

    # -- registers

    @regs.read(0, "RBR")
    def receive_buffer(self) -> int:
        """The oldest byte received. Divisor latch: its low half."""
        if self.lcr & LCR_DLAB:
            return self.divisor & 0xFF
        if self.fcr & FCR_FE:
            value = self._rx.popleft() if self._rx else 0
            if self._rx:
                self._timeout.mod_ns(self._clock.now_ns() + 4 * self._char_ns())
            else:
                self.lsr &= ~(LSR_DR | LSR_BI)
            self.timeout_ipending = False
        else:
            value = self.rbr
            self.lsr &= ~(LSR_DR | LSR_BI)
        self._update_irq()
        self._room()
        return value

    @regs.write(0, "THR", Rung.POSTED)
    def transmit(self, value: int) -> None:
        """A byte to send. Divisor latch: its low half."""
        plain = not (self.ier or self.tsr_retry or self.lcr & LCR_DLAB or self.mcr & MCR_LOOP)
        if plain and self.backend.write(BYTES[value]):
            # 98 % of the MMIO of a Linux boot: interrupts off, the byte leaves at once, nothing else changes
            self.thr = self.tsr = value
            self.thr_ipending = True
            return
        if self.lcr & LCR_DLAB:
            self.divisor = self.divisor & 0xFF00 | value
            return
        self.thr = value
        if self.fcr & FCR_FE:
            if len(self._tx) >= (FIFO if self.mcr & MCR_LOOP else OVERFLOW):
                self._tx.popleft()
            self._tx.append(value)
        elif self.tsr_retry:
            self._tx.append(value)  # a posted byte behind one that waits: see the module's rules
        self.thr_ipending = False
        self.lsr &= ~(LSR_THRE | LSR_TEMT)
        self._update_irq()
        if not self.tsr_retry:
            self._transmit()

    @regs.read(1, "IER")
    def read_ier(self) -> int:
        """Enabled interrupts. Divisor latch: its high half."""
        return self.divisor >> 8 if self.lcr & LCR_DLAB else self.ier

    @regs.write(1, "IER")
    def write_ier(self, value: int) -> None:
        """Enabling THRI with an empty transmitter raises it, though IIR had cleared it: guests rely on it."""
        if self.lcr & LCR_DLAB:
            self.divisor = self.divisor & 0xFF | value << 8
            return
        changed = (self.ier ^ value) & 0x0F
        self.ier = value & 0x0F
        if changed & IER_THRI:
            self.thr_ipending = bool(self.ier & IER_THRI and self.lsr & LSR_THRE)
        self._update_irq()

    @regs.read(2, "IIR", Rung.SHADOWED)
    def read_iir(self) -> int:
        """Cause of the interrupt; reading "transmitter empty" ends it."""
        value = self.iir
        if value & IIR_ID == IIR_THRI:
            self.thr_ipending = False
            self._update_irq()
        return value

    @regs.write(2, "FCR")
    def write_fcr(self, value: int) -> None:
        """FIFO control. Switching the FIFOs on or off empties both."""
        if (value ^ self.fcr) & FCR_FE:
            value |= FCR_RFR | FCR_XFR
        if value & FCR_RFR:
            self.lsr &= ~(LSR_DR | LSR_BI)
            self.timeout_ipending = False
            self._timeout.cancel()
            self._rx.clear()
        if value & FCR_XFR:
            self.lsr |= LSR_THRE
            self.thr_ipending = True
            self._tx.clear()
        self.fcr = value & FCR_KEPT
        self.trigger = TRIGGERS[value & 0xC0]
        self.iir = self.iir | IIR_FE if value & FCR_FE else self.iir & ~IIR_FE
        self._update_irq()
        self._room()

    @regs.read(3, "LCR")
    def read_lcr(self) -> int:
        """Line control."""
        return self.lcr

    @regs.write(3, "LCR")
    def write_lcr(self, value: int) -> None:
        """Line control: frame, break, divisor latch."""
        self.lcr = value
        driven = bool(value & LCR_BREAK)
        if driven != self.last_break:
            self.last_break = driven
            self.backend.set_break(driven)
        self._update_irq()

    @regs.read(4, "MCR")
    def read_mcr(self) -> int:
        """Modem control."""
        return self.mcr

    @regs.write(4, "MCR")
    def write_mcr(self, value: int) -> None:
        """Modem control; bit 4 connects the port to itself."""
        self.mcr = value & 0x1F
        self._update_irq()
        self._room()

    @regs.read(5, "LSR", Rung.SHADOWED)
    def read_lsr(self) -> int:
        """Line status; reading ends break and overrun."""
        value = self.lsr
        if value & (LSR_BI | LSR_OE):
            self.lsr &= ~(LSR_BI | LSR_OE)
            self._update_irq()
        return value

    @regs.write(5, "LSR")
    def write_lsr(self, value: int) -> None:
        """Nothing."""

    @regs.read(6, "MSR", Rung.SHADOWED)
    def read_msr(self) -> int:
        """Modem status; in loopback it shows the outputs, and reading ends the deltas otherwise."""
        value = self._msr_seen()
        if not self.mcr & MCR_LOOP and self.msr & MSR_DELTAS:
            self.msr &= ~MSR_DELTAS
            self._update_irq()
        return value

    @regs.write(6, "MSR")
    def write_msr(self, value: int) -> None:
        """Nothing."""

    @regs.read(7, "SCR")
    def read_scr(self) -> int:
        """Scratch."""
        return self.scr

    @regs.write(7, "SCR")
    def write_scr(self, value: int) -> None:
        """Scratch."""
        self.scr = value

    # -- the backend's side

    def can_receive(self) -> int:
        """Bytes it takes now. Beyond the trigger level one by one: the guest must have time to answer."""
        if self.mcr & MCR_LOOP:
            return 0
        if not self.fcr & FCR_FE:
            return 0 if self.lsr & LSR_DR else 1
        return max(1, self.trigger - len(self._rx)) if len(self._rx) < FIFO else 0

    def receive(self, data: bytes) -> None:
        """Bytes from the backend."""
        if self.fcr & FCR_FE:
            for byte in data:
                self._put(byte)
            self.lsr |= LSR_DR
            self._timeout.mod_ns(self._clock.now_ns() + 4 * self._char_ns())
        elif data:
            if self.lsr & LSR_DR:
                self.lsr |= LSR_OE
            self.rbr = data[0]
            self.lsr |= LSR_DR
        self._update_irq()
        self.wake()

    def receive_break(self) -> None:
        """A break from the backend: a zero byte with BI."""
        self.rbr = 0
        if self.fcr & FCR_FE:
            self._put(0)
        self.lsr |= LSR_BI | LSR_DR
        self._update_irq()
        self.wake()

    def wants_attention(self) -> bool:
        """Whether there is input that the guest wants to hear of."""
        return bool(self.ier & IER_RDI and self.lsr & LSR_DR)

    def backend_changed(self, backend: SerialBackend) -> None:
        """Another back end has taken the old one's place."""
        self.backend = backend
        self.backend_writable()

    def backend_writable(self) -> None:
        """The backend may take the byte that waits."""
        if self.tsr_retry:
            self._transmit()

    # -- inside

    def _room(self) -> None:
        """After whatever may have made room for input: the backend waits to be told."""
        if not self.mcr & MCR_LOOP:
            self.backend.accept_input()

    def _put(self, byte: int) -> None:
        if len(self._rx) < FIFO:
            self._rx.append(byte)
        else:
            self.lsr |= LSR_OE  # an overrun leaves the FIFO as it is

    def _fifo_timeout(self) -> None:
        if self._rx:
            self.timeout_ipending = True
            self._update_irq()

    def _char_ns(self) -> int:
        """Time of a frame: start bit, data, parity, stop bits, at the divisor's rate."""
        bits = 1 + 5 + (self.lcr & 3) + bool(self.lcr & 8) + (2 if self.lcr & 4 else 1)
        rate = BAUD_BASE / self.divisor if 0 < self.divisor <= BAUD_BASE else BAUD_BASE / RESET_DIVISOR
        return int(1e9 / rate * bits)

    def _transmit(self) -> None:
        """Send until the holding register or FIFO is empty, or the backend blocks."""
        while True:
            if not self.tsr_retry:
                self.tsr = self._tx.popleft() if self._tx else self.thr
                if not self._tx:
                    self.lsr |= LSR_THRE
                    self.thr_ipending = True
            if self.mcr & MCR_LOOP:
                self.receive(BYTES[self.tsr])
            elif not self.backend.write(BYTES[self.tsr]) and self.tsr_retry < MOST_RETRIES:
                self.tsr_retry += 1
                self.backend.watch_writable()
                self._update_irq()
                return
            self.tsr_retry = 0
            if self.lsr & LSR_THRE:
                break
        self.lsr |= LSR_TEMT
        self._update_irq()

    def _msr_seen(self) -> int:
        if not self.mcr & MCR_LOOP:
            return self.msr
        return (self.mcr & 0x0C) << 4 | (self.mcr & 0x02) << 3 | (self.mcr & 0x01) << 5

    def _cause(self) -> int:
        """The interrupt of the highest priority, IIR_NO_INT without one."""
        if self.ier & IER_RLSI and self.lsr & LSR_INT_ANY:
            return IIR_RLSI
        if self.ier & IER_RDI and self.timeout_ipending:
            return IIR_CTI
        full = not self.fcr & FCR_FE or len(self._rx) >= self.trigger
        if self.ier & IER_RDI and self.lsr & LSR_DR and full:
            return IIR_RDI
        if self.ier & IER_THRI and self.thr_ipending:
            return IIR_THRI
        if self.ier & IER_MSI and self.msr & MSR_DELTAS:
            return IIR_MSI
        return IIR_NO_INT

    def _update_irq(self) -> None:
        """Last act of every change: IIR, the line, and what harts may see and do without us."""
        cause = self._cause()
        self.iir = self.iir & 0xF0 | cause
        self._iir_shadow.publish(None if cause == IIR_THRI else self.iir)
        self._lsr_shadow.publish(None if self.lsr & (LSR_BI | LSR_OE) else self.lsr)
        self._msr_shadow.publish(None if self.msr & MSR_DELTAS else self._msr_seen())
        self._thr_posted.allow(not (self.lcr & LCR_DLAB or self.mcr & MCR_LOOP or self.tsr_retry))
        self.irq.set(cause != IIR_NO_INT)

    def node(self, soc: Node, place: Place) -> Node:
        """Its device tree node."""
        made = device_node(soc, "serial", place, ["ns16550a"])
        return made.cells("clock-frequency", CLOCK_HZ)
