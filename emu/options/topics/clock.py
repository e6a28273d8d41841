"""Options about time: -rtc, -icount."""

from __future__ import annotations

from emu.options.option import Status, Topic, option
from emu.options.settings import Settings


@option("rtc", args="[base=utc|localtime|<datetime>][,clock=host|rt|vm]", topic=Topic.DEBUG, group="rtc",
        after="option-rom", help="set the RTC base and clock")  # fmt: skip
def rtc(s: Settings, arg: str) -> None:
    """Judged when the clocks are made."""
    s.parse("rtc", arg)


@option("icount", topic=Topic.DEBUG, group="icount", status=Status.CHECKED,
        why="time does not follow the instructions yet",
        args="[shift=N|auto][,align=on|off][,sleep=on|off]\n"
             " [,rr=record|replay,rrfile=<filename>[,rrsnapshot=<snapshot>]]",
        help="let the guest's time follow its instructions, 2^N ns each")  # fmt: skip
def icount(s: Settings, arg: str) -> None:
    """Judged with the accelerators: `icount.judge_icount`."""
    s.parse("icount", arg, implied=True)
