"""The tables of command lines are replayed on the reference QEMU, where `emu fetch` has brought it.

Rows of wrong_lines.txt must be what it prints, to the letter. Rows of lacking_lines.txt are exceptions, each
with a reason; one that QEMU answers in the same way is none any more.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lib.command_line import Row, rows
from tests.lib.guests import need

PATIENCE_S = 2.0  # for a line that is right: the machine runs until it is killed
AT_A_TIME = 4


def ask(qemu: str, line: str, folder: Path) -> tuple[int | None, str]:
    """Exit status (None: it ran until it was killed) and standard error of the reference."""
    started = subprocess.Popen(
        [qemu, *shlex.split(line)], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, encoding="utf-8", errors="surrogateescape",
    )  # fmt: skip
    try:
        _, stderr = started.communicate(timeout=PATIENCE_S)
        return started.returncode, stderr
    except subprocess.TimeoutExpired:
        started.kill()
        return None, started.communicate()[1]


def answers(found: Iterable[Row], folder: Path) -> list[tuple[Row, int | None, str]]:
    qemu = need("qemu")
    found = list(found)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        got = pool.map(lambda row: ask(qemu, row.line, folder), found)
        return [(row, status, stderr) for row, (status, stderr) in zip(found, got, strict=True)]


def test_qemu_says_the_same_of_wrong_lines(tmp_path: Path) -> None:
    differences = [
        f"{row.line}\n  here {row.stderr!r}\n  QEMU {stderr!r} {status}"
        for row, status, stderr in answers(rows("wrong_lines.txt"), tmp_path)
        if (status, stderr) != (row.status, row.stderr)
    ]
    assert not differences, "\n".join(differences)


@pytest.mark.soak
def test_exceptions_are_still_needed(tmp_path: Path) -> None:
    same = [row.line for row, status, stderr in answers(rows("lacking_lines.txt"), tmp_path)
            if (status, stderr) == (row.status, row.stderr)]  # fmt: skip
    assert not same
