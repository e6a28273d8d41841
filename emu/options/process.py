"""Options about the program itself: help, version, names, clocks, what ends it."""

from __future__ import annotations

from emu.errors import Leave, OptionError
from emu.options import groups
from emu.options.option import OPTIONS, Topic, option
from emu.options.settings import Settings
from emu.version import version_text

ACTIONS = {
    "reboot": ("reset", "shutdown"),
    "shutdown": ("poweroff", "pause"),
    "panic": ("pause", "shutdown", "exit-failure", "none"),
    "watchdog": ("reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi"),
}
_KEYS = """\
During emulation, the following keys are useful:
ctrl-a h        print this help
ctrl-a x        exit emulator
ctrl-a ctrl-a   sends ctrl-a
"""


def help_text(prog: str) -> str:
    """What -h prints: version, usage, options by topic, keys."""
    out = [version_text(), f"usage: {prog} [options] [disk_image]\n"]
    for topic in Topic:
        if not topic.value:
            continue
        out.append("\n" + topic.value + "\n")
        shown = set()
        for opt in OPTIONS.values():
            if opt.topic is topic and opt.handler not in shown:
                shown.add(opt.handler)
                out.append(_entry(opt.name, opt.args, opt.help))
    out.append("\n" + _KEYS)
    return "".join(out)


def _entry(name: str, args: str, text: str) -> str:
    head = f"-{name} {args}".rstrip()
    lines = text.splitlines() or [""]
    if len(head) < 16:
        head = f"{head:<16}{lines.pop(0)}"
    return head.rstrip() + "\n" + "".join(f"{'':16}{line}\n" for line in lines)


@option("h", "help", help="display this help and exit")
def show_help(s: Settings, _arg: str) -> None:
    """At once, in the order of the line."""
    raise Leave(help_text(s.reporter.prog))


@option("version", help="display version information and exit")
def show_version(s: Settings, _arg: str) -> None:
    """At once, in the order of the line."""
    raise Leave(version_text())


@option("name", args="string1[,process=string2][,debug-threads=on|off]",
        help="set the name of the guest\nstring1 is the window title, string2 the process name")  # fmt: skip
def name(s: Settings, arg: str) -> None:
    """The names; the process name is set before the machine is built."""
    s.groups.parse_noisily(groups.NAME, arg, permit_abbrev=True)


@option("S", topic=Topic.DEBUG, help="freeze CPU at startup")
def frozen(s: Settings, _arg: str) -> None:
    """The machine stays in prelaunch."""
    s.autostart = False


@option("no-reboot", topic=Topic.DEBUG, help="exit instead of rebooting")
def no_reboot(s: Settings, _arg: str) -> None:
    """-action reboot=shutdown."""
    s.actions["reboot"] = "shutdown"


@option("no-shutdown", topic=Topic.DEBUG, help="stop before shutdown")
def no_shutdown(s: Settings, _arg: str) -> None:
    """-action shutdown=pause."""
    s.actions["shutdown"] = "pause"


@option("action", args="reboot=reset|shutdown", topic=Topic.DEBUG,
        help="action when guest reboots [default=reset]\n"
             "also shutdown=poweroff|pause, panic=pause|shutdown|exit-failure|none,\n"
             "watchdog=reset|shutdown|poweroff|pause|debug|none|inject-nmi")  # fmt: skip
def action(s: Settings, arg: str) -> None:
    """What the machine does when the guest asks to end, to begin again, or fails."""
    for key, value in s.groups.parse_noisily(groups.ACTION, arg).to_qdict().items():
        _set_action(s, key, value)


@option("watchdog-action", args="action", topic=Topic.DEBUG, help="select watchdog action [default=reset]")
def watchdog_action(s: Settings, arg: str) -> None:
    """-action watchdog=X."""
    _set_action(s, "watchdog", arg)


def _set_action(s: Settings, key: str, value: str) -> None:
    if value not in ACTIONS[key]:
        raise OptionError(f"Parameter '{key}' does not accept value '{value}'")
    s.actions[key] = value


@option("rtc", args="[base=utc|localtime|<datetime>][,clock=host|rt|vm]", topic=Topic.DEBUG,
        help="set the RTC base and clock")  # fmt: skip
def rtc(s: Settings, arg: str) -> None:
    """Judged when the clocks are made."""
    s.groups.parse_noisily(groups.RTC, arg)


@option("pidfile", args="file", topic=Topic.DEBUG, help="write PID to 'file'")
def pidfile(s: Settings, arg: str) -> None:
    """Removed at exit."""
    s.pidfile = arg


@option("msg", args="[timestamp=on|off][,guest-name=on|off]", topic=Topic.DEBUG,
        help="control error message format")  # fmt: skip
def msg(s: Settings, arg: str) -> None:
    """Holds from this option on."""
    opts = s.groups.parse_noisily(groups.MSG, arg)
    s.reporter.timestamp = opts.get_bool("timestamp", False)
    s.name_in_messages = opts.get_bool("guest-name", False)


@option("no-user-config", topic=Topic.DEBUG, help="don't load default user-provided config files")
def no_user_config(_s: Settings, _arg: str) -> None:
    """There are no such files."""
