"""The option table: one declaration an option, from which lookup, help and documentation come.

An option is declared by `@option(...)` on the function that records it. The topics (modules of this
package that declare options) are found by walking the package; a name declared twice fails at import.
Lookup takes one or two dashes (QEMU's `lookup_opt`).
"""

from __future__ import annotations

import enum
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emu import options
from emu.errors import OptionError
from emu.options.settings import Settings

Handler = Callable[[Settings, str], None]


class Topic(enum.Enum):
    """Headings of the help text, in its order."""

    STANDARD = "Standard options:"
    BOOT = "Boot Image options:"
    CHARDEV = "Character device options:"
    DISPLAY = "Display options:"
    DEBUG = "Debug/Expert options:"
    ABSENT = ""  # options of QEMU that this build has not: no help


@dataclass(frozen=True)
class Option:
    """One option. `args`: its arguments as help shows them, "" for none; `help`: lines of help."""

    name: str
    args: str
    topic: Topic
    help: str
    handler: Handler
    where: str

    @property
    def has_arg(self) -> bool:
        return bool(self.args)


OPTIONS: dict[str, Option] = {}


def option(
    *names: str, args: str = "", topic: Topic = Topic.STANDARD, help: str = ""
) -> Callable[[Handler], Handler]:
    """Declare the decorated function as the recorder of the option `names[0]`, alias the others.

    The function gets the settings and the argument ("" for options without one).
    Errors: ValueError at import for a name declared twice, naming both places.
    """

    def register(handler: Handler) -> Handler:
        where = f"{handler.__module__}:{handler.__code__.co_firstlineno}"
        for name in names:
            if name in OPTIONS:
                raise ValueError(f"option -{name} declared twice: {OPTIONS[name].where} and {where}")
            OPTIONS[name] = Option(name, args, topic, help, handler, where)
        return handler

    return register


def load_topics() -> None:
    """Import every module of this package, so that all options are declared."""
    for module in pkgutil.iter_modules(options.__path__, options.__name__ + "."):
        importlib.import_module(module.name)


def lookup_opt(argv: Sequence[str], at: int) -> tuple[Option, str, tuple[str, ...]]:
    """The option at `argv[at]`, its argument ("" if it takes none), and the words it covers.

    Errors: OptionError "invalid option", "requires an argument".
    """
    word = argv[at]
    name = word[2:] if word.startswith("--") else word[1:]
    found = OPTIONS.get(name)
    if found is None:
        raise OptionError("invalid option", where=(word,))
    if not found.has_arg:
        return found, "", (word,)
    if at + 1 >= len(argv):
        raise OptionError("requires an argument", where=(word,))
    return found, argv[at + 1], (word, argv[at + 1])
