"""Monitors and the gdb server: what -monitor, -qmp, -mon and -gdb say.

Source: BEHAVIOUR 3.4, 5.4, 8; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from emu.errors import OptionError, UserError
from emu.options.config_groups import qemu_find_opts
from emu.options.qapi import BOOL, STR, Enum, Struct, visit_opts
from emu.options.settings import Settings

_MONITOR = Struct({"id?": STR, "mode?": Enum("readline", "control"), "pretty?": BOOL, "chardev": STR})


@dataclass(frozen=True)
class Monitor:
    """A monitor on the character device `chardev`: for people (readline) or programs (control)."""

    chardev: str
    control: bool
    pretty: bool
    where: tuple[str, ...]


def monitor_parse(s: Settings, text: str, mode: str, pretty: bool) -> None:
    """-monitor and -qmp: a character device of its own, or `chardev:ID`, and a monitor on it.

    Both become sets of options, of `chardev` and `mon`. Errors: OptionError.
    """
    label = text.removeprefix("chardev:")
    try:
        if label == text:
            label = f"compat_monitor{s.monitors}"
            _chardev_opts(s, label, text)
        opts = s.groups.create(qemu_find_opts("mon"), label)
    except OptionError as error:
        error.hint = ""  # QEMU leaves before it gets to the hint
        raise
    s.monitors += 1
    opts.set("mode", mode)
    opts.set("chardev", label)
    if mode == "control":
        opts.set_bool("pretty", pretty)


def _chardev_opts(s: Settings, label: str, text: str) -> None:
    """The short form of a character device as a set of the group `chardev`."""
    from emu.chardev.short_form import compat_items

    try:
        items = compat_items(text)
        s.groups.create(qemu_find_opts("chardev"), label).items = items
    except OptionError as error:
        error.consequences = (f"parse error: {text}",)
        raise


def judge_monitors(s: Settings, chardevs: Container[str], muxes: Container[str] = ()) -> list[Monitor]:
    """The monitors of the line. chardevs: labels that exist; muxes: those that several may use.

    Errors: OptionError at the option.
    """
    monitors: list[Monitor] = []
    for opts in s.sets("mon"):
        try:
            said = visit_opts(_MONITOR, opts)
            if said["chardev"] not in chardevs:
                raise OptionError(f"chardev \"{said['chardev']}\" not found")
            if said["chardev"] not in muxes and any(m.chardev == said["chardev"] for m in monitors):
                raise OptionError(f"chardev '{said['chardev']}' is already in use")
            control = said.get("mode") == "control"
            if "pretty" in said and not control:
                raise OptionError("'pretty' is not compatible with HMP monitors")
        except OptionError as error:
            raise error.at(opts.where) from None
        monitors.append(Monitor(str(said["chardev"]), control, said.get("pretty") is True, opts.where))
    return monitors


def judge_gdb(s: Settings, harts: int, chardevs: Container[str]) -> None:
    """The places where gdb may connect, before anything is opened. Errors: OptionError at the option."""
    for said in s.gdbs:
        try:
            if not harts:
                raise OptionError("gdbstub: meaningless to attach gdb to a machine without any CPU.")
            if not said.text:
                raise OptionError("gdbstub: missing connection string")
            if said.text == "none":
                continue
            _judge_gdb_device(said.text, chardevs)
        except UserError as error:
            raise error.at(said.where) from None


def _judge_gdb_device(text: str, chardevs: Container[str]) -> None:
    from emu.chardev.spec import parse_short

    failed = "gdbstub: couldn't create chardev"
    if text.startswith("chardev:"):
        if text.removeprefix("chardev:") not in chardevs:
            raise OptionError(failed)
        return
    more = ",wait=off,nodelay=on,server=on" if text.startswith("tcp:") else ""
    try:
        parse_short(text + more)
    except UserError as error:
        error.consequences = (failed,)
        raise
