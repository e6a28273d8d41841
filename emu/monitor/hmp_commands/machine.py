"""What the machine is made of: info roms, mtree, memdev, iothreads, irq, pic, mem; dumpdtb.

Source: BEHAVIOUR 5.3; screens of QEMU 10.0.13.
"""

from __future__ import annotations

from emu.monitor.hmp_arguments import Word
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command


@hmp_command("dumpdtb", "filename", "write the device tree to 'filename'",
             args=(Word("filename", kind="file"),))  # fmt: skip
def dumpdtb(s: Session, filename: str) -> None:
    """As the guest gets it."""
    from emu.monitor.commands import machine as qmp

    qmp.dumpdtb(s.e, filename)
    s.print(f"DTB dumped to '{filename}'\n")
