"""Queries about what this build has none of.

Clients ask them while they look around; the answers are QEMU's for a machine without such a thing.
Source: replies of QEMU 10.0 to the same questions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.core.qdict import QDict, QValue
from emu.errors import UserError
from emu.monitor.commands.registry import qmp_command

if TYPE_CHECKING:
    from emu.emulator import Emulator


class DeviceNotActive(UserError):
    """A device that would have to be asked does not work, or is not there."""

    qmp_class = "DeviceNotActive"


@qmp_command("query-block", preconfig=True)
def query_block(_e: Emulator) -> list[QDict]:
    """No disks."""
    return []


@qmp_command("query-named-block-nodes", preconfig=True)
def query_named_block_nodes(_e: Emulator, flat: bool = False) -> list[QDict]:
    """No nodes of any."""
    return []


@qmp_command("query-block-jobs", preconfig=True)
def query_block_jobs(_e: Emulator) -> list[QDict]:
    """No jobs on any."""
    return []


@qmp_command("query-jobs")
def query_jobs(_e: Emulator) -> list[QDict]:
    """No jobs at all."""
    return []


@qmp_command("query-memory-devices")
def query_memory_devices(_e: Emulator) -> list[QDict]:
    """No memory that comes and goes."""
    return []


@qmp_command("query-balloon")
def query_balloon(_e: Emulator) -> QDict:
    """Errors: DeviceNotActive."""
    raise DeviceNotActive("No balloon device has been activated")


@qmp_command("query-pci")
def query_pci(_e: Emulator) -> list[QDict]:
    """No PCI."""
    return []


@qmp_command("query-rx-filter")
def query_rx_filter(_e: Emulator, name: str | None = None) -> list[QDict]:
    """No network cards. Errors: UserError for the name of one."""
    if name is not None:
        raise UserError(f"invalid net client name: {name}")
    return []


@qmp_command("query-migrate")
def query_migrate(_e: Emulator) -> QDict:
    """None was ever begun."""
    return {}


@qmp_command("query-mice")
def query_mice(_e: Emulator) -> list[QDict]:
    """No mice."""
    return []


@qmp_command("query-tpm")
def query_tpm(_e: Emulator) -> list[QDict]:
    """No TPM."""
    return []


@qmp_command("query-tpm-models")
def query_tpm_models(_e: Emulator) -> list[str]:
    """No model of any."""
    return []


@qmp_command("query-tpm-types")
def query_tpm_types(_e: Emulator) -> list[str]:
    """Nothing that could drive one."""
    return []


@qmp_command("query-stats-schemas")
def query_stats_schemas(_e: Emulator, provider: str | None = None) -> list[QDict]:
    """Nobody keeps statistics."""
    return []


@qmp_command("query-stats")
def query_stats(_e: Emulator, target: str, **filters: QValue) -> list[QDict]:
    """Of nobody."""
    return []
