"""Options about what shows and sounds: there is neither a display nor a sound card."""

from __future__ import annotations

from emu.errors import Leave, OptionError
from emu.options import keyval
from emu.options.option import Status, Topic, option
from emu.options.settings import NOT_IN_BUILD, SaidTree, Settings

DISPLAYS = ("none",)
OTHER_DISPLAYS = ("gtk", "sdl", "egl-headless", "curses", "cocoa", "spice-app", "dbus")
DISPLAY_HELP = (
    "Available display backend types:\nnone\n\n"
    "Some display backends support suboptions, which can be set with\n"
    "   -display backend,option=value,option=value...\n"
)


@option("k", args="language", after="mem-prealloc",
        why="there is no keyboard, which is said",
        help="use keyboard layout (there is no keyboard)")  # fmt: skip
def keyboard(s: Settings, _arg: str) -> None:
    """Nothing would use it, as in QEMU without a display."""
    s.warn("there is no keyboard: the layout has no effect")


@option("audio", args="none[,prop[=value][,...]]", words=("none",), help="sound (there is none)")
def audio(s: Settings, arg: str) -> None:
    """Only the driver `none`, and no card."""
    from emu.options.audio import judge_audio

    s.off.add("audio")
    s.audiodevs.append(SaidTree(judge_audio(arg), s.where))


@option("audiodev", args="none,id=id[,prop[=value][,...]]", words=("none,",),
        help="sound driver for cards (there are none)")  # fmt: skip
def audiodev(s: Settings, arg: str) -> None:
    """Only the driver `none`."""
    from emu.options.audio import judge_audiodev

    s.off.add("audio")
    s.audiodevs.append(SaidTree(judge_audiodev(arg), s.where))


@option("display", args="none", topic=Topic.DISPLAY, words=("none", "help"),
        help="select display backend type\nthe default is none, the only one")  # fmt: skip
def display(s: Settings, arg: str) -> None:
    """Only `none` exists. QEMU's other names give its text for a build without them."""
    if arg in ("help", "?"):
        raise Leave(DISPLAY_HELP)
    said = keyval.parse(arg, "type")
    kind = said.pop("type", None)
    if not isinstance(kind, str):
        raise OptionError("Parameter 'type' is missing")
    if kind not in DISPLAYS + OTHER_DISPLAYS:
        raise OptionError(f"Parameter 'type' does not accept value '{kind}'")
    if said and kind == "none":
        raise OptionError(f"Parameter '{next(iter(said))}' is unexpected")
    s.display = kind


@option("nographic", topic=Topic.DISPLAY,
        help="disable graphical output and redirect serial I/Os to console")  # fmt: skip
def nographic(s: Settings, _arg: str) -> None:
    """Display none, graphics off, and the default serial port on the terminal."""
    s.nographic = True
    s.display = "none"
    s.machine["graphics"] = "off"


@option("spice", args="[port=port][,...]", topic=Topic.DISPLAY, status=Status.REFUSED,
        why="there are no remote displays", help="enable spice")  # fmt: skip
def spice(_s: Settings, _arg: str) -> None:
    """As in a build of QEMU without it."""
    raise OptionError(NOT_IN_BUILD)


@option("vga", args="none", topic=Topic.DISPLAY, words=("none", "help"),
        help="select video card type (there is none)")  # fmt: skip
def vga(s: Settings, arg: str) -> None:
    """Judged when the machine's default devices are."""
    s.off.add("vga")
    s.vga = s.said(arg)


@option("full-screen", topic=Topic.DISPLAY, status=Status.REFUSED, why="there is no display",
        help="start in full screen")  # fmt: skip
def full_screen(s: Settings, _arg: str) -> None:
    """There is no screen."""
    s.lack("there is no display in this build")


@option("vnc", args="<display>", topic=Topic.DISPLAY, status=Status.REFUSED,
        why="there are no remote displays", help="shorthand for -display vnc=<display>")  # fmt: skip
def vnc(_s: Settings, _arg: str) -> None:
    """As in a build of QEMU without it."""
    raise OptionError(NOT_IN_BUILD)
