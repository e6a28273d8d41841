"""Options of QEMU for other machines. `qemu-system-riscv64` knows them, and refuses them like this."""

from __future__ import annotations

from emu.errors import OptionError
from emu.options.option import Status, Topic, option
from emu.options.settings import Settings


def _declare(topic: Topic, args: str, *names: str) -> None:
    for name in names:

        def refuse(_s: Settings, _arg: str) -> None:
            raise OptionError("Option not supported for this target")

        option(name, args=args, topic=topic, status=Status.FOREIGN)(refuse)


_declare(Topic.DISPLAY, "WxH[xDEPTH]", "g")
_declare(Topic.BOOT, "", "win2k-hack", "no-fd-bootchk")
_declare(Topic.BOOT, "...", "acpitable", "prom-env")
_declare(Topic.DEBUG, "", "old-param", "xen-attach", "xen-domid-restrict")
_declare(Topic.DEBUG, "id", "xen-domid")
