"""A debug session against a machine without processes: every packet, and the order of stops and replies."""

from __future__ import annotations

import random
import re

import pytest

from emu.gdbstub.machine import Run
from emu.gdbstub.packets import frame
from emu.gdbstub.table import commands
from emu.runstate.states import RunState
from tests.lib.gdbfake import BREAKS, Gdb

C, S = Run.CONTINUE, Run.STEP

# (packets before, packet, reply) on a machine of two harts; "-" is no reply. Texts as QEMU 10.0 answers.
ROWS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    ((), "!", "OK"),
    ((), "?", "T05thread:01;"),
    (("qSupported:multiprocess+",), "?", "T05thread:p01.01;"),
    ((), "qSupported:multiprocess+;xmlRegisters=i386",
     "PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+"),
    ((), "qSupported", "PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+"),
    ((), "vCont?", "vCont;c;C;s;S"),
    ((), "vMustReplyEmpty", ""),
    ((), "qTStatus", ""),
    ((), "nonsense", ""),
    ((), "", ""),
    ((), "qAttached", "1"),
    ((), "qAttached:1", "1"),
    ((), "qC", "QC01"),
    (("Hg2",), "qC", "QC01"),
    ((), "qfThreadInfo", "m01"),
    (("qfThreadInfo",), "qsThreadInfo", "m02"),
    (("qfThreadInfo", "qsThreadInfo"), "qsThreadInfo", "l"),
    (("qSupported:multiprocess+", "qfThreadInfo"), "qsThreadInfo", "mp01.02"),
    ((), "qThreadExtraInfo,1", b"CPU#0 [running]".hex()),
    ((), "qThreadExtraInfo,p1.2", b"CPU#1 [halted ]".hex()),
    ((), "qThreadExtraInfo,3", "E22"),
    ((), "T1", "OK"),
    ((), "Tp1.2", "OK"),
    ((), "T3", "E22"),
    ((), "Tp2.1", "E22"),
    ((), "T", "E22"),
    ((), "Hg0", "OK"),
    ((), "Hc-1", "OK"),
    ((), "Hgp1.-1", "OK"),
    ((), "Hg3", "E22"),
    ((), "Hgx", "E22"),
    ((), "qRcmd,696e666f", "O796f75207361696420696e666f0d0a OK"),
    ((), "qRcmd,6", "E01"),
    ((), "qqemu.Supported", "sstepbits;sstep;PhyMemMode"),
    ((), "qqemu.sstepbits", "ENABLE=1,NOIRQ=2,NOTIMER=4"),
    ((), "qqemu.sstep", "0x7"),
    (("Qqemu.sstep=1",), "qqemu.sstep", "0x1"),
    ((), "Qqemu.sstep=8", "E22"),
    ((), "qqemu.PhyMemMode", "0"),
    (("Qqemu.PhyMemMode:1",), "qqemu.PhyMemMode", "1"),
    (("M10,4:01020304",), "m10,4", "01020304"),
    (("M10,4:01020304", "Qqemu.PhyMemMode:1"), "m80000010,4", "01020304"),
    (("Qqemu.PhyMemMode:1",), "m10,4", "E14"),
    ((), "m10,801", "E22"),
    ((), "mffff,2", "E14"),
    ((), "m10", "E22"),
    ((), "m10000000000000000,1", "E22"),
    ((), "M10,4:0102", "E22"),
    ((), "M10,4:010", "E22"),
    ((), "Mffff,2:0102", "E14"),
    ((), "p20", "0010000000000000"),
    (("P1=0123456789abcdef",), "p1", "0123456789abcdef"),
    (("P0=0123456789abcdef",), "p0", "00" * 8),
    (("P21=ff",), "p21", "ff" + "00" * 7),
    ((), "p41", "03" + "00" * 7),
    ((), "p342", "0a" + "00" * 7),  # mstatus
    ((), f"p{66 + 0x301:x}", "E14"),
    ((), "P1=xx", ""),
    ((), "Z0,80000000,4", "OK"),
    ((), "Z1,80000000,2", "OK"),
    ((), "Z2,80000000,4", ""),
    ((), "Z5,80000000,4", ""),
    ((), "z0,80000000,4", "E22"),
    (("Z0,80000000,4",), "z0,80000000,4", "OK"),
    (("Z0,80000000,4", "Z1,80000000,4", "z0,80000000,4"), "z0,80000000,4", "OK"),
    ((), "Z0,10000000000000000,4", "E22"),
    ((), "vCont;x", ""),
    ((), "vCont;c:9", "E22"),
    ((), "vCont;c:zz", "E22"),
    ((), "vCont", ""),
    ((), "vAttach;1", "T05thread:01;"),
    ((), "vAttach;2", "E22"),
    (("qSupported:multiprocess+",), "D", "E22"),
    (("qSupported:multiprocess+",), "D;2", "OK"),
)  # fmt: skip


@pytest.mark.parametrize(("before", "packet", "reply"), ROWS, ids=lambda x: x if isinstance(x, str) else "")
def test_a_packet_has_its_reply(before: tuple[str, ...], packet: str, reply: str) -> None:
    gdb = Gdb()
    for each in before:
        gdb.ask(each)
    assert gdb.ask(packet) == reply
    assert gdb.machine.calls == []


# (packet, what the harts are asked)
RESUMES = (
    ("c", {0: C, 1: C}),
    ("C05", {0: C, 1: C}),
    ("s", {0: S, 1: C}),
    ("vCont;c", {0: C, 1: C}),
    ("vCont;C02", {0: C, 1: C}),
    ("vCont;s:p1.2", {1: S}),
    ("vCont;s:2;c", {0: C, 1: S}),
    ("vCont;c:p1.1;s:p1.2", {0: C, 1: S}),
    ("vCont;S05:2;c:p1.-1", {0: C, 1: S}),
    ("vCont;s:0", {0: S}),
    ("vCont;c:p-1.-1", {0: C, 1: C}),
)


@pytest.mark.parametrize(("packet", "asked"), RESUMES)
def test_harts_are_resumed_as_named_and_one_stop_is_told(packet: str, asked: dict[int, Run]) -> None:
    gdb = Gdb()
    assert gdb.ask(packet) == "-"
    assert gdb.machine.calls == ["step flags 7", asked]
    gdb.session.stopped_by(1)
    gdb.machine.stops(RunState.DEBUG)
    assert gdb.heard() == "T05thread:02;"
    assert gdb.session.for_state == 1
    gdb.machine.state = RunState.RUNNING  # by somebody else
    gdb.machine.stops(RunState.PAUSED)
    assert gdb.out == b""


@pytest.mark.parametrize("state", list(RunState))
def test_a_stop_is_told_by_the_state_it_leaves(state: RunState) -> None:
    told = {"debug": "05", "paused": "02", "shutdown": "03", "io-error": "11", "watchdog": "0e",
            "internal-error": "06", "finish-migrate": "18", "save-vm": None, "restore-vm": None}  # fmt: skip
    gdb = Gdb()
    gdb.ask("vCont;c:2")
    gdb.machine.stops(state)
    signal = told.get(state.value, "8f")
    assert gdb.out == (b"" if signal is None else frame(f"T{signal}thread:02;".encode()))


def test_ctrl_c_stops_and_is_answered_any_other_byte_stops_in_silence() -> None:
    gdb = Gdb()
    gdb.ask("c")
    assert gdb.told(gdb.send(b"\x03")) == "T02thread:01;"
    gdb.machine.calls.clear()
    gdb.machine.state = RunState.RUNNING
    assert gdb.send(b"x") == b""
    assert gdb.machine.calls == ["stop"]
    gdb.machine.state = RunState.RUNNING
    assert gdb.told(gdb.send(b"\x03")) == "T02thread:01;"


def test_ctrl_c_before_a_resume_is_not_lost() -> None:
    gdb = Gdb()
    assert gdb.send(b"\x03") == b""
    assert gdb.ask("vCont;c:1") == "T02thread:01;"
    assert gdb.machine.calls == ["step flags 7", {0: C}, "stop"]
    gdb.ask("c")
    assert gdb.machine.running, "once"


def test_a_reply_is_repeated_until_it_is_acknowledged() -> None:
    gdb = Gdb()
    reply = frame(b"OK")
    assert gdb.send(frame(b"!")) == b"+" + reply
    assert gdb.send(b"-") == reply
    assert gdb.send(b"\x03xyz-") == reply
    assert gdb.send(frame(b"qC")) == b"+" + frame(b"QC01")  # a packet is an acknowledgement
    assert gdb.send(b"+-") == b""


def test_a_damaged_packet_is_asked_for_again() -> None:
    gdb = Gdb()
    assert gdb.send(b"$!#00") == b"-"
    assert gdb.ask("!") == "OK"


def test_the_core_registers_travel_together() -> None:
    gdb = Gdb()
    values = [0] + [random.Random(i).getrandbits(64) for i in range(1, 33)]
    text = "".join(v.to_bytes(8, "little").hex() for v in values)
    assert gdb.ask(f"G{text}") == "OK"
    assert gdb.ask("g") == text
    assert gdb.machine.harts[0].pc == values[32]
    assert gdb.ask("Hg2") == "OK"
    assert gdb.ask("g") == "00" * 256 + "0010000000000000"
    assert gdb.ask("G0123456789abcdef01") == "OK"  # as far as it goes
    assert gdb.ask("G0") == "E22"


def test_the_description_is_whole_in_parts_of_any_size() -> None:
    gdb = Gdb()
    for file, text in gdb.session.registers.files.items():
        for size in (7, 100, 0xFFB):
            got, at = b"", 0
            while True:
                reply = gdb.ask(f"qXfer:features:read:{file}:{at:x},{size:x}")
                part = re.sub(b"}(.)", lambda m: bytes([m[1][0] ^ 0x20]), reply[1:].encode("latin-1"))
                got += part
                at += len(part)
                if reply[0] == "l":
                    break
            assert got == text
        assert gdb.ask(f"qXfer:features:read:{file}:{len(text):x},10") == "l"
        assert gdb.ask(f"qXfer:features:read:{file}:{len(text) + 1:x},10") == "E00"
    assert gdb.ask("qXfer:features:read:none.xml:0,10") == "E00"


def test_breakpoints_reach_the_machine_and_question_mark_removes_them() -> None:
    gdb = Gdb()
    for i in range(BREAKS):
        assert gdb.ask(f"Z0,{i:x}000,4") == "OK"
    assert gdb.ask("Z0,9000,4") == "E22"
    assert gdb.machine.breakpoints == [0, 0x1000, 0x2000, 0x3000]
    assert gdb.ask("z0,1000,4") == "OK"
    assert gdb.machine.breakpoints == [0, 0x2000, 0x3000]
    assert gdb.ask("?") == "T05thread:01;"
    assert gdb.machine.breakpoints == []


def test_detach_removes_breakpoints_and_lets_everything_run_untold() -> None:
    gdb = Gdb()
    gdb.ask("Z0,1000,4")
    assert gdb.ask("D") == "OK"
    assert gdb.machine.breakpoints == []
    assert gdb.machine.calls == ["step flags 7", {0: C, 1: C}]
    gdb.machine.stops(RunState.PAUSED)
    assert gdb.out == b""
    gdb.session.connected()
    assert gdb.ask("?") == "T05thread:01;"


@pytest.mark.parametrize(("packet", "reply"), [("k", "-"), ("vKill;1", "OK")])
def test_kill_ends_the_emulator(packet: str, reply: str) -> None:
    gdb = Gdb()
    assert gdb.ask(packet) == reply
    assert gdb.machine.calls == ["terminate"]


def test_the_exit_status_is_told_to_a_debugger_that_waits() -> None:
    gdb = Gdb()
    gdb.session.exited(1)
    assert gdb.out == b""
    gdb.ask("c")
    gdb.session.exited(0x102)
    assert gdb.out == frame(b"W02")


def test_a_machine_that_needs_a_reset_does_not_leave_gdb_waiting() -> None:
    gdb = Gdb()
    gdb.machine.needs_reset = True
    gdb.machine.state = RunState.INTERNAL_ERROR
    assert gdb.ask("vCont;c") == "T06thread:02;"
    assert gdb.ask("D") == "OK"


def test_a_jump_sets_the_pc_of_the_hart_for_control() -> None:
    gdb = Gdb()
    gdb.ask("Hc2")
    gdb.ask("c80001234")
    assert gdb.machine.harts[1].pc == 0x8000_1234


def test_a_refusal_of_the_machine_is_an_error_reply() -> None:
    gdb = Gdb()
    assert gdb.ask("qRcmd," + b"refuse".hex()) == "E22"


@pytest.mark.parametrize("seed", range(6))
def test_hostile_packets_get_replies_and_never_an_exception(seed: int) -> None:
    rng = random.Random(f"gdb/hostile/{seed}")
    names = [name for name in commands() if name not in (b"k", b"vKill;")]
    gdb = Gdb()
    for _ in range(1500):
        alphabet = (*b"0123456789abcdef,;:=.-p", rng.randrange(256))
        tail = bytes(rng.choice(alphabet) for _ in range(rng.randrange(24)))
        payload = rng.choice(names) + bytes(b for b in tail if b not in b"$#}*")
        gdb.send(b"+" + frame(payload))
        if gdb.machine.running:
            gdb.send(b"+\x03+")
        assert gdb.ask("qC") == ("QCp01.01" if gdb.session.multiprocess else "QC01"), payload
