"""QMP monitors on character devices, several of one machine: turns, events, back-pressure. No processes."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emu.chardev.base import Chardev
from emu.emulator import Emulator
from emu.errors import UserError
from emu.loop.deferred import Deferred
from emu.loop.timers import Clocks
from emu.monitor import qmp
from emu.monitor.monitors import monitors_of
from emu.runstate.control import VmControl
from emu.runstate.requests import Cause
from emu.vm import LateClock

CAPABILITIES = b'{"execute":"qmp_capabilities"}'
OOB = b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}'
STATUS = b'{"execute":"query-status"}'


class Port(Chardev):
    """A device that keeps what is written, as far as there is room; input is given by `say`."""

    connected = True
    offers_oob = True

    def __init__(self, label: str = "c", connected: bool = True) -> None:
        super().__init__(label)
        self.connected = connected
        self.out = bytearray()
        self.room = 1 << 40
        self.waiting = bytearray()
        self.watched = False

    def put(self, data: bytes) -> int:
        """As much as there is room for."""
        done = min(self.room, len(data))
        self.room -= done
        self.out += data[:done]
        return done

    def watch_writable(self) -> None:
        """Remember it."""
        self.watched = True

    def make_room(self, room: int) -> None:
        """The client has read."""
        self.room = room
        if self.watched:
            self.watched = False
            self.frontend.backend_writable()

    def accept_input(self) -> None:
        """Hand over what waits."""
        while self.waiting and (room := self.frontend.can_receive()):
            data = bytes(self.waiting[:room])
            del self.waiting[:room]
            self.frontend.receive(data)

    def say(self, data: bytes) -> None:
        """The client sends."""
        self.waiting += data
        self.accept_input()

    def connect(self, connected: bool) -> None:
        """A client comes or goes."""
        self.connected = connected
        self.waiting.clear()
        self.on_connection(connected)

    def lines(self) -> list[dict[str, Any]]:
        """Messages since the last call."""
        text = self.out.decode()
        self.out.clear()
        assert text == "" or text.endswith("\r\n")
        return [json.loads(line) for line in text.split("\r\n")[:-1]]


class Machine:
    """What monitors use of an emulator, and turns of its loop."""

    def __init__(self, qtest: bool = False) -> None:
        self.warnings: list[str] = []
        self.guest_ns = 0
        clocks = Clocks(lambda: self.guest_ns)
        clocks.virtual.enabled = True
        self.clocks = clocks
        self.deferred = Deferred()
        self.run = VmControl(LateClock(), clocks.virtual, lambda: None, self.warnings.append)
        fake = SimpleNamespace(
            loop=SimpleNamespace(clocks=clocks, deferred=self.deferred), run=self.run, monitors=None, vm=None,
            settings=SimpleNamespace(qtest="x" if qtest else None, uuid=None), ready=True,
            reporter=SimpleNamespace(warn=self.warnings.append, guest_name=""),
        )  # fmt: skip
        self.emulator = cast(Emulator, fake)
        self.monitors = monitors_of(self.emulator)

    def turn(self, most: int = 100) -> None:
        """Turns of the loop until nothing is to be done, or `most`: requests of the machine first."""
        for _ in range(most):
            self.run.should_exit()
            if self.deferred.timeout_ns() < 0:
                return
            self.deferred.run()

    def client(self, greeting: bytes = CAPABILITIES, pretty: bool = False) -> Port:
        """A monitor with a client that has negotiated."""
        port = Port()
        self.monitors.add_qmp(port, pretty)
        port.say(greeting)
        self.turn()
        if not pretty:
            port.lines()
        return port


def test_a_client_is_greeted_and_the_next_one_too() -> None:
    machine, port = Machine(), Port(connected=False)
    machine.monitors.add_qmp(port, pretty=False)
    assert port.lines() == []
    for _ in range(2):
        port.connect(True)
        (greeting,) = port.lines()
        assert greeting["QMP"]["capabilities"] == ["oob"]
        port.say(STATUS)
        machine.turn()
        assert port.lines()[0]["error"]["class"] == "CommandNotFound", "each one negotiates"
        port.say(CAPABILITIES + STATUS)
        machine.turn()
        assert [line["return"] for line in port.lines()] == [{}, {"status": "prelaunch", "running": False}]
        port.say(b'{"half": ')
        port.connect(False)


def test_what_a_client_left_behind_is_not_answered_to_the_next() -> None:
    machine = Machine()
    port = machine.client()
    port.say(STATUS)
    machine.deferred.run()  # it is done; the reply would come next
    port.connect(False)
    port.connect(True)
    machine.turn()
    assert [list(line) for line in port.lines()] == [["QMP"]]


def test_a_device_that_cannot_be_served_by_a_thread_offers_no_oob() -> None:
    machine, port = Machine(), Port()
    port.offers_oob = False
    machine.monitors.add_qmp(port, pretty=False)
    assert port.lines()[0]["QMP"]["capabilities"] == []
    port.say(OOB)
    machine.turn()
    assert port.lines()[0]["error"]["desc"] == "Capability oob not available"


def test_events_go_to_all_who_have_negotiated_and_to_nobody_else() -> None:
    machine = Machine()
    ready = [machine.client(), machine.client(OOB)]
    silent = Port("silent")
    machine.monitors.add_qmp(silent, pretty=False)
    silent.lines()
    machine.run.emit("STOP", {})
    machine.run.emit("RESET", {"guest": True, "reason": "guest-reset"})
    for port in ready:
        stop, reset = port.lines()
        assert stop["event"] == "STOP"
        assert "data" not in stop
        assert reset["data"] == {"guest": True, "reason": "guest-reset"}
        assert set(reset["timestamp"]) == {"seconds", "microseconds"}
    assert silent.lines() == []


def test_an_event_about_what_was_asked_comes_before_the_reply_and_before_the_next_request() -> None:
    machine = Machine()
    port = machine.client(OOB)
    port.say(b'{"execute":"system_reset","id":1}{"execute":"query-status","id":2}')
    machine.turn()
    said = [line.get("event") or line["id"] for line in port.lines()]
    assert said == ["RESET", 1, 2]


def test_monitors_take_turns() -> None:
    machine = Machine()
    clients = [machine.client(OOB), machine.client(), machine.client(OOB)]
    for port in clients:
        port.say(b"".join(b'{"execute":"query-status","id":%d}' % n for n in range(20)))
    got: list[list[int]] = [[] for _ in clients]
    for _ in range(61):
        machine.turn(1)
        for ids, port in zip(got, clients, strict=True):
            ids += [line["id"] for line in port.lines()]
        counts = [len(ids) for ids in got]
        assert max(counts) - min(counts) <= 1, counts
    assert got == [list(range(20))] * 3


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_output_that_the_client_takes_slowly_arrives_whole_and_in_order(piece: int) -> None:
    machine = Machine()
    port = machine.client()
    port.room = 0
    for n in range(40):
        port.say(b'{"execute":"query-version","id":%d}' % n)
        machine.run.emit("STOP", {})
        machine.turn()
    assert port.out == b""
    while port.watched:
        port.make_room(piece)
        machine.turn()
    lines = port.lines()
    assert [line["id"] for line in lines if "id" in line] == list(range(40))
    assert len(lines) == 80


def test_requests_of_a_client_that_does_not_read_wait_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(qmp, "MOST_UNREAD", 1000)
    machine = Machine()
    lazy, other = machine.client(), machine.client()
    lazy.room = 0
    lazy.say(STATUS * 1000)
    machine.turn(5000)
    assert lazy.out == b""
    other.say(STATUS)
    machine.turn()
    assert len(other.lines()) == 1
    lazy.make_room(1 << 40)
    machine.turn(5000)
    assert len(lazy.lines()) == 1000, "nothing is lost"


def test_events_for_a_client_that_never_reads_are_lost_at_last_and_a_line_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(qmp, "MOST_KEPT", 5000)
    machine = Machine()
    port = machine.client()
    port.room = 0
    for _ in range(1000):
        machine.run.emit("STOP", {})
    assert machine.warnings == ["the client of monitor 'c' does not read: events are lost"]
    port.make_room(1 << 40)
    assert 10 < len(port.lines()) < 1000
    machine.run.emit("RESUME", {})
    assert port.lines()[0]["event"] == "RESUME", "it reads again, and is told again"


def test_the_clock_of_limits_is_guest_time_under_qtest() -> None:
    machine = Machine(qtest=True)
    port = machine.client()
    for _ in range(3):
        machine.run.emit("WATCHDOG", {"action": "none"})
    assert len(port.lines()) == 1
    machine.guest_ns = 999_999_999
    machine.clocks.virtual.run()
    assert port.lines() == []
    machine.guest_ns += 1
    machine.clocks.virtual.run()
    assert len(port.lines()) == 1


def test_pretty_output_is_indented() -> None:
    machine = Machine()
    port = machine.client(pretty=True)
    text = port.out.decode()
    assert '{\r\n    "QMP": {\r\n' in text
    assert text.endswith('{\r\n    "return": {\r\n    }\r\n}\r\n')


def test_the_reply_to_quit_is_there_at_the_end() -> None:
    machine = Machine()
    port = machine.client()
    port.say(b'{"execute":"quit","id":"q"}')
    machine.deferred.run()
    assert machine.run.should_exit() == 0
    machine.monitors.close()
    event, reply = port.lines()
    assert event["data"]["reason"] == Cause.HOST_QMP_QUIT.qmp
    assert reply == {"id": "q", "return": {}}


def test_a_monitor_keeps_the_machine_with_a_lost_hart_and_so_does_one_without_a_client() -> None:
    machine, port = Machine(), Port(connected=False)
    assert not any(attached() for attached in machine.run.attached)
    machine.monitors.add_qmp(port, pretty=False)
    assert not any(attached() for attached in machine.run.attached), "nobody can come to this one"
    port.connected = True
    assert any(attached() for attached in machine.run.attached)


def test_one_device_has_one_monitor() -> None:
    machine = Machine()
    port = machine.client()
    with pytest.raises(UserError, match="chardev 'c' is already in use"):
        machine.monitors.add_qmp(port, pretty=False)
