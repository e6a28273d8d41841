"""What a long run leaves: how far it is, so that it can go on, and a line for each check that ended.

The state file lies in the emulator's cache directory and belongs to one state of the sources: when these
change, checks begin anew. tests/SOAK.md is for people, and grows at its end.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ipc.engine import cache_dir

ROOT = Path(__file__).resolve().parents[2]
SOAK = ROOT / "tests" / "SOAK.md"
TABLES = ROOT / "tests" / "soak" / "LITMUS.md"
HEAD = """# The long run

One line for each check that `make soak` has brought to an end; see README.md beside this file. A commit
with `+` had uncommitted changes. Count is what was done, in the check's own units; seed is the first of
its parts. "not performed" is neither a pass nor a failure: the host could not show anything.

| date | commit | check | machine | count | seed | duration | result |
| --- | --- | --- | --- | ---: | ---: | ---: | --- |
"""


@dataclass
class Progress:
    """How far a check is. seen: sums of its parts; result: "" until it ended."""

    seed: int
    done: int = 0
    parts: int = 0
    seconds: float = 0.0
    seen: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """A state of the sources. commit: for people; digest: of everything, with what is not committed."""

    commit: str
    digest: str


def _git(*args: str) -> str:
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def sources() -> Sources:
    """The state of this tree. Without git the sources' own hash stands for the commit."""
    digest = hashlib.sha256()
    for part in ("emu", "ipc", "iothread", "vcpu_worker", "tests"):
        for path in sorted((ROOT / part).rglob("*")):
            if path.is_file() and path.suffix in (".py", ".c", ".h", ".S", ".ld", ".csv"):
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    name = digest.hexdigest()[:12]
    commit = _git("rev-parse", "--short", "HEAD").strip()
    changed = [line for line in _git("status", "--porcelain").splitlines() if "SOAK.md" not in line]
    return Sources((commit + "+" * bool(changed)) or name, name)


def machine() -> str:
    """Processor model, number of processors this process may use."""
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{model}, {len(os.sched_getaffinity(0))} processors"


class State:
    """The state file: progress of each check of one state of the sources and one scale.

    A run that is not kept neither reads nor writes it: it may go on beside one that is.
    """

    def __init__(self, key: str, keep: bool = True, path: Path | None = None) -> None:
        self.key = key
        self.keep = keep
        self.path = path or cache_dir() / "soak.json"
        self.checks: dict[str, Progress] = {}
        if not keep:
            return
        try:
            data = json.loads(self.path.read_text())
            if data["key"] == key:
                self.checks = {name: Progress(**row) for name, row in data["checks"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            pass  # none yet, or of another time: begin anew

    def save(self) -> None:
        """Write it, whole or not at all."""
        if not self.keep:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.path.with_suffix(f".{os.getpid()}")
        part.write_text(
            json.dumps({"key": self.key, "checks": {n: asdict(p) for n, p in self.checks.items()}})
        )
        part.replace(self.path)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def append(row: tuple[str, ...], path: Path = SOAK) -> None:
    """A line to SOAK.md, which is begun if it is not there."""
    if not path.exists():
        path.write_text(HEAD)
    with path.open("a") as f:
        f.write("| " + " | ".join(_cell(cell) for cell in row) + " |\n")
