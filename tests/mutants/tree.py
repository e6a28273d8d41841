"""A copy of the source tree with one mutant in it, and tests run there.

The copy has a cache directory of its own for the engine it builds; what the mutant does not change (natives
compiled by content, guests) it shares by symbolic links. Copy, cache and processes are gone afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ipc.engine import blob_path, cache_dir, digest
from tests.mutants.table import Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("emu", "ipc", "iothread", "vcpu_worker", "tests", "pyproject.toml")
SHARED = ("ir", "bare", "guests", "zig")  # of the cache: kept by content, or read only
BUILD_S, TEST_S = 900, 900


class DoesNotApply(Exception):
    """The mutant's text is not exactly once in its file: the code has moved on, the mutant must follow."""


@dataclass(frozen=True)
class Outcome:
    """Of one run of tests: how many, the failures' reports, and the runner's last words."""

    tests: int
    failures: tuple[str, ...]
    broken: str  # tests that could not be run; "" if all could

    @property
    def text(self) -> str:
        """All failures' reports."""
        return "\n".join(self.failures)


def applied(mutant: Mutant) -> str:
    """The mutant's file, mutated. Errors: DoesNotApply."""
    text = (ROOT / mutant.file).read_text()
    found = text.count(mutant.old)
    if found != 1:
        raise DoesNotApply(f"mutant {mutant.name}: its text is {found} times in {mutant.file}")
    return text.replace(mutant.old, mutant.new)


@dataclass(frozen=True)
class Tree:
    """A copy that exists."""

    root: Path
    cache: Path

    @property
    def env(self) -> dict[str, str]:
        """Environment of programs that run in it."""
        return {**os.environ, "PYTHONPATH": str(self.root), "XDG_CACHE_HOME": str(self.cache)}

    def python(self, *args: str, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run Python there in a session of its own; everything in it is killed at the timeout."""
        with subprocess.Popen(
            [sys.executable, *args],
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                out, _ = process.communicate(timeout=timeout)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out)

    def build(self) -> None:
        """Build its engine, if the cache has none. AssertionError with the builder's words on failure."""
        done = self.python("-m", "vcpu_worker.codegen.build", timeout=BUILD_S)
        assert done.returncode == 0, done.stdout[-3000:]

    def test(self, nodes: Sequence[str]) -> Outcome:
        """Run tests, up to the first failure."""
        report = self.root / "report.xml"
        report.unlink(missing_ok=True)
        args = [
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            f"--junitxml={report}",
        ]
        done = self.python(*args, *nodes, timeout=TEST_S)
        if not report.exists():
            return Outcome(0, (), done.stdout[-3000:])
        cases = list(ET.parse(report).getroot().iter("testcase"))
        failures = tuple(f"{f.get('message')}\n{f.text}" for case in cases for f in case.iter("failure"))
        errors = [f"{e.get('message')}\n{e.text}" for case in cases for e in case.iter("error")]
        ran = sum(1 for case in cases if case.find("skipped") is None)
        # a test that failed may leave things behind, which is an error of its own
        return Outcome(ran, failures, "" if failures else "\n".join(errors))


@contextlib.contextmanager
def tree(mutant: Mutant | None) -> Iterator[Tree]:
    """A copy with the mutant (None: an exact copy). Errors: DoesNotApply."""
    changed = applied(mutant) if mutant else ""
    with tempfile.TemporaryDirectory(prefix="emu-mutant-") as folder:
        root, cache = Path(folder) / "tree", Path(folder) / "cache" / "emu"
        cache.mkdir(parents=True, mode=0o700)
        for name in SHARED:
            real = cache_dir() / name
            real.mkdir(parents=True, exist_ok=True, mode=0o700)
            (cache / name).symlink_to(real)
        if blob_path().exists():  # for mutants that leave the engine alone
            (cache / digest()).symlink_to(blob_path().parent)
        root.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy2(source, root / name)
        if mutant:
            (root / mutant.file).write_text(changed)
        copy = Tree(root, cache.parent)
        where = copy.python(
            "-c", "import ipc.engine, emu; print(ipc.engine.__file__, emu.__file__)", timeout=60
        )
        assert where.stdout.count(str(root)) == 2, f"the copy is not what runs: {where.stdout}"
        yield copy


@dataclass(frozen=True)
class Verdict:
    """Whether a mutant was noticed, in which run, and by which words."""

    killed: bool
    tries: int
    words: str


def hunt(mutant: Mutant, tries: int | None = None) -> Verdict:
    """Run the killers on the mutant until they fail, at most `tries` times (default: the mutant's own)."""
    limit = mutant.tries if tries is None else tries
    words = ""
    with tree(mutant) as copy:
        copy.build()
        for n in range(1, limit + 1):
            outcome = copy.test(mutant.killer)
            found = re.search(mutant.says, outcome.text)
            if outcome.failures and found:
                return Verdict(True, n, _line(outcome.text, found))
            words = outcome.broken or outcome.text or f"{outcome.tests} tests passed"
            if outcome.broken:
                break
    return Verdict(False, limit, words)


def _line(text: str, found: re.Match[str]) -> str:
    """The line of a match."""
    start = text.rfind("\n", 0, found.start()) + 1
    end = text.find("\n", found.end())
    return text[start : end if end >= 0 else None].strip()
