"""The verb `emu fetch`: bring real guests and the reference QEMU into the cache.

Debian's riscv64 packages come through the host's own apt on a second set of lists; a host without
apt gives the package files as arguments. A finished step is stamped and not done again; a step that
was cut off starts over. Two fetches at once are safe: the second waits for the first.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from emu.errors import strerror
from emu.guests import apt, cache, deb, gdb, qemu
from emu.guests.cache import GuestMissing, cache_dir, guest, linux_version
from emu.guests.errors import FetchError
from emu.guests.progress import Progress
from emu.report import Reporter

__all__ = ["FetchError", "GuestMissing", "cache_dir", "guest", "linux_version", "main"]

_MIB = 1 << 20
_REPORT = Reporter("emu fetch")


@dataclass(frozen=True)
class Step:
    """One stamped part of the fetch: a package unpacked into the cache directory `name`.

    `package` is what the archive calls it; `pattern` what the file may be called instead.
    """

    name: str
    package: str
    pattern: str


STEPS = (
    Step("opensbi", "opensbi", r"opensbi"),
    Step("u-boot", "u-boot-qemu", r"u-boot-qemu"),
    Step("busybox", "busybox-static", r"busybox-static"),
    Step("linux", "linux-image-riscv64", r"linux-image-\d.*-riscv64"),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise FetchError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="emu fetch",
        description="Bring Debian's riscv64 kernel, busybox, OpenSBI, U-Boot and the reference "
        "QEMU into the cache, and build the two initramfs.",
    )
    parser.add_argument("--mirror", metavar="URI", help="Debian mirror (default: the host's own)")
    parser.add_argument("--no-qemu", action="store_true", help="leave the reference QEMU out")
    parser.add_argument("--gdb", action="store_true", help="also gdb-multiarch, which tests use")
    parser.add_argument("--dir", metavar="DIR", type=Path, help="cache directory to use")
    parser.add_argument("--list", action="store_true", help="say what is here, fetch nothing")
    parser.add_argument("--update", action="store_true", help="fetch again what is here already")
    parser.add_argument(
        "debs", metavar="FILE.deb", nargs="*", type=Path, help="use these packages, no network"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb. Returns the exit status: 0, 1 with one line on stderr, 130 when interrupted."""
    try:
        options = _parser().parse_args(argv)
        root = (options.dir if options.dir is not None else cache_dir()).absolute()
        if options.list:
            return _list(root)
        root.mkdir(parents=True, exist_ok=True)
        progress = Progress()
        with _locked(root, progress):
            _Fetch(root, progress, options).run()
        return _list(root)
    except FetchError as error:
        _REPORT.error(error)
        return 1
    except BrokenPipeError:
        raise  # nobody reads what we say: main ends quietly
    except OSError as error:
        what = f"'{error.filename}': " if error.filename else ""
        _REPORT.error(FetchError(f"{what}{strerror(error)}"))
        return 1
    except KeyboardInterrupt:
        _REPORT.error(FetchError("interrupted; what is complete is kept"))
        return 130


@contextmanager
def _locked(root: Path, progress: Progress) -> Iterator[None]:
    """Hold the cache directory alone. The lock dies with its holder, however that ends."""
    with (root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note(f"another fetch works on {root}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _list(root: Path) -> int:
    """Print each guest's name and path. Returns 0 even if some are missing: it is a listing."""
    state = cache.read_state(root)
    for name in cache.NAMES:
        try:
            where = str(cache.guest(name, root))
        except GuestMissing:
            where = "missing"
        entry = cache.FILES.get(name)
        facts = state.get(entry.step, {}) if entry is not None and where != "missing" else {}
        print(f"{name:15} {facts.get('version', ''):26} {where}".rstrip())
    return 0


class _Fetch:
    """One run of the verb, the lock held."""

    def __init__(self, root: Path, progress: Progress, options: argparse.Namespace) -> None:
        self._root = root
        self._progress = progress
        self._options = options
        self._state = cache.read_state(root)

    def run(self) -> None:
        self._clean()
        if self._options.debs:
            self._from_files([deb.inspect(file) for file in self._options.debs])
        else:
            self._from_archive()
        for name in cache.IMAGES:
            if {"busybox", "linux"} <= self._state.keys():
                with self._progress.step(f"building {name}"):
                    cache.guest(name, self._root)
        shutil.rmtree(self._root / "apt", ignore_errors=True)

    def _clean(self) -> None:
        """Remove what a fetch that was killed left half done."""
        for left in self._root.glob("part-*"):
            shutil.rmtree(left)
        for left in self._root.glob("*.part*"):
            left.unlink()

    def _needs(self, step: str) -> bool:
        return bool(self._options.update) or not cache.complete(step, self._root)

    # From the archive

    def _from_archive(self) -> None:
        steps = [step for step in STEPS if self._needs(step.name)]
        programs = [] if self._options.no_qemu else [qemu]
        programs += [gdb] if self._options.gdb else []
        programs = [program for program in programs if self._needs(program.NAME)]
        if not steps and not programs:
            return
        if not apt.available():
            raise FetchError("this host has no apt-get: give the package files as arguments")
        mirror = apt.find_mirror(self._options.mirror)
        if steps:
            lists = self._lists("riscv64", mirror)
            names = [self._real_name(lists, step) for step in steps]
            for step, package in zip(steps, lists.resolve_each(names), strict=True):
                with self._downloads() as into:
                    self._download(lists, [package], into, step.name)
                    self._unpack(step, deb.inspect(into / package.file))
        if programs:
            lists = self._lists(apt.host_architecture(), mirror)
        for program in programs:
            packages = [each for each in lists.closure(program.PACKAGE) if program.wanted(each.name)]
            with self._downloads() as into:
                self._download(lists, packages, into, program.TITLE)
                self._install(program, [into / package.file for package in packages])

    def _lists(self, arch: str, mirror: apt.Mirror) -> apt.Apt:
        lists = apt.Apt(self._root / "apt" / arch, arch, mirror)
        with self._progress.step(f"package lists of {apt.SUITE} for {arch}") as report:
            verified = lists.update(report)
        if not verified:
            _REPORT.warn(f"this host has no key of {apt.SUITE}: its packages are not verified")
        return lists

    def _real_name(self, lists: apt.Apt, step: Step) -> str:
        """The package itself; a metapackage stands for the newest version of it."""
        if re.fullmatch(step.pattern, step.package):
            return step.package
        for name in lists.dependencies(step.package):
            if re.fullmatch(step.pattern, name):
                return name
        raise FetchError(f"'{step.package}' names no package of the form '{step.pattern}'")

    @contextmanager
    def _downloads(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._root, prefix="part-debs-") as into:
            yield Path(into)

    def _download(self, lists: apt.Apt, packages: list[apt.Package], into: Path, label: str) -> None:
        size = sum(package.size for package in packages) / _MIB
        with self._progress.step(f"downloading {label} ({size:.1f} MiB)") as report:
            lists.download(packages, into, report)
        for package in packages:
            if package.sha256 and _sha256(into / package.file) != package.sha256:
                raise FetchError(f"'{package.file}' is damaged: its checksum is not the index's")

    # From files

    def _from_files(self, debs: list[deb.Deb]) -> None:
        host = [each for each in debs if each.architecture == apt.host_architecture()]
        for each in debs:
            step = next((s for s in STEPS if re.fullmatch(s.pattern, each.name)), None)
            if step is not None and each.architecture in ("riscv64", "all"):
                self._unpack(step, each)
            elif not qemu.wanted(each.name):
                raise FetchError(
                    f"'{each.file}' ({each.name}, {each.architecture}) is none of the packages "
                    f"used here: {', '.join(step.package for step in STEPS)}, {qemu.PACKAGE}"
                )
        if any(each.name == qemu.PACKAGE for each in host) and not self._options.no_qemu:
            parts = [d.file for d in debs if d in host or d.architecture == "all"]
            self._install(qemu, parts)

    # Either way

    def _unpack(self, step: Step, package: deb.Deb) -> None:
        with self._progress.step(f"unpacking {package.name} {package.version}"):
            new = Path(tempfile.mkdtemp(dir=self._root, prefix=f"part-{step.name}-"))
            deb.unpack(package.file, new)
            self._put(step.name, new)
        self._stamp(step.name, {"package": package.name, "version": package.version})

    def _install(self, program: ModuleType, files: list[Path]) -> None:
        """A program of the host's architecture, with all that it needs (emu.guests.qemu, emu.guests.gdb)."""
        new = Path(tempfile.mkdtemp(dir=self._root, prefix=f"part-{program.NAME}-"))
        with self._progress.step(f"unpacking {program.TITLE}") as report:
            for number, file in enumerate(files, start=1):
                deb.unpack(file, new / "root")
                report(number / len(files))
            program.write_wrapper(new)
            version = program.version(new)
            self._put(program.NAME, new)
        self._stamp(program.NAME, {"package": program.PACKAGE, "version": version})

    def _put(self, name: str, new: Path) -> None:
        """Make `new` the directory `name`. The stamp is gone meanwhile: a kill means doing it again."""
        if name in self._state:
            del self._state[name]
            cache.write_state(self._root, self._state)
        place = self._root / name
        new.chmod(0o755)
        if place.exists():
            shutil.rmtree(place)
        new.replace(place)

    def _stamp(self, name: str, facts: dict[str, str]) -> None:
        self._state[name] = facts
        cache.write_state(self._root, self._state)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
