"""Which back ends of character devices there are: a file each, imported when it is asked for.

    @char_driver("ringbuf")
    def open_ringbuf(o: Opening) -> Chardev: ...      # in emu/chardev/ringbuf.py

Rule: the file has the name of its driver, so that one is found without importing the others; what a `Spec`
says has been judged (`emu.chardev.spec`) before an opener sees it.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.chardev.base import Chardev

if TYPE_CHECKING:
    from emu.chardev.spec import Spec
    from emu.loop.poll import MainLoop


def to_stdout(text: str) -> None:
    """Where a script that starts us looks for names of pseudo-terminals. Text with its newline."""
    sys.stdout.write(text)
    sys.stdout.flush()


@dataclass(frozen=True)
class Opening:
    """What an opener gets. info, say: lines for the user, no fault and one; tell: for who asked for it."""

    label: str
    loop: MainLoop
    spec: Spec
    info: Callable[[str], None]
    tell: Callable[[str], None]
    say: Callable[[str], None]


Opener = Callable[[Opening], Chardev]
_DRIVERS: dict[str, Opener] = {}


def char_driver(name: str) -> Callable[[Opener], Opener]:
    """Register the opener of the driver `name`. Errors: ValueError for a name taken."""

    def register(opener: Opener) -> Opener:
        if name in _DRIVERS:
            raise ValueError(f"char driver {name}: {_DRIVERS[name].__module__}, {opener.__module__}")
        _DRIVERS[name] = opener
        return opener

    return register


@char_driver("null")
def open_null(o: Opening) -> Chardev:
    """It leads nowhere: the base itself."""
    return Chardev(o.label)


def _modules() -> list[str]:
    import emu.chardev as package

    return [module.name for module in pkgutil.iter_modules(package.__path__)]


def driver(name: str) -> Opener | None:
    """The opener of `name`, None if there is no such driver."""
    if name not in _DRIVERS and name in _modules():
        importlib.import_module(f"emu.chardev.{name}")
    return _DRIVERS.get(name)


def driver_names() -> list[str]:
    """All of them, sorted, with those that are no driver of their own: the multiplexer, old names."""
    from emu.chardev.spec import ALIASES, MUX

    for name in _modules():
        driver(name)
    return sorted((*_DRIVERS, *ALIASES, MUX))
