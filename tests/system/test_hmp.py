"""HMP from outside: lines and answers of a table, here and (soak) on the reference; any keys on both."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emu.monitor.hmp_table import commands
from emu.monitor.readline import LineEditor
from tests.lib import reference
from tests.lib.hmp_transcript import Session, ask, load, start

TABLE = load(Path(__file__).parents[1] / "vectors/hmp.txt")
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
