"""Memory regions as objects: what a device decodes, as introspection shows it.

The fast paths do not go through them: `emu.core.address_space` finds a device by address, and harts reach RAM
by themselves.
Units: bytes; addr is a guest physical address once the region is mapped.
"""

from __future__ import annotations

from emu.core.address_space import Decoder
from emu.qom.object import Object
from emu.qom.property import Accessor
from emu.qom.types import qom_type


@qom_type("memory-region")
class MemoryRegion(Object):
    """`size` bytes answered by `decoder`. addr: where they are mapped, None while they are not.

    max_access: the widest access it takes; wider ones of the main loop come in parts.
    """

    size_property = Accessor("size", "uint64", lambda self: self.size)
    addr_property = Accessor("addr", "uint64", lambda self: self.addr or 0)

    def __init__(
        self, name: str, size: int, decoder: Decoder | None = None, max_access: int = 4
    ) -> None:
        super().__init__()
        self.max_access = max_access
        self.name = name
        self.size = size
        self.decoder = decoder
        self.addr: int | None = None
