"""Say what of this host matters for the machine, and what is wrong with it: `emu doctor`."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Sequence
from importlib import metadata

from emu.hw.machine import MachineState
from ipc.engine import blob_path, cache_dir, read_blob

PACKAGES = ("multiprocess", "posix_ipc", "numba", "llvmlite", "msgpack", "pyelftools", "rich")


def _shm() -> tuple[str, str]:
    try:
        fs = os.statvfs("/dev/shm")
    except OSError as error:
        return str(error), "guest RAM needs /dev/shm, or -object memory-backend-memfd"
    free = fs.f_bavail * fs.f_frsize
    small = free < MachineState.default_ram
    wrong = "smaller than the default RAM: enlarge it (--shm-size)" if small else ""
    return f"{free >> 20} MiB free of {fs.f_blocks * fs.f_frsize >> 20}", wrong


def _cache() -> tuple[str, str]:
    engine = "engine there" if read_blob(blob_path()) else "engine not built yet"
    where = cache_dir()
    there = where if where.exists() else where.parent
    wrong = "" if os.access(there, os.W_OK) else "cannot be written: the engine is built at each start"
    return f"{where} ({engine})", wrong


def main(argv: Sequence[str]) -> int:
    """A line a fact. Exit status 1 if something is wrong."""
    libc = platform.libc_ver()[0] or "no glibc"
    cores = len(os.sched_getaffinity(0))
    facts: list[tuple[str, str, str]] = [
        ("python", f"{platform.python_version()} ({platform.machine()}, {libc})",
         "" if (3, 11) <= sys.version_info < (3, 14) else "3.11 to 3.13 is supported"),
        ("kernel", platform.release(), "" if sys.platform == "linux" else "Linux is supported"),
        ("processors", str(cores), "" if cores > 1 else "harts will take turns"),
        ("/dev/shm", *_shm()),
        ("cache", *_cache()),
        ("open files", str(resource.getrlimit(resource.RLIMIT_NOFILE)), ""),
    ]  # fmt: skip
    for name in PACKAGES:
        try:
            facts.append((name, metadata.version(name), ""))
        except metadata.PackageNotFoundError:
            facts.append((name, "missing", f"pip install {name}"))
    for name, value, wrong in facts:
        sys.stdout.write(f"{name:<14} {value}" + (f"   <-- {wrong}" if wrong else "") + "\n")
    return int(any(wrong for *_, wrong in facts))
