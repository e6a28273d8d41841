"""The option table: one declaration an option, from which everything about it is derived.

    lookup (`lookup_opt`)        here
    -h                           emu.options.help
    docs/options.md              emu.options.reference
    completion of bash and zsh   emu.options.completion

An option is declared by `@option(...)` on the function that records it, in a module of `topics`; these are
found by walking. A name declared twice fails at import.
Lookup takes one or two dashes (QEMU's `lookup_opt`).
"""

from __future__ import annotations

import enum
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emu.errors import OptionError
from emu.options import topics
from emu.options.settings import Settings

Handler = Callable[[Settings, str], None]


class Topic(enum.Enum):
    """Headings of the help text, in QEMU's order."""

    STANDARD = "Standard options:"
    BLOCK = "Block device options:"
    USB = "USB convenience options:"
    DISPLAY = "Display options:"
    NETWORK = "Network options:"
    CHARDEV = "Character device options:"
    TPM = "TPM device options:"
    BOOT = "Boot Image or Kernel specific:"
    DEBUG = "Debug/Expert options:"
    OBJECT = "Generic object creation:"


class Status(enum.Enum):
    """What becomes of an option in this build. The value is the column of the documentation."""

    WORKS = "works"
    CHECKED = "checked, then refused"
    REFUSED = "refused"
    FOREIGN = "of other targets"


class Ask(enum.Enum):
    """What the argument's first word is, for completion. The value says which line lists the words."""

    TEXT = ""
    FILE = "file"
    MACHINE = "-machine help"
    CPU = "-cpu help"
    ACCEL = "-accel help"
    DEVICE = "-device help"
    OBJECT = "-object help"
    CHARDEV = "-chardev help"
    NETDEV = "-netdev help"
    LOG = "-d help"


@dataclass(frozen=True)
class Option:
    """One option.

    names: shown by -h; aliases: further ones, not shown. args: its argument as help shows it, "" for
    none; a line more is another form, a line that begins with a space goes on. status and why (what is
    missing, as half a sentence): its row of the documentation. group: the option group that its keys are
    of, if the argument has keys. ask, words: what its argument may begin with. after: the option that it
    follows in -h, FIRST for none, "" for the one that its file has declared before under the same heading.
    """

    names: tuple[str, ...]
    aliases: tuple[str, ...]
    args: str
    topic: Topic
    help: str
    handler: Handler
    where: str
    status: Status
    why: str
    group: str
    ask: Ask
    words: tuple[str, ...]
    after: str
    shown: bool

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def has_arg(self) -> bool:
        return bool(self.args)


OPTIONS: dict[str, Option] = {}
FIRST = "-"


def option(
    *names: str, aliases: tuple[str, ...] = (), args: str = "", topic: Topic = Topic.STANDARD, help: str = "",
    status: Status = Status.WORKS, why: str = "", group: str = "", ask: Ask = Ask.TEXT,
    words: tuple[str, ...] = (), after: str = "", shown: bool = True,
) -> Callable[[Handler], Handler]:  # fmt: skip
    """Declare the decorated function as the recorder of an option; see `Option` for the parts.

    The function gets the settings and the argument ("" for options without one). shown: whether -h and
    the documentation name it (options for tests are hidden in QEMU too).
    Errors: ValueError at import for a name declared twice, naming both places.
    """

    def register(handler: Handler) -> Handler:
        where = f"{handler.__module__}:{handler.__code__.co_firstlineno}"
        made = Option(
            names, aliases, args, topic, help, handler, where, status, why, group, ask, words, after, shown
        )
        for name in (*names, *aliases):
            if name in OPTIONS:
                raise ValueError(f"option -{name} declared twice: {OPTIONS[name].where} and {where}")
            OPTIONS[name] = made
        return handler

    return register


def load_topics() -> None:
    """Import every module of `topics`, so that all options are declared."""
    for module in pkgutil.iter_modules(topics.__path__, topics.__name__ + "."):
        importlib.import_module(module.name)


def in_order(topic: Topic) -> list[Option]:
    """The options under one heading, in the order of -h."""
    load_topics()
    follows: dict[str, list[Option]] = {}
    last: dict[str, str] = {}  # file -> its option of this topic seen last
    for opt in dict.fromkeys(OPTIONS.values()):
        if opt.topic is topic:
            file = opt.where.partition(":")[0]
            follows.setdefault(opt.after or last.get(file, FIRST), []).append(opt)
            last[file] = opt.name
    ordered: list[Option] = []

    def place(name: str) -> None:
        # who says `after` comes before who merely is declared next
        for opt in sorted(follows.pop(name, ()), key=lambda o: not o.after):
            ordered.append(opt)
            place(opt.name)

    place(FIRST)
    if follows:
        raise ValueError(f"no option -{min(follows)} under '{topic.value}' for others to follow")
    return ordered


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
