"""Random requests, right, wrong and damaged, to this program and to the reference QEMU: the same comes back.

The commands are those whose replies do not depend on what a build has, and which write no files. What stop
and cont bring about comes in the order of the stream, so events are compared as well.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.lib.reference import CAPABILITIES, PATIENCE_S, QUIT, need

WORDS = ("-M", "none", "-nodefaults", "-display", "none", "-name", "n", "-qmp", "stdio")
COMMANDS = ["stop", "cont", "query-status", "query-name", "query-uuid", "query-target", "set-action",
            "watchdog-set-action", "qom-get", "qom-list", "qom-set", "object-del", "device_del",
            "system_wakeup", "inject-nmi", "closefd", "getfd", "remove-fd", "query-fdsets", "query-kvm",
            "query-iothreads", "query-cpus-fast", "query-memdev", "qmp_capabilities", "x-exit-preconfig",
            "nope", "query-block",
            "query-named-block-nodes", "object-add",
            "device-list-properties", "yank", "query-current-machine"]  # fmt: skip
NAMES = ["path", "property", "value", "id", "reboot", "shutdown", "panic", "watchdog", "action", "fdname",
         "fdset-id", "fd", "flat", "option", "val", "size", "filename", "qom-type", "typename", "enable",
         "instances", "x"]  # fmt: skip
FITTING = {"qom-get": ["path", "property"], "qom-list": ["path"], "qom-set": ["path", "property", "value"],
           "set-action": ["reboot", "shutdown", "panic", "watchdog"], "watchdog-set-action": ["action"],
           "object-del": ["id"], "device_del": ["id"], "closefd": ["fdname"], "getfd": ["fdname"],
           "remove-fd": ["fdset-id", "fd"], "qmp_capabilities": ["enable"], "yank": ["instances"],
           "query-named-block-nodes": ["flat"],
           "object-add": ["qom-type", "id"], "device-list-properties": ["typename"]}  # fmt: skip
VALUES: list[object] = [
    "/machine/peripheral", "type", "/no", "none", "pause", "reset", "a", "", "1x", 0, 1, -1, 1 << 63, 1 << 64,
    1.5, True, False, None, [], {}, ["oob"], [1], [{"type": "chardev"}], [{"type": "nope"}], {"a": 1}, "rtc",
    "/no/such/file", "rng-builtin",
]  # fmt: skip
PIECES = [b"{", b"}", b"[", b"]", b'"', b",", b":", b"\xff\n", b"\x00", b"'", b"1", b"tru", b"\\"]


def request(rng: random.Random) -> bytes:
    """A request, most often one that could be right."""
    said: dict[str, object] = {"execute": rng.choice(COMMANDS)}
    if rng.random() < 0.7:
        names = FITTING.get(str(said["execute"]), [])
        names = [name for name in names if rng.random() < 0.9] + rng.choices(NAMES, k=int(rng.random() < 0.3))
        said["arguments"] = {name: rng.choice(VALUES) for name in names}
    if rng.random() < 0.4:
        said["id"] = rng.choice(VALUES)
    if rng.random() < 0.1:
        said[rng.choice(["exec-oob", "control", "arguments", "execute"])] = rng.choice(VALUES)
    data = json.dumps(said).encode()
    if rng.random() < 0.1:
        at = rng.randrange(len(data))
        data = data[:at] + rng.choice(PIECES) + data[at + rng.randrange(3) :]
    return data + rng.choice([b"", b"\n", b" ", b"\xff\n"])


def stream(rng: random.Random, count: int) -> bytes:
    """Requests, each tenth followed by what brings any reader back to the beginning."""
    parts = []
    for n in range(count):
        parts.append(request(rng))
        if n % 10 == 9:
            parts.append(b"\xff\n")
    return b"".join(parts) + b"\xff\n"


def answers(command: Sequence[str], data: bytes, folder: Path) -> list[str]:
    """All lines but the greeting and the last words; without times."""
    done = subprocess.run(
        [*command, *WORDS], input=CAPABILITIES + data + QUIT, capture_output=True, timeout=PATIENCE_S,
        check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()[1:]
    return [re.sub(r'^\{"timestamp": \{[^}]*\}, ', "{", line) for line in lines]


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 100))])
def test_random_requests_are_answered_as_by_the_reference(seed: int, tmp_path: Path) -> None:
    command = [need()]
    data = stream(random.Random(seed), 400)
    theirs, ours = answers(command, data, tmp_path), answers((sys.executable, "-m", "emu"), data, tmp_path)
    for n, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        assert a == b, f"seed {seed}, line {n}, after {ours[max(0, n - 2) : n]}"
    assert len(ours) == len(theirs), f"seed {seed}"
