"""Disks: there are none, and clients ask all the same.

Source: QEMU's QAPI: what it answers without disks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.core.qdict import QDict
from emu.monitor.commands.registry import qmp_command

if TYPE_CHECKING:
    from emu.emulator import Emulator


@qmp_command("query-block", preconfig=True)
def query_block(_e: Emulator) -> list[QDict]:
    """None."""
    return []


@qmp_command("query-named-block-nodes", preconfig=True)
def query_named_block_nodes(_e: Emulator, flat: bool = False) -> list[QDict]:
    """None."""
    return []
