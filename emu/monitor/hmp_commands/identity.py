"""Who this is: version, name, UUID, accelerator; what was typed.

Source: texts of QEMU 10.0.13.
"""

from __future__ import annotations

from emu.monitor.commands import identity as qmp
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import info_command


@info_command("version", "the version of the interface, and who this is", preconfig=True)
def info_version(s: Session) -> None:
    """As in the greeting of QMP."""
    version = qmp.query_version(s.e)
    triple = version.qemu
    s.print(f"{triple.major}.{triple.minor}.{triple.micro}{version.package}\n")


@info_command("name", "the guest's name", preconfig=True)
def info_name(s: Session) -> None:
    """-name's."""
    name = qmp.query_name(s.e).name
    if name is not None:
        s.print(f"{name}\n")


@info_command("uuid", "the guest's UUID", preconfig=True)
def info_uuid(s: Session) -> None:
    """-uuid's."""
    s.print(f"{qmp.query_uuid(s.e).UUID}\n")


@info_command("kvm", "whether hardware virtualization is used")
def info_kvm(s: Session) -> None:
    """It is not."""
    s.print("kvm support: not compiled\n" if not qmp.query_kvm(s.e).present else "kvm support: enabled\n")


@info_command("history", "the lines entered before", preconfig=True)
def info_history(s: Session) -> None:
    """Oldest first."""
    for i, line in enumerate(s.history):
        s.print(f"{i}: '{line}'\n")
