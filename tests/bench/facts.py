"""What a report must say of the place where it was made: machine, software, commit."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib import metadata
from pathlib import Path

from emu.guests.cache import GuestMissing, linux_version

ROOT = Path(__file__).resolve().parents[2]
BUSY_LOAD = 0.5


def _field(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def commit() -> str:
    """The checkout's commit, "+changes" if its files are not the committed ones."""
    name = _git("rev-parse", "--short=12", "HEAD") or "unknown"
    return name + ("+changes" if _git("status", "--porcelain") else "")


def collect() -> dict[str, str]:
    """Name to text, in the order of the report."""
    try:
        linux = linux_version()
    except GuestMissing:
        linux = "not fetched"
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit(),
        "machine": f"{_field('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} processors, "
        f"{_field('/proc/meminfo', 'MemTotal')}, {platform.machine()}",
        "host": f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"numba {metadata.version('numba')}",
        "guest kernel": linux,
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def busy_warning() -> list[str]:
    """A line for the report if the machine has other work to do."""
    load = os.getloadavg()[0]
    if load < BUSY_LOAD:
        return []
    return [f"the machine was not idle before the bench (load {load:.1f}): trust ratios, not figures"]
