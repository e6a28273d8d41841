"""The reference QEMU: trixie's, for the host's architecture, beside the host's own packages.

Rule: it never meets the host's libraries. A wrapper starts it through the dynamic loader it was
built with, on a library path of its own; nothing is installed.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from emu.guests.errors import FetchError

NAME = "qemu"
PACKAGE = "qemu-system-riscv"
TITLE = "QEMU"
_WRAPPER = """\
#!/bin/sh
# The reference QEMU with its own loader and libraries. Written by `emu fetch`.
root="${{0%/*}}/root"
export QEMU_MODULE_DIR="$root/{lib}/qemu"
exec "$root/{loader}" --argv0 qemu-system-riscv64 --library-path "$root/{lib}" \\
    "$root/usr/bin/qemu-system-riscv64" -L "$root/usr/share/qemu" "$@"
"""


def wanted(package: str) -> bool:
    """Whether a package of the dependency closure carries files that QEMU uses.

    The rest of the closure is there for maintainer scripts, which never run (and it holds set-uid
    programs, which have no business in a cache).
    """
    used = package.startswith(("lib", "qemu-system", "zlib")) or package == "opensbi"
    return used and not package.startswith("libpam")


def write_wrapper(where: Path) -> None:
    """Write `where`/run for the tree in `where`/root."""
    loader, lib = loader_and_libraries(where / "root")
    run = where / "run"
    run.write_text(_WRAPPER.format(loader=loader, lib=lib))
    run.chmod(0o755)


def loader_and_libraries(root: Path) -> tuple[str, str]:
    """Where the dynamic loader and the libraries of a tree of packages are, from its root."""
    loaders = sorted(root.glob("usr/lib*/ld-linux*.so.*")) or sorted(root.glob("lib*/ld-linux*.so.*"))
    libc = sorted(root.glob("usr/lib/*/libc.so.6")) or sorted(root.glob("lib/*/libc.so.6"))
    if not loaders or not libc:
        raise FetchError("the packages hold no C library")
    return str(loaders[0].relative_to(root)), f"usr/lib/{libc[0].parent.name}"


def version(where: Path) -> str:
    """Start `where`/run once and return the version it tells. Raises FetchError if it cannot."""
    try:
        done = subprocess.run(
            [where / "run", "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"the fetched QEMU does not start: {error}") from error
    found = re.search(r"version (\S+)", done.stdout)
    if found is None:
        tail = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise FetchError(f"the fetched QEMU does not start: {tail}")
    return found[1]
