"""What `TYPE,help` prints of properties.

Source: output of QEMU 10.0 (-device X,help, -object X,help, -machine X,help).
"""

from __future__ import annotations

from collections.abc import Iterable

from emu.qom.property import Property

COLUMN = 24


def property_lines(properties: Iterable[Property], defaults: bool = True) -> str:
    """A line each, by name; with `defaults`, what they are when nobody says."""
    lines = []
    for prop in properties:
        line = f"  {prop.name}=<{prop.type}>"
        default = prop.default_text() if defaults else ""
        if prop.description or default:
            line = f"{line:<{COLUMN}} - {prop.description}"
        if default:
            line += f" (default: {default})"
        lines.append(line + "\n")
    return "".join(sorted(lines))
