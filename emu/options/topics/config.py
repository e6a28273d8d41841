"""Options that bring or change other options: -readconfig, -set, -global, -nodefaults."""

from __future__ import annotations

from emu.errors import OptionError, strerror
from emu.options.config_groups import qemu_find_opts
from emu.options.option import Ask, Topic, option
from emu.options.settings import Settings


@option("set", args="group.id.arg=value", after="add-fd",
        help="set <arg> parameter for item <id> of type <group>\n"
             "i.e. -set device.$id.addr=2")  # fmt: skip
def set_(s: Settings, arg: str) -> None:
    """Of what was said so far."""
    from emu.options.config_record import set_option

    set_option(s, arg)


@option("global", args="driver.property=value\ndriver=driver,property=property,value=value", group="global",
        after="set", help="set a global default for a driver property")  # fmt: skip
def global_property(s: Settings, arg: str) -> None:
    """Short form `driver.property=value`, where the first dot splits, or the one with three names."""
    head, eq, value = arg.partition("=")
    driver, dot, prop = head.partition(".")
    if eq and dot and driver and prop:
        opts = s.groups.create(qemu_find_opts("global"))
        for name, text in (("driver", driver), ("property", prop), ("value", value)):
            opts.set(name, text)
        return
    opts = s.parse("global", arg)
    if None in (opts.get("driver"), opts.get("property"), opts.get("value")):
        raise OptionError("options 'driver', 'property', and 'value' are required")


@option("nodefaults", topic=Topic.DEBUG, after="only-migratable", help="don't create default devices")
def nodefaults(s: Settings, _arg: str) -> None:
    """Wherever on the line it stands."""
    s.defaults = False


@option("readconfig", args="<file>", topic=Topic.DEBUG, after="sandbox", ask=Ask.FILE,
        help="read config file")  # fmt: skip
def readconfig(s: Settings, arg: str) -> None:
    """As if its sections stood here on the line."""
    from emu.options.config_record import record_config_file

    try:
        record_config_file(s, arg)
    except OSError as error:
        raise OptionError(f"Could not open '{arg}': {strerror(error)}") from error


@option("no-user-config", topic=Topic.DEBUG, help="do not read the default configuration file")
def no_user_config(_s: Settings, _arg: str) -> None:
    """Has acted in pass 1."""
