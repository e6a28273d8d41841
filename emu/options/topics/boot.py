"""Options that say what is loaded: firmware, kernel, initrd, device tree, and what firmware is told."""

from __future__ import annotations

from emu.errors import Leave, OptionError
from emu.options.option import FIRST, Ask, Status, Topic, option
from emu.options.settings import Settings

OPTION_ROMS = 16


@option("bios", args="file", topic=Topic.BOOT, ask=Ask.FILE,
        help="use 'file' as firmware\n"
             "default: the built-in SBI firmware; none: no firmware")  # fmt: skip
def bios(s: Settings, arg: str) -> None:
    """The machine's property `firmware`."""
    s.machine["firmware"] = arg


@option("kernel", args="bzImage", topic=Topic.BOOT, ask=Ask.FILE, after="pflash",
        help="use 'bzImage' as kernel image (Image or ELF)")  # fmt: skip
def kernel(s: Settings, arg: str) -> None:
    """The machine's property."""
    s.machine["kernel"] = arg


@option("shim", args="shim.efi", topic=Topic.BOOT, ask=Ask.FILE, status=Status.CHECKED,
        why="no fw_cfg device hands it to firmware", help="use 'shim.efi' to boot the kernel")  # fmt: skip
def shim(s: Settings, arg: str) -> None:
    """The machine's property."""
    s.machine["shim"] = arg
    s.lack("firmware cannot be given files in this build")


@option("append", args="cmdline", topic=Topic.BOOT, help="use 'cmdline' as kernel command line")
def append(s: Settings, arg: str) -> None:
    """The machine's property."""
    s.machine["append"] = arg


@option("initrd", args="file", topic=Topic.BOOT, ask=Ask.FILE, help="use 'file' as initial ram disk")
def initrd(s: Settings, arg: str) -> None:
    """The machine's property."""
    s.machine["initrd"] = arg


@option("dtb", args="file", topic=Topic.BOOT, ask=Ask.FILE, help="use 'file' as device tree image")
def dtb(s: Settings, arg: str) -> None:
    """The machine's property."""
    s.machine["dtb"] = arg


@option("smbios", topic=Topic.DISPLAY, after="vnc", group="", status=Status.CHECKED,
        why="no fw_cfg device hands the tables to firmware",
        args="file=binary\ntype=0[,vendor=str][,version=str][,date=str][,release=%d.%d][,uefi=on|off]\n"
             "type=1[,manufacturer=str][,product=str][,version=str][,serial=str][,uuid=uuid][,sku=str]\n"
             " [,family=str]\ntype=2|3|4|8|9|11|17|41[,...]",
        words=("type=", "file="), help="fields of SMBIOS tables, or a table from a file")  # fmt: skip
def smbios(s: Settings, arg: str) -> None:
    """Judged when the option is read."""
    from emu.options.smbios import judge_smbios

    judge_smbios(s.parse("smbios", arg))
    s.lack("firmware tables cannot be handed over in this build")


@option("fw_cfg", args="[name=]<name>,file=<file>\n[name=]<name>,string=<str>", topic=Topic.DEBUG,
        after="compat", group="fw_cfg", status=Status.CHECKED, why="the board has no fw_cfg device yet",
        help="add a named entry for firmware, from a file or the line")  # fmt: skip
def fw_cfg(s: Settings, arg: str) -> None:
    """Judged when devices are made: `firmware_entries`."""
    s.parse("fw_cfg", arg, implied=True)


@option("L", args="path", topic=Topic.DEBUG, ask=Ask.FILE, after="seed",
        help="set a directory for firmware files; 'help' lists them")  # fmt: skip
def data_dir(s: Settings, arg: str) -> None:
    """Directories where -bios looks for a name that is no file."""
    if arg in ("help", "?"):
        s.list_data_dirs = True
    else:
        s.data_dirs.append(arg)


@option("option-rom", args="rom", topic=Topic.DEBUG, after="daemonize", ask=Ask.FILE, group="option-rom",
        status=Status.CHECKED, why="there is no bus for it",
        help="load a file into the option ROM space")  # fmt: skip
def option_rom(s: Settings, arg: str) -> None:
    """At most 16, each with a file."""
    if len(s.sets("option-rom")) == OPTION_ROMS:
        raise OptionError("too many option ROMs")
    opts = s.parse("option-rom", arg, implied=True)
    if opts.get("romfile") is None:
        raise OptionError("Option ROM file is not specified")
    opts.get_number("bootindex", 0)
    s.lack("there are no option ROMs in this build")


@option("semihosting", topic=Topic.DEBUG, after="nodefaults", status=Status.REFUSED,
        why="the guest cannot call the host", help="semihosting mode")  # fmt: skip
def semihosting(s: Settings, _arg: str) -> None:
    """-semihosting-config enable=on."""
    s.lack("there is no semihosting in this build")


@option("semihosting-config", topic=Topic.DEBUG, group="semihosting-config", status=Status.CHECKED,
        why="the guest cannot call the host",
        args="[enable=on|off][,target=native|gdb|auto][,chardev=id][,userspace=on|off][,arg=str[,...]]",
        help="semihosting configuration")  # fmt: skip
def semihosting_config(s: Settings, arg: str) -> None:
    """Every complaint is followed by one about the option."""
    failed = f"unsupported semihosting-config {arg}"
    try:
        opts = s.parse("semihosting-config", arg)
    except OptionError as error:
        error.consequences = (failed,)
        raise
    except Leave:
        # QEMU complains about a request for help as well
        s.reporter.error(OptionError(failed, where=s.where))
        raise
    if opts.get("target", "auto") not in ("native", "gdb", "auto"):
        raise OptionError(failed)
    if opts.get_bool("enable", True):
        s.lack("there is no semihosting in this build")


@option("compat", topic=Topic.DEBUG, after=FIRST, status=Status.CHECKED,
        why="there is no monitor with such commands; values that are the default are accepted",
        args="[deprecated-input=accept|reject|crash][,deprecated-output=accept|hide]\n"
             "[unstable-input=accept|reject|crash][,unstable-output=accept|hide]",
        help="policy for deprecated and unstable interfaces")  # fmt: skip
def compat(s: Settings, arg: str) -> None:
    """key=value or JSON."""
    from emu.options.early import judge_compat

    if any(value != "accept" for value in judge_compat(arg).values()):
        s.lack("there are no interfaces to which the policy could apply")
