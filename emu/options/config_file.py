"""Configuration files: -readconfig and the default one. INI sections, read as QEMU reads them.

    [group]            [group "id"]            # comment, at the line's start
      key = "value"

Rule: QEMU reads lines with scanf patterns, and what looks like carelessness is the grammar: what follows a
value does not count, a value that is not in quotes is empty, a last quote may be missing, blanks before `=`
are needed, lines are cut at 1023 bytes, words at 63. Keys of a section become a set of options when the next
section begins; its place is the line of its last key.
Source: BEHAVIOUR 3.4 (-readconfig), and QEMU 10.0.13 by running it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from emu.errors import InFile, OptionError, strerror
from emu.options.keyval import Tree, Value

LINE = 1023  # bytes of a line that are read at once
_WS = r"[ \t\n\v\f\r]*"
_WORD = r"([^ \t\n\v\f\r]{1,63}+)"
_WITH_ID = re.compile(rf'\[{_WS}{_WORD}{_WS}"([^"]{{1,63}})')
_GROUP = re.compile(r"\[([^\]]{1,63})")
_PAIR = re.compile(rf'{_WS}{_WORD}{_WS}={_WS}"([^"]{{1,{LINE}}})')
_KEY = re.compile(_WS + _WORD)
_DOT = re.compile(r"(?<!\.)\.(?!\.)")


@dataclass
class Section:
    """Keys and values under one heading. where: the place of the last key in the file, () without keys."""

    group: str
    items: dict[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()


def read_config(path: str) -> Iterator[Section]:
    """The sections of the file, each when it is complete.

    Errors: OSError if it cannot be opened; OptionError.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except IsADirectoryError as error:
        # a folder can be opened in C, and fails when it is read
        raise OptionError(f"Cannot read config file: {strerror(error)}") from error
    yield from parse_config(data, path)


def parse_config(data: bytes, path: str) -> Iterator[Section]:
    """The sections of a file's content. Errors: OptionError, when the faulty line is reached."""
    section: Section | None = None
    where: tuple[str, ...] = ()
    for number, line in enumerate(_lines(data), 1):
        if line.startswith(("\n", "#")):
            continue
        if line.startswith("["):
            if section is not None:
                section.where = where
                yield section
                section = None
            if m := _WITH_ID.match(line):
                section = Section(m[1], {"id": m[2]})
            elif m := _GROUP.match(line):
                section = Section(m[1])
            if section is not None:
                continue
        where = InFile((path, str(number)))
        pair = _PAIR.match(line)
        key = pair or _KEY.match(line)
        if key is None:
            raise OptionError("parse error")
        if section is None:
            raise OptionError("no group defined")
        section.items[key[1]] = pair[2] if pair else ""
    if section is not None:
        section.where = where
        yield section


def _lines(data: bytes) -> Iterator[str]:
    """Lines with their ends, in pieces of `LINE` bytes; a line is over at its first NUL."""
    for line in data.split(b"\n"):
        whole = line + b"\n"
        for at in range(0, len(whole), LINE):
            yield os.fsdecode(whole[at : at + LINE].partition(b"\0")[0])


def crumple(items: Mapping[str, str]) -> Tree:
    """Dotted keys as nested dicts and lists, `..` being a dot. Errors: OptionError with QEMU's texts."""
    made = _crumple(items)
    if isinstance(made, list):
        raise OptionError("Lists cannot be at top level of a configuration section")
    return made


def _crumple(items: Mapping[str, str]) -> Tree | list[Value]:
    below: dict[str, dict[str, str]] = {}
    scalars: dict[str, str] = {}
    for key, value in items.items():
        m = _DOT.search(key)
        name = (key[: m.start()] if m else key).replace("..", ".")
        if name in scalars or (not m and name in below):
            raise OptionError("Cannot mix scalar and non-scalar keys")
        if m:
            below.setdefault(name, {})[key[m.end() :]] = value
        else:
            scalars[name] = value
    made: Tree = {name: scalars[name] if name in scalars else _crumple(below[name])
                  for name in dict.fromkeys((*scalars, *below))}  # fmt: skip
    numbers = [int(name) for name in made if name.isascii() and name.isdecimal()]
    if not numbers:
        return made
    if len(numbers) < len(made):
        raise OptionError("Cannot mix list and non-list keys")
    if max(numbers) + 1 != len(numbers):
        raise OptionError(
            f"List indices are not contiguous, saw {len(numbers)} elements but {max(numbers)} largest index"
        )
    return [made[name] for name in sorted(made, key=int)]
