"""What -h prints: version, usage, the options that work, by topic, and the keys of the console.

Rule: laid out as QEMU's, so that whoever knows the one finds his way in the other; the sentences are ours.
An option that this build would refuse is not named here; docs/options.md has all of them.
"""

from __future__ import annotations

from emu.options.option import Option, Status, Topic, in_order
from emu.version import version_text

COLUMN = 16  # where the sentences begin
_KEYS = """\
During emulation, the following keys are useful:
ctrl-a h        print this help
ctrl-a x        exit emulator
ctrl-a b        send break (magic sysrq)
ctrl-a c        switch between the users of the terminal
ctrl-a t        toggle time stamps of the console
ctrl-a ctrl-a   sends ctrl-a
"""


def help_text(prog: str) -> str:
    """The whole text; `prog` as the user called us."""
    out = [
        version_text(),
        f"usage: {prog} [options] [disk_image]\n\n",
        "'disk_image' is a raw hard disk image for hard disk 0\n",
    ]
    for topic in Topic:
        entries = [entry(opt) for opt in in_order(topic) if opt.status is Status.WORKS and opt.shown]
        if entries:
            out += ["\n", topic.value, "\n", *entries]
    return "".join([*out, "\n", _KEYS])


def usage(opt: Option) -> list[str]:
    """The lines that show how `opt` is written."""
    names = " or ".join(f"-{name}" for name in opt.names)
    lines: list[str] = []
    for args in opt.args.split("\n"):
        if args.startswith(" "):
            lines.append(" " * (len(names) + 1) + args.strip())
        else:
            lines.append(f"{names} {args}".rstrip())
    return lines


def entry(opt: Option) -> str:
    """`opt` in -h: how it is written, and what it does, beside it if there is room."""
    *before, last = usage(opt)
    lines = opt.help.splitlines()
    if len(last) < COLUMN and lines:
        last = f"{last:<{COLUMN}}{lines.pop(0)}"
    return "".join(f"{line}\n" for line in (*before, last, *(" " * COLUMN + line for line in lines)))
