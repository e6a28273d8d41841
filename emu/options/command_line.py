"""A command line becomes Settings, in two passes as QEMU does it.

Pass 1 looks at the whole line: every option must exist and have its argument, before any of them has
an effect (so `-h -bogus` is an error). Pass 2 records; -h, -version and help requests leave at once.
Source: BEHAVIOUR 3.3, phases 1 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from emu.errors import OptionError
from emu.options.option import Option, load_topics, lookup_opt
from emu.options.settings import Settings
from emu.report import Reporter


def parse(argv: Sequence[str], reporter: Reporter) -> Settings:
    """Parse the words after the program's name.

    Errors: OptionError (with its place); emu.errors.Leave.
    """
    load_topics()
    settings = Settings(reporter)
    found = _pass_1(argv)
    for option, arg, where in found:
        settings.where = where
        try:
            if option is None:
                settings.disks.append(settings.said(arg))
            else:
                option.handler(settings, arg)
        except OptionError as error:
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
