"""-global: defaults of device properties, said on the command line or implied by -cpu.

Rule: applied when a device is made, after its class' own defaults and before its explicit properties.
Source: BEHAVIOUR 4.1, 3.4 (-global); QEMU 10.0's messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.errors import OptionError, UserError
from emu.options.visitor import STRING
from emu.qom import types

if TYPE_CHECKING:
    from emu.qom.device import Device


@dataclass
class GlobalProperty:
    """One -global. used: whether a device has taken it. optional: no complaint if no device does."""

    driver: str
    property: str
    value: str
    used: bool = False
    optional: bool = False


_GLOBALS: list[GlobalProperty] = []


def register(driver: str, property: str, value: str, optional: bool = False) -> None:
    """A -global more; later ones win."""
    _GLOBALS.append(GlobalProperty(driver, property, value, optional=optional))


def forget() -> None:
    """None any more: for the next machine of a process."""
    _GLOBALS.clear()


def apply(device: Device) -> None:
    """Set what was said for the device's type or one above it. Errors: OptionError."""
    for one in _GLOBALS:
        if one.driver not in types.TYPES or not device.is_a(one.driver):
            continue
        one.used = True
        try:
            device.set_property(one.property, one.value, STRING)
        except UserError as error:
            text = f"can't apply global {one.driver}.{one.property}={one.value}: {error.text}"
            raise OptionError(text, error.hint) from error


def check(warn: Callable[[str], None]) -> None:
    """Warn of globals that no device took, where that is a mistake for certain."""
    for one in _GLOBALS:
        if one.used or one.optional:
            continue
        found = types.type_by_name(one.driver)
        if found is None or not types.is_a(one.driver, "device"):
            warn(f"global {one.driver}.{one.property} has invalid class name")
        elif not getattr(found.cls, "hotpluggable", True):
            warn(f"global {one.driver}.{one.property}={one.value} not used")
