"""qtest with the real program: the protocol, devices without harts, time by hand, interrupts told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lib.qtest import Session, qtest

CLINT, MTIME, PLIC = 0x200_0000, 0x200_BFF8, 0xC00_0000
UART, RTC, VIRTIO, RAM = 0x1000_0000, 0x10_1000, 0x1000_1000, 0x8000_0000
SWI, MTIMER, PLIC_PATH = (f"/machine/unattached/device[{n}]" for n in range(3))
UART_PATH, RTC_PATH = "/machine/unattached/device[13]", "/machine/unattached/device[14]"
NO_DEADLINE = "cannot advance clock to the next deadline because there is no pending deadline"

# command -> reply, in one session on the virt board with two harts
TRANSCRIPT: list[tuple[str, str]] = [
    ("endianness", "OK little"),
    ("foo", "FAIL Unknown command 'foo'"),
    ("", "FAIL Unknown command ''"),
    ("readl", "ERR readl needs 1 arguments"),
    ("readl zz", "FAIL Invalid number 'zz'"),
    # memory: each width, unaligned, hexadecimal, base64, fill; short data is zero-filled
    (f"writeq {RAM:#x} 0x8877665544332211", "OK"),
    (f"readb {RAM:#x}", "OK 0x0000000000000011"),
    (f"readw {RAM + 1:#x}", "OK 0x0000000000003322"),
    (f"readl {RAM + 2:#x}", "OK 0x0000000066554433"),
    (f"readq {RAM:#x}", "OK 0x8877665544332211"),
    (f"writeb {RAM:#x} 0x1ff", "OK"),
    (f"read {RAM:#x} 4", "OK 0xff223344"),
    (f"write {RAM:#x} 4 0xabcd", "OK"),
    (f"read {RAM:#x} 5", "OK 0xabcd000055"),
    (f"write {RAM:#x} 4 0x", "ERR invalid argument size"),
    (f"read {RAM:#x} 0", "ERR invalid argument size"),
    (f"b64write {RAM:#x} 3 AQID", "OK"),
    (f"b64read {RAM:#x} 4", "OK AQIDAA=="),
    (f"b64write {RAM:#x} 3 ?", "ERR invalid data"),
    (f"memset {RAM:#x} 8 0x55", "OK"),
    (f"read {RAM:#x} 9", "OK 0x5555555555555555" + "00"),
    # nobody there; ROM; no port space
    ("readl 0x50000000", "OK 0x0000000000000000"),
    ("writel 0x50000000 1", "OK"),
    ("readl 0x1000", "OK 0x0000000000000297"),
    ("writel 0x1000 0", "OK"),
    ("readl 0x1000", "OK 0x0000000000000297"),
    ("inb 0", "OK 0x00ff"),
    ("inw 0", "OK 0xffff"),
    ("inl 0", "OK 0xffffffff"),
    ("outb 0 1", "OK"),
    # devices; a wide access comes in parts that the device takes
    (f"readl {VIRTIO:#x}", "OK 0x0000000074726976"),
    (f"readq {VIRTIO:#x}", "OK 0x0000000174726976"),
    (f"readb {UART + 5:#x}", "OK 0x0000000000000060"),
    # time stands, and moves by hand
    ("clock_step", f"FAIL {NO_DEADLINE}"),
    (f"readq {MTIME:#x}", "OK 0x0000000000000000"),
    ("clock_step 1000000", "OK 1000000"),
    (f"readq {MTIME:#x}", "OK 0x0000000000002710"),
    ("clock_set 2000000", "OK 2000000"),
    ("clock_set 1", "FAIL 2000000"),
    (f"readl {MTIME:#x}", "OK 0x0000000000004e20"),
    # harts
    ("csr get_csr 1 0xf14 0", "OK 0 0000000000000001"),
    ("csr set_csr 0 0x305 0x80000000", "OK 0 0000000080000000"),
    ("csr get_csr 0 0x305 0", "OK 0 0000000080000000"),
    ("csr get_csr 9 0x305 0", "FAIL no such CPU"),
    # interrupts
    ("irq_intercept_in /nosuch", "FAIL Unknown device"),
    (f"irq_intercept_in {UART_PATH}", "FAIL No intercepts installed"),
    (f"irq_intercept_in {PLIC_PATH}", "OK"),
    (f"irq_intercept_in {PLIC_PATH}", "OK"),
    (f"irq_intercept_in {RTC_PATH}", "FAIL IRQ intercept already enabled"),
    (f"set_irq_in {PLIC_PATH} unnamed-gpio-in 99 1", "FAIL Unknown input"),
    ("module_load a b", "FAIL"),
]  # fmt: skip


def test_the_protocol_line_by_line(tmp_path: Path) -> None:
    with qtest(tmp_path, "-M", "virt", "-smp", "2") as session:
        for line, reply in TRANSCRIPT:
            assert (line, session.ask(line)) == (line, reply)
        assert session.end() == (0, "")


def test_lines_may_come_in_pieces_and_together(tmp_path: Path) -> None:
    with qtest(tmp_path, "-M", "none") as session:
        for byte in "endianness\n":
            session.send(byte)
        assert session.reply() == "OK little"
        session.send("clock_step 5\nclock_step 5\n\xff\n")
        assert [session.reply() for _ in range(3)] == ["OK 5", "OK 10", "FAIL Unknown command '\xff'"]


def plic_enable(session: Session, source: int) -> None:
    """For context 0 (hart 0, M-mode)."""
    session.store(PLIC + 4 * source, 1)
    session.store(PLIC + 0x2000 + source // 32 * 4, 1 << source % 32)


def test_an_alarm_reaches_the_plic_at_its_moment_and_is_claimed(tmp_path: Path) -> None:
    """RTC alarm by the VIRTUAL clock: timer, line, PLIC, claim; each change is told once."""
    with qtest(tmp_path, "-M", "virt", "-rtc", "clock=vm,base=2020-01-01T00:00:00") as session:
        assert session.ask(f"irq_intercept_in {PLIC_PATH}") == "OK"
        plic_enable(session, 11)
        now = session.load(RTC) | session.load(RTC + 4) << 32
        assert now == 1_577_836_800_000_000_000
        at = now + 5_000
        for off, value in ((0x10, 1), (0x0C, at >> 32), (0x08, at & 0xFFFF_FFFF)):
            session.store(RTC + off, value)
        assert session.load(RTC + 0x18) == 1
        assert (session.ask("clock_step 4999"), session.irqs) == ("OK 4999", [])
        assert (session.ask("clock_step"), session.irqs) == ("OK 5000", ["raise 11"])
        assert session.load(PLIC + 0x20_0004) == 11
        assert session.load(PLIC + 0x20_0004) == 0
        session.store(RTC + 0x1C, 1)
        assert session.irqs == ["lower 11"]
        session.store(PLIC + 0x20_0004, 11)


def test_outputs_into_harts_are_told_too(tmp_path: Path) -> None:
    """mtimecmp of two harts: compiled code computes the lines, time moves from deadline to deadline."""
    with qtest(tmp_path, "-M", "virt", "-smp", "2") as session:
        session.store(CLINT + 0x4000, 1 << 40, "q")
        session.store(CLINT + 0x4008, 1 << 40, "q")
        assert session.ask(f"irq_intercept_out {MTIMER}") == "OK"
        assert session.irqs == []
        session.store(CLINT + 0x4000, 300, "q")
        session.store(CLINT + 0x4008, 200, "q")
        assert (session.ask("clock_step"), session.irqs) == ("OK 20000", ["raise 1"])
        assert (session.ask("clock_step"), session.irqs) == ("OK 30000", ["raise 0"])
        session.store(CLINT + 0x4008, 1 << 40, "q")
        assert session.irqs == ["lower 1"]


def test_software_interrupts_are_told(tmp_path: Path) -> None:
    with qtest(tmp_path, "-M", "virt", "-smp", "2") as session:
        assert session.ask(f"irq_intercept_out {SWI}") == "OK"
        session.store(CLINT + 4, 1)
        assert session.irqs == ["raise 1"]
        assert session.load(CLINT + 4) == 1
        session.store(CLINT + 4, 0)
        assert session.irqs == ["lower 1"]


def test_a_named_output_is_told(tmp_path: Path) -> None:
    """The UART's line: enabling the transmitter's interrupt raises it."""
    with qtest(tmp_path, "-M", "virt") as session:
        assert session.ask(f"irq_intercept_out {UART_PATH}") == "FAIL No intercepts installed"
        assert session.ask(f"irq_intercept_out {UART_PATH} sysbus-irq") == "OK"
        session.store(UART + 1, 2, "b")
        assert session.irqs == ["raise 0"]


@pytest.mark.parametrize("machine", ["none", "virt"])
def test_a_session_starts_no_process_and_no_compiler(machine: str, tmp_path: Path) -> None:
    """What is imported, from Python's own list; who is a child, from the system's."""
    line = [sys.executable, "-X", "importtime", "-m", "emu", "-M", machine, "-accel", "qtest",
            "-display", "none", "-qtest", "null", "-device", "help"]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    imported = {part.split("|")[-1].strip() for part in done.stderr.splitlines()}
    assert "emu.qom.device" in imported
    assert not {"numba", "numpy", "llvmlite", "multiprocess", "rich"} & imported
    with qtest(tmp_path, "-M", machine) as session:
        assert session.ask("endianness") == "OK little"
        children = Path(f"/proc/{session.process.pid}/task/{session.process.pid}/children").read_text()
        maps = Path(f"/proc/{session.process.pid}/maps").read_text()
        assert children == ""
        assert "numpy" not in maps
        assert "llvmlite" not in maps
