"""The reference QEMU, where `emu fetch` has brought it, is asked about command lines, and about its own help.

Rows of wrong_lines.txt must be what it prints, to the letter. Rows of lacking_lines.txt are exceptions, each
with a reason; one that QEMU answers in the same way is none any more.
"""

from __future__ import annotations

import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emu.options.option import OPTIONS, Topic, in_order
from tests.emu.test_command_line_config import WRONG_FILES, line
from tests.emu.test_option_docs import headings
from tests.lib.command_line import Row, rows
from tests.lib.reference import PATIENCE_S, need

RUNS_S = 2.0  # for a line that is right: the machine runs until it is killed
AT_A_TIME = 2
SAMPLE = 4  # of so many wrong lines one is replayed each time, all of them in the soak
# in the table, not in QEMU's -h
NO_ENTRY = frozenset(
    [
        "M", "old-param", "win2k-hack", "no-fd-bootchk", "acpitable", "prom-env", "qtest", "qtest-log",
        "g", "xen-attach", "xen-domid", "xen-domid-restrict",
    ]
)


def ask(words: list[str], folder: Path, patience_s: float) -> tuple[int | None, str]:
    """Exit status (None: it ran until it was killed) and standard error of the reference."""
    started = subprocess.Popen(
        [need(), *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, encoding="utf-8", errors="surrogateescape",
    )  # fmt: skip
    try:
        _, stderr = started.communicate(timeout=patience_s)
        return started.returncode, stderr
    except subprocess.TimeoutExpired:
        started.kill()
        return None, started.communicate()[1]


def answers(found: list[Row], folder: Path, patience_s: float) -> list[tuple[Row, int | None, str]]:
    need()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        got = pool.map(lambda row: ask(shlex.split(row.line), folder, patience_s), found)
        return [(row, status, stderr) for row, (status, stderr) in zip(found, got, strict=True)]


def compare(found: list[Row], folder: Path) -> None:
    differences = [
        f"{row.line}\n  here {row.stderr!r}\n  QEMU {stderr!r} {status}"
        for row, status, stderr in answers(found, folder, PATIENCE_S)
        if (status, stderr) != (row.status, row.stderr)
    ]
    assert not differences, "\n".join(differences)


def test_qemu_says_the_same_of_some_wrong_lines(tmp_path: Path) -> None:
    compare(rows("wrong_lines.txt")[::SAMPLE], tmp_path)


@pytest.mark.soak
def test_qemu_says_the_same_of_all_wrong_lines(tmp_path: Path) -> None:
    compare(rows("wrong_lines.txt"), tmp_path)


def test_qemu_says_the_same_of_wrong_files(tmp_path: Path) -> None:
    for text, message in WRONG_FILES:
        (tmp_path / "CFG").write_text(text)
        assert ask(line(text), tmp_path, PATIENCE_S) == (1, message + "\n"), text


@pytest.mark.soak
def test_exceptions_are_still_needed(tmp_path: Path) -> None:
    # a daemon that QEMU makes would outlive the question
    found = [row for row in rows("lacking_lines.txt") if "-daemonize" not in row.line]
    same = [row.line for row, status, stderr in answers(found, tmp_path, RUNS_S)
            if (status, stderr) == (row.status, row.stderr)]  # fmt: skip
    assert not same


@pytest.fixture(scope="module")
def theirs() -> dict[str, list[str]]:
    """Headings of QEMU's -h, and the options below them."""
    done = subprocess.run([need(), "-h"], capture_output=True, text=True, check=True)
    return headings(done.stdout)


def test_topics_and_order_are_qemus(theirs: dict[str, list[str]]) -> None:
    names = [name for under in theirs.values() for name in under]
    for topic in Topic:
        ours = [name for opt in in_order(topic) for name in opt.names if name in names]
        assert ours == [name for name in theirs[topic.value] if name in OPTIONS]


def test_every_option_of_qemu_is_in_the_table(theirs: dict[str, list[str]]) -> None:
    named = {name for under in theirs.values() for name in under}
    in_order(Topic.STANDARD)
    assert named - set(OPTIONS) == set()
    assert set(OPTIONS) - named == NO_ENTRY
