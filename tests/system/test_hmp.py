"""HMP from outside: lines and answers of a table, here and (soak) on the reference; any keys on both."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emu.guests import guest
from emu.monitor.hmp_table import commands
from emu.monitor.readline import LineEditor
from tests.lib import reference
from tests.lib.guests import need
from tests.lib.hmp_transcript import Session, ask, load, start

TABLE = load(Path(__file__).parents[1] / "vectors/hmp.txt")
PATIENCE = 300  # tenths of a second
OURS = (sys.executable, "-m", "emu")
# of these the effect is shown elsewhere: tests of the lifecycle, of gdb, of the terminal
ELSEWHERE = {"quit", "system_reset", "system_powerdown", "help", "info version", "info mtree"}


def play(session: Session, command: tuple[str, ...], replay: bool) -> None:
    wrong = []
    with start(command, session.words) as player:
        for step in session.steps:
            if replay and step.ours:
                continue
            answer = ask(player, step.line)
            if answer != step.answer:
                wrong.append(f"line {step.number}: {step.line}\n  {answer}\n  wanted {step.answer}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("session", TABLE, ids=lambda session: session.name)
def test_lines_are_answered_as_the_table_says(session: Session) -> None:
    play(session, OURS, replay=False)


@pytest.mark.soak
@pytest.mark.parametrize("session", TABLE, ids=lambda session: session.name)
def test_the_reference_answers_so(session: Session) -> None:
    play(session, (reference.need(),), replay=True)


def test_every_command_has_its_rows() -> None:
    lines = [step.line.split() for session in TABLE for step in session.steps]
    asked = {words[0] for words in lines if words} | {" ".join(words[:2]) for words in lines if words}
    for command in {**commands()}.values():
        names = command.names
        if command.table is not None:
            names = tuple(f"info {name}" for name in command.table)
            assert {*names} <= asked | ELSEWHERE, f"no row for {set(names) - asked}"
        else:
            assert {*names} & (asked | ELSEWHERE), f"no row for {names}"


PRECONFIG = """\
info status|VM status: paused (prelaunch)
stop|Command 'stop' not available until machine initialization has completed.
info cpus|Command 'info cpus' not available until machine initialization has completed.
foo|unknown command: 'foo'
qom-list /foo|Error: Device '/foo' not found
exit_preconfig|
exit_preconfig|Error: The command is permitted only before machine initialization
info status|VM status: paused (prelaunch)
"""


def typed(command: tuple[str, ...], words: list[str], keys: bytes) -> bytes:
    """What a monitor on standard input and output shows."""
    done = subprocess.run(
        [*command, "-nodefaults", "-display", "none", *words, "-monitor", "stdio"], input=keys,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def preconfig(command: tuple[str, ...]) -> None:
    rows = [row.split("|") for row in PRECONFIG.splitlines()]
    keys = "".join(f"{line}\n" for line, _ in rows) + "quit\n"
    out = typed(command, ["-M", "virt", "-bios", "none", "-S", "-preconfig"], keys.encode())
    answers = [part.partition(b"\r\n")[2].decode() for part in out.split(b"(qemu) ")[1:]]
    assert answers == [f"{answer}\r\n" if answer else "" for _, answer in rows] + [""]


def test_before_there_is_a_board_a_few_commands_work() -> None:
    preconfig(OURS)


@pytest.mark.soak
def test_the_same_few_on_the_reference() -> None:
    preconfig((reference.need(),))


def test_help_info_can_be_read_by_tools() -> None:
    out = typed(OURS, ["-M", "none"], b"help info\nquit\n").decode()
    lines = out.split("help info\x1b[K\r\n")[1].partition("(qemu)")[0].split("\r\n")
    assert len(lines) > 15
    assert all(re.fullmatch(r"info [\w-]+ .*-- .+", line) for line in lines if line)


KEYS = (
    b"a", b"b", b"yz", b" ", b"d e", b"\r", b"\n", b"\x01", b"\x05", b"\x04", b"\x08", b"\x7f", b"\x0c",
    b"\x0e", b"\x10", b"\x15", b"\x17", b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[1~",
    b"\x1b[3~", b"\x1b[4~",
    b"\x1bOH", b"\x1bOF", b"\x1b[H", b"\x1b[F", b"\x1b[E", b"\x1bb", b"\x1bx", b"\x1b[5~", b"\x9bA",
    b"\xc3\xa4", b"\x03", b"\x14", b"\x19", b"\x00", b"\x07", b"\x1b[12;3K",
)  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_any_keys_show_on_the_reference_what_they_show_here(seed: int) -> None:
    rng = random.Random(seed)
    keys = b"".join(rng.choice(KEYS) for _ in range(300))
    editor, out = LineEditor(), bytearray()
    editor.show_prompt()
    for byte in keys:
        line = editor.feed(byte)
        out += editor.taken()
        if line is not None:
            name = re.match(r"\s*\S+", line)
            if name:
                out += f"unknown command: '{name[0]}'\n".encode("utf-8", "surrogateescape")
            editor.show_prompt()
    shown = typed((reference.need(),), ["-M", "none"], keys + b"\x05\x15\rquit\r")
    _, _, shown = shown.partition(b"\r\n")  # the banner
    wanted = bytes(out).replace(b"\n", b"\r\n")
    assert shown[: len(wanted)] == wanted, f"seed {seed}"


# as its kernel lays it out: identity for devices and RAM, its test page under several rights
MAPPINGS = """\
vaddr            paddr            size             attr
---------------- ---------------- ---------------- -------
0000000000000000 0000000000000000 0000000040000000 rw---ad
0000000080000000 0000000080000000 0000000040000000 rwx--ad
ffffffffc0000000 000000008020f000 0000000000001000 rw---ad
ffffffffc0001000 0000000080210000 0000000000001000 r----a-
ffffffffc0003000 0000000080210000 0000000000001000 rw-u-ad
ffffffffc0004000 0000000080210000 0000000000001000 rw---ad
ffffffffc0005000 0000000080210000 0000000000001000 --x--a-
ffffffffc0200000 0000000080200000 0000000000200000 rw---ad
"""


def mappings(command: tuple[str, ...], tmp_path: Path) -> None:
    """The embedded guest, stopped when it has run with its page table on."""
    words = ["-M", "virt", "-m", "128M", "-bios", need("opensbi"), "-kernel", str(guest("smp")),
             "-append", "endless", "-serial", f"file:{tmp_path / 'console'}"]  # fmt: skip
    with start(command, words) as player:
        for _ in range(PATIENCE):
            ask(player, "stop")
            answer = ask(player, "info mem")
            if answer == MAPPINGS.splitlines():
                break
            ask(player, "cont")
            time.sleep(0.1)  # the guest has to get on
        else:
            raise AssertionError("\n".join(answer))
        # addresses are looked up as the table says
        assert ask(player, "gva2gpa 0xffffffffc0000123") == ["gpa: 0x8020f123"]
        assert ask(player, "gva2gpa 0xffffffffc0002000") == ["Unmapped"]
        assert ask(player, "x /1xw 0xffffffffc0002000") == ["ffffffffc0002000: Cannot access memory"]
        assert ask(player, "x /2xg 0xffffffffc0200000")[0].partition(": ")[2] == (
            ask(player, "xp /2xg 0x80200000")[0].partition(": ")[2]
        )


def test_mappings_of_a_guest_with_a_page_table(tmp_path: Path) -> None:
    mappings(OURS, tmp_path)


@pytest.mark.soak
def test_the_reference_shows_the_same_mappings(tmp_path: Path) -> None:
    mappings((reference.need(),), tmp_path)


def test_harts_log_from_when_they_are_told_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = ["-M", "virt", "-m", "128M", "-kernel", str(guest("smp")), "-append", "endless", "-D", str(log)]
    with start(OURS, words) as player:
        assert log.read_bytes() == b""
        assert ask(player, "log int") == []
        for _ in range(PATIENCE):
            if log.stat().st_size:
                break
            time.sleep(0.1)
        assert ask(player, "log none") == []
        assert ask(player, "stop") == []
        assert re.match(r"riscv_cpu_do_interrupt: hart:0, async:[01], cause:", log.read_text())
        size = log.stat().st_size
        ask(player, "cont")
        ask(player, "stop")
        assert log.stat().st_size <= size + 4096  # a line that was under way at most
        assert ask(player, f'logfile "{tmp_path}/other"') == []
        assert (tmp_path / "other").exists()
