"""A machine without processes under a debug session, and gdb's side of the connection.

The harts are dictionaries; running is a flag that the test clears by `stops`, as the main loop would.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from emu.errors import UserError
from emu.gdbstub.machine import Run
from emu.gdbstub.packets import frame
from emu.gdbstub.registers import Registers
from emu.gdbstub.session import Session
from emu.runstate.states import RunState

BREAKS = 4
RAM = 0x8000_0000


class FakeMemory:
    """64 KiB at RAM."""

    def __init__(self) -> None:
        self.bytes = bytearray(1 << 16)

    def read(self, gpa: int, size: int) -> bytes | None:
        off = gpa - RAM
        return bytes(self.bytes[off : off + size]) if off >= 0 and off + size <= len(self.bytes) else None

    def write(self, gpa: int, data: bytes) -> bool:
        off = gpa - RAM
        if not (off >= 0 and off + len(data) <= len(self.bytes)):
            return False
        self.bytes[off : off + len(data)] = data
        return True


class FakeHart:
    """Virtual addresses are physical ones less RAM."""

    def __init__(self, memory: FakeMemory) -> None:
        self.memory = memory
        self.xs, self.fs = [0] * 32, [0] * 32
        self.pc, self.priv = 0x1000, 3
        self.csrs = {0x001: 0, 0x300: 0xA, 0x180: 0}

    def set_pc(self, gva: int) -> None:
        self.pc = gva

    def set_priv(self, priv: int) -> None:
        self.priv = priv

    def x(self, number: int) -> int:
        return self.xs[number]

    def set_x(self, number: int, value: int) -> None:
        self.xs[number] = value if number else 0

    def f(self, number: int) -> int:
        return self.fs[number]

    def set_f(self, number: int, value: int) -> None:
        self.fs[number] = value

    def csr_numbers(self) -> list[int]:
        return sorted(self.csrs)

    def read_csr(self, number: int) -> int:
        return self.csrs[number]

    def write_csr(self, number: int, value: int) -> None:
        self.csrs[number] = value

    def read(self, gva: int, size: int) -> bytes | None:
        return self.memory.read(gva + RAM, size)

    def write(self, gva: int, data: bytes) -> bool:
        return self.memory.write(gva + RAM, data)


class FakeMachine:
    """calls: what was asked of it, in order."""

    def __init__(self, harts: int = 2) -> None:
        self.memory = FakeMemory()
        self.harts = [FakeHart(self.memory) for _ in range(harts)]
        self.state = RunState.PAUSED
        self.session: Session | None = None
        self.calls: list[object] = []
        self.breakpoints: list[int] = []
        self.needs_reset = False

    @property
    def running(self) -> bool:
        return self.state is RunState.RUNNING

    def stop(self) -> None:
        self.calls.append("stop")
        self.stops(RunState.PAUSED)

    def stops(self, state: RunState) -> None:
        """As the main loop stops a machine that runs."""
        self.state = state
        assert self.session is not None
        self.session.changed(False, state)

    def resume(self, how: Mapping[int, Run]) -> bool:
        if self.needs_reset:
            return False
        self.calls.append(dict(how))
        self.state = RunState.RUNNING
        assert self.session is not None
        self.session.changed(True, self.state)
        return True

    def is_halted(self, hart: int) -> bool:
        return hart == 1

    def set_breakpoints(self, addresses: Collection[int]) -> bool:
        if len(addresses) > BREAKS:
            return False
        self.breakpoints = sorted(addresses)
        return True

    def set_step_flags(self, flags: int) -> None:
        self.calls.append(f"step flags {flags}")

    def monitor(self, line: str) -> str:
        if line == "refuse":
            raise UserError("no")
        return f"you said {line}\n"

    def terminate(self) -> None:
        self.calls.append("terminate")


class Gdb:
    """gdb's side: `ask` sends a packet, acknowledges and returns the payloads that came."""

    def __init__(self, harts: int = 2) -> None:
        self.machine = FakeMachine(harts)
        self.out = b""
        self.session = Session(self.machine, Registers(self.machine.harts[0]), self._take)
        self.machine.session = self.session

    def _take(self, data: bytes) -> None:
        self.out += data

    def send(self, data: bytes) -> bytes:
        """Raw bytes; what came back."""
        self.session.feed(data)
        out, self.out = self.out, b""
        return out

    def ask(self, payload: str) -> str:
        """A packet; the reply's payload, acknowledged. Without a reply: "-"."""
        return self.payloads(self.send(frame(payload.encode())))

    def payloads(self, out: bytes) -> str:
        """Payloads in what came, separated by blanks."""
        assert out.startswith(b"+"), out
        return self.told(out[1:])

    def heard(self) -> str:
        """Payloads that came by themselves."""
        return self.told(self.send(b""))

    def told(self, out: bytes) -> str:
        """As `payloads`, without an acknowledgement before."""
        found = []
        while out:
            assert out[:1] == b"$", out
            payload, _, rest = out[1:].partition(b"#")
            assert int(rest[:2], 16) == sum(payload) & 0xFF
            found.append(payload.decode("latin-1"))
            out = rest[2:]
        if found:
            assert self.send(b"+") == b""
        return " ".join(found) if found else "-"
