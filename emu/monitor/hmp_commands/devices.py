"""Commands of devices: device_add, device_del, info qtree.

Source: BEHAVIOUR 3.4, 4.1; screens of QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from emu.monitor.hmp_arguments import Word
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command
from emu.qom.device import Device
from emu.qom.object import container


def _types(_s: Session, words: list[str]) -> Iterable[str]:
    from emu.qom.types import list_types

    if len(words) != 1:
        return ()
    found = [cast("type[Device]", t.cls) for t in list_types("device")]
    return [cls.qom_name for cls in found if cls.user_creatable]


def _ids(_s: Session, words: list[str]) -> Iterable[str]:
    from emu.qom.monitor import PERIPHERAL

    return container(PERIPHERAL).children if len(words) == 1 else ()


@hmp_command("device_add", "driver[,prop=value][,...]", "add a device, as -device does",
             args=(Word("device"),), complete=_types)  # fmt: skip
def device_add(s: Session, device: str) -> None:
    """It is there when the command has ended, or an error says why not."""
    from emu.monitor.commands import qom as qmp
    from emu.options.config_groups import qemu_find_opts
    from emu.qom.monitor import device_help, devices_help

    opts = s.e.settings.groups.parse(qemu_find_opts("device"), device, permit_abbrev=True)
    driver = opts.get("driver", "")
    s.e.settings.groups.delete(opts)
    if driver in ("help", "?"):
        s.print(devices_help())
    elif opts.has_help_opt():
        s.print(device_help(driver))
    else:
        qmp.device_add(s.e, **opts.to_qdict())


@hmp_command("device_del", "device", "remove a device", args=(Word("id"),), complete=_ids)
def device_del(s: Session, id: str) -> None:
    """By its id or path."""
    from emu.monitor.commands import qom as qmp

    qmp.device_del(s.e, id)
