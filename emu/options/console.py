"""Options about character devices and displays: -serial, -chardev, -monitor, -nographic, -display."""

from __future__ import annotations

from emu.errors import Leave, OptionError
from emu.options import groups, keyval
from emu.options.option import Topic, option
from emu.options.settings import SaidOpts, Settings

DISPLAYS = ("none",)
OTHER_DISPLAYS = ("gtk", "sdl", "egl-headless", "curses", "cocoa", "spice-app", "dbus")
CHARDEV_BACKENDS = ("file", "null", "pty", "socket", "stdio")
DISPLAY_HELP = (
    "Available display backend types:\nnone\n\n"
    "Some display backends support suboptions, which can be set with\n"
    "   -display backend,option=value,option=value...\n"
)


@option("nographic", topic=Topic.DISPLAY,
        help="disable graphical output and redirect serial I/Os to console")  # fmt: skip
def nographic(s: Settings, _arg: str) -> None:
    """Display none, graphics off, and the default serial port on the terminal."""
    s.nographic = True
    s.display = "none"
    s.machine["graphics"] = "off"


@option("display", args="none", topic=Topic.DISPLAY, help="select display backend type")
def display(s: Settings, arg: str) -> None:
    """Only `none` exists. QEMU's other names give its text for a build without them."""
    if arg in ("help", "?"):
        raise Leave(DISPLAY_HELP)
    said = keyval.parse(arg, implied="type")
    kind = said.pop("type", None)
    if not isinstance(kind, str):
        raise OptionError("Parameter 'type' is missing")
    if kind not in DISPLAYS + OTHER_DISPLAYS:
        raise OptionError(f"Parameter 'type' does not accept value '{kind}'")
    if said and kind == "none":
        raise OptionError(f"Parameter '{next(iter(said))}' is unexpected")
    s.display = kind


@option("serial", args="dev", topic=Topic.DEBUG, help="redirect the serial port to char device 'dev'")
def serial(s: Settings, arg: str) -> None:
    """The N-th option is for the N-th port."""
    s.serials.append(s.said(arg))


@option("monitor", args="dev", topic=Topic.DEBUG, help="redirect the monitor to char device 'dev'")
def monitor(s: Settings, arg: str) -> None:
    """`none`: no monitor (there is none in this build)."""
    s.monitors.append(s.said(arg))


@option("parallel", args="dev", topic=Topic.DEBUG, help="redirect the parallel port to char device 'dev'")
def parallel(s: Settings, arg: str) -> None:
    """The machine has no parallel port; `none` and `null` say so."""
    s.parallels.append(s.said(arg))


@option("chardev", args="backend,id=id[,path=path][,server=on|off][,wait=on|off][,mux=on|off]...",
        topic=Topic.CHARDEV, help="add a character device; -serial chardev:ID uses it")  # fmt: skip
def chardev(s: Settings, arg: str) -> None:
    """Created before the machine, in the order of the line."""
    if arg in ("help", "?"):
        names = "".join(f"\n  {name}" for name in CHARDEV_BACKENDS)
        raise Leave(f"Available chardev backend types: {names}\n")
    s.chardevs.append(SaidOpts(s.groups.parse_noisily(groups.CHARDEV, arg, permit_abbrev=True), s.where))


@option("vga", args="none", topic=Topic.DISPLAY, help="select video card type (there is none)")
def vga(s: Settings, arg: str) -> None:
    """Accepted for the lines of others: only `none`."""
    if arg != "none":
        raise OptionError(f"unknown vga type: {arg}")


@option("audio", args="none", topic=Topic.DISPLAY, help="select audio device (there is none)")
def audio(s: Settings, arg: str) -> None:
    """Accepted for the lines of others: only `none`."""
    if arg != "none":
        s.unsupported.append(s.said(arg))
