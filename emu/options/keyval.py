"""keyval: `key=value,...` with dotted keys, the newer grammar: -machine, -smp, -object, -netdev, ...

Result: a dict of text, dicts and lists. `a.b=x` is a member of a dict; a dict whose keys are all numbers is a
list, which has to be whole. There are no flags. What type a text has is its reader's to say
(emu.options.visitor).

    key-vals = [ key-val { ',' key-val } [ ',' ] ]
    key-val  = key '=' value | help           value: a comma in it is doubled
    key      = name { '.' ( name | digits ) }
    help     = 'help' | '?'

and, with an implied key, a first value without comma or '=' may stand alone.
Source: BEHAVIOUR 3.2; corner cases checked by running QEMU 10.0.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from emu.core.qdict import qdict_items
from emu.errors import OptionError
from emu.options.qemuopts import HELP_WORDS, get_opt_value, opt_name_end

Value: TypeAlias = "str | list[Value] | dict[str, Value]"
Tree: TypeAlias = "dict[str, Value]"

# A QAPI name; a vendor's begins with its reversed domain: __org.example_name
_NAME = re.compile(r"(?:__[a-zA-Z0-9.-]*_)?[a-zA-Z][a-zA-Z0-9_-]*")
_DIGITS = re.compile(r"[0-9]+")
_LONGEST = 127  # characters of a fragment


def parse(text: str, implied: str = "") -> Tree:
    """The tree of a text in which help is not offered. Errors: OptionError with QEMU's text."""
    tree, wants_help = parse_help(text, implied)
    if wants_help:
        raise OptionError("Help is not available for this option")
    return tree


def parse_help(text: str, implied: str = "") -> tuple[Tree, bool]:
    """The tree of a text, and whether it asked for help. Errors: OptionError with QEMU's text."""
    tree: Tree = {}
    return tree, parse_into(tree, text, implied)


def parse_into(tree: Tree, text: str, implied: str = "") -> bool:
    """Add to `tree`, in place: values replace, dicts grow. Returns whether help was asked for.

    A list of before cannot grow: its dots then disagree with what is there, as in QEMU.
    Errors: OptionError with QEMU's text; `tree` may have changed.
    """
    wants_help = False
    at = 0
    while at < len(text):
        end = opt_name_end(text, at)
        bare = end > at and text[end : end + 1] != "="
        if bare and text[at:end] in HELP_WORDS:
            wants_help = True
        elif bare and implied:
            _put(tree, implied, [implied], text[at:end])
        else:
            fragments, stop = _fragments(text, at, end)
            if text[stop : stop + 1] != "=":
                raise OptionError(f"Expected '=' after parameter '{text[at:stop]}'")
            value, end = get_opt_value(text, stop + 1)
            _put(tree, text[at:stop], fragments, value)
        implied = ""
        at = end + 1  # past the comma
    _listify(tree, "")
    return wants_help


def _fragments(text: str, at: int, end: int) -> tuple[list[str], int]:
    """The fragments of the key at text[at:end], and where it ends."""
    out: list[str] = []
    start = at
    while True:
        # a first fragment of digits would make the whole a list
        found = (_DIGITS.match(text, start, end) if out else None) or _NAME.match(text, start, end)
        stop = found.end() if found else start
        if not found or (stop < end and text[stop] != "."):
            raise OptionError(f"Invalid parameter '{text[at:end]}'")
        if stop - start > _LONGEST:
            part = "" if not out and stop == end else " fragment"
            raise OptionError(f"Parameter{part} '{found[0]}' is too long")
        out.append(found[0])
        if stop == end:
            return out, stop
        start = stop + 1


def _put(tree: Tree, key: str, fragments: list[str], value: str) -> None:
    for i, fragment in enumerate(fragments[:-1]):
        below = tree.setdefault(fragment, {})
        if not isinstance(below, dict):
            raise OptionError(f"Parameters '{'.'.join(fragments[: i + 1])}.*' used inconsistently")
        tree = below
    if not isinstance(tree.get(fragments[-1], ""), str):
        raise OptionError(f"Parameters '{key}.*' used inconsistently")
    tree[fragments[-1]] = value


def _listify(tree: Tree, path: str) -> Value:
    """`tree`, or the list that it is if its keys are numbers; the same below it, in place."""
    indices = [key for key in tree if key[0].isdecimal()]
    for key, value in list(qdict_items(tree)):
        if isinstance(value, dict):
            tree[key] = _listify(value, f"{path}{key}.")
    if not indices:
        return tree
    if len(indices) < len(tree):
        raise OptionError(f"Parameters '{path}*' used inconsistently")
    # 0 and 00 are the same element: the later one in QEMU's order is it
    found = {int(key): value for key, value in qdict_items(tree)}
    for i in range(max(found)):
        if i not in found:
            raise OptionError(f"Parameter '{path}{i}' missing")
    return [found[i] for i in range(len(found))]


def merge(tree: Tree, more: Tree, path: str = "") -> None:
    """Put `more` over `tree`: text replaces, dicts merge, lists append. Errors: OptionError."""
    for key, value in qdict_items(more):
        old = tree.get(key)
        if old is None:
            tree[key] = value
        elif isinstance(value, dict) and isinstance(old, dict):
            merge(old, value, f"{path}{key}.")
        elif isinstance(value, list) and isinstance(old, list):
            old.extend(value)
        elif isinstance(value, str) and isinstance(old, str):
            tree[key] = value
        else:
            raise OptionError(f"Parameter '{path}{key}' used inconsistently")


def dashify(tree: Tree) -> Tree:
    """The tree with underscores of its own keys (not of those below) as dashes.

    Errors: OptionError if both spellings are there.
    """
    out = dict(tree)
    for key, _ in qdict_items(tree):
        if "_" in key:
            name = key.replace("_", "-")
            if name in out:
                raise OptionError(f"Conflict between '{key}' and '{name}'")
            out[name] = out.pop(key)
    return out


def to_text(tree: Tree) -> str:
    """A text that parses to `tree`, with commas doubled. The tree must be one that a text can give: names
    as keys, no empty dict or list."""
    return ",".join(f"{key}={value.replace(',', ',,')}" for key, value in _leaves(tree, ""))


def _leaves(value: Value, path: str) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path[:-1], value)]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [leaf for key, below in items for leaf in _leaves(below, f"{path}{key}.")]
