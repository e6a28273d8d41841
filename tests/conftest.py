"""Every test cleans up: one that leaves a child process, a POSIX name or a socket file behind fails.

The host may need a moment to take a killed process away, so what is left is looked at again for up to
two seconds. Names and processes that were there before the test are somebody else's.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

# a loaded host may take any time for an example; pytest-timeout bounds the whole test
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

SHM = Path("/dev/shm")
PATIENCE_S = 2.0


def _children() -> set[tuple[int, float, str]]:
    found = set()
    for p in psutil.Process().children(recursive=True):
        try:
            found.add((p.pid, p.create_time(), p.name()))
        except psutil.NoSuchProcess:
            continue
    return found


def _names() -> set[str]:
    return {n for n in os.listdir(SHM) if n.startswith(("emu-", "sem."))} if SHM.is_dir() else set()


def _sockets(folder: Path) -> set[str]:
    return {str(p) for p in folder.rglob("*") if stat.S_ISSOCK(p.lstat().st_mode)}


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves something behind."""
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    children, names = _children(), _names()
    yield
    deadline = time.monotonic() + PATIENCE_S
    while True:
        left = [f"process {pid} ({name})" for pid, _, name in _children() - children]
        left += [f"/dev/shm/{name}" for name in _names() - names]
        left += [f"socket {path}" for path in (_sockets(folder) if folder else ())]
        if not left:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {', '.join(sorted(left))}")
        time.sleep(0.02)  # nothing tells us when a dead child is gone; two seconds bound the wait
