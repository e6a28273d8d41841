"""keyval: `key=value,...` with dotted keys, as -machine and -smp take it.

Result: a dict of str or of nested dicts. Lists (all-digit fragments) are not needed by any option
that exists yet and are refused as unknown parameters by their users.
Source: BEHAVIOUR 3.2.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from emu.errors import OptionError

Tree: TypeAlias = "dict[str, str | Tree]"

_NAME = re.compile(r"(__[a-zA-Z0-9.-]+_)?[a-zA-Z][a-zA-Z0-9_-]*|[0-9]+")
_LONGEST = 127


def parse(text: str, implied: str = "", into: Tree | None = None) -> tuple[Tree, bool]:
    """Parse `text` over `into` (changed in place). Returns the tree and whether help was asked for.

    implied: key of a first value that has no `=`. Errors: OptionError with QEMU's text.
    """
    tree: Tree = {} if into is None else into
    wants_help = False
    at = 0
    while at < len(text):
        key_len = len(re.match(r"[^=,]*", text[at:])[0])  # type: ignore[index]  # always matches
        word = text[at : at + key_len]
        flag = word and text[at + key_len : at + key_len + 1] != "="
        if flag and word in ("help", "?"):
            wants_help = True
            at += key_len + 1
        elif flag and implied:
            _put(tree, implied, word)
            at += key_len + 1
        else:
            _check_key(word)
            if flag or text[at + key_len : at + key_len + 1] != "=":
                raise OptionError(f"Expected '=' after parameter '{word}'")
            value, at = take_value(text, at + key_len + 1)
            _put(tree, word, value)
        implied = ""
    return tree, wants_help


def take_value(text: str, at: int) -> tuple[str, int]:
    """The value at `at`: up to the next single comma, `,,` being a comma; and where the next item starts."""
    out = []
    while at < len(text):
        if text[at] == ",":
            at += 1
            if text[at : at + 1] != ",":
                break
        out.append(text[at])
        at += 1
    return "".join(out), at


def _check_key(key: str) -> None:
    fragments = key.split(".") if not key.startswith("__") else [key]
    for fragment in fragments:
        if not _NAME.fullmatch(fragment):
            raise OptionError(f"Invalid parameter '{key}'")
        if len(fragment) > _LONGEST:
            part = " fragment" if len(fragments) > 1 else ""
            raise OptionError(f"Parameter{part} '{fragment}' is too long")


def _put(tree: Tree, key: str, value: str) -> None:
    fragments = key.split(".")
    for i, fragment in enumerate(fragments[:-1]):
        below = tree.setdefault(fragment, {})
        if isinstance(below, str):
            raise OptionError(f"Parameters '{'.'.join(fragments[: i + 1])}.*' used inconsistently")
        tree = below
    if isinstance(tree.get(fragments[-1]), dict):
        raise OptionError(f"Parameters '{key}.*' used inconsistently")
    tree[fragments[-1]] = value


def merge(tree: Tree, more: Tree) -> None:
    """Put `more` over `tree`: values replace, dicts merge."""
    for key, value in more.items():
        old = tree.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            merge(old, value)
        else:
            tree[key] = value


def dashify(tree: Tree) -> Tree:
    """The tree with underscores of its keys as dashes. OptionError if both spellings are there."""
    out: Tree = {}
    for key, value in tree.items():
        name = key.replace("_", "-")
        if name != key and name in tree:
            raise OptionError(f"Conflict between '{key}' and '{name}'")
        out[name] = dashify(value) if isinstance(value, dict) else value
    return out
