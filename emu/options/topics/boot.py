"""Options that say what is loaded: firmware, kernel, initrd, device tree. Most are machine properties."""

from __future__ import annotations

from emu.options.option import Topic, option
from emu.options.settings import Settings


def _property(name: str, key: str, args: str, help: str) -> None:
    def record(s: Settings, arg: str) -> None:
        s.machine[key] = arg

    record.__module__ = __name__
    option(name, args=args, topic=Topic.BOOT, help=help)(record)


_property("bios", "firmware", "file", "use 'file' as firmware ('default': the built-in SBI, 'none')")
_property("kernel", "kernel", "bzImage", "use 'bzImage' as kernel image")
_property("append", "append", "cmdline", "use 'cmdline' as kernel command line")
_property("initrd", "initrd", "file", "use 'file' as initial ram disk")
_property("dtb", "dtb", "file", "use 'file' as device tree image")


@option("L", args="path", topic=Topic.DEBUG, help="set the directory for the BIOS; 'help' lists them")
def data_dir(s: Settings, arg: str) -> None:
    """Directories where -bios looks for a name that is no file."""
    if arg in ("help", "?"):
        s.list_data_dirs = True
    else:
        s.data_dirs.append(arg)
