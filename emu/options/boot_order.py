"""-boot: the order in which firmware looks for something to boot. Nothing tells firmware yet.

Source: BEHAVIOUR 3.2 (`boot` of the machine); texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from emu.core.qdict import QValue
from emu.errors import OptionError
from emu.options.qapi import BOOL, INT, STR, Said, Struct, visit_value

_DEVICES = "abcdefghijklmnop"
_BOOT = Struct({"boot?": Struct({
    "order?": STR, "once?": STR, "menu?": BOOL, "splash?": STR, "splash-time?": INT, "reboot-timeout?": INT,
    "strict?": BOOL,
})})  # fmt: skip


def judge_boot(value: QValue) -> Said:
    """What the machine's property `boot` means. Errors: OptionError."""
    said = visit_value(_BOOT, {"boot": value})["boot"]
    assert isinstance(said, dict)
    for key in ("order", "once"):
        _check_devices(str(said.get(key, "")))
    return said


def _check_devices(text: str) -> None:
    for i, device in enumerate(text):
        if device not in _DEVICES:
            raise OptionError(f"Invalid boot device '{device}'")
        if device in text[:i]:
            raise OptionError(f"Boot device '{device}' was given twice")


def asks_for_nothing(said: Said) -> bool:
    """Whether it asks for nothing that is not so anyway."""
    return all(value is False for value in said.values())
