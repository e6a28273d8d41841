"""Interrupt inputs as objects: what a line is connected to, where introspection and qtest find it.

A device declares inputs by `Device.init_gpio_in`; outputs are `emu.core.irq.Line`s.
Rule: a set always reaches the handler, also when the level does not change (emu.core.irq says why).
"""

from __future__ import annotations

from collections.abc import Callable

from emu.qom.object import Object
from emu.qom.types import qom_type

Handler = Callable[[bool], None]


@qom_type("irq")
class Irq(Object):
    """One input. `handler` takes the level; qtest puts its own in its place."""

    def __init__(self, handler: Handler, n: int) -> None:
        super().__init__()
        self.handler = handler
        self.n = n

    def set(self, level: bool) -> None:
        """A line connected here was driven."""
        self.handler(level)
