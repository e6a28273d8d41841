"""Sets of descriptors: what the reference says and does, row by row."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from emu.core.fdsets import FdSets
from emu.errors import UserError


@pytest.fixture
def sets() -> Iterator[FdSets]:
    made = FdSets()
    yield made
    made.close()


def null(flags: int = os.O_RDONLY) -> int:
    return os.open(os.devnull, flags)


def test_a_set_without_a_number_gets_the_first_free_one(sets: FdSets) -> None:
    assert [sets.add(null(), None, None), sets.add(null(), 2, None), sets.add(null(), None, "x")] == [0, 2, 1]
    assert sets.add(null(), None, None) == 3
    assert [number for number, _ in sets.items()] == [3, 2, 1, 0]


def test_one_or_all_are_removed_and_closed(sets: FdSets) -> None:
    first, second = null(), null()
    sets.add(first, 1, None)
    sets.add(second, 1, "b")
    with pytest.raises(UserError, match="File descriptor named 'fdset-id:1, fd:-1' not found"):
        sets.remove(1, -1)
    sets.remove(1, first)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(first)
    assert [[(held.fd, held.opaque) for held in found] for _, found in sets.items()] == [[(second, "b")]]
    sets.remove(1, None)
    with pytest.raises(UserError, match="File descriptor named 'fdset-id:1' not found"):
        sets.remove(1, None)


@pytest.mark.parametrize(
    ("path", "flags", "error"),
    [
        ("/dev/fdset/9", os.O_RDONLY, errno.ENOENT),
        ("/dev/fdset/", os.O_RDONLY, errno.EINVAL),
        ("/dev/fdset/x", os.O_RDONLY, errno.EINVAL),
        ("/dev/fdset/-1", os.O_RDONLY, errno.EINVAL),
        ("/dev/fdset/1", os.O_RDWR, errno.EACCES),
    ],
)
def test_what_cannot_be_opened(sets: FdSets, path: str, flags: int, error: int) -> None:
    sets.add(null(), 1, None)
    with pytest.raises(OSError) as raised:
        sets.open(path, flags)
    assert raised.value.errno == error


def test_the_newest_of_the_right_kind_is_opened_with_the_flags_asked_for(
    sets: FdSets, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
        sets.add(os.open(tmp_path / name, os.O_WRONLY), 1, None)
    sets.add(null(), 1, None)
    fd = sets.open("/dev/fdset/1", os.O_WRONLY | os.O_TRUNC | os.O_APPEND)
    assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND
    assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    os.write(fd, b"new")
    os.close(fd)
    assert [(tmp_path / name).read_text() for name in ("a", "b")] == ["old", "new"]
