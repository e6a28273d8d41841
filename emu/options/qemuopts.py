"""QemuOpts: the older grammar of option values, `name=value,flag,...`, in lists of described options.

    QemuOptsList   a declaration: name, described options (QemuOptDesc), implied first name, merging or not
    QemuOpts       one set of options that somebody wrote: in order, duplicates kept, `id` apart
    OptionGroups   the sets that one command line has made (emu.options.option_groups)

Rules
- a list that describes options takes no others, and checks their types when they are set;
- a list that describes none takes everything, as text;
- the last value of a name counts for look-ups; printing, walking and copying see them all.
Source: BEHAVIOUR 3.1; corner cases checked by running QEMU 10.0.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, overload

from emu.core.qdict import QDict, QValue, qdict_items
from emu.errors import OptionError
from emu.options.values import parse_bool, parse_number, parse_size

HELP_WORDS = ("help", "?")
_HELP_COLUMN = 24


class QemuOptType(enum.Enum):
    """Type of an option; the value is its name in help output."""

    STRING = "str"
    BOOL = "bool (on/off)"
    NUMBER = "num"
    SIZE = "size"


_PARSE: dict[QemuOptType, Callable[[str, str], object]] = {
    QemuOptType.STRING: lambda name, text: text,
    QemuOptType.BOOL: parse_bool,
    QemuOptType.NUMBER: parse_number,
    QemuOptType.SIZE: parse_size,
}


class QemuOptDesc(NamedTuple):
    """A described option: `def_value_str` is what look-ups give when nobody set it."""

    name: str
    type: QemuOptType = QemuOptType.STRING
    help: str = ""
    def_value_str: str | None = None


class QemuOptsList(NamedTuple):
    """A declaration of options.

    No `desc`: every name is accepted. `implied_opt_name`: name of a first value that has none.
    `merge_lists`: all mentions on a command line go into one set, which can have no id.
    """

    name: str
    desc: tuple[QemuOptDesc, ...] = ()
    implied_opt_name: str = ""
    merge_lists: bool = False

    @property
    def accepts_any(self) -> bool:
        return not self.desc

    def find_desc(self, name: str) -> QemuOptDesc | None:
        """The description of `name` (the first, if there are several), or None."""
        return next((d for d in self.desc if d.name == name), None)

    def validate(self, name: str, value: str) -> None:
        """Errors: OptionError for a name that is not described, or a value that is not of its type."""
        desc = self.find_desc(name)
        if desc is not None:
            _PARSE[desc.type](name, value)
        elif self.desc:
            raise OptionError(f"Invalid parameter '{name}'")

    def help_text(self, *, caption: bool = True) -> str:
        """What `help` among the options prints: a line an option, sorted as lines."""
        if not self.desc:
            return f"There are no options for {self.name}.\n"
        lines = []
        for desc in self.desc:
            line = f"  {desc.name}=<{desc.type.value}>"
            lines.append(f"{line:<{_HELP_COLUMN}} - {desc.help}" if desc.help else line)
        head = f"{self.name} options:\n" if caption else ""
        return head + "".join(f"{line}\n" for line in sorted(lines))


def get_opt_value(text: str, at: int = 0) -> tuple[str, int]:
    """The value at `at`: up to the next single comma, `,,` being a comma; and where it ends."""
    out = []
    while True:
        comma = text.find(",", at)
        if comma < 0:
            out.append(text[at:])
            return "".join(out), len(text)
        out.append(text[at:comma])
        if text[comma + 1 : comma + 2] != ",":
            return "".join(out), comma
        out.append(",")
        at = comma + 2


def opt_name_end(text: str, at: int) -> int:
    """Where the name at `at` ends: at the next '=' or ',', or with the text."""
    equals, comma = text.find("=", at), text.find(",", at)
    return min(i for i in (equals, comma, len(text)) if i >= 0)


def split(params: str, firstname: str = "") -> Iterator[tuple[str, str, str | None]]:
    """The items of an option text: name, value, and the word as it was written if it is a flag.

    A first item without `=` is the value of `firstname`, if that is given; else `x` is x=on, and `nox` x=off.
    """
    at = 0
    while at < len(params):
        end = opt_name_end(params, at)
        name, raw = params[at:end], None
        if params[end : end + 1] == "=":
            value, end = get_opt_value(params, end + 1)
        elif firstname:
            name = firstname
            value, end = get_opt_value(params, at)
        else:
            raw = name
            name, value = (name[2:], "off") if name.startswith("no") else (name, "on")
        yield name, value, raw
        firstname = ""
        at = end + 1  # past the comma


def opts_parse_id(params: str) -> str | None:
    """The id in an option text: the first one, found before implied names mean anything, so that a bare
    word `id` (or `noid`) is one as well."""
    return next((value for name, value, _ in split(params) if name == "id"), None)


def has_help_option(params: str) -> bool:
    """Whether some item of the text is the bare word `help` or `?`."""
    return any(raw in HELP_WORDS for _, _, raw in split(params))


class HelpWanted(Exception):
    """Somebody asked which options a list has. Never leaves `emu.options`."""


class QemuOpts:
    """One set of options. `items`: (name, value) in order, duplicates kept, without `id`; `where`: the words
    of the command line it stood in."""

    def __init__(
        self,
        opts_list: QemuOptsList,
        id: str | None = None,
        items: Iterable[tuple[str, str]] = (),
        where: tuple[str, ...] = (),
    ) -> None:
        self.opts_list = opts_list
        self.id = id
        self.items = list(items)
        self.where = where

    def __repr__(self) -> str:
        return f"<{self.opts_list.name}: {self.to_text()}>"

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """The last value of `name`, else the list's default, else `default`."""
        value = next((v for n, v in reversed(self.items) if n == name), None)
        if value is None:
            desc = self.opts_list.find_desc(name)
            value = desc.def_value_str if desc else None
        return default if value is None else value

    def get_bool(self, name: str, default: bool) -> bool:
        """The last value of `name` as a bool. Errors: OptionError where the list describes no types."""
        value = self.get(name)
        return default if value is None else parse_bool(name, value)

    def get_number(self, name: str, default: int) -> int:
        """The last value of `name` as a 64-bit number. Errors: OptionError, as with get_bool."""
        value = self.get(name)
        return default if value is None else parse_number(name, value)

    def get_size(self, name: str, default: int) -> int:
        """The last value of `name` in bytes. Errors: OptionError, as with get_bool."""
        value = self.get(name)
        return default if value is None else parse_size(name, value)

    def get_del(self, name: str) -> str | None:
        """The last value of `name` (or the list's default); every value of it is removed."""
        value = self.get(name)
        self.delete_all(name)
        return value

    def delete_all(self, name: str) -> None:
        """Remove every value of `name`."""
        self.items = [(n, v) for n, v in self.items if n != name]

    def unset(self, name: str) -> bool:
        """Remove the last value of `name`, so that the one before counts again. False if there was none."""
        for i in range(len(self.items) - 1, -1, -1):
            if self.items[i][0] == name:
                del self.items[i]
                return True
        return False

    def set(self, name: str, value: str) -> None:
        """Add a value. Errors: OptionError for an unknown name or a wrong type; nothing is added then."""
        self.opts_list.validate(name, value)
        self.items.append((name, value))

    def set_bool(self, name: str, value: bool) -> None:
        """Add on or off. Errors: OptionError for an unknown name."""
        self.set(name, "on" if value else "off")

    def set_number(self, name: str, value: int) -> None:
        """Add a number. Errors: OptionError for an unknown name."""
        self.set(name, str(value))

    def do_parse(
        self, params: str, firstname: str = "", *,
        on_flag: Callable[[str, str, str], None] | None = None, take_help: bool = False,
    ) -> None:  # fmt: skip
        """Add the items of an option text. `on_flag` hears of each flag: word, name, value.

        Errors: OptionError, with what came before the bad item added; HelpWanted if `take_help`.
        """
        for name, value, raw in split(params, firstname):
            if raw is not None:
                if take_help and raw in HELP_WORDS:
                    raise HelpWanted
                if on_flag is not None and raw not in HELP_WORDS:
                    on_flag(raw, name, value)
            if name != "id":
                self.set(name, value)

    def has_help_opt(self) -> bool:
        """Whether an option is called `help` or `?`."""
        return any(name in HELP_WORDS for name, _ in self.items)

    def validate(self, desc: Iterable[QemuOptDesc]) -> None:
        """Check the options of a list that takes everything against descriptions found later."""
        described = QemuOptsList(self.opts_list.name, tuple(desc))
        for name, value in self.items:
            if described.accepts_any:
                raise OptionError(f"Invalid parameter '{name}'")
            described.validate(name, value)

    def to_qdict(self) -> dict[str, str]:
        """`id` if there is one, and the last value of each name."""
        own = {} if self.id is None else {"id": self.id}
        return own | dict(self.items)

    def to_qdict_filtered(self, opts_list: QemuOptsList, *, delete: bool) -> dict[str, str]:
        """Like to_qdict with what `opts_list` describes alone; `delete` takes that away here."""
        found = [(n, v) for n, v in self.items if opts_list.find_desc(n)]
        if delete:
            self.items = [(n, v) for n, v in self.items if not opts_list.find_desc(n)]
        own = {} if self.id is None else {"id": self.id}
        return own | dict(found)

    def absorb_qdict(self, qdict: QDict) -> None:
        """Move what the list accepts from `qdict` to this set; lists, dicts and null are dropped.

        Errors: OptionError; what came before is moved.
        """
        for name, value in list(qdict_items(qdict)):
            if self.opts_list.accepts_any or self.opts_list.find_desc(name):
                self.take(name, value)
                del qdict[name]

    def take(self, name: str, value: QValue) -> None:
        """Add a value of a dict: booleans are on and off; `id`, lists, dicts and null are left out."""
        text = scalar_text(value)
        if name != "id" and text is not None:
            self.set(name, text)

    def to_text(self, separator: str = ",") -> str:
        """The set as text (`qemu_opts_print`): described options in the list's order, with defaults and with
        numbers in decimal; else all items in theirs. Commas of values are doubled."""
        parts = [f"id={self.id}"] if self.id is not None else []
        if self.opts_list.accepts_any:
            parts += [f"{name}={value.replace(',', ',,')}" for name, value in self.items]
        for desc in self.opts_list.desc:
            said = next((v for n, v in reversed(self.items) if n == desc.name), None)
            value = desc.def_value_str if said is None else said
            if value is None:
                continue
            if desc.type is QemuOptType.STRING:
                value = value.replace(",", ",,")
            elif desc.type in (QemuOptType.NUMBER, QemuOptType.SIZE) and said is not None:
                number = _PARSE[desc.type](desc.name, said)
                assert isinstance(number, int)
                value = str(number - (1 << 64) if number >> 63 else number)
            parts.append(f"{desc.name}={value}")
        return separator.join(parts)


def scalar_text(value: QValue) -> str | None:
    """A scalar as the text of an option, or None for what has none (null, lists, dicts)."""
    match value:
        case bool():
            return "on" if value else "off"
        case float():
            return format(value, ".17g")
        case int() | str():
            return str(value)
    return None
