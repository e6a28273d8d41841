"""JSON as QEMU writes it: in ASCII, members in the order of its dictionaries.

Source: what QEMU 10.0 writes to a monitor (-qmp, -qmp-pretty).
"""

from __future__ import annotations

from collections.abc import Iterator

from emu.core.json_strings import quote
from emu.core.qdict import QValue, qdict_items

_INDENT = "    "


def to_json(value: QValue, *, pretty: bool = False) -> str:
    """A value as text; `pretty`: an element a line. Any depth."""
    out: list[str] = []
    newline = "\n" if pretty else ""
    # what is open: its elements still to be written (with their heads), and its closing bracket
    stack: list[tuple[Iterator[tuple[str, QValue]], str]] = []
    elements: Iterator[tuple[str, QValue]] = iter([("", value)])
    between = ""
    while True:
        element = next(elements, None)
        if element is None:
            if not stack:
                return "".join(out)
            closing = stack[-1][1]
            elements = stack.pop()[0]
            out.append((newline and newline + _INDENT * len(stack)) + closing)
            between = _between(newline, len(stack))
            continue
        head, value = element
        out.append(between + head)
        between = _between(newline, len(stack))
        if not isinstance(value, dict | list):
            out.append(_scalar(value))
            continue
        stack.append((elements, "}" if isinstance(value, dict) else "]"))
        out.append("{" if isinstance(value, dict) else "[")
        if isinstance(value, dict):
            elements = iter([(f"{quote(key)}: ", below) for key, below in qdict_items(value)])
        else:
            elements = iter([("", below) for below in value])
        between = newline and newline + _INDENT * len(stack)


def _between(newline: str, depth: int) -> str:
    """What stands between two elements of one at that depth."""
    return f",{newline}{_INDENT * depth}" if newline else ", "


def _scalar(value: QValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return format(value, ".17g")
        case str():
            return quote(value)
    return str(value)
