"""docs/options.md: every option of the table, what it does, and what becomes of it in this build.

Generated, and kept in the repository for whoever reads it there: `emu docs options > docs/options.md`.
A test holds it equal to what is generated.
"""

from __future__ import annotations

from emu.options.help import usage
from emu.options.option import Option, Status, Topic, in_order

PATH = "docs/options.md"
_HEAD = """\
# Options

Generated from the option table (`emu/options/topics/`) by `emu docs options`; do not edit.

Every option that QEMU 10's `qemu-system-riscv64` knows has a row here. What this build lacks is refused, never
ignored: with exit status 1 and the text that QEMU prints where it was built without it.

| status | meaning |
| --- | --- |
| works | does what it does in QEMU |
| checked, then refused | the argument is judged as QEMU judges it, with its messages; if it is right, the option is refused for what is missing |
| refused | known, and refused by name |
| of other targets | QEMU knows it for other machines, and refuses it for this one |

One dash or two make no difference. Options act in the order of the line; the whole line is checked for unknown
options before any of them acts.
"""  # noqa: E501


def reference_text() -> str:
    """The page."""
    sections = [_HEAD]
    for topic in Topic:
        shown = [opt for opt in in_order(topic) if opt.shown]
        if shown:
            sections.append(f"## {topic.value.rstrip(':')}\n\n" + _table(shown) + "\n" + _details(shown))
    return "\n".join(sections)


def _table(shown: list[Option]) -> str:
    rows = ["| option | status |", "| --- | --- |"]
    for opt in shown:
        names = ", ".join(f"`-{name}`" for name in (*opt.names, *opt.aliases))
        why = f": {opt.why}" if opt.why else ""
        rows.append(f"| {names} | {opt.status.value}{why} |")
    return "\n".join(rows) + "\n"


def _details(shown: list[Option]) -> str:
    """How the options that do something, or judge their argument, are written."""
    entries = []
    for opt in shown:
        if opt.status in (Status.WORKS, Status.CHECKED):
            lines = [*usage(opt), *("    " + line for line in opt.help.splitlines())]
            entries.append("\n".join(line.rstrip() for line in lines))
    return "```text\n" + "\n\n".join(entries) + "\n```\n" if entries else ""
