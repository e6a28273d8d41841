"""`x-query-reset-digest`: what a reset must bring back, to be compared with what was there at first.

Ours; QEMU has no such command.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.errors import UserError
from emu.monitor.commands.registry import qmp_command

if TYPE_CHECKING:
    from emu.emulator import Emulator


@dataclass(frozen=True)
class PartDigest:
    """A part of the machine and the digest of its state (emu.runstate.reset_digest)."""

    name: str
    digest: str


@qmp_command("x-query-reset-digest")
def x_query_reset_digest(e: Emulator) -> list[PartDigest]:
    """Of a machine that does not run, all parts in a fixed order. Errors: UserError while it runs."""
    from emu.runstate.reset_digest import reset_digest

    if e.vm is None or e.run.states.running:
        raise UserError("The machine must not run for this")
    return [PartDigest(name, digest) for name, digest in reset_digest(e.vm).items()]
