"""Options about devices: -device, -global, -nodefaults, -net and -nic none."""

from __future__ import annotations

from emu.core.qdict import QValue
from emu.errors import Leave, OptionError
from emu.options import groups, keyval
from emu.options.option import Topic, option
from emu.options.qemuopts import QemuOpts
from emu.options.settings import SaidOpts, SaidValues, Settings
from emu.options.visitor import JSON, KEYVAL, OPTS


@option("device", args="driver[,prop[=value][,...]]",
        help="add device (based on driver)\nprop=value,... sets driver properties\n"
             "use '-device help' to print all possible drivers\n"
             "use '-device driver,help' to print all possible properties")  # fmt: skip
def device(s: Settings, arg: str) -> None:
    """Created after the board, in the order of the line."""
    if arg in ("help", "?") or arg.endswith((",help", ",?")):
        s.device_help = s.device_help or s.said(arg)
        return
    if arg.startswith("{"):
        s.devices.append(SaidValues(_json_object(arg), JSON, s.where))
        return
    opts = s.groups.parse_noisily(groups.DEVICE, arg, permit_abbrev=True)
    s.devices.append(SaidValues({**opts.to_qdict()}, KEYVAL, s.where))


@option("global", args="driver.prop=value", help="set a global default for a driver property")
def global_property(s: Settings, arg: str) -> None:
    """Short form `driver.property=value` or the long one with three names."""
    head, eq, value = arg.partition("=")
    driver, dot, prop = head.partition(".")
    if eq and dot and "," not in head:
        opts = QemuOpts(groups.GLOBAL, None, [("driver", driver), ("property", prop), ("value", value)])
    else:
        opts = s.groups.parse_noisily(groups.GLOBAL, arg)
        if None in (opts.get("driver"), opts.get("property"), opts.get("value")):
            raise OptionError("options 'driver', 'property', and 'value' are required")
    s.globals.append(SaidOpts(opts, s.where))


@option("object", args="TYPENAME[,PROP1=VALUE1,...]",
        help="create a new object of type TYPENAME; 'id' must be set\n"
             "memory-backend-memfd and memory-backend-shm: size=, prealloc=on|off")  # fmt: skip
def object_(s: Settings, arg: str) -> None:
    """Read and checked here, made later: early ones before character devices, late ones after."""
    from emu.qom.creatable import check, object_help, objects_help

    if arg.startswith("{"):
        given = _json_object(arg)
        check(given, JSON)
        s.objects.append(SaidValues(given, JSON, s.where))
        return
    values, wants_help = keyval.parse_help(arg, implied="qom-type")
    name = values.get("qom-type")
    if wants_help or name in ("help", "?"):
        whole = not isinstance(name, str) or name in ("help", "?")
        raise Leave(objects_help() if whole else object_help(str(name)))
    said: dict[str, QValue] = {**values}  # type: ignore[dict-item]  # text is one of its kinds
    check(said, OPTS)
    s.objects.append(SaidValues(said, OPTS, s.where))


@option("nodefaults", topic=Topic.DEBUG, help="don't create default devices")
def nodefaults(s: Settings, _arg: str) -> None:
    """No default serial port, wherever on the line it stands."""
    s.defaults = False


def _json_object(arg: str) -> dict[str, QValue]:
    """A value given as JSON. Errors: OptionError with QEMU's text."""
    from emu.core.json_strings import JsonError
    from emu.core.qjson import from_json

    try:
        value = from_json(arg)
    except JsonError as error:
        raise OptionError(str(error)) from error
    assert isinstance(value, dict)  # it begins with a brace
    return value


def _none_only(s: Settings, arg: str) -> None:
    if arg != "none":
        s.unsupported.append(s.said(arg))


option("net", args="none", topic=Topic.ABSENT)(_none_only)
option("nic", args="none", topic=Topic.ABSENT)(_none_only)
