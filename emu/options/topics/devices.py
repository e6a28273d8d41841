"""Options that make devices and objects: -device, -object, -usbdevice, -tpmdev."""

from __future__ import annotations

from emu.errors import Leave, OptionError
from emu.options.option import Ask, Status, Topic, option
from emu.options.settings import NOT_IN_BUILD, Settings


@option("device", args="driver[,prop[=value][,...]]", ask=Ask.DEVICE, after="audiodev",
        help="add device (based on driver)\nprop=value,... sets driver properties\n"
             "use '-device help' to print all possible drivers\n"
             "use '-device driver,help' to print all possible properties")  # fmt: skip
def device(s: Settings, arg: str) -> None:
    """Created after the board, in the order of the line, those given as JSON last."""
    if arg.startswith("{"):
        from emu.options.json_argument import json_object

        s.json_devices.append(SaidTree(json_object(arg), s.where))
    else:
        s.parse("device", arg, implied=True)
