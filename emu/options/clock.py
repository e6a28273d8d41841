"""-rtc: which clock the guest's real-time clock shows, and where it begins.

Source: BEHAVIOUR 4.6 (goldfish rtc), QEMU's `configure_rtc`.
"""

from __future__ import annotations

import datetime
import enum
import time
from dataclasses import dataclass

from emu.errors import OptionError
from emu.options import groups
from emu.options.settings import Settings


class RtcClock(enum.Enum):
    """The clock that drives the guest's calendar."""

    HOST = "host"  # wall clock, follows changes of the host's
    RT = "rt"  # monotonic
    VM = "vm"  # guest time: stands still while the machine is stopped


@dataclass(frozen=True)
class RtcConfig:
    """offset_s: seconds the guest's calendar is ahead of the host's; base_s: a fixed start, or None."""

    clock: RtcClock = RtcClock.HOST
    offset_s: int = 0
    base_s: int | None = None


def judge_rtc(s: Settings) -> RtcConfig:
    """What -rtc means. Errors: OptionError with QEMU's texts."""
    opts = s.groups.first(groups.RTC)
    base = opts.get("base", "utc")
    offset_s, base_s = 0, None
    if base == "localtime":
        offset_s = time.localtime().tm_gmtoff
    elif base != "utc":
        base_s = _seconds(base)
    clock_text = opts.get("clock", "host")
    if clock_text not in ("host", "rt", "vm"):
        raise OptionError(f"invalid option value '{clock_text}'")
    drift = opts.get("driftfix", "none")
    if drift not in ("slew", "none"):
        raise OptionError(f"invalid option value '{drift}'")
    if drift == "slew":
        s.warn("driftfix 'slew' is not available with this machine")
    return RtcConfig(RtcClock(clock_text), offset_s, base_s)


def _seconds(text: str) -> int:
    for form in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"):
        try:
            at = datetime.datetime.strptime(text, form).replace(tzinfo=datetime.UTC)
        except ValueError:
            continue
        return int(at.timestamp())
    raise OptionError(
        "invalid datetime format", "valid formats: '2006-06-17T16:01:21' or '2006-06-17'"
    )
