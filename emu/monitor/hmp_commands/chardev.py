"""Commands of character devices: chardev-add, -change, -remove, -send-break, the ring buffer, info chardev.

Source: BEHAVIOUR 5.4; texts of QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Iterable

from emu.chardev.ringbuf import RingBuffer
from emu.chardev.spec import Spec, from_opts
from emu.core.ids import ID_HINT, id_wellformed
from emu.errors import OptionError, UserError
from emu.monitor.commands import chardev as qmp
from emu.monitor.hmp_arguments import Int, Rest, Word
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command, info_command
from emu.options import groups
from emu.options.qemuopts import QemuOpts, opts_parse_id


def _labels(s: Session) -> list[str]:
    return [one.label for one in s.e.chardevs.all()]


def _first(s: Session, words: list[str]) -> Iterable[str]:
    return _labels(s) if len(words) == 1 else ()


def _drivers(_s: Session, words: list[str]) -> Iterable[str]:
    from emu.chardev.registry import driver_names

    return driver_names() if len(words) == 1 else ()


def _change_words(s: Session, words: list[str]) -> Iterable[str]:
    return _labels(s) if len(words) == 1 else _drivers(s, words[1:])


def _free(s: Session, words: list[str]) -> Iterable[str]:
    """Those nobody uses."""
    return [one.label for one in s.e.chardevs.all() if not one.used] if len(words) == 1 else ()


def _rings(s: Session, words: list[str]) -> Iterable[str]:
    return [one.label for one in s.e.chardevs.all() if isinstance(one, RingBuffer)] if len(words) == 1 else ()


@info_command("chardev", "the character devices", preconfig=True)
def info_chardev(s: Session) -> None:
    """A line each."""
    for one in qmp.query_chardev(s.e):
        s.print(f"{one.label}: filename={one.filename}\n")


def _spec(s: Session, args: str, identifier: str | None = None) -> tuple[Spec, str]:
    """What the line says, and its id. Errors: UserError."""
    try:
        opts = QemuOpts(groups.CHARDEV, identifier or opts_parse_id(args))
        opts.do_parse(args, "backend")
        if opts.id is not None and not id_wellformed(opts.id):
            raise OptionError("Parameter 'id' expects an identifier", ID_HINT)
        if identifier is None and opts.id in s.e.chardevs:
            raise OptionError(f"Duplicate ID '{opts.id}' for chardev")
    except OptionError as error:
        s.print(f"{error.text}\n" + (f"{error.hint}\n" if error.hint else ""))
        raise UserError("Parsing chardev args failed") from None
    return from_opts(opts), opts.id or ""


@hmp_command("chardev-add", "args", "add a character device, as -chardev does", args=(Rest("args"),),
             complete=_drivers)  # fmt: skip
def chardev_add(s: Session, args: str) -> None:
    """The parts of the line are -chardev's."""
    spec, label = _spec(s, args)
    s.e.chardevs.make(spec, label, s.print)


@hmp_command("chardev-change", "id args", "change the back end of a character device",
             args=(Word("id"), Rest("args")), complete=_change_words)  # fmt: skip
def chardev_change(s: Session, id: str, args: str) -> None:
    """Its front end stays."""
    if id not in s.e.chardevs:
        raise UserError(f"Chardev '{id}' does not exist")
    if opts_parse_id(args) is not None:
        raise UserError("Unexpected 'id' parameter")
    spec, _ = _spec(s, args, id)
    s.e.chardevs.change(id, spec, s.print)


@hmp_command("chardev-remove", "id", "remove a character device", args=(Word("id"),), complete=_free)
def chardev_remove(s: Session, id: str) -> None:
    """One that nobody uses."""
    qmp.chardev_remove(s.e, id)


@hmp_command("chardev-send-break", "id", "send a break on a character device", args=(Word("id"),),
             complete=_first)  # fmt: skip
def chardev_send_break(s: Session, id: str) -> None:
    """To its front end."""
    qmp.chardev_send_break(s.e, id)


@hmp_command("ringbuf_write", "device data", "write to a ring buffer", args=(Word("device"), Word("data")),
             complete=_rings)  # fmt: skip
def ringbuf_write(s: Session, device: str, data: str) -> None:
    """As text."""
    qmp.ringbuf_write(s.e, device, data)


@hmp_command("ringbuf_read", "device size", "read from a ring buffer",
             args=(Word("device"), Int("size", bits=32)), complete=_rings)  # fmt: skip
def ringbuf_read(s: Session, device: str, size: int) -> None:
    """Characters that a terminal would not show are escaped."""
    data = qmp.ringbuf_read(s.e, device, size)
    for char in data:
        if char == "\\":
            s.print("\\\\")
        elif (char < " " and char not in "\n\t") or char == "\x7f":
            s.print(f"\\u{ord(char):04X}")
        else:
            s.print(char)
    s.print("\n")
