"""Options about disks. There is no block layer yet: drives are judged (`drives`), then refused."""

from __future__ import annotations

from collections.abc import Callable

from emu.options.option import Ask, Status, Topic, option
from emu.options.settings import SaidTree, Settings

_WHY = "there are no disks"


def _shortcut(
    name: str, interface: str, index: int, params: str, help: str, after: str = ""
) -> None:  # fmt: skip
    """An option that is a -drive in short."""

    def record(s: Settings, arg: str) -> None:
        from emu.options.drives import drive_add

        drive_add(s, arg, interface, index, params)

    record.__module__ = __name__
    option(name, args="file", topic=Topic.BLOCK, ask=Ask.FILE, status=Status.CHECKED, why=_WHY, help=help,
           after=after)(record)  # fmt: skip


for _i, _name in enumerate(("fda", "fdb")):
    _shortcut(_name, "floppy", _i, "", f"use 'file' as floppy disk {_i} image")
for _i, _name in enumerate(("hda", "hdb", "hdc", "hdd")):
    _shortcut(_name, "", _i, "media=disk", f"use 'file' as hard disk {_i} image")
_shortcut("cdrom", "", 2, "media=cdrom", "use 'file' as CD-ROM image")


@option("blockdev", topic=Topic.BLOCK, status=Status.CHECKED, why=_WHY,
        args="[driver=]driver[,node-name=N][,discard=ignore|unmap]\n"
             " [,cache.direct=on|off][,cache.no-flush=on|off]\n"
             " [,read-only=on|off][,auto-read-only=on|off]\n"
             " [,force-share=on|off][,detect-zeroes=on|off|unmap]\n"
             " [,driver specific parameters...]",
        help="configure a block back end")  # fmt: skip
def blockdev(s: Settings, arg: str) -> None:
    """key=value or JSON."""
    from emu.options.blockdevs import judge_blockdev

    s.blockdevs.append(SaidTree(judge_blockdev(arg), s.where))


@option("drive", topic=Topic.BLOCK, group="drive", status=Status.CHECKED, why=_WHY,
        args="[file=file][,if=type][,bus=n][,unit=m][,media=d][,index=i]\n"
             " [,cache=writethrough|writeback|none|directsync|unsafe][,format=f]\n"
             " [,snapshot=on|off][,rerror=ignore|stop|report]\n"
             " [,werror=ignore|stop|report|enospc][,id=name]\n"
             " [,aio=threads|native|io_uring]\n"
             " [,readonly=on|off][,copy-on-read=on|off]\n"
             " [,discard=ignore|unmap][,detect-zeroes=on|off|unmap]",
        help="use 'file' as a drive image")  # fmt: skip
def drive(s: Settings, arg: str) -> None:
    """Judged with all other drives: `drives.judge_drives`."""
    s.parse("drive", arg)


_shortcut("mtdblock", "mtd", -1, "", "use 'file' as on-board flash memory image")
_shortcut("sd", "sd", -1, "", "use 'file' as SecureDigital card image")


@option("snapshot", topic=Topic.BLOCK, status=Status.CHECKED, why=f"{_WHY}; without -drive it has no effect",
        help="write to temporary files instead of disk image files")  # fmt: skip
def snapshot(s: Settings, _arg: str) -> None:
    """snapshot=on for every drive that does not say."""
    s.snapshot = True


def _disabled(group: str, text: str) -> Callable[[Settings, str], None]:
    def record(s: Settings, arg: str) -> None:
        s.parse(group, arg, implied=True)
        s.lack("host folders cannot be shared in this build", text)

    record.__module__ = __name__
    return record


option("fsdev", args="local,id=id,path=path,security_model=mapped-xattr|mapped-file|passthrough|none",
       topic=Topic.BLOCK, group="fsdev", status=Status.REFUSED, why="there are no shared folders",
       help="describe a folder to share")(_disabled("fsdev", "fsdev support is disabled"))  # fmt: skip
option("virtfs", args="local,path=path,mount_tag=tag,security_model=mapped-xattr|passthrough|none",
       topic=Topic.BLOCK, group="virtfs", status=Status.REFUSED, why="there are no shared folders",
       help="share a folder")(_disabled("virtfs", "virtfs support is disabled"))  # fmt: skip


@option("iscsi", args="[user=user][,password=password][,timeout=timeout]", topic=Topic.BLOCK, group="iscsi",
        status=Status.REFUSED, why="there is no iSCSI", help="parameters of iSCSI sessions")  # fmt: skip
def iscsi(s: Settings, arg: str) -> None:
    """As in a build of QEMU without iSCSI."""
    s.parse("iscsi", arg)
    s.lack("there is no iSCSI in this build")


@option("pflash", args="file", topic=Topic.BOOT, ask=Ask.FILE, after="bios", status=Status.CHECKED,
        why="the board has no flash yet", help="use 'file' as a parallel flash image")  # fmt: skip
def pflash(s: Settings, arg: str) -> None:
    """The next drive of that kind."""
    from emu.options.drives import drive_add

    drive_add(s, arg, "pflash", -1, "")
