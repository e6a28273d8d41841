"""The built-in SBI's console: the first serial port, used from the main loop.

Rule: it keeps the order of what the guest sends by registers: while the port itself is blocked, it is too.
Source: SBI 2.0, chapter 12 (debug console).
"""

from __future__ import annotations

from emu.hw.char.ns16550a import LCR_DLAB, LSR_DR, MCR_LOOP, Ns16550a


class DebugConsole:
    """Bytes to and from `uart`'s backend."""

    def __init__(self, uart: Ns16550a) -> None:
        self._uart = uart

    def write(self, data: bytes) -> int:
        """Bytes taken, may be fewer."""
        uart = self._uart
        return 0 if uart.tsr_retry else uart.backend.write(data)

    def read(self, most: int) -> bytes:
        """Bytes that the port has received, at most `most`; b"" if none."""
        uart = self._uart
        out = bytearray()
        if uart.lcr & LCR_DLAB or uart.mcr & MCR_LOOP:
            return b""
        while len(out) < most and uart.lsr & LSR_DR:
            out.append(uart.receive_buffer())
        return bytes(out)
