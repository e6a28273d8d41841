"""gdb for any architecture, for the tests of the debug server: trixie's, beside the host's own packages.

Rule: as for QEMU, nothing is installed; a wrapper starts it with its own loader, libraries and Python files.
A host that has gdb-multiarch does not need it.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from emu.guests.errors import FetchError
from emu.guests.qemu import loader_and_libraries

NAME = "gdb"
PACKAGE = "gdb-multiarch"
TITLE = "gdb"
_WRAPPER = """\
#!/bin/sh
# gdb-multiarch with its own loader and libraries. Written by `emu fetch --gdb`.
root="${{0%/*}}/root"
export PYTHONHOME="$root/usr"
exec "$root/{loader}" --argv0 gdb-multiarch --library-path "$root/{lib}" \\
    "$root/usr/bin/gdb-multiarch" --data-directory="$root/usr/share/gdb" "$@"
"""


def wanted(package: str) -> bool:
    """Whether a package of the dependency closure carries files that gdb uses (see `qemu.wanted`)."""
    return package.startswith(("lib", "gdb", "zlib")) and not package.startswith("libpam")


def write_wrapper(where: Path) -> None:
    """Write `where`/run for the tree in `where`/root."""
    loader, lib = loader_and_libraries(where / "root")
    run = where / "run"
    run.write_text(_WRAPPER.format(loader=loader, lib=lib))
    run.chmod(0o755)


def version(where: Path) -> str:
    """Start `where`/run once and return the version it tells. Raises FetchError if it cannot."""
    asked = ("set architecture riscv:rv64", "show version")
    command = [str(where / "run"), "-nx", "-batch", *(word for each in asked for word in ("-ex", each))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"the fetched gdb does not start: {error}") from error
    found = re.search(r"^GNU gdb .*?(\d[\d.]+)$", done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        tail = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise FetchError(f"the fetched gdb does not start: {tail}")
    return found[1]
