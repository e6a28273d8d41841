"""The debug server with a real gdb: the embedded guest, code that changes, Linux, the reference QEMU."""

from __future__ import annotations

import contextlib
import difflib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from emu.guests import bare
from emu.guests.smp import build as smp
from tests.lib.gdb import PATIENCE_S, GdbClient, need_gdb
from tests.lib.guests import need
from tests.lib.rawguest import TEST_PAGE
from tests.lib.vm import Emu
from tests.system.test_linux import BOOT_S, no_complaint
from vcpu_worker.isa.insn import encode

T0, T1, T2, S0, S1 = 5, 6, 7, 8, 9
RAM = 0x8000_0000
TRANSCRIPT = Path(__file__).parents[1] / "vectors" / "gdb_session.txt"


@pytest.fixture(scope="session")
def smp_elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded guest with its symbols, not optimised for size: the compiler would drop them then."""
    need_gdb()
    out = tmp_path_factory.mktemp("gdb") / "smp.elf"
    command = [word for word in bare.compile_command(smp.MARCH, ("-O2",)) if word != "-s"]
    bare.link(command, [smp.HERE / name for name in smp.SOURCES], smp.HERE / "smp.ld", out)
    return out


def listening(path: Path) -> Path:
    """The socket, when somebody listens there."""
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"nobody listens on {path}"
        time.sleep(0.005)  # a file's appearance is not announced to anybody
    return path


@contextlib.contextmanager
def debugged(folder: Path, elf: Path | None, *args: str) -> Iterator[tuple[Emu, GdbClient]]:
    """A machine that waits for its debugger, and the debugger, connected."""
    need_gdb()
    place = folder / "gdb"
    with Emu("-M", "virt", "-nographic", *args, "-gdb", f"unix:{place},server=on,wait=off") as vm:
        try:
            with GdbClient(listening(place), elf) as gdb:
                yield vm, gdb
        finally:
            if vm.process.poll() is None:
                vm.process.terminate()  # by itself it removes its socket
                vm.wait()


def threads(gdb: GdbClient) -> dict[int, str]:
    """Where each thread is, by its number."""
    lines = re.findall(r"^\*?\s*(\d+)\s+Thread.*\]\) (.*)$", gdb.tell("info threads"), re.M)
    return {int(number): where for number, where in lines}


def test_a_breakpoint_is_hit_by_every_hart_and_the_guest_ends_well(tmp_path: Path, smp_elf: Path) -> None:
    with debugged(tmp_path, smp_elf, "-smp", "4", "-kernel", str(smp_elf), "-S") as (vm, gdb):
        assert "0x0000000000001000 in ?? ()" in gdb.greeting
        assert list(threads(gdb).values()) == ["0x0000000000001000 in ?? ()"] * 4
        gdb.tell("break *check_crc")
        hit = []
        for _ in range(4):
            found = re.search(r"Thread (\d) hit Breakpoint 1, 0x\w+ in check_crc", gdb.tell("continue"))
            assert found is not None
            hit.append(int(found[1]))
            assert threads(gdb)[hit[-1]].endswith("in check_crc ()")
        assert sorted(hit) == [1, 2, 3, 4]
        assert "[Inferior 1 (process 1) exited normally]" in gdb.tell("continue")
        assert vm.wait() == 0
        vm.expect(rb"4 harts, all checks passed")
        assert vm.errors == b""


def retired(gdb: GdbClient) -> dict[int, int]:
    """Instructions that each thread has retired."""
    counts = {}
    for thread in threads(gdb):
        gdb.tell(f"thread {thread}")
        counts[thread] = gdb.number("$instret")
    return counts


def test_harts_go_on_one_by_one_and_single_steps_are_single(tmp_path: Path, smp_elf: Path) -> None:
    with debugged(tmp_path, smp_elf, "-smp", "3", "-kernel", str(smp_elf), "-S") as (_, gdb):
        gdb.tell("break *check_crc")
        hit = re.search(r"Thread (\d) hit", gdb.tell("continue"))
        assert hit is not None
        one, *others = sorted((1, 2, 3), key=lambda n: n != int(hit[1]))
        gdb.tell("set scheduler-locking on")
        want = retired(gdb)
        gdb.tell(f"thread {one}", "delete")
        for _ in range(30):  # in a loop over memory, where nothing traps
            gdb.tell("stepi")
            want[one] += 1
            assert gdb.number("$instret") == want[one]
        assert retired(gdb) == want, "who is not named does not run"
        gdb.tell(f"thread {one}", "stepi 100")
        want[one] += 100
        assert retired(gdb) == want
        for other in others:  # wherever it is: an instruction, or a trap, which does not retire
            gdb.tell(f"thread {other}", "stepi")
            assert gdb.number("$instret") - want[other] in (0, 1)
            want[other] = gdb.number("$instret")
        assert retired(gdb) == want
        # one hart runs, and runs into a breakpoint; the others stand
        gdb.tell(f"thread {one}", "tbreak *($pc)", "stepi")
        gdb.tell("continue")
        now = retired(gdb)
        assert now[one] > want[one] + 1
        assert {n: now[n] for n in others} == {n: want[n] for n in others}


def test_ctrl_c_stops_a_running_guest_and_detach_lets_it_go(tmp_path: Path) -> None:
    with debugged(tmp_path, None, "-smp", "2", "-bios", "none", "-kernel", str(_spin(tmp_path))) as (vm, gdb):
        first = gdb.number("$t0")
        for _ in range(3):
            gdb.start("continue")
            gdb.interrupt()
            assert "received signal SIGINT, Interrupt." in gdb.result()
        gdb.tell("thread 1")  # any may have been told of
        second = gdb.number("$t0")
        assert second >= first
        assert gdb.number("$t0") == second, "stopped"
        assert "[Inferior 1 (process 1) detached]" in gdb.tell("detach")
        # a second debugger finds it running, and stops it
        with GdbClient(tmp_path / "gdb") as again:
            assert again.number("$t0") > second
            assert again.tell("kill") == "[Inferior 1 (process 1) killed]"
        assert vm.wait() == 0
        assert vm.errors.endswith(b"QEMU: Terminated via GDBstub\n")


def _spin(folder: Path) -> Path:
    """t0 += 1 for ever, on every hart."""
    words = (encode("addi", rd=T0, rs1=T0, imm=1), encode("jal", rd=0, imm=-4))
    image = folder / "spin.bin"
    image.write_bytes(b"".join(w.to_bytes(4, "little") for w in words))
    return image


def _rewriter(folder: Path, rounds: int) -> tuple[Path, int]:
    """A guest that writes an instruction anew each round, by turns `s1 += 1` and `s1 += 16`; its address."""
    one, sixteen = (encode("addi", rd=S1, rs1=S1, imm=n) for n in (1, 16))
    words: list[int] = []

    def load(rd: int, value: int) -> None:
        high = (value + 0x800) >> 12
        words.append(encode("lui", rd=rd, imm=high & 0xFFFFF))
        words.append(encode("addiw", rd=rd, rs1=rd, imm=value - (high << 12)))

    load(T1, one)
    load(T2, one ^ sixteen)
    load(S0, rounds)
    start = len(words)
    patched = start + 5
    words += [
        encode("auipc", rd=T0, imm=0),
        encode("sw", rs1=T0, rs2=T1, imm=4 * (patched - start)),
        encode("xor", rd=T1, rs1=T1, rs2=T2),
        encode("fence.i"),
        encode("addi", rd=S0, rs1=S0, imm=-1),
        encode("addi", rd=0, rs1=0, imm=0),  # the one that is written
    ]
    words.append(encode("bne", rs1=S0, rs2=0, imm=4 * (start - len(words))))
    words.append(encode("lui", rd=T0, imm=TEST_PAGE))
    load(T1, 0x5555)
    words += [encode("sw", rs1=T0, rs2=T1, imm=0), encode("jal", rd=0, imm=0)]
    image = folder / "rewriter.bin"
    image.write_bytes(b"".join(w.to_bytes(4, "little") for w in words))
    return image, RAM + 4 * patched


def test_a_breakpoint_on_code_that_is_rewritten_each_round(tmp_path: Path) -> None:
    """The guest's own writes go through the breakpoint, which is not in its memory."""
    image, patched = _rewriter(tmp_path, 200)
    with debugged(tmp_path, None, "-bios", "none", "-kernel", str(image), "-S") as (vm, gdb):
        gdb.tell(f"break *{patched:#x}")
        total = 0
        for _ in range(20):
            assert f"Breakpoint 1, {patched:#018x}" in gdb.tell("continue")
            assert gdb.number("$s1") == total
            word = gdb.number(f"*(unsigned int *){patched:#x}")
            total += 1 if word == encode("addi", rd=S1, rs1=S1, imm=1) else 16
        # from outside: this round's is 3, seen without a fence
        gdb.tell(f"set *(unsigned int *){patched:#x} = {encode('addi', rd=S1, rs1=S1, imm=3)}")
        total += 3 - (1 if word == encode("addi", rd=S1, rs1=S1, imm=1) else 16)
        gdb.tell("stepi")
        assert gdb.number("$s1") == total
        gdb.tell("delete")
        assert "exited normally" in gdb.tell("continue")
        assert vm.wait() == 0


@pytest.mark.timeout(300)
def test_linux_under_a_debugger(tmp_path: Path) -> None:
    """From the first kernel instruction on; steps in the kernel take no interrupt; it boots all the same."""
    args = ("-smp", "2", "-m", "1G", "-kernel", need("linux"), "-initrd", need("initrd"),
            "-append", "console=ttyS0 earlycon=sbi test=poweroff", "-S")  # fmt: skip
    with debugged(tmp_path, None, *args) as (vm, gdb):
        gdb.tell("hbreak *0x80200000", "continue")
        assert (gdb.number("$pc"), gdb.number("$priv"), gdb.number("$satp")) == (0x8020_0000, 1, 0)
        gdb.tell("delete")
        gdb.start("continue")
        vm.expect(rb"smp: Brought up 1 node, 2 CPUs", BOOT_S)
        gdb.interrupt()
        assert "received signal SIGINT" in gdb.result()
        assert len(threads(gdb)) == 2
        assert gdb.number("$satp") >> 60 in (8, 9, 10)
        gdb.tell("set scheduler-locking on")
        for thread in (1, 2):
            gdb.tell(f"thread {thread}")
            code = gdb.tell("x/2i $pc")
            assert "Cannot access memory" not in code
            handler = gdb.number("$stvec") & ~3
            for _ in range(20):
                gdb.tell("stepi")
                assert gdb.number("$pc") != handler
        gdb.tell("set scheduler-locking off")
        # a place that every hart passes, with interrupts on its way
        gdb.tell("break *($stvec & ~3)")
        for _ in range(8):
            assert "hit Breakpoint 2" in gdb.tell("continue")
        gdb.tell("delete", "detach")
        vm.expect(rb"GUEST-READY nproc=2", BOOT_S)
        assert vm.wait(BOOT_S) == 0
        no_complaint(vm.console)


class Monitor:
    """A QMP connection; what it says is one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rb")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command: str) -> tuple[list[str], object]:
        """The names of the events that came before the reply, and what it returns."""
        self.socket.sendall(json.dumps({"execute": command}).encode())
        events = []
        while "event" in (said := json.loads(self.lines.readline())):
            events.append(said["event"])
        return events, said["return"]

    def event(self) -> str:
        """The next event."""
        return str(json.loads(self.lines.readline())["event"])

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


def test_the_machine_is_in_state_debug_while_gdb_has_it(tmp_path: Path, smp_elf: Path) -> None:
    """Orders and states are those of the reference, with the same commands."""
    place = tmp_path / "qmp"
    args = ("-smp", "2", "-kernel", str(smp_elf), "-S", "-qmp", f"unix:{place},server=on,wait=off")
    with debugged(tmp_path, smp_elf, *args) as (vm, gdb), contextlib.closing(Monitor(place)) as qmp:
        assert qmp.ask("query-status") == ([], {"status": "prelaunch", "running": False})
        gdb.tell("break *check_crc", "continue")
        assert qmp.ask("query-status") == (["RESUME", "STOP"], {"status": "debug", "running": False})
        gdb.tell("stepi")
        assert qmp.ask("query-status") == (["RESUME", "STOP"], {"status": "debug", "running": False})
        # a reset under the debugger: back to the reset vector, where its breakpoints wait for it
        assert qmp.ask("system_reset")[1] == {}
        while qmp.ask("query-status")[1] != {"status": "prelaunch", "running": False}:
            pass
        assert gdb.tell("monitor info status") == "VM status: paused (prelaunch)"
        gdb.tell("maintenance flush register-cache")  # gdb has not been told of the reset
        assert set(threads(gdb).values()) == {"0x0000000000001000 in ?? ()"}
        assert "hit Breakpoint 1" in gdb.tell("continue")
        gdb.tell("delete")
        gdb.start("set breakpoint always-inserted on", "break *barrier", "continue")
        assert "hit Breakpoint 2" in gdb.result()
        # somebody else lets it run: the breakpoint is there, and nobody is told that does not wait
        assert qmp.ask("query-status")[1] == {"status": "debug", "running": False}
        assert qmp.ask("cont") == (["RESUME"], {})
        assert qmp.event() == "STOP"
        assert qmp.ask("query-status")[1] == {"status": "debug", "running": False}
        gdb.tell("kill")
        assert vm.wait() == 0


def test_a_hart_that_dies_under_the_debugger_is_told_and_a_reset_brings_it_back(tmp_path: Path) -> None:
    image = str(_spin(tmp_path))
    with debugged(tmp_path, None, "-smp", "2", "-bios", "none", "-kernel", image) as (vm, gdb):
        gdb.start("continue")
        gdb.running()
        worker = psutil.Process(vm.pid).children()[1]
        started = worker.cpu_times().user
        while worker.cpu_times().user < started + 0.05:
            time.sleep(0.005)  # one that dies before it runs is replaced, and nobody hears of it
        worker.kill()
        assert "received signal SIGABRT" in gdb.result()
        assert "received signal SIGABRT" in gdb.tell("continue"), "nothing runs, and gdb does not wait"
        gdb.tell("monitor system_reset", "maintenance flush register-cache", "break *0x80000004")
        rounds = {1: 0, 2: 0}
        while not all(rounds.values()):  # both run; the test's time limit ends a vain wait
            assert "hit Breakpoint 1" in gdb.tell("continue")
            for thread in rounds:
                gdb.tell(f"thread {thread}")
                rounds[thread] = gdb.number("$t0")
        gdb.tell("kill")
        assert vm.wait() == 0


def transcript(command: list[str], place: Path, elf: Path) -> str:
    """What gdb prints for the commands of the session, on a machine started by `command`."""
    args = ("-M", "virt", "-cpu", "rv64,h=false", "-smp", "1", "-display", "none", "-serial", "null",
            "-monitor", "none", "-bios", need("opensbi"), "-kernel", str(elf), "-S",
            "-gdb", f"unix:{place},server=on,wait=off")  # fmt: skip
    out = []
    with subprocess.Popen([*command, *args], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as machine:
        try:
            with GdbClient(listening(place), elf) as gdb:
                out.append(gdb.greeting.replace(str(place), "SOCKET"))
                for line in TRANSCRIPT.read_text().splitlines():
                    if line and not line.startswith("#"):
                        out += [f"(gdb) {line}", gdb.tell(line)]
        finally:
            machine.terminate()
    return "\n".join(out)


def test_a_session_prints_what_it_prints_with_the_reference(tmp_path: Path, smp_elf: Path) -> None:
    theirs = transcript([need("qemu")], tmp_path / "theirs", smp_elf)
    ours = transcript([sys.executable, "-m", "emu"], tmp_path / "ours", smp_elf)
    differ = difflib.unified_diff(theirs.splitlines(), ours.splitlines(), lineterm="")
    assert ours == theirs, "\n".join(differ)
    assert "Breakpoint 1, " in ours
