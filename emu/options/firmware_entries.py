"""-fw_cfg: named entries for firmware. The board has no device that hands them over yet.

Source: BEHAVIOUR 4.6; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from emu.errors import OptionError, strerror
from emu.options.qemuopts import QemuOpts
from emu.options.settings import Settings

NAME_MOST = 55
NO_DEVICE = "fw_cfg device not available"


@dataclass(frozen=True)
class Entry:
    """A name, and the content that stands behind it: bytes, or what an object makes (gen_id)."""

    name: str
    content: bytes
    gen_id: str = ""


def judge_firmware_entries(s: Settings, has_fw_cfg: bool) -> list[Entry]:
    """The entries. has_fw_cfg: whether QEMU's machine has the device. Errors: OptionError at the option."""
    entries: list[Entry] = []
    for opts in s.sets("fw_cfg"):
        try:
            if not has_fw_cfg:
                raise OptionError(NO_DEVICE)
            entry = _judge(s, opts)
            if any(entry.name == other.name for other in entries):
                raise OptionError(f"duplicate fw_cfg file name: {entry.name}")
        except OptionError as error:
            raise error.at(opts.where) from None
        entries.append(entry)
        s.lack("firmware cannot be given files in this build", NO_DEVICE, where=opts.where)
    return entries


def _judge(s: Settings, opts: QemuOpts) -> Entry:
    name, file, text, gen_id = (opts.get(key, "") for key in ("name", "file", "string", "gen_id"))
    if not name or [bool(file), bool(text), bool(gen_id)].count(True) != 1:
        raise OptionError("name, plus exactly one of file, string and gen_id, are needed")
    if len(os.fsencode(name)) > NAME_MOST:
        raise OptionError(f"name too long (max. {NAME_MOST} char)")
    if gen_id:
        raise OptionError(f"Cannot find object ID '{gen_id}'")
    if not name.startswith("opt/"):
        s.reporter.warn('externally provided fw_cfg item names should be prefixed with "opt/"', opts.where)
    if text:
        return Entry(name, os.fsencode(text))
    try:
        with open(file, "rb") as found:
            return Entry(name, found.read())
    except (OSError, ValueError) as error:
        why = strerror(error) if isinstance(error, OSError) else "Invalid argument"
        raise OptionError(f"can't load {file}: Failed to open file “{file}”: {why}") from error
