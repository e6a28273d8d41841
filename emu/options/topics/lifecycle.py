"""Options about how the machine begins, ends, and what it does when the guest wants to."""

from __future__ import annotations

from emu.options.config_groups import qemu_find_opts
from emu.options.option import Status, Topic, option
from emu.options.settings import Settings


@option("preconfig", topic=Topic.DEBUG, after="pidfile",
        help="pause before the machine is initialized (experimental)")  # fmt: skip
def preconfig(s: Settings, _arg: str) -> None:
    """Nothing is built until the monitor says so."""
    s.preconfig = s.said("")


@option("S", topic=Topic.DEBUG, help="freeze CPU at startup")
def frozen(s: Settings, _arg: str) -> None:
    """The machine stays in prelaunch."""
    s.autostart = False


@option("no-reboot", topic=Topic.DEBUG, after="enable-kvm", help="exit instead of rebooting")
def no_reboot(s: Settings, _arg: str) -> None:
    """-action reboot=shutdown."""
    s.parse("action", "reboot=shutdown")


@option("no-shutdown", topic=Topic.DEBUG, help="stop before shutdown")
def no_shutdown(s: Settings, _arg: str) -> None:
    """-action shutdown=pause."""
    s.parse("action", "shutdown=pause")


@option("action", topic=Topic.DEBUG, group="action",
        args="reboot=reset|shutdown\nshutdown=poweroff|pause\npanic=pause|shutdown|exit-failure|none\n"
             "watchdog=reset|shutdown|poweroff|inject-nmi|pause|debug|none",
        help="what the machine does when the guest reboots [default=reset], shuts down\n"
             "[default=poweroff], panics [default=shutdown], and when the watchdog fires\n"
             "[default=reset]")  # fmt: skip
def action(s: Settings, arg: str) -> None:
    """Judged when the line was read: `actions.judge_actions`."""
    s.parse("action", arg)


@option("loadvm", args="[tag|id]", topic=Topic.DEBUG, status=Status.CHECKED,
        why="no disk could hold the state", help="start from a saved state")  # fmt: skip
def loadvm(s: Settings, arg: str) -> None:
    """Excludes -incoming and -preconfig."""
    s.loadvm = s.said(arg)
    s.lack("", "no block device can store vmstate for snapshot", where=())


@option("watchdog-action", args="reset|shutdown|poweroff|inject-nmi|pause|debug|none", topic=Topic.DEBUG,
        after="icount", words=("reset", "shutdown", "poweroff", "inject-nmi", "pause", "debug", "none"),
        help="what the machine does when the watchdog fires [default=reset]")  # fmt: skip
def watchdog_action(s: Settings, arg: str) -> None:
    """-action watchdog=X."""
    s.groups.set(qemu_find_opts("action"), "watchdog", arg)


@option("incoming", topic=Topic.DEBUG, after="echr", status=Status.CHECKED, why="there is no migration",
        args="tcp:[host]:port[,to=maxport][,ipv4=on|off][,ipv6=on|off]\nunix:socketpath\nfd:fd\n"
             "file:filename[,offset=offset]\nexec:cmdline\n<channel>\ndefer",
        help="wait for the state of another machine")  # fmt: skip
def incoming(s: Settings, arg: str) -> None:
    """The address is judged at once."""
    from emu.options.incoming import judge_incoming

    judge_incoming(arg)
    s.incoming = s.said(arg)
    s.lack("there is no migration in this build")


@option("only-migratable", topic=Topic.DEBUG, status=Status.REFUSED, why="there is no migration",
        help="allow only devices that can be migrated")  # fmt: skip
def only_migratable(s: Settings, _arg: str) -> None:
    """No device can be."""
    s.lack("there is no migration in this build")


@option("dump-vmstate", args="<file>", topic=Topic.DEBUG, after="msg", status=Status.CHECKED,
        why="no device describes its state yet",
        help="write a description of the devices' state to a file")  # fmt: skip
def dump_vmstate(s: Settings, arg: str) -> None:
    """The file is made when the option is read; only one may be given."""
    from emu.options.early import open_vmstate_dump

    open_vmstate_dump(s, arg)
