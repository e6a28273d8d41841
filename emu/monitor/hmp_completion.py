"""What Tab offers in HMP: names of commands, then whatever the command says about its arguments.

Source: BEHAVIOUR 5.3; screens of QEMU 10.0.13.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from emu.monitor.hmp_arguments import Argument, Flag, Word
from emu.monitor.hmp_line import Line, NoWord
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import HmpCommand, available, commands
from emu.monitor.readline import Completion

MOST_WORDS = 16


def complete(s: Session, text: str) -> Completion:
    """How the last word of `text` may go on."""
    words = _words(text)
    if words is None:
        return Completion((), 0)
    found = [word for word in _candidates(s, commands(), words) if word.startswith(words[-1])]
    return Completion(found, len(words[-1].encode("utf-8", "surrogateescape")))


def _words(text: str) -> list[str] | None:
    """The words, the last of them unfinished (perhaps empty); None for a line that cannot be read."""
    line, words = Line(text), []
    while True:
        line.skip_blanks()
        if line.ended:
            break
        try:
            words.append(line.word())
        except NoWord:
            return None
        if len(words) > MOST_WORDS:
            return None
    return [*words, ""] if not text or text[-1].isspace() else words


def _candidates(s: Session, table: dict[str, HmpCommand], words: list[str]) -> Iterable[str]:
    if len(words) == 1:
        return names(s, table)
    command = table.get(words[0])
    if command is None or not available(command, s):
        return ()
    if command.table is not None:
        return _candidates(s, command.table, words[1:])
    if command.complete is not None:
        return command.complete(s, words[1:])
    return _by_kind(command.args, words[1:])


def names(s: Session, table: dict[str, HmpCommand]) -> list[str]:
    """Every name by which a command may be called now."""
    return [name for name, command in table.items() if available(command, s)]


def _by_kind(args: tuple[Argument, ...], words: list[str]) -> Iterable[str]:
    """Of an argument that is a file, the files."""
    plain = [arg for arg in args if not isinstance(arg, Flag)]
    n = sum(not word.startswith("-") for word in words[:-1]) if len(plain) < len(args) else len(words) - 1
    if n < len(plain):
        arg = plain[n]
        if isinstance(arg, Word) and arg.kind == "file":
            return files(words[-1])
    return ()


def files(typed: str) -> list[str]:
    """Files whose path begins with `typed`; folders end in a slash."""
    _, _, start = typed.rpartition("/")
    above = typed[: len(typed) - len(start)]
    try:
        found = list(os.scandir(above or "."))
    except OSError:
        return []
    return [above + one.name + ("/" if _is_folder(one) else "") for one in found
            if one.name.startswith(start)]  # fmt: skip


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
