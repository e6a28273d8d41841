"""The reference QEMU as an oracle: a command line, or bytes for a monitor, and what it says to them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from tests.lib.guests import need as need_guest

PROG = "qemu-system-riscv64"
PATIENCE_S = 60
CAPABILITIES = b'{"execute":"qmp_capabilities"}\n'
QUIT = b'{"execute":"quit"}\n'


def need() -> str:
    """Its path. Skips, or fails when CI=true, if it was not fetched."""
    return need_guest("qemu")


@dataclass(frozen=True)
class Said:
    """What the reference said of a line. Bytes that are not UTF-8 are surrogates."""

    status: int
    out: str
    err: str


def ask(words: Sequence[str]) -> Said:
    """Run it without default devices and displays. The line has to end by itself."""
    done = subprocess.run(
        [need(), "-nodefaults", "-display", "none", *words],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    out, err = (text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))
    return Said(done.returncode, out, err)


def monitor(data: bytes, *words: str) -> list[str]:
    """The replies of a QMP monitor to `data`, which has to end in QUIT; without greeting and events."""
    done = subprocess.run(
        [need(), "-nodefaults", "-display", "none", *words, "-qmp", "stdio"],
        input=CAPABILITIES + data, capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    lines = done.stdout.decode().splitlines()
    return [line for line in lines if not re.match(r'\{"(QMP|timestamp)"', line)][1:-1]
