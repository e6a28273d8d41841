"""The verb `emu fetch`, without a network: a stand-in for apt serves packages made here."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from emu.guests import apt, cache, deb, fetch, linux
from emu.guests.errors import FetchError

# Answers what fetch.py asks of apt-get and apt-cache; the packages lie in $FAKE_POOL.
APT = """#!{python} -IS
import hashlib, json, os, pathlib, shutil, sys
pool = pathlib.Path(os.environ["FAKE_POOL"])
words = [w for w in sys.argv[3:] if not w.startswith("-")]
mode = json.loads((pool / "mode.json").read_text())
with (pool / "log").open("a") as log:
    log.write(" ".join(words) + "\\n")
conf = pathlib.Path(sys.argv[sys.argv.index("-c") + 1])
source = (conf.parent / "sources.list").read_text()
if words[0] == mode.get("fail") and mode.get("unless", "\\0") not in source:
    sys.exit("E: " + mode["text"])
if words[0] == "update" and "codename" in mode:
    release = conf.parent / "lists" / "mirror_dists_stable_InRelease"
    release.write_text("Codename: " + mode["codename"] + "\\n")
if words[0] == "depends":
    print("linux-image-riscv64\\n  Depends: linux-image-6.12.1-riscv64")
for name in words[1:] if words[0] == "download" else []:
    file = next(pool.glob(name + "_*.deb"))
    if "--print-uris" in sys.argv:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        print(f"'http://mirror/{{file.name}}' {{file.name}} {{file.stat().st_size}} SHA256:{{digest}}")
    elif mode.get("damage"):
        pathlib.Path(file.name).write_bytes(bytes(file.stat().st_size))
    else:
        shutil.copy(file, file.name)
"""


def make_deb(path: Path, name: str, arch: str, files: dict[str, bytes]) -> Path:
    """A Debian package, as deb(5) has it."""

    def tar(content: dict[str, bytes]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:xz") as archive:
            for inner, data in content.items():
                info = tarfile.TarInfo(f"./{inner}")
                info.size, info.mode = len(data), 0o755
                archive.addfile(info, io.BytesIO(data))
        return out.getvalue()

    control = f"Package: {name}\nVersion: 1:2-3\nArchitecture: {arch}\n".encode()
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": tar({"control": control}),
        "data.tar.xz": tar(files),
    }
    with path.open("wb") as ar:
        ar.write(b"!<arch>\n")
        for member, data in members.items():
            ar.write(f"{member:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode())
            ar.write(data + b"\n" * (len(data) % 2))
    return path


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of packages, the stand-in first on the PATH, a mirror in no need of sources."""
    place = tmp_path / "pool"
    place.mkdir()
    lib, boot = "usr/lib/riscv64-linux-gnu/opensbi/generic", "usr/lib/u-boot"
    make_deb(
        place / "opensbi_1_all.deb",
        "opensbi",
        "all",
        {f"{lib}/fw_{k}.bin": b"sbi" for k in ("dynamic", "jump")},
    )
    uboot = {f"{boot}/qemu-riscv64{k}/u-boot.bin": b"u-boot" for k in ("", "_smode")}
    make_deb(place / "u-boot-qemu_1_all.deb", "u-boot-qemu", "all", uboot)
    busybox = {"usr/bin/busybox": b"\x7fELF\0[\0[[\0cat\0sh\0\0"}
    make_deb(place / "busybox-static_1_riscv64.deb", "busybox-static", "riscv64", busybox)
    linux = {"boot/vmlinux-6.12.1-riscv64": b"Image", "usr/lib/modules/6.12.1-riscv64/modules.order": b""}
    name = "linux-image-6.12.1-riscv64"
    make_deb(place / f"{name}_1_riscv64.deb", name, "riscv64", linux)
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in ("apt-get", "apt-cache"):
        (programs / tool).write_text(APT.format(python=sys.executable))
        (programs / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_POOL", str(place))
    (place / "mode.json").write_text("{}")
    return place


def run(root: Path, *words: str) -> int:
    return fetch.main(["--dir", str(root), "--mirror", "http://mirror", "--no-qemu", *words])


def test_fetch_brings_every_guest_and_builds_both_images(pool: Path, tmp_path: Path) -> None:
    root = tmp_path / "guests"
    assert run(root) == 0
    assert cache.guest("opensbi", root).read_bytes() == b"sbi"
    assert cache.guest("linux", root).read_bytes() == b"Image"
    assert cache.linux_version(root) == "6.12.1-riscv64"
    assert cache.guest("initrd", root) != cache.guest("initrd-modules", root)
    left = {path.name for path in root.iterdir() if not path.name.startswith("initrd")}
    assert left == {"opensbi", "u-boot", "busybox", "linux", "state.json", "lock"}


def test_a_second_fetch_asks_the_mirror_for_nothing(pool: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "guests") == 0
    (pool / "log").unlink()
    assert run(tmp_path / "guests") == 0
    assert not (pool / "log").exists()
    assert run(tmp_path / "guests", "--update") == 0
    assert (pool / "log").exists()


def test_only_what_is_missing_is_fetched_again(pool: Path, tmp_path: Path) -> None:
    root = tmp_path / "guests"
    assert run(root) == 0
    cache.guest("u-boot", root).unlink()
    (pool / "log").unlink()
    assert run(root) == 0
    downloads = [line for line in (pool / "log").read_text().splitlines() if line.startswith("download")]
    assert set(downloads) == {"download u-boot-qemu"}
    assert cache.guest("u-boot", root).exists()


def test_leftovers_of_a_killed_fetch_are_removed(pool: Path, tmp_path: Path) -> None:
    root = tmp_path / "guests"
    (root / "part-linux-x").mkdir(parents=True)
    (root / "initrd-0.part17").write_bytes(b"half")
    assert run(root) == 0
    assert not list(root.glob("part-*"))
    assert not list(root.glob("*.part*"))


def test_linux_boots_to_a_shell_and_takes_further_options(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert linux.main([]) == 1
    assert "run 'emu fetch'" in capsys.readouterr().err
    assert fetch.main(["--mirror", "http://mirror", "--no-qemu"]) == 0
    line = linux.arguments(["-smp", "4", "-append", "test=info", "-m", "2G"])
    assert line[line.index("-kernel") + 1] == str(cache.guest("linux"))
    assert line[line.index("-append") + 1] == "console=ttyS0 earlycon=sbi test=info"
    assert line[-4:] == ["-smp", "4", "-m", "2G"]


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert text.startswith("emu fetch: ")
    assert text.count("\n") == 1
    return text


@pytest.mark.parametrize("step", ["update", "download"])
def test_a_failing_mirror_is_one_line_and_status_1(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    (pool / "mode.json").write_text(json.dumps({"fail": step, "text": "no route to mirror"}))
    assert run(tmp_path / "guests") == 1
    assert "no route to mirror" in one_line(capsys)


def test_a_damaged_download_is_refused(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pool / "mode.json").write_text('{"damage": true}')
    assert run(tmp_path / "guests") == 1
    assert "is damaged" in one_line(capsys)
    assert not cache.complete("opensbi", tmp_path / "guests")


def test_package_files_need_no_mirror(pool: Path, tmp_path: Path) -> None:
    root = tmp_path / "guests"
    assert run(root, *(str(file) for file in sorted(pool.glob("*.deb")))) == 0
    assert cache.guest("initrd-modules", root).exists()
    assert not (pool / "log").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["/nonexistent.deb"], "could not open '/nonexistent.deb': No such file or directory"),
        ([sys.executable], "is not a Debian package"),
        (["--dir", "/proc/nowhere"], "'/proc/nowhere': No such file or directory"),
    ],
)
def test_bad_arguments_are_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    assert fetch.main(["--dir", str(tmp_path), *words]) == 1
    assert text in one_line(capsys)


def test_a_package_of_no_use_here_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = make_deb(tmp_path / "x.deb", "cowsay", "all", {"usr/games/cowsay": b"moo"})
    assert fetch.main(["--dir", str(tmp_path / "guests"), str(file)]) == 1
    assert "none of the packages used here" in one_line(capsys)


def test_a_second_fetch_waits_for_the_first(pool: Path, tmp_path: Path) -> None:
    root = tmp_path / "guests"
    root.mkdir()
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-m", "emu.guests.fetch", "--dir", str(root), "--no-qemu"]
        with subprocess.Popen(
            [*command, *map(str, sorted(pool.glob("*.deb")))], stdout=subprocess.PIPE, text=True
        ) as second:
            assert second.stdout is not None
            assert "another fetch works on" in second.stdout.readline()
            assert not (root / "state.json").exists()
            fcntl.flock(lock, fcntl.LOCK_UN)
            second.stdout.read()
            assert second.wait(30) == 0
    assert cache.complete("linux", root)


def test_list_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch.main(["--dir", str(tmp_path), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(cache.NAMES)
    assert all(line.endswith("missing") for line in lines[1:])


@pytest.mark.parametrize("use_dpkg", [False, True])
def test_unpacking_puts_files_and_modes(tmp_path: Path, use_dpkg: bool) -> None:
    if use_dpkg and not shutil.which("dpkg"):
        pytest.skip("no dpkg on this host")
    file = make_deb(tmp_path / "a.deb", "a", "all", {"usr/bin/tool": b"text", "odd": b"odd"})
    found = deb.inspect(file)
    assert (found.name, found.version, found.architecture) == ("a", "1:2-3", "all")
    deb.unpack(file, tmp_path / "out", use_dpkg=use_dpkg)
    assert (tmp_path / "out/usr/bin/tool").read_bytes() == b"text"
    assert (tmp_path / "out/usr/bin/tool").stat().st_mode & 0o777 == 0o755


def test_a_truncated_package_is_refused(tmp_path: Path) -> None:
    file = make_deb(tmp_path / "a.deb", "a", "all", {"x": b"x"})
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(FetchError, match=r"truncated|not a Debian package"):
        deb.inspect(file)


SOURCES = {
    "debian.sources": """\
# a comment
Types: deb deb-src
URIs: http://mirror/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /keys/debian.gpg

Types: deb
URIs: http://mirror/debian-security
Suites: bookworm-security
Components: main
""",
    "off.sources": "Enabled: no\nTypes: deb\nURIs: http://off/debian\nSuites: sid\nComponents: main\n",
    "other.list": "deb [arch=amd64 signed-by=/keys/o.gpg] http://other/repo bookworm stable\n",
    "nodistro.list": "deb http://node/ nodistro main\n# deb http://commented/debian sid main\n",
    "debian.list": "deb [arch=amd64 signed-by=/keys/l.gpg] http://line/debian trixie main non-free # x\n",
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            ["debian.sources", "off.sources", "other.list"],
            apt.Mirror("http://mirror/debian", "/keys/debian.gpg"),
        ),
        (["debian.list", "nodistro.list"], apt.Mirror("http://line/debian", "/keys/l.gpg")),
    ],
)
def test_mirror_is_the_hosts_own_archive_of_debian(
    tmp_path: Path, files: list[str], expected: apt.Mirror
) -> None:
    (tmp_path / "sources.list.d").mkdir()
    for name in files:
        (tmp_path / "sources.list.d" / name).write_text(SOURCES[name])
    assert apt.find_mirror(etc=tmp_path) == expected
    assert apt.find_mirror("http://mine/debian", tmp_path).uri == "http://mine/debian"


def test_a_key_that_is_missing_everywhere_is_told(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pool / "mode.json").write_text('{"fail": "update", "unless": "trusted=yes", "text": "NO_PUBKEY 1"}')
    assert run(tmp_path / "guests") == 0
    assert "warning: this host has no key of trixie" in one_line(capsys)


def test_a_wrong_signature_is_never_trusted(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pool / "mode.json").write_text('{"fail": "update", "unless": "trusted=yes", "text": "BADSIG 1"}')
    assert run(tmp_path / "guests") == 1
    assert "BADSIG" in one_line(capsys)


@pytest.mark.parametrize(("codename", "status"), [("trixie", 0), ("forky", 1)])
def test_a_mirror_in_the_middle_of_a_sync_is_asked_for_the_releases_other_name(
    codename: str, status: int, pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The state under the other name is used if it is the same release, and never otherwise."""
    text = "File has unexpected size (1 != 2). Mirror sync in progress?"
    mode = {"fail": "update", "unless": " stable ", "text": text, "codename": codename}
    (pool / "mode.json").write_text(json.dumps(mode))
    assert run(tmp_path / "guests") == status
    if status:
        assert "Mirror sync in progress" in one_line(capsys)


def test_a_host_without_debian_sources_must_name_a_mirror(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    for name in ("off.sources", "other.list", "nodistro.list"):
        (tmp_path / "sources.list.d" / name).write_text(SOURCES[name])
    with pytest.raises(FetchError, match="use --mirror URI"):
        apt.find_mirror(etc=tmp_path)


def test_damaged_state_reads_as_nothing_fetched(tmp_path: Path) -> None:
    for text in ("", "[1]", '{"linux": 3}', "\0\0"):
        (tmp_path / "state.json").write_text(text)
        assert not cache.complete("linux", tmp_path)
