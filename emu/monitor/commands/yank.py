"""yank: get a connection back that hangs, whatever the monitor is busy with.

Every socket of a character device can be yanked: it is shut down, and the other side is seen to leave.
Source: QEMU's QAPI; replies of QEMU 10.0. These commands may come out of band.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from emu.chardev.socket import SocketChardev
from emu.errors import UserError
from emu.monitor.commands.registry import qmp_command
from emu.monitor.types import Tag

if TYPE_CHECKING:
    from emu.emulator import Emulator


class InstanceNotFound(UserError):
    """Nothing of that name can be yanked."""

    qmp_class = "DeviceNotFound"

    def __init__(self) -> None:
        super().__init__("Instance not found")


@dataclass(frozen=True)
class BlockNode:
    """A disk's connection: there are none."""

    type: Literal["block-node"]
    node_name: str


@dataclass(frozen=True)
class CharacterDevice:
    """The socket of a character device."""

    type: Literal["chardev"]
    id: str


@dataclass(frozen=True)
class Migration:
    """The connection of a migration: there is none."""

    type: Literal["migration"]


YankInstance = Annotated[BlockNode | CharacterDevice | Migration, Tag("type")]


def _sockets(e: Emulator) -> dict[str, SocketChardev]:
    return {one.label: one for one in e.chardevs.all() if isinstance(one, SocketChardev)}


@qmp_command("query-yank", oob=True)
def query_yank(e: Emulator) -> list[YankInstance]:
    """What can be yanked."""
    return [CharacterDevice("chardev", label) for label in _sockets(e)]


@qmp_command("yank", oob=True)
def yank(e: Emulator, instances: list[YankInstance]) -> None:
    """Shut these down: all of them or, if one is none, nothing. Errors: InstanceNotFound."""
    sockets = _sockets(e)
    for one in instances:
        if not isinstance(one, CharacterDevice) or one.id not in sockets:
            raise InstanceNotFound
    for one in instances:
        assert isinstance(one, CharacterDevice)
        sockets[one.id].hang_up()
