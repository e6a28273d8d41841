"""The tables of option lists in a process of their own: one list too many ends it as it ends QEMU."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILL = """
from emu.options import groups
from emu.options.config_groups import DRIVE_CONFIG_GROUPS, VM_CONFIG_GROUPS
from emu.options.config_groups import qemu_add_drive_opts, qemu_add_opts
from emu.options.qemuopts import QemuOptsList
for i in range({room} - len(list({table}))):
    {add}(QemuOptsList(f"more{{i}}"))
print("full", flush=True)
{add}(QemuOptsList("one-too-many"))
"""


@pytest.mark.parametrize(("table", "add", "room", "name"), [
    ("VM_CONFIG_GROUPS", "qemu_add_opts", 47, "vm_config_groups"),
    ("DRIVE_CONFIG_GROUPS", "qemu_add_drive_opts", 4, "drive_config_groups"),
])  # fmt: skip
def test_one_list_too_many_aborts(table: str, add: str, room: int, name: str) -> None:
    code = FILL.format(table=table, add=add, room=room)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == "full\n"
    assert done.stderr == f"ran out of space in {name}"
    assert done.returncode == -signal.SIGABRT
