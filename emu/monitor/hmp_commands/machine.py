"""What the machine is made of: info roms, mtree, memdev, memory_size_summary, iothreads, mem, irq, pic.

Source: BEHAVIOUR 5.3; screens of QEMU 10.0.13.
"""

from __future__ import annotations

from emu.monitor.hmp_arguments import Word
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command, info_command

_ALL = (1 << 64) - 1


@hmp_command("dumpdtb", "filename", "write the device tree to 'filename'",
             args=(Word("filename", kind="file"),))  # fmt: skip
def dumpdtb(s: Session, filename: str) -> None:
    """As the guest gets it."""
    from emu.monitor.commands import machine as qmp

    qmp.dumpdtb(s.e, filename)
    s.print(f"DTB dumped to '{filename}'\n")


@info_command("roms", "what every reset puts into memory")
def info_roms(s: Session) -> None:
    """By address."""
    from emu.hw.riscv.virt import VirtMachine

    machine = s.e.machine
    if not isinstance(machine, VirtMachine):
        return
    for rom in sorted(machine.boot.roms.blobs, key=lambda rom: rom.gpa):
        kind = "rom" if s.vm.memory.in_rom(rom.gpa, 1) else "ram"
        s.print(f'addr={rom.gpa:016x} size=0x{len(rom.data):06x} mem={kind} name="{rom.name}"\n')


def _region(base: int, end: int, kind: str, name: str, indent: int = 4) -> str:
    return f"{'':{indent}}{base:016x}-{end - 1:016x} (prio 0, {kind}): {name}\n"


@info_command("mtree", "what answers where in the guest's memory")
def info_mtree(s: Session) -> None:
    """Memory and devices by address, as every hart sees them."""
    rows = [(r.base, r.end, "i/o", r.name) for r in s.vm.space.regions()]
    if s.harts:
        memory = s.vm.memory
        rows.append((*memory.rom_range, "rom", "riscv_virt_board.mrom"))
        rows.append((*memory.ram_range, "ram", "riscv_virt_board.ram"))
    for hart in range(s.harts):
        s.print(f"address-space: cpu-memory-{hart}\n")
    s.print("address-space: memory\n" + _region(0, _ALL + 1, "i/o", "system", 2))
    for row in sorted(rows):
        s.print(_region(*row))
    s.print("\naddress-space: I/O\n" + _region(0, 1 << 16, "i/o", "io", 2) + "\n")


@info_command("memdev", "the memory back ends", preconfig=True)
def info_memdev(s: Session) -> None:
    """What each was made with."""
    from emu.monitor.commands import memory as qmp

    show = {True: "true", False: "false"}
    for one in qmp.query_memdev(s.e):
        s.print(
            f"memory backend: {one.id or ''}\n  size:  {one.size}\n  merge: {show[one.merge]}\n"
            f"  dump: {show[one.dump]}\n  prealloc: {show[one.prealloc]}\n  share: {show[one.share]}\n"
            + ("" if one.reserve is None else f"  reserve: {show[one.reserve]}\n")
            + f"  policy: {one.policy.value}\n  host nodes: {','.join(map(str, one.host_nodes))}\n"
        )
    s.print("\n")


@info_command("memory_size_summary", "how much memory the guest has", preconfig=True)
def info_memory_size_summary(s: Session) -> None:
    """In bytes."""
    s.print(f"base memory: {s.e.machine.ram.size}\n")


@info_command("iothreads", "the threads that serve devices", preconfig=True)
def info_iothreads(s: Session) -> None:
    """There are none yet."""


@info_command("irq", "how often interrupt controllers were raised, where they count")
def info_irq(s: Session) -> None:
    """None of these boards' controllers counts, nor do QEMU's."""


@info_command("pic", "the state of interrupt controllers, where they tell")
def info_pic(s: Session) -> None:
    """None of these boards' controllers tells, nor do QEMU's."""


@info_command("mem", "the mappings of the chosen hart's virtual memory")
def info_mem(s: Session) -> None:
    """Ranges of the same rights."""
    if s.hart is None:
        s.print("No CPU available\n")
        return
    from emu.monitor.hmp_mappings import show_mappings
    from emu.workers.hart_state import HartState

    s.print(show_mappings(HartState(s.vm, s.hart)))
