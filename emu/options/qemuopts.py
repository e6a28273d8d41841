"""QemuOpts: the older grammar of option values, `name=value,flag,...`, in named groups.

A `Group` is a list of described options; `OptionGroups` holds what one command line put into the groups
(ids, merged groups). Nothing is global: each parse of a command line has its own.
Source: BEHAVIOUR 3.1.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from emu.errors import Leave, OptionError
from emu.options.keyval import take_value
from emu.options.values import parse_bool, parse_number, parse_size

_ID = re.compile(r"[a-zA-Z][a-zA-Z0-9._-]*")
_ID_HINT = "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter."


class Kind(enum.Enum):
    """Type of an option in a group; the value is its name in help output."""

    STRING = "str"
    BOOL = "bool (on/off)"
    NUMBER = "num"
    SIZE = "size"


_CHECK: dict[Kind, Callable[[str, str], object]] = {
    Kind.STRING: lambda name, text: text,
    Kind.BOOL: parse_bool,
    Kind.NUMBER: parse_number,
    Kind.SIZE: parse_size,
}


@dataclass(frozen=True)
class Group:
    """A list of options. No `options`: every name is accepted. `merge`: one set for all mentions."""

    name: str
    options: dict[str, Kind]
    implied: str = ""
    merge: bool = False

    def help_text(self) -> str:
        """What `help` among the options prints."""
        lines = [f"  {name}=<{kind.value}>" for name, kind in sorted(self.options.items())]
        return "\n".join([f"{self.name} options:", *lines]) + "\n"


@dataclass
class Opts:
    """One set of options: in order, duplicates kept; `id` is not among them."""

    group: Group
    id: str | None = None
    items: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The last value of `name`, or None."""
        return next((v for n, v in reversed(self.items) if n == name), None)

    def text(self, name: str, default: str = "") -> str:
        """The last value of `name`, or `default`."""
        value = self.get(name)
        return default if value is None else value

    def flag(self, name: str, default: bool) -> bool:
        """The last value of `name` as a bool."""
        value = self.get(name)
        return default if value is None else parse_bool(name, value)

    def as_dict(self) -> dict[str, str]:
        """Last value of each name."""
        return dict(self.items)


def split(text: str, implied: str = "") -> Iterator[tuple[str, str, bool]]:
    """Items of an option text: name, value, and whether it was written as a flag."""
    at = 0
    while at < len(text):
        m = re.compile(r"[^=,]*").match(text, at)
        assert m is not None
        name, end = m[0], m.end()
        if text[end : end + 1] == "=":
            value, at = take_value(text, end + 1)
            yield name, value, False
        elif implied:
            value, at = take_value(text, at)
            yield implied, value, False
        else:
            at = end + 1
            yield (name[2:], "off", True) if name.startswith("no") else (name, "on", True)
        implied = ""


class OptionGroups:
    """The sets of options that one command line has made. `warn` takes the text of a warning."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._sets: dict[str, list[Opts]] = {}
        self._warn = warn

    def sets(self, group: Group) -> list[Opts]:
        """All sets of a group, in order."""
        return self._sets.get(group.name, [])

    def first(self, group: Group) -> Opts:
        """The first set (of a merged group: the only one), empty if the line has none."""
        return next(iter(self.sets(group)), Opts(group))

    def parse(self, group: Group, text: str) -> Opts:
        """Parse `text` into a new set of `group` (or the merged one) and return it.

        Errors: OptionError; Leave with status 1 after a request for help. After an error the whole
        set is gone; in a merged group that drops what was merged before (as in QEMU).
        """
        opts = self._create(group, text)
        try:
            for name, value, flag in split(text, group.implied):
                if flag:
                    raw = name if value == "on" else "no" + name
                    if group.options and raw in ("help", "?"):
                        raise Leave(group.help_text(), 1)
                    self._warn_flag(name, value, raw)
                if name != "id":
                    self._validate(group, name, value)
                    opts.items.append((name, value))
        except (OptionError, Leave):
            self._sets[group.name].remove(opts)
            raise
        return opts

    def _create(self, group: Group, text: str) -> Opts:
        wanted = next((v for n, v, _ in split(text, group.implied) if n == "id"), None)
        sets = self._sets.setdefault(group.name, [])
        if group.merge:
            if wanted is not None:
                raise OptionError("Invalid parameter 'id'")
            if sets:
                return sets[0]
        elif wanted is not None:
            if not _ID.fullmatch(wanted):
                raise OptionError("Parameter 'id' expects an identifier", _ID_HINT)
            if any(o.id == wanted for o in sets):
                raise OptionError(f"Duplicate ID '{wanted}' for {group.name}")
        sets.append(Opts(group, wanted))
        return sets[-1]

    def _validate(self, group: Group, name: str, value: str) -> None:
        if group.options:
            if name not in group.options:
                raise OptionError(f"Invalid parameter '{name}'")
            _CHECK[group.options[name]](name, value)

    def _warn_flag(self, name: str, value: str, raw: str) -> None:
        full = {"delay": "nodelay=off", "nodelay": "nodelay=on"}.get(raw, f"{name}={value}")
        self._warn(f"short-form boolean option '{raw}' deprecated\nPlease use {full} instead")
