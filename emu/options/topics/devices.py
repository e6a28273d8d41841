"""Options that make devices and objects: -device, -object, -usbdevice, -tpmdev."""

from __future__ import annotations

from emu.core.qdict import QDict
from emu.errors import Leave
from emu.options.option import Ask, Status, Topic, option
from emu.options.settings import Said, SaidTree, SaidValues, Settings
from emu.options.visitor import JSON, OPTS, Visitor


@option("device", args="driver[,prop[=value][,...]]", ask=Ask.DEVICE, after="audiodev",
        help="add device (based on driver)\nprop=value,... sets driver properties\n"
             "use '-device help' to print all possible drivers\n"
             "use '-device driver,help' to print all possible properties")  # fmt: skip
def device(s: Settings, arg: str) -> None:
    """Created after the board, in the order of the line, those given as JSON last."""
    if arg.startswith("{"):
        from emu.options.members import json_object

        s.json_devices.append(SaidTree(json_object(arg), s.where))
    else:
        s.parse("device", arg, implied=True)


@option("object", args="TYPENAME[,PROP1=VALUE1,...]", topic=Topic.OBJECT, ask=Ask.OBJECT,
        help="create a new object of type TYPENAME; 'id' must be set\n"
             "use '-object help' for a list of types, '-object TYPENAME,help' for properties")  # fmt: skip
def object_(s: Settings, arg: str) -> None:
    """Read and checked here, made later: early ones before character devices, late ones after."""
    from emu.qom.creatable import check, object_help, objects_help

    if arg.startswith("{"):
        from emu.options.members import json_object

        given: QDict = json_object(arg)
        visitor: Visitor = JSON
    else:
        opts = s.parse("object", arg, implied=True)
        kind = opts.get("qom-type")
        if kind in ("help", "?"):
            raise Leave(objects_help())
        if kind is not None and opts.has_help_opt():
            raise Leave(object_help(kind))
        given, visitor = {**opts.to_qdict()}, OPTS
    check(given, visitor)
    s.objects.append(SaidValues(given, visitor, s.where))


@option("usb", topic=Topic.USB, status=Status.REFUSED, why="there is no USB",
        help="enable the machine's USB host controller")  # fmt: skip
def usb(s: Settings, _arg: str) -> None:
    """-machine usb=on."""
    s.machine["usb"] = "on"


@option("usbdevice", args="name", topic=Topic.USB, status=Status.REFUSED, why="there is no USB",
        help="add the USB device 'name'")  # fmt: skip
def usbdevice(s: Settings, arg: str) -> None:
    """-machine usb=on, and a device."""
    s.machine["usb"] = "on"
    s.usb_devices.append(Said(arg, s.where))


@option("tpmdev", args="passthrough|emulator,id=id[,...]", topic=Topic.TPM, status=Status.REFUSED,
        why="there is no TPM", help="configure the back end of a TPM")  # fmt: skip
def tpmdev(s: Settings, arg: str) -> None:
    """As in a build of QEMU without TPM."""
    s.parse("tpmdev", arg, implied=True)
    s.lack("there is no TPM in this build")
