"""What a machine's class says about options, apart from its properties."""

from __future__ import annotations

from typing import NamedTuple


class MachineTraits(NamedTuple):
    """interface: the bus of a -drive without `if=`; interfaces: all that a drive may be on.

    lacks: default devices it has not (`default_devices.ALL`). harts: whether it has any. fw_cfg, numa,
    acpi: whether QEMU's machine of that name has them.
    """

    interface: str = "none"
    interfaces: tuple[str, ...] = ("none", "virtio")
    lacks: frozenset[str] = frozenset()
    harts: bool = True
    fw_cfg: bool = False
    numa: bool = False
    acpi: bool = False
