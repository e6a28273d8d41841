"""Options about the program itself: help, version, names, messages, its process on the host."""

from __future__ import annotations

from emu.errors import Leave, OptionError
from emu.options.option import Status, Topic, option
from emu.options.settings import Settings
from emu.version import version_text


@option("h", "help", help="display this help and exit")
def show_help(s: Settings, _arg: str) -> None:
    """At once, in the order of the line."""
    from emu.options.help import help_text

    raise Leave(help_text(s.reporter.prog))


@option("version", help="display version information and exit")
def show_version(s: Settings, _arg: str) -> None:
    """At once, in the order of the line."""
    raise Leave(version_text())


@option("name", args="string1[,process=string2][,debug-threads=on|off]", group="name", after="device",
        help="set the name of the guest\n"
             "string1 is shown in messages, string2 names the process\n"
             "with debug-threads=on the workers keep names that tell them apart")  # fmt: skip
def name(s: Settings, arg: str) -> None:
    """The process is named before the machine is built; -msg shows the guest's name from here on."""
    s.reporter.guest_name = s.parse("name", arg, implied=True).get("guest", "")


@option("uuid", args="%08x-%04x-%04x-%04x-%012x", help="specify machine UUID")
def uuid(s: Settings, arg: str) -> None:
    """Kept for what shows it (monitor, firmware tables)."""
    s.uuid = parse_uuid(arg)
    if s.uuid is None:
        raise OptionError("failed to parse UUID string: wrong format")


def parse_uuid(text: str) -> str | None:
    """The UUID in lower case, None for what is none: hexadecimal digits, 8-4-4-4-12."""
    parts = text.split("-")
    if [len(part) for part in parts] != [8, 4, 4, 4, 12]:
        return None
    return text.lower() if all(c in "0123456789abcdefABCDEF" for c in "".join(parts)) else None


@option("add-fd", args="fd=fd,set=set[,opaque=opaque]", group="add-fd", after="numa",
        help="add the open descriptor 'fd' to the set number 'set': /dev/fdset/'set' names it")  # fmt: skip
def add_fd(s: Settings, arg: str) -> None:
    """Done in `early.take_fd_sets`."""
    s.parse("add-fd", arg)


@option("pidfile", args="file", topic=Topic.DEBUG, after="debugcon", help="write PID to 'file'")
def pidfile(s: Settings, arg: str) -> None:
    """Removed at exit."""
    s.pidfile = arg


@option("overcommit", args="[mem-lock=on|off|on-fault][,cpu-pm=on|off]", topic=Topic.DEBUG, after="S",
        group="overcommit",
        help="mem-lock=on would lock the guest's memory, which this build does not (default: off)\n"
             "cpu-pm=on has no effect without hardware virtualization (default: off)")  # fmt: skip
def overcommit(s: Settings, arg: str) -> None:
    """mem-lock has a text of its own for what is neither."""
    opts = s.parse("overcommit", arg)
    lock = opts.get("mem-lock", "off")
    if lock not in ("on", "yes", "true", "y", "off", "no", "false", "n", "on-fault"):
        raise OptionError("parameter 'mem-lock' expects one of 'on', 'off', 'on-fault'")
    opts.get_bool("cpu-pm", False)
    if lock not in ("off", "no", "false", "n"):
        s.lack("memory is not locked by this build")


@option("daemonize", topic=Topic.DEBUG, after="loadvm",
        help="go to the background when the machine is ready")  # fmt: skip
def daemonize(s: Settings, _arg: str) -> None:
    """Not with -nographic's use of the terminal."""
    s.daemonize = s.said("")


@option("sandbox", topic=Topic.DEBUG, after="semihosting-config", status=Status.CHECKED, group="sandbox",
        why="there are no filters of system calls; only `off` is accepted",
        args="on[,obsolete=allow|deny][,elevateprivileges=allow|deny|children]\n"
             " [,spawn=allow|deny][,resourcecontrol=allow|deny]",
        help="filter the system calls of the program (default: off)")  # fmt: skip
def sandbox(s: Settings, arg: str) -> None:
    """Judged in `early.judge_sandbox`."""
    s.parse("sandbox", arg, implied=True)


@option("run-with", args="[async-teardown=on|off][,chroot=dir][,user=username|uid:gid]", topic=Topic.DEBUG,
        after="plugin", group="run-with", status=Status.CHECKED,
        why="the program stays the user, and in the directory, that it was started as and in",
        help="chroot=dir: change the root directory just before the machine starts\n"
             "user=username or user=uid:gid: become that user just before the machine starts\n"
             "async-teardown=on: leave the memory to another process for its release")  # fmt: skip
def run_with(s: Settings, arg: str) -> None:
    """The user must exist when the option is read."""
    opts = s.parse("run-with", arg)
    opts.get_bool("async-teardown", False)
    user = opts.get("user")
    if user is not None and not _user_exists(user):
        raise OptionError(f"User \"{arg}\" doesn't exist (and is not <uid>:<gid>)")
    if opts.get_bool("async-teardown", False) or opts.get("chroot") or user is not None:
        s.lack("neither user nor root directory are changed by this build")


def _user_exists(user: str) -> bool:
    """Whether it names a user, or is two decimal numbers."""
    import pwd

    numbers = user.split(":")
    if len(numbers) == 2 and all(n.isascii() and n.isdecimal() for n in numbers):
        return True
    try:
        pwd.getpwnam(user)
    except (KeyError, ValueError):  # ValueError: a NUL, which no name has
        return False
    return True


@option("msg", args="[timestamp[=on|off]][,guest-name=[on|off]]", topic=Topic.DEBUG, group="msg",
        help="control the form of messages\n"
             "timestamp=on puts the time before each (default: off)\n"
             "guest-name=on puts the name of -name before each (default: off)")  # fmt: skip
def msg(s: Settings, arg: str) -> None:
    """Holds from this option on."""
    opts = s.parse("msg", arg)
    s.reporter.timestamp = opts.get_bool("timestamp", False)
    s.reporter.shows_guest_name = opts.get_bool("guest-name", False)
