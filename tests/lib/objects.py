"""The memory objects of an emulator that runs: another process opens them by its pid, as a debugger would.

They have no names; `/proc/PID/fd` shows their descriptors, and their size tells which is which.
Source: proc(5), "/proc/pid/fd".
"""

from __future__ import annotations

import contextlib
import mmap
import os
import time

START_S = 60.0
KINDS = ("/dev/shm/", "/memfd:")


def find_object(pid: int, size: int) -> int | None:
    """A descriptor of our own for the object of `size` bytes of process `pid`; None if it has none."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    for name in names:
        with contextlib.suppress(OSError):  # it opens and closes descriptors while we look
            place = f"{folder}/{name}"
            if os.readlink(place).startswith(KINDS) and os.stat(place).st_size == size:
                return os.open(place, os.O_RDWR | os.O_CLOEXEC)
    return None


def open_object(pid: int, size: int) -> int:
    """As find_object, once the process has made it. Errors: AssertionError if it makes none."""
    deadline = time.monotonic() + START_S
    while (fd := find_object(pid, size)) is None:
        assert time.monotonic() < deadline, f"process {pid} has no memory object of {size} bytes"
        time.sleep(0.005)  # nothing tells us when it has made its memory
    return fd


def map_object(pid: int, size: int) -> memoryview:
    """The object's bytes, once it is there; see map_fd."""
    return map_fd(open_object(pid, size), size)


def map_fd(fd: int, size: int) -> memoryview:
    """Bytes shared with the emulator, writable; mapped as long as the view is there. Closes `fd`."""
    try:
        return memoryview(mmap.mmap(fd, size))
    finally:
        os.close(fd)
