"""Options of QEMU that this build has not: they are known, and refused by name.

Rule: nothing is ignored silently. What belongs to other targets gives QEMU's own text; the rest says that
this build lacks it. A row leaves this table when its option becomes real.
Source: BEHAVIOUR 3.4 (lists A to C).
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.options.option import Topic, option
from emu.options.settings import Settings

_WITH_ARG = [
    "drive", "blockdev", "netdev", "mon", "qmp", "qmp-pretty", "gdb", "icount",
    "readconfig", "set", "add-fd", "pflash", "sd", "hda", "hdb", "hdc", "hdd", "cdrom", "boot", "fw_cfg",
    "numa", "mem-path", "overcommit", "run-with", "semihosting-config", "trace", "seed", "uuid", "echr",
    "dfilter", "dump-vmstate", "compat", "sandbox", "smbios", "k", "g", "usbdevice", "loadvm", "incoming",
    "fsdev", "virtfs", "tpmdev", "audiodev", "option-rom", "debugcon", "plugin", "prom-env", "mtdblock",
    "fda", "fdb", "shim", "acpitable", "spice", "vnc", "iscsi",
]
_WITHOUT_ARG = [
    "s", "snapshot", "mem-prealloc", "usb", "full-screen", "preconfig", "enable-kvm", "daemonize",
    "only-migratable", "semihosting", "enable-sync-profile", "perfmap", "jitdump", "old-param",
]
_OTHER_TARGET_WITH_ARG = ["xen-domid"]
_OTHER_TARGET = ["win2k-hack", "no-fd-bootchk", "xen-attach", "xen-domid-restrict"]


def _refuse(_s: Settings, _arg: str) -> None:
    raise OptionError("Option not supported in this build")


def _refuse_target(_s: Settings, _arg: str) -> None:
    raise OptionError("Option not supported for this target")


option(*_WITH_ARG, args="...", topic=Topic.ABSENT)(_refuse)
option(*_WITHOUT_ARG, topic=Topic.ABSENT)(_refuse)
option(*_OTHER_TARGET_WITH_ARG, args="...", topic=Topic.ABSENT)(_refuse_target)
option(*_OTHER_TARGET, topic=Topic.ABSENT)(_refuse_target)
