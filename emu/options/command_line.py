"""A command line becomes Settings, in two passes as QEMU does it.

Pass 1 looks at the whole line: every option must exist and have its argument, before any of them has
an effect (so `-h -bogus` is an error); -no-user-config alone acts. Then the default configuration file is
read. Pass 2 records; -h, -version and help requests leave at once.
Source: BEHAVIOUR 3.3, phases 1 to 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from emu.errors import OptionError, UserError, strerror
from emu.options.option import Option, load_topics, lookup_opt
from emu.options.settings import Settings
from emu.report import Reporter

NO_USER_CONFIG = "no-user-config"
DEFAULT_CONFIG = "/etc/qemu/qemu.conf"


def parse(argv: Sequence[str], reporter: Reporter) -> Settings:
    """Parse the words after the program's name.

    Errors: OptionError (with its place); emu.errors.Leave.
    """
    load_topics()
    settings = Settings(reporter)
    found = _pass_1(argv)
    if not any(option and option.name == NO_USER_CONFIG for option, *_ in found):
        _read_default_config(settings)
    for option, arg, where in found:
        settings.where = where
        try:
            if option is None:
                _add_disk(settings, arg)
            else:
                option.handler(settings, arg)
        except UserError as error:
            raise error.at(where) from None
    settings.where = ()
    return settings


def _pass_1(argv: Sequence[str]) -> list[tuple[Option | None, str, tuple[str, ...]]]:
    """Every word of the line: its option (None for a disk image), argument and place."""
    found: list[tuple[Option | None, str, tuple[str, ...]]] = []
    at = 0
    while at < len(argv):
        if argv[at].startswith("-"):
            option, arg, where = lookup_opt(argv, at)
        else:
            option, arg, where = None, argv[at], (argv[at],)
        found.append((option, arg, where))
        at += len(where)
    return found


def _read_default_config(settings: Settings) -> None:
    """The file that needs not be there."""
    from emu.options.config_record import record_config_file

    try:
        record_config_file(settings, DEFAULT_CONFIG)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OptionError(f"Could not open '{DEFAULT_CONFIG}': {strerror(error)}") from error


def _add_disk(settings: Settings, path: str) -> None:
    """A word that is no option: a disk image."""
    from emu.options.drives import drive_add

    drive_add(settings, path, "", 0, "media=disk")
