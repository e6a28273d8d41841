"""The 16550A: its registers one by one, and long random sequences against a naive model.

The model is written from the data sheet and BEHAVIOUR 4.6 in the plainest way, without shadows, posting or
fast paths; it is fed the same sequence, and everything a guest can see is compared after each step.
"""

from __future__ import annotations

import random

import pytest

from emu.hw.char.debug_console import DebugConsole
from emu.hw.char.ns16550a import MCR_LOOP, RESET_DIVISOR, Ns16550a
from emu.qom.device import ResetType, reset_tree
from ipc.layout import SHADOWS
from tests.lib.board import add, bare

RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(8)
THR, FCR = RBR, IIR
GPA = 0x1000_0000


class Backend:
    """Takes bytes while `open`."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.open = True
        self.watched = 0
        self.breaks: list[bool] = []

    def write(self, data: bytes) -> int:
        if not self.open:
            return 0
        self.out += data
        return len(data)

    def watch_writable(self) -> None:
        self.watched += 1

    def accept_input(self) -> None:
        return

    def set_break(self, on: bool) -> None:
        self.breaks.append(on)


class Board:
    """A port with its backend, clock, line and header."""

    def __init__(self) -> None:
        self.now = 0
        self.backend = Backend()
        self.uart = Ns16550a()
        self.uart.backend = self.backend
        with bare(virtual=lambda: self.now) as vm:
            assert vm.header is not None
            self.header = vm.header
            self.clock = vm.clocks.virtual
            self.clock.enabled = True
            add(vm, self.uart, GPA)
        self.reset()
        self.levels: list[bool] = []
        self.uart.irq.connect(self.levels.append)

    def reset(self) -> None:
        """As the machine does it."""
        reset_tree(self.uart, ResetType.COLD)

    def read(self, reg: int, size: int = 1) -> int:
        return self.uart.read(reg, size)

    def write(self, reg: int, value: int, size: int = 1) -> None:
        self.uart.write(reg, size, value)

    def shadows(self) -> dict[int, int]:
        """Register -> value, of those that harts read by themselves now."""
        found = {}
        for i in range(SHADOWS):
            gpa = self.header.get("shadow_gpa", i)
            if gpa:
                found[gpa - GPA] = self.header.get("shadow_value", i)
        return found

    def posted(self) -> list[int]:
        return [g - GPA for i in range(SHADOWS) if (g := self.header.get("posted_gpa", i))]


@pytest.fixture
def board() -> Board:
    return Board()


def test_reset_state(board: Board) -> None:
    assert [board.read(r) for r in range(8)] == [0, 0, 0x01, 0, 0x08, 0x60, 0xB0, 0]
    board.write(LCR, 0x80)
    assert (board.read(0), board.read(1)) == (RESET_DIVISOR, 0)


def test_a_byte_leaves_at_once_and_the_transmitter_is_empty_again(board: Board) -> None:
    board.write(THR, ord("x"))
    assert board.backend.out == b"x"
    assert board.read(LSR) == 0x60


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_any_width_acts_on_the_addressed_byte(board: Board, size: int) -> None:
    board.write(SCR, 0x1234_5678_9ABC_DEF0 & ((1 << 8 * size) - 1), size)
    assert board.read(SCR, size) == 0xF0


def test_divisor_latch_hides_data_and_interrupt_enable(board: Board) -> None:
    board.write(LCR, 0x80)
    board.write(0, 0x34)
    board.write(1, 0x12)
    assert board.backend.out == b""
    board.write(LCR, 0x03)
    assert (board.read(IER), board.uart.divisor) == (0, 0x1234)


def test_received_byte_interrupts_and_reading_it_ends_that(board: Board) -> None:
    board.write(IER, 1)
    board.uart.receive(b"a")
    assert board.levels[-1] is True
    assert (board.read(IIR), board.read(LSR) & 1) == (0x04, 1)
    assert board.read(RBR) == ord("a")
    assert (board.levels[-1], board.read(IIR), board.read(LSR) & 1) == (False, 0x01, 0)


def test_overrun_without_fifo_keeps_the_new_byte_and_reading_lsr_clears_oe(board: Board) -> None:
    board.uart.receive(b"a")
    board.uart.receive(b"b")
    assert board.read(LSR) == 0x63
    assert board.read(LSR) == 0x61
    assert board.read(RBR) == ord("b")


def test_fifo_overrun_keeps_the_old_bytes(board: Board) -> None:
    board.write(FCR, 0x01)
    board.uart.receive(bytes(range(20)))
    assert board.read(LSR) & 0x02
    assert [board.read(RBR) for _ in range(17)] == [*range(16), 0]


@pytest.mark.parametrize(("bits", "level"), [(0x01, 1), (0x41, 4), (0x81, 8), (0xC1, 14)])
def test_trigger_level_interrupts_and_less_times_out(board: Board, bits: int, level: int) -> None:
    board.write(IER, 1)
    board.write(FCR, bits)
    assert board.uart.can_receive() == level
    if level > 1:
        board.uart.receive(bytes(level - 1))
        assert board.read(IIR) == 0xC1
        board.now += 4 * 10_000_000
        board.clock.run()
        assert board.read(IIR) == 0xCC
        board.read(RBR)
        assert board.read(IIR) == 0xC1
        board.uart.receive(bytes(2))
    else:
        board.uart.receive(b"a")
    assert board.read(IIR) == 0xC4


def test_thr_interrupt_is_cleared_by_reading_iir_and_raised_by_enabling_again(board: Board) -> None:
    board.write(IER, 0x02)
    assert board.levels[-1] is True
    assert board.read(IIR) == 0x02
    assert (board.levels[-1], board.read(IIR)) == (False, 0x01)
    board.write(IER, 0x00)
    board.write(IER, 0x02)
    assert board.read(IIR) == 0x02
    board.write(THR, 65)
    assert board.read(IIR) == 0x02


def test_switching_fifos_empties_them_and_shows_in_iir(board: Board) -> None:
    board.uart.receive(b"a")
    board.write(FCR, 0x01)
    assert (board.read(LSR) & 1, board.read(IIR)) == (0, 0xC1)
    board.uart.receive(b"abc")
    board.write(FCR, 0x00)
    assert (board.read(LSR) & 1, board.read(IIR)) == (0, 0x01)


def test_loopback_returns_bytes_and_shows_modem_outputs(board: Board) -> None:
    board.write(MCR, 0x1F)
    assert board.uart.can_receive() == 0
    board.write(THR, 0x5A)
    assert board.read(RBR) == 0x5A
    assert board.backend.out == b""
    assert board.read(MSR) == 0xF0


def test_break_is_a_zero_byte_with_bi(board: Board) -> None:
    board.write(IER, 0x04)
    board.uart.receive_break()
    assert board.levels[-1] is True
    assert board.read(IIR) == 0x06
    assert board.read(LSR) == 0x71
    assert board.levels[-1] is False
    board.write(LCR, 0x40)
    board.write(LCR, 0x00)
    assert board.backend.breaks == [True, False]


def test_a_blocked_backend_holds_the_byte_and_posted_ones_behind_it(board: Board) -> None:
    board.backend.open = False
    for byte in b"abc":
        board.write(THR, byte)
    assert board.read(LSR) == 0x00
    assert board.backend.watched == 1
    board.backend.open = True
    board.uart.backend_writable()
    assert board.backend.out == b"abc"
    assert board.read(LSR) == 0x60


def test_a_byte_that_never_goes_is_dropped_after_four_watches(board: Board) -> None:
    board.backend.open = False
    board.write(THR, ord("a"))
    for _ in range(5):
        board.uart.backend_writable()
    assert board.backend.watched == 4
    assert board.read(LSR) == 0x60


def test_reads_without_effect_are_shadowed_and_others_withdrawn(board: Board) -> None:
    assert board.shadows() == {IIR: 0x01, LSR: 0x60, MSR: 0xB0}
    assert board.posted() == [THR]
    board.uart.receive(b"a")
    assert board.shadows()[LSR] == 0x61
    board.uart.receive(b"b")
    assert LSR not in board.shadows()  # overrun: reading clears it
    board.read(LSR)
    assert board.shadows()[LSR] == 0x61
    board.write(IER, 0x02)
    assert IIR not in board.shadows()
    board.write(LCR, 0x80)
    assert board.posted() == []
    board.write(LCR, 0x00)
    board.write(MCR, 0x10)
    assert board.posted() == []
    board.write(MCR, 0x08)
    board.backend.open = False
    board.write(THR, 1)
    assert (board.posted(), board.shadows()[LSR] & 0x40) == ([], 0)


def test_reset_restores_everything_and_drops_what_waits(board: Board) -> None:
    board.backend.open = False
    for reg, value in ((FCR, 0xC1), (IER, 0x0F), (MCR, 0x10), (SCR, 7), (LCR, 0x9F), (THR, 1)):
        board.write(reg, value)
    board.uart.receive(b"abc")
    board.reset()
    assert [board.read(r) for r in range(1, 8)] == [0, 0x01, 0, 0x08, 0x60, 0xB0, 0]
    assert board.levels[-1] is False
    assert board.posted() == [THR]


def test_debug_console_reads_what_the_port_received_and_waits_behind_blocked_bytes(board: Board) -> None:
    console = DebugConsole(board.uart)
    board.write(FCR, 0x01)
    board.uart.receive(b"abc")
    assert console.read(2) == b"ab"
    assert console.read(9) == b"c"
    assert console.write(b"hello") == 5
    board.backend.open = False
    board.write(THR, 1)
    assert console.write(b"x") == 0


@pytest.mark.parametrize("how", ["read", "FIFO switched on", "FIFO emptied", "loopback left", "reset"])
def test_input_that_waits_comes_whenever_there_is_room(board: Board, how: str) -> None:
    """A key pressed before the guest sets the port up must not be the last one it ever gets."""
    waiting = bytearray(b"\n")

    def accept() -> None:
        while waiting and board.uart.can_receive():
            board.uart.receive(bytes([waiting.pop(0)]))

    board.backend.accept_input = accept  # type: ignore[method-assign]
    if how == "FIFO emptied":
        board.write(FCR, 0x01)
        board.uart.receive(bytes(15))
    accept()
    if how == "loopback left":
        board.write(MCR, MCR_LOOP)
        board.read(RBR)
    waiting += b"x"
    accept()
    assert waiting == b"x", "no room"
    if how == "reset":
        board.reset()
    else:
        reg, value = {"FIFO switched on": (FCR, 0x01), "FIFO emptied": (FCR, 0x03), "loopback left": (MCR, 0),
                      "read": (RBR, None)}[how]  # fmt: skip
        if value is None:
            board.read(reg)
        else:
            board.write(reg, value)
    assert not waiting
    assert board.read(RBR) == ord("x")


class Model:
    """The port, naively: FIFOs are lists, interrupts are computed when somebody looks."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.ier = self.lcr = self.fcr = self.scr = 0
        self.mcr, self.divisor = 8, 12
        self.rx: list[int] = []
        self.rbr = 0
        self.dr = self.oe = self.bi = self.thre_pending = self.timeout = False

    @property
    def fifo(self) -> bool:
        return bool(self.fcr & 1)

    def lsr(self) -> int:
        return 0x60 | self.dr | self.oe << 1 | self.bi << 4

    def iir(self) -> int:
        high = 0xC0 if self.fifo else 0
        level = {0: 1, 0x40: 4, 0x80: 8, 0xC0: 14}[self.fcr & 0xC0]
        if self.ier & 4 and (self.oe or self.bi):
            return high | 6
        if self.ier & 1 and self.timeout:
            return high | 0xC
        if self.ier & 1 and self.dr and (not self.fifo or len(self.rx) >= level):
            return high | 4
        if self.ier & 2 and self.thre_pending:
            return high | 2
        return high | 1

    def receive(self, data: bytes) -> None:
        for byte in data if self.fifo else data[:1]:
            if not self.fifo:
                self.oe |= self.dr
                self.rbr = byte
            elif len(self.rx) < 16:
                self.rx.append(byte)
            else:
                self.oe = True
            self.dr = True

    def read(self, reg: int) -> int:
        if reg < 2 and self.lcr & 0x80:
            return self.divisor >> (8 * reg) & 0xFF
        if reg == RBR:
            self.timeout = False
            if not self.fifo:
                self.dr = self.bi = False
                return self.rbr
            value = self.rx.pop(0) if self.rx else 0
            if not self.rx:
                self.dr = self.bi = False
            return value
        if reg == IIR:
            value = self.iir()
            if value & 0xF == 2:
                self.thre_pending = False
            return value
        if reg == LSR:
            value = self.lsr()
            self.oe = self.bi = False
            return value
        if reg == MSR:
            m = self.mcr
            return (m & 0xC) << 4 | (m & 2) << 3 | (m & 1) << 5 if m & 0x10 else 0xB0
        return {IER: self.ier, LCR: self.lcr, MCR: self.mcr, SCR: self.scr}[reg]

    def write(self, reg: int, value: int) -> None:
        if reg < 2 and self.lcr & 0x80:
            keep = self.divisor & (0xFF00 if reg == 0 else 0xFF)
            self.divisor = keep | value << (8 * reg)
        elif reg == THR:
            if self.mcr & 0x10:
                self.receive(bytes([value]))
            else:
                self.out.append(value)
            self.thre_pending = True
        elif reg == IER:
            if (self.ier ^ value) & 2:
                self.thre_pending = bool(value & 2)
            self.ier = value & 0xF
        elif reg == FCR:
            if (value ^ self.fcr) & 1:
                value |= 6
            if value & 2:
                self.rx.clear()
                self.dr = self.bi = self.timeout = False
            if value & 4:
                self.thre_pending = True
            self.fcr = value & 0xC9
        elif reg == LCR:
            self.lcr = value
        elif reg == MCR:
            self.mcr = value & 0x1F
        elif reg == SCR:
            self.scr = value


@pytest.mark.parametrize("seed", range(40))
def test_random_sequences_agree_with_the_naive_model(seed: int) -> None:
    rng = random.Random(seed)
    board, model = Board(), Model()
    for step in range(1500):
        what = rng.random()
        if what < 0.45:
            reg = rng.randrange(8)
            value = rng.choice((0, 1, 2, 3, 0x0F, 0x10, 0x80, 0xC1, rng.randrange(256)))
            if reg == LCR and rng.random() < 0.7:
                value &= 0x3F
            board.write(reg, value)
            model.write(reg, value)
        elif what < 0.85:
            reg = rng.randrange(8)
            shadow = board.shadows().get(reg)
            seen = board.read(reg)
            assert seen == model.read(reg), f"seed {seed} step {step}: register {reg}"
            assert shadow in (None, seen), f"seed {seed} step {step}: shadow of {reg}"
        elif what < 0.97:
            data = rng.randbytes(rng.choice((1, 1, 3, 17)))
            board.uart.receive(data)
            model.receive(data)
        else:
            board.uart.receive_break()
            model.dr = model.bi = True
            model.rbr = 0
            if model.fifo and len(model.rx) < 16:
                model.rx.append(0)
            elif model.fifo:
                model.oe = True
        where = f"seed {seed} step {step}"
        assert board.uart.iir == model.iir(), where
        assert board.uart.irq.level == (model.iir() & 1 == 0), where
        assert board.backend.out == model.out, where
        for reg, value in board.shadows().items():
            assert value == {IIR: model.iir(), LSR: model.lsr(), MSR: value}[reg], where
