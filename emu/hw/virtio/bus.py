"""virtio-bus: what a virtio device knows of its transport.

Source: virtio 1.2, 2.1 and 4; the type names are QEMU's.
"""

from __future__ import annotations

from emu.qom.bus import Bus
from emu.qom.types import qom_type


@qom_type("virtio-bus", abstract=True)
class VirtioBus(Bus):
    """A place for one device. The transport that owns it overrides both members."""

    @property
    def modern(self) -> bool:
        """Whether the transport speaks virtio 1; else it is the legacy interface."""
        raise NotImplementedError

    def isr_changed(self) -> None:
        """The device's interrupt status is another: drive the line."""
        raise NotImplementedError
