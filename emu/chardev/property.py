"""The property `chardev` of devices: the id of a character device, which the device takes for itself.

Rule: setting it connects the two, so that a second user is refused where it is named; the front end says by
`can_receive` that it takes nothing yet.
Source: QEMU 10.0's messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from emu.chardev.base import Chardev, Frontend
from emu.core.qdict import QValue
from emu.errors import OptionError, UserError
from emu.options.visitor import Visitor
from emu.qom.device import Device
from emu.qom.property import Static

if TYPE_CHECKING:
    from emu.qom.object import Object


class ChardevProperty(Static["Chardev | None"]):
    """The attribute is the Chardev, None for none. The device is its front end."""

    def __init__(self, name: str = "chardev") -> None:
        super().__init__(name, "str", None, "ID of a chardev to use as a backend")

    def show(self, value: Chardev | None) -> QValue:
        """Its id."""
        return "" if value is None else value.label

    def read(self, obj: Object, visitor: Visitor, value: QValue) -> Chardev | None:
        """Find and take it. Errors: OptionError."""
        assert isinstance(obj, Device)
        label = visitor.string(self.name, value)
        before: Chardev | None = getattr(obj, self._attribute)
        if before is not None:
            before.detach()
        if not label:
            return None
        found = obj.machine.chardevs.port(label)
        if found is None:
            raise OptionError(f"Property '{obj.qom_name}.{self.name}' can't find value '{label}'")
        try:
            found.attach(cast(Frontend, obj))
        except UserError as error:
            text = f"Property '{obj.qom_name}.{self.name}' can't take value '{label}': {error.text}"
            raise OptionError(text) from error
        return found
