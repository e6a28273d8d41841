"""qtest: the machine driven by reads, writes and clock steps over a line protocol; no hart executes.

Words are separated by one space; integers as strtoull base 0 reads them. Each line gets one reply: `OK ...`,
`FAIL ...` or `ERR ...`; `IRQ raise N` and `IRQ lower N` may come before it, once interrupts are intercepted.

    readl 0x10001000        OK 0x0000000074726976
    clock_step 1000000      OK 1000000

A command is a method with `@command("name", words)`, `words` the number of its arguments.
Source: BEHAVIOUR 6; QEMU 10.0's system/qtest.c for the protocol.
"""

from __future__ import annotations

import base64
import binascii
import struct
import sys
from collections.abc import Callable
from typing import TextIO

from emu.bus import bus_read, bus_write
from emu.chardev.base import Chardev
from emu.loop.timers import soonest
from emu.qom.device import UNNAMED_IN, UNNAMED_OUT, Device
from emu.qom.object import resolve_path
from emu.vm import HandClock, Vm

MASK64 = (1 << 64) - 1
MOST_LINE = 1 << 26  # a line longer than this is no command
MOST_BYTES = 1 << 30  # of one read or memset
NO_DEADLINE = "cannot advance clock to the next deadline because there is no pending deadline"
Handler = Callable[["Qtest", list[str]], str]
_COMMANDS: dict[str, tuple[int, Handler]] = {}


class Wrong(Exception):
    """A line that is no right command. The text is its reply."""


def command(name: str, words: int = 0) -> Callable[[Handler], Handler]:
    """Declare the decorated method as the command `name` with at least `words` arguments."""

    def declare(handler: Handler) -> Handler:
        assert name not in _COMMANDS, f"qtest command {name} declared twice"
        _COMMANDS[name] = words, handler
        return handler

    return declare


def number(word: str) -> int:
    """An unsigned 64-bit number: decimal, 0x hex, 0 octal; a minus sign wraps. Errors: Wrong."""
    digits = word.lstrip("+-")
    try:
        value = int(digits, 8) if digits[:1] == "0" and digits.isdecimal() else int(digits, 0)
    except ValueError:
        raise Wrong(f"FAIL Invalid number '{word}'") from None
    if value > MASK64:
        raise Wrong(f"FAIL Invalid number '{word}'")
    return -value & MASK64 if word.startswith("-") else value


class Qtest:
    """A session on a character device. log: where its lines are copied, None for nowhere."""

    def __init__(self, vm: Vm, port: Chardev, log: TextIO | None = None) -> None:
        self._vm = vm
        self._port = port
        self._log = log
        self._buffer = b""
        self._out = b""
        self._levels: dict[int, bool] = {}
        self._intercepted: Device | None = None
        self._watched: list[tuple[int, int]] = []  # (hart, bit of mip) of outputs that compiled code drives
        port.attach(self)

    # -- the port's front end

    def can_receive(self) -> int:
        """As much as there is."""
        return 65536

    def receive(self, data: bytes) -> None:
        """Whole lines are commands."""
        self._buffer += data
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            self._take(line.decode("utf-8", "replace").rstrip("\r"))
        if len(self._buffer) > MOST_LINE:
            self._buffer = b""
            self._send("ERR line too long")

    def receive_break(self) -> None:
        """Nothing."""

    def backend_writable(self) -> None:
        """Go on with what the peer had no room for."""
        self._flush()

    # -- lines

    def _take(self, line: str) -> None:
        self._note("R", line)
        words = line.split(" ")
        known = _COMMANDS.get(words[0])
        if known is None:
            reply = f"FAIL Unknown command '{words[0]}'"
        elif len(words) - 1 < known[0]:
            reply = f"ERR {words[0]} needs {known[0]} arguments"
        else:
            try:
                reply = known[1](self, words[1:])
            except Wrong as wrong:
                reply = str(wrong)
        self._look_at_harts()
        self._send(reply)

    def _send(self, text: str) -> None:
        self._note("S", text)
        self._out += text.encode() + b"\n"
        self._flush()

    def _flush(self) -> None:
        while self._out:
            taken = self._port.write(self._out)
            self._out = self._out[taken:]
            if not taken:
                self._port.watch_writable()
                return

    def _note(self, direction: str, text: str) -> None:
        if self._log is not None:
            self._log.write(f"[{direction} +{self._vm.clocks.realtime.now_ns() / 1e9:.6f}] {text}\n")
            self._log.flush()

    # -- clock

    @command("clock_step")
    def clock_step(self, words: list[str]) -> str:
        """Move guest time by NS, or to the next deadline; timers run on the way, each at its moment."""
        clock = self._clock()
        before = clock.now_ns()
        if words and words[0]:
            ahead = number(words[0])
        else:
            ahead = self._deadline()
            if ahead < 0:
                return f"FAIL {NO_DEADLINE}"
        self._advance(before + ahead)
        now = clock.now_ns()
        return f"OK {now}" if now > before or not words else "FAIL could not advance time"

    @command("clock_set", 1)
    def clock_set(self, words: list[str]) -> str:
        """Move guest time to NS."""
        wanted = number(words[0])
        now = self._clock().now_ns()
        if wanted < now:
            return f"FAIL {now}"
        self._advance(wanted)
        return f"OK {self._clock().now_ns()}"

    def _clock(self) -> HandClock:
        clock = self._vm.hand_clock
        if clock is None:
            raise Wrong("FAIL the clock is not driven by qtest")
        return clock

    def _deadline(self) -> int:
        """ns until the next VIRTUAL timer of the machine or timer of a hart, -1 without one."""
        machine = self._vm.machine
        assert machine is not None
        virtual = self._vm.clocks.virtual
        own = max(0, virtual.armed[0][0] - virtual.now_ns()) if virtual.armed else -1
        return soonest(own, machine.hart_deadline_ns())

    def _advance(self, target: int) -> None:
        clock, virtual = self._clock(), self._vm.clocks.virtual
        virtual.enabled = True
        while True:
            ahead = self._deadline()
            now = clock.now_ns()
            if ahead < 0 or now + ahead > target:
                break
            clock.set_ns(now + ahead)
            ran = virtual.run()
            self._look_at_harts()
            if not ran and not ahead:
                break
        clock.set_ns(target)
        virtual.run()
        self._look_at_harts()

    # -- memory and registers

    @command("endianness")
    def endianness(self, _words: list[str]) -> str:
        """Of the guest."""
        return "OK little"

    @command("read", 2)
    def read(self, words: list[str]) -> str:
        """LEN bytes at ADDR, in hexadecimal."""
        return f"OK 0x{self._read(words).hex()}"

    @command("b64read", 2)
    def b64read(self, words: list[str]) -> str:
        """The same in base64."""
        return f"OK {base64.b64encode(self._read(words)).decode()}"

    def _read(self, words: list[str]) -> bytes:
        at, size = number(words[0]), number(words[1])
        if not 0 < size <= MOST_BYTES:
            raise Wrong("ERR invalid argument size")
        return bus_read(self._vm, at, size)

    @command("write", 3)
    def write(self, words: list[str]) -> str:
        """LEN bytes, given in hexadecimal, to ADDR; what is missing is zero."""
        at, size = number(words[0]), number(words[1])
        if len(words[2]) < 3 or not words[2].startswith("0x") or size > MOST_BYTES:
            raise Wrong("ERR invalid argument size")
        try:
            data = bytes.fromhex(words[2][2 : 2 + 2 * size])
        except ValueError:
            raise Wrong("ERR invalid data") from None
        bus_write(self._vm, at, data.ljust(size, b"\0"))
        return "OK"

    @command("b64write", 3)
    def b64write(self, words: list[str]) -> str:
        """The same from base64."""
        at, size = number(words[0]), number(words[1])
        try:
            data = base64.b64decode(words[2], validate=True)
        except binascii.Error:
            raise Wrong("ERR invalid data") from None
        if size > MOST_BYTES:
            raise Wrong("ERR invalid argument size")
        bus_write(self._vm, at, data[:size].ljust(size, b"\0"))
        return "OK"

    @command("memset", 3)
    def memset(self, words: list[str]) -> str:
        """LEN bytes of a value to ADDR."""
        at, size, value = map(number, words[:3])
        if size > MOST_BYTES:
            raise Wrong("ERR invalid argument size")
        bus_write(self._vm, at, bytes([value & 0xFF]) * size)
        return "OK"

    # -- interrupts

    @command("irq_intercept_in", 1)
    def irq_intercept_in(self, words: list[str]) -> str:
        """Tell of each change of a device's unnamed inputs; they still work."""
        device = self._device(words[0])
        inputs = device.inputs.get(UNNAMED_IN, [])
        self._begin_intercept(device, bool(inputs))
        for irq in inputs:
            irq.handler = self._tap(irq.n, irq.handler)
        return "OK"

    @command("irq_intercept_out", 1)
    def irq_intercept_out(self, words: list[str]) -> str:
        """Tell of each change of a device's outputs (unnamed, or of a name); they still work."""
        device = self._device(words[0])
        name = words[1] if len(words) > 1 else UNNAMED_OUT
        lines = device.outputs.get(name, [])
        at_harts = self._at_harts(device) if name == UNNAMED_OUT else []
        self._begin_intercept(device, bool(lines or at_harts))
        for n, line in enumerate(lines):
            line.intercept(self._tap(n, line.sink))
        self._watched = at_harts
        self._look_at_harts()
        return "OK"

    def _begin_intercept(self, device: Device, any_lines: bool) -> None:
        if self._intercepted is not None:
            raise Wrong("OK" if self._intercepted is device else "FAIL IRQ intercept already enabled")
        if not any_lines:
            raise Wrong("FAIL No intercepts installed")
        self._intercepted = device

    def _at_harts(self, device: Device) -> list[tuple[int, int]]:
        harts = range(len(self._vm.slots))
        bits = device.hart_lines
        return [(hart, bit) for hart in harts for bit in bits]

    def _look_at_harts(self) -> None:
        """Outputs into harts are levels that compiled code computes: look whether they have changed."""
        for n, (hart, bit) in enumerate(self._watched):
            self._tell(n, bool(self._vm.inhart.lines(hart) >> bit & 1))

    def _tap(self, n: int, onward: Callable[[bool], None] | None) -> Callable[[bool], None]:
        def tap(level: bool) -> None:
            self._tell(n, level)
            if onward is not None:
                onward(level)

        return tap

    def _tell(self, n: int, level: bool) -> None:
        if self._levels.get(n, False) != level:
            self._levels[n] = level
            self._send(f"IRQ {'raise' if level else 'lower'} {n}")

    @command("set_irq_in", 4)
    def set_irq_in(self, words: list[str]) -> str:
        """Drive an input of a device."""
        device = self._device(words[0])
        name = UNNAMED_IN if words[1] == "unnamed-gpio-in" else words[1]
        inputs, n = device.inputs.get(name, []), number(words[2])
        if n >= len(inputs):
            raise Wrong("FAIL Unknown input")
        inputs[n].set(bool(number(words[3])))
        return "OK"

    def _device(self, path: str) -> Device:
        found, _ = resolve_path(path, "device")
        if not isinstance(found, Device):
            raise Wrong("FAIL Unknown device")
        return found

    # -- harts

    @command("csr", 4)
    def csr(self, words: list[str]) -> str:
        """get_csr or set_csr: of hart CPU, number CSR, value VAL."""
        what, hart, n, value = words[0], *map(number, words[1:4])
        if hart >= len(self._vm.slots):
            raise Wrong("FAIL no such CPU")
        address = self._vm.control.hart_address(hart)
        if what == "get_csr":
            return f"OK 0 {self._vm.engine.call('csr_peek', address, n & 0xFFF):016x}"
        if what == "set_csr":
            self._vm.engine.call("csr_poke", address, n & 0xFFF, value)
            return f"OK 0 {value:016x}"
        raise Wrong(f"FAIL Unknown csr command '{what}'")

    @command("module_load", 2)
    def module_load(self, _words: list[str]) -> str:
        """Nothing is a module here."""
        return "FAIL"


def _sized() -> None:
    """The commands whose last letter is a width: port and memory accesses of 1, 2, 4 and 8 bytes."""
    for letter, size, code in (("b", 1, "<B"), ("w", 2, "<H"), ("l", 4, "<I"), ("q", 8, "<Q")):

        def load(self: Qtest, words: list[str], size: int = size) -> str:
            data = bus_read(self._vm, number(words[0]), size)
            return f"OK 0x{int.from_bytes(data, 'little'):016x}"

        def store(self: Qtest, words: list[str], size: int = size, code: str = code) -> str:
            value = number(words[1]) & ((1 << 8 * size) - 1)
            bus_write(self._vm, number(words[0]), struct.pack(code, value))
            return "OK"

        command(f"read{letter}", 1)(load)
        command(f"write{letter}", 2)(store)
        if size == 8:
            continue

        def port_in(_self: Qtest, words: list[str], size: int = size) -> str:
            number(words[0])  # there is no port space on this target: nobody answers
            return f"OK 0x{(1 << 8 * size) - 1:04x}"

        def port_out(_self: Qtest, words: list[str]) -> str:
            number(words[0])
            number(words[1])
            return "OK"

        command(f"in{letter}", 1)(port_in)
        command(f"out{letter}", 2)(port_out)


_sized()


def open_log(path: str | None) -> TextIO | None:
    """-qtest-log: a file; without one, standard error. /dev/null is nowhere."""
    if path == "/dev/null":
        return None
    if path is None:
        return sys.stderr
    return open(path, "w", encoding="utf-8")  # it lives as long as the machine
