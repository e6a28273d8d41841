"""Debian packages as files: name, version, architecture, and unpacking without installing.

Source: deb(5): an `ar` archive of `debian-binary`, `control.tar.*` and `data.tar.*`.
`dpkg` unpacks where it exists; elsewhere Python does, which reads every compression Debian uses.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from emu.guests.errors import FetchError

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER = 60


@dataclass(frozen=True)
class Deb:
    """One package file and what its control file says of it."""

    file: Path
    name: str
    version: str
    architecture: str


def inspect(file: Path) -> Deb:
    """Read the control file of `file`. Raises FetchError if it is no Debian package."""
    try:
        with tarfile.open(fileobj=io.BytesIO(_member(file, "control.tar"))) as tar:
            control = next(m for m in tar if m.name.lstrip("./") == "control")
            stream = tar.extractfile(control)
            text = stream.read().decode() if stream is not None else ""
    except FetchError:
        raise
    except OSError as error:
        raise FetchError(f"could not open '{file}': {error.strerror}") from error
    except (tarfile.TarError, StopIteration, UnicodeDecodeError) as error:
        raise FetchError(f"'{file}' is not a Debian package") from error
    fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    try:
        return Deb(file, fields["Package"], fields["Version"], fields["Architecture"])
    except KeyError as error:
        raise FetchError(f"'{file}' is not a Debian package") from error


def unpack(file: Path, into: Path, *, use_dpkg: bool = True) -> None:
    """Put the files of the package `file` below `into`. Runs no maintainer script."""
    into.mkdir(parents=True, exist_ok=True)
    if use_dpkg and shutil.which("dpkg"):
        done = subprocess.run(
            ["dpkg", "-x", str(file), str(into)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            tail = done.stderr.strip().splitlines() or ["dpkg failed"]
            raise FetchError(f"could not unpack '{file.name}': {tail[-1]}")
        return
    try:
        with tarfile.open(fileobj=io.BytesIO(_member(file, "data.tar"))) as tar:
            if hasattr(tarfile, "tar_filter"):  # not in the first releases of Python 3.11
                tar.extractall(into, filter="tar")
            else:
                tar.extractall(into)
    except tarfile.TarError as error:
        raise FetchError(f"could not unpack '{file.name}': {error}") from error


def _member(file: Path, stem: str) -> bytes:
    """Bytes of the archive's member whose name starts with `stem`."""
    with file.open("rb") as ar:
        if ar.read(len(_AR_MAGIC)) != _AR_MAGIC:
            raise FetchError(f"'{file}' is not a Debian package")
        while len(header := ar.read(_AR_HEADER)) == _AR_HEADER:
            name = header[:16].decode("ascii", "replace").strip().rstrip("/")
            try:
                size = int(header[48:58])
            except ValueError:
                break
            if name.startswith(stem):
                return ar.read(size)
            ar.seek(size + size % 2, io.SEEK_CUR)
    raise FetchError(f"'{file}' has no {stem} (truncated?)")
