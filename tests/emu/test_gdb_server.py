"""The debug server in its place: what stops the machine, in which order it is told, and on which device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import cast

import pytest

from emu.chardev.base import Chardev
from emu.emulator import Emulator
from emu.errors import OptionError, UserError
from emu.gdbstub import server
from emu.gdbstub.packets import frame
from emu.gdbstub.server import GdbServer, gdbserver_start
from emu.loop.poll import MainLoop
from emu.loop.timers import Clocks
from emu.runstate.control import NoHarts, VmControl
from emu.runstate.requests import Cause
from emu.runstate.states import RunState
from emu.vm import HandClock, Vm
from ipc.layout import Want
from ipc.segment import Control
from tests.lib.gdbfake import FakeHart, FakeMemory


class Harts(NoHarts):
    """A fleet that notes what is asked of it."""

    def __init__(self, log: list[object]) -> None:
        self.log = log

    def pause_all(self) -> None:
        self.log.append("pause")

    def resume_all(self) -> None:
        self.log.append("resume all")

    def resume_only(self, wants: Mapping[int, Want]) -> None:
        self.log.append(dict(wants))


class Port(Chardev):
    """A device that notes what is written to it, at once."""

    def __init__(self, log: list[object]) -> None:
        super().__init__("gdb")
        self.log = log
        self.closed = False

    def write(self, data: bytes) -> int:
        self.log.append(data)
        return len(data)

    def connect(self, connected: bool = True) -> None:
        self.connected = connected
        self.on_connection(connected)

    def close(self) -> None:
        self.closed = True


class Board:
    """A machine of two harts that run nothing, and a server on `port`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[object] = []
        memory = FakeMemory()
        monkeypatch.setattr("emu.gdbstub.live.HartState", lambda vm, i: FakeHart(memory))
        self.loop = MainLoop(Clocks(lambda: 0))
        clock = HandClock()
        self.run = VmControl(clock, self.loop.clocks.virtual, self.loop.notify, self.log.append)
        self.run.connect(Harts(self.log))
        self.run.events.subscribe(lambda name, data: self.log.append(name))
        self.control = Control.create(2, memfd=True)
        slots = [self.control.hart(i) for i in range(2)]
        self.vm = SimpleNamespace(slots=slots, header=self.control.header, run=self.run, on_debug=[])
        self.ports: list[Port] = []
        reporter = SimpleNamespace(say=self.log.append)
        self.e = cast(Emulator, SimpleNamespace(
            vm=self.vm, run=self.run, loop=self.loop, reporter=reporter, gdb=None, chardevs=self,
        ))  # fmt: skip

    # -- its character devices

    def make(self, spec: object, label: str) -> None:
        self.ports.append(Port(self.log))

    def discard(self, label: str) -> None:
        self.ports[-1].close()

    def port(self, label: str) -> Port | None:
        return self.ports[-1] if self.ports and label in ("gdb", "mine") else None

    # -- gdb's side

    def start(self) -> Port:
        gdbserver_start(self.e, "unix:x,server=on")
        return self.ports[-1]

    def say(self, payload: str) -> None:
        self.ports[-1].frontend.receive(b"+" + frame(payload.encode()))

    def heard(self) -> list[object]:
        """What happened since the last look, up to the end of a turn; acknowledgements left out."""
        self.loop.wait(nonblocking=True)
        out = [x.removeprefix(b"+") if isinstance(x, bytes) else x for x in self.log if x != b"+"]
        self.log.clear()
        return out

    def turn(self) -> int | None:
        return self.run.should_exit()

    def close(self) -> None:
        self.loop.close()
        self.control.close()


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    made = Board(monkeypatch)
    yield made
    made.close()


def test_a_debugger_that_connects_stops_the_machine(board: Board) -> None:
    port = board.start()
    board.run.vm_start()
    assert board.heard() == ["RESUME", "resume all"]
    port.connect()
    assert board.heard() == ["pause", "STOP"]
    assert board.run.states.current is RunState.PAUSED
    port.connect()
    assert board.heard() == [], "stopped already"


def test_a_breakpoint_stops_in_state_debug_and_stop_is_told_before_gdb_hears_of_it(board: Board) -> None:
    board.start().connect()
    board.run.vm_start()
    board.run.vm_stop(RunState.PAUSED)
    board.say("qSupported:multiprocess+")
    board.say("vCont;c")
    board.heard()
    for handler in board.vm.on_debug:
        handler(1)
    board.run.requests.debug_request()
    assert board.heard() == [], "nothing stops before the loop's next turn"
    assert board.turn() is None
    assert board.heard() == ["pause", "STOP", frame(b"T05thread:p01.02;")]
    assert board.run.states.current is RunState.DEBUG


def test_harts_not_named_stay_while_the_machine_runs(board: Board) -> None:
    board.start().connect()
    board.run.vm_start()
    board.run.vm_stop(RunState.PAUSED)
    board.heard()
    board.say("vCont;s:2")
    assert board.heard() == ["RESUME", {1: Want.STEP}]
    assert board.run.states.running
    assert board.control.header.get("sstep") == 7


def test_detach_resumes_and_a_later_stop_is_not_told(board: Board) -> None:
    board.start().connect()
    board.run.vm_start()
    board.run.vm_stop(RunState.PAUSED)
    board.heard()
    board.say("D")
    assert board.heard() == ["RESUME", {0: Want.RUN, 1: Want.RUN}, frame(b"OK")]
    board.run.vm_stop(RunState.PAUSED)
    assert board.heard() == ["pause", "STOP"]


def test_shutdown_and_a_connected_debugger(board: Board) -> None:
    board.start().connect()
    board.run.vm_start()
    board.run.vm_stop(RunState.PAUSED)
    board.say("c")
    board.heard()
    board.run.requests.shutdown_request(Cause.GUEST_SHUTDOWN, 3)
    status = board.turn()
    assert (status, board.heard()) == (3, ["SHUTDOWN"])
    board.ports[-1].connect(False)  # or the server would wait for its acknowledgement
    assert board.e.gdb is not None
    board.e.gdb.exited(3)
    assert board.heard() == [frame(b"W03")]


def test_kill_asks_for_the_end(board: Board) -> None:
    board.start().connect()
    board.say("k")
    assert board.heard() == ["QEMU: Terminated via GDBstub"]
    assert board.turn() == 0
    assert board.heard() == ["SHUTDOWN"]


def test_somebody_can_ask_for_a_reset_only_while_a_debugger_is_there(board: Board) -> None:
    port = board.start()
    assert [asked() for asked in board.run.attached] == [False]
    port.connect()
    assert [asked() for asked in board.run.attached] == [True]
    port.connect(False)
    assert [asked() for asked in board.run.attached] == [False]


def test_a_second_start_takes_the_place_of_the_first_and_none_ends_it(board: Board) -> None:
    first = board.start()
    second = board.start()
    assert first.closed
    first.connect()
    second.connect()
    board.say("!")
    assert board.heard()[-1] == frame(b"OK")
    gdbserver_start(board.e, "chardev:mine")
    gdbserver_start(board.e, "none")
    assert len(board.vm.on_debug) == 1, "one session for all"
    board.run.vm_start()
    board.run.vm_stop(RunState.PAUSED)
    assert [type(x) for x in board.heard()] == [str] * 4


@pytest.mark.parametrize(
    ("device", "text", "more"),
    [
        ("", server.NO_DEVICE, ()),
        ("chardev:other", server.NO_CHARDEV, ()),
        ("foo", "'foo' is not a valid char driver", (server.NO_CHARDEV,)),
    ],
)
def test_a_device_that_cannot_be(board: Board, device: str, text: str, more: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as error:
        gdbserver_start(board.e, device)
    assert (error.value.text, error.value.consequences) == (text, more)


def test_a_machine_without_harts_cannot_be_debugged(board: Board) -> None:
    board.vm.slots = []
    with pytest.raises(OptionError, match="meaningless to attach gdb to a machine without any CPU"):
        gdbserver_start(board.e, "null")


def test_bytes_that_the_device_does_not_take_wait(board: Board) -> None:
    port = board.start()
    port.connect()
    room = [3, 0]
    taken: list[bytes] = []

    def write(data: bytes) -> int:
        most = room.pop(0) if room else len(data)
        taken.append(data[:most])
        return most

    waiting: list[int] = []
    port.write = write  # type: ignore[method-assign]
    port.watch_writable = lambda: waiting.append(1)  # type: ignore[method-assign]
    board.say("qC")
    board.loop.wait(nonblocking=True)
    assert waiting
    port.frontend.backend_writable()
    assert b"".join(taken) == b"+" + frame(b"QC01")


def test_the_server_is_made_of_a_real_vm_by_name(board: Board) -> None:
    made = GdbServer(board.e, cast(Vm, board.vm))
    assert made.can_receive() == 4096
    made.receive_break()
