"""A second set of apt lists beside the host's own, for another architecture and release.

Rule: the host's package state is read (its mirror, its keys, its proxy settings) and never written.
Everything apt writes lies below one directory of ours, so any user can do it.
Source: apt.conf(5), sources.list(5), README.progress-reporting of apt (the status descriptor).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from emu.guests.errors import FetchError
from emu.guests.progress import Report

SUITE = "trixie"
# The release's other names: a mirror in the middle of a sync may serve a whole, older state under one
_ALIASES = ("stable", "oldstable")
_OUT_OF_SYNC = re.compile(r"unexpected size|Hash Sum mismatch|Mirror sync in progress")
_DEBIAN_SUITES = frozenset(
    (
        *("bullseye", "bookworm", "trixie", "forky", "duke", "sid"),
        *("oldoldstable", "oldstable", "stable", "testing", "unstable"),
    )
)
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TRUSTED = "[trusted=yes] "
_CONF = """\
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "{root}";
Dir::State::Lists "{root}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{root}/cache";
Dir::Etc::sourcelist "{root}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
// Hooks of the host would act on the host's package state.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


@dataclass(frozen=True)
class Mirror:
    """Where Debian comes from on this host, and the keys that vouch for it ('' = apt's own)."""

    uri: str
    signed_by: str


@dataclass(frozen=True)
class Package:
    """What a download brings. `sha256` is '' if the mirror's index has another hash only."""

    name: str
    file: str
    size: int
    sha256: str


def available() -> bool:
    """Whether this host has apt."""
    return shutil.which("apt-get") is not None


def host_architecture() -> str:
    """Debian's name of this machine, for example amd64."""
    names = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64"}
    return names.get(platform.machine(), platform.machine())


def find_mirror(uri: str | None = None, etc: Path = Path("/etc/apt")) -> Mirror:
    """The mirror the host's own sources use, or `uri` with the host's keys.

    Only an entry that is Debian's main archive counts: a release of Debian (not its updates or
    security), component main. Archives of others have neither the suite nor the architecture.
    """
    found = next(iter(_mirrors(etc)), None)
    if uri is not None:
        return Mirror(uri, found.signed_by if found is not None else "")
    if found is None:
        raise FetchError(f"no Debian mirror in the sources below '{etc}': use --mirror URI")
    return found


def _mirrors(etc: Path) -> list[Mirror]:
    parts = etc / "sources.list.d"
    files = [etc / "sources.list", *sorted(parts.glob("*.list")), *sorted(parts.glob("*.sources"))]
    found: list[Mirror] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found += _deb822(text) if file.suffix == ".sources" else _one_line(text)
    return found


def _one_line(text: str) -> list[Mirror]:
    """Entries of the form `deb [options] uri suite component...`."""
    found = []
    for line in text.splitlines():
        entry = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line)
        if entry and entry[3] in _DEBIAN_SUITES and "main" in entry[4].split():
            key = re.search(r"\bsigned-by=(\S+)", entry[1] or "", re.IGNORECASE)
            found.append(Mirror(entry[2], key[1] if key else ""))
    return found


def _deb822(text: str) -> list[Mirror]:
    """Stanzas of fields; a key given as text in place of a file name is left to apt's own."""
    found = []
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", text):
        pairs = re.findall(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        field = {name.lower(): value.split() for name, value in pairs}
        if field.get("enabled", ["yes"])[0].lower() in ("no", "false", "0"):
            continue
        suites, components = field.get("suites", []), field.get("components", [])
        if "deb" in field.get("types", []) and _DEBIAN_SUITES & set(suites) and "main" in components:
            key = field.get("signed-by", [""])[0]
            found.append(Mirror(field["uris"][0], key if key.startswith("/") else ""))
    return found


class Apt:
    """One second root: its lists and the packages got through them."""

    def __init__(self, root: Path, arch: str, mirror: Mirror) -> None:
        self._root = root
        self._mirror = mirror
        for part in ("lists/partial", "cache/archives/partial"):
            (root / part).mkdir(parents=True, exist_ok=True)
        conf = _CONF.format(arch=arch, root=root)
        if os.geteuid() == 0:
            # The download user could not enter a cache below root's home.
            conf += 'APT::Sandbox::User "root";\n'
        (root / "apt.conf").write_text(conf)

    def update(self, report: Report) -> bool:
        """Fetch the lists. Returns whether they are verified: False = no key for this release.

        The keys of the mirror's own entry come first, then Debian's keyring, then all that apt
        trusts. Only if none of them is the release's is the archive taken as it is, which the
        caller has to tell the user; a signature that is wrong or missing stays an error.

        A mirror whose index is not the one its release file names (a sync in progress) is asked once
        more for the release's other names; what such a name stands for is checked.
        """
        for suite in (SUITE, *_ALIASES):
            done, options = self._update(suite, report)
            if done.returncode == 0 and (suite == SUITE or self._codename(suite) == SUITE):
                return options != _TRUSTED
            if suite == SUITE:
                reason = _reason(done.stderr)
                if not _OUT_OF_SYNC.search(done.stderr):
                    break
        raise FetchError(f"could not read the package lists: {reason}")

    def _update(self, suite: str, report: Report) -> tuple[subprocess.CompletedProcess[str], str]:
        """Fetch the lists of `suite`; what apt said, and the source options of the last attempt."""
        keyring = str(_KEYRING) if _KEYRING.exists() else ""
        signed = [f"[signed-by={key}] " if key else "" for key in (self._mirror.signed_by, keyring, "")]
        for options in [*dict.fromkeys(signed), _TRUSTED]:
            self._write_source(suite, options)
            command = ["update", "--allow-releaseinfo-change"]
            if options == _TRUSTED:
                # The missing key is still a warning, and in mode "any" a warning is an error.
                command.append("-oAPT::Update::Error-Mode=")
            done = self._run(command, report)
            if done.returncode == 0 or not re.search(r"NO_PUBKEY|Missing key", done.stderr):
                break
        return done, options

    def _codename(self, suite: str) -> str:
        """The release that `suite` stands for on this mirror, as its verified release file says."""
        for file in (self._root / "lists").glob(f"*_dists_{suite}_*Release"):
            found = re.search(r"^Codename: (\S+)", file.read_text(errors="replace"), re.MULTILINE)
            if found:
                return found[1]
        return ""

    def dependencies(self, package: str) -> list[str]:
        """Names that `package` depends on directly."""
        done = self._run(["depends", package], tool="apt-cache")
        return re.findall(r"^\s+\|?Depends: (\S+)", done.stdout, re.MULTILINE)

    def resolve(self, packages: list[str]) -> list[Package]:
        """What downloading exactly `packages` brings."""
        return self._uris(["download", *packages])

    def resolve_each(self, packages: list[str]) -> list[Package]:
        """Like `resolve`, in the order asked for (apt answers in an order of its own)."""
        found = {package.name: package for package in self.resolve(packages)}
        missing = [name for name in packages if name not in found]
        if missing:
            raise FetchError(f"the mirror has no package '{missing[0]}' for this architecture")
        return [found[name] for name in packages]

    def closure(self, package: str) -> list[Package]:
        """`package` and everything it needs on an empty system."""
        return self._uris(["install", package])

    def download(self, packages: list[Package], into: Path, report: Report) -> None:
        """Bring the files of `packages` to `into`. Whole files appear there, or none."""
        with tempfile.TemporaryDirectory(dir=into, prefix="partial-") as partial:
            names = [package.name for package in packages]
            done = self._run(["download", *names], report, cwd=Path(partial))
            if done.returncode:
                raise FetchError(f"could not download: {_reason(done.stderr)}")
            for package in packages:
                got = Path(partial, package.file)
                if not got.exists() or got.stat().st_size != package.size:
                    raise FetchError(f"'{package.file}' did not arrive whole")
                got.replace(into / package.file)

    def _write_source(self, suite: str, options: str) -> None:
        line = f"deb {options}{self._mirror.uri} {suite} main\n"
        (self._root / "sources.list").write_text(line)

    def _uris(self, command: list[str]) -> list[Package]:
        done = self._run(["-qq", "--print-uris", *command])
        if done.returncode:
            raise FetchError(f"could not find the packages: {_reason(done.stderr)}")
        found = re.findall(r"^'[^']*' (\S+) (\d+) ?(\S*)$", done.stdout, re.MULTILINE)
        return [
            Package(
                unquote(file).split("_")[0],
                file,
                int(size),
                digest.removeprefix("SHA256:") if digest.startswith("SHA256:") else "",
            )
            for file, size, digest in found
        ]

    def _run(
        self,
        command: list[str],
        report: Report | None = None,
        *,
        cwd: Path | None = None,
        tool: str = "apt-get",
    ) -> subprocess.CompletedProcess[str]:
        """Run apt on this root; `report` is fed from its status descriptor."""
        line = [tool, "-c", str(self._root / "apt.conf")]
        pass_fds: tuple[int, ...] = ()
        read = write = -1
        if report is not None:
            read, write = os.pipe()
            line.append(f"-oAPT::Status-Fd={write}")
            pass_fds = (write,)
        env = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        env.pop("APT_CONFIG", None)
        # Files, not pipes: nothing here may block while the status descriptor is read.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            child = subprocess.Popen(
                line + command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=cwd,
                env=env,
                pass_fds=pass_fds,
            )
            try:
                if report is not None:
                    os.close(write)
                    _follow(read, report)
                child.wait()
            except BaseException:
                child.kill()
                child.wait()
                raise
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(line + command, child.returncode, out.read(), err.read())


def _follow(status: int, report: Report) -> None:
    """Feed `report` from lines like `dlstatus:1:42.5000:text` until apt closes its end."""
    with open(status, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            part = re.match(r"(?:dl|pm)status:[^:]*:([0-9.]+):", line)
            if part:
                report(float(part[1]) / 100)


def _reason(stderr: str) -> str:
    """The one line of apt's complaints that says most: the first error, else the first warning."""
    lines = [line.strip() for line in stderr.splitlines()]
    for mark in ("E: ", "W: "):
        for line in lines:
            if line.startswith(mark):
                return line.removeprefix(mark)
    return lines[-1] if lines else "apt failed"
