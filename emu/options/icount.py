"""-icount: guest time that follows the instructions.

Two judges, as QEMU has them at two times: record/replay with the main loop, the rest with the accelerators.
Source: BEHAVIOUR 2.3; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.errors import OptionError
from emu.options.config_groups import qemu_find_opts
from emu.options.qemuopts import QemuOpts
from emu.options.settings import Settings
from emu.options.values import Fault, strtoi64

SHIFT_MOST = 10


@dataclass(frozen=True)
class Icount:
    """shift: 2**shift ns per instruction, None for one that adapts itself; sleep, align: as -icount says."""

    shift: int | None
    sleep: bool = True
    align: bool = False


def judge_replay(s: Settings) -> str | None:
    """`record`, `replay` or None. Errors: OptionError at the option."""
    opts = s.groups.first(qemu_find_opts("icount"))
    mode = opts.get("rr")
    if mode is None:
        return None
    if mode not in ("record", "replay"):
        raise OptionError(f"Invalid icount rr option: {mode}", where=opts.where)
    if opts.get("rrfile") is None:
        raise OptionError("File name not specified for replay", where=opts.where)
    return mode


def judge_icount(s: Settings) -> Icount | None:
    """What -icount means; None without it, or without a shift. Errors: OptionError at the option."""
    found: Icount | None = None
    for opts in s.sets("icount"):
        try:
            found = _judge(opts)
        except OptionError as error:
            raise error.at(opts.where) from None
        s.lack("guest time does not follow the instructions in this build", where=opts.where)
    if found is None and judge_replay(s):
        raise OptionError("Please enable icount to use record/replay")
    return found


def _judge(opts: QemuOpts) -> Icount | None:
    shift = opts.get("shift")
    sleep, align = opts.get_bool("sleep", True), opts.get_bool("align", False)
    if shift is None:
        if opts.get("align") is not None:
            raise OptionError("Please specify shift option when using align")
        return None
    if align and not sleep:
        raise OptionError("align=on and sleep=off are incompatible")
    if shift == "auto":
        return Icount(None, sleep, align)
    number = strtoi64(shift)
    if isinstance(number, Fault) or not 0 <= number <= SHIFT_MOST:
        raise OptionError("icount: Invalid shift value")
    return Icount(number, sleep, align)
