"""Commands that look at memory and compute: x, xp, print, sum, memsave, pmemsave, gva2gpa, gpa2hva.

Rule: what is shown is memory as the chosen hart sees it now; a running hart may change it meanwhile.
Source: BEHAVIOUR 5.3; screens of QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Callable

from emu.monitor.hmp_arguments import Fmt, Int, Word
from emu.monitor.hmp_formats import Format, show_in_column, show_plain
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command

Reader = Callable[[int, int], bytes | None]
MASK64 = (1 << 64) - 1
_CHUNK = 1 << 16
_NO_HART = "Can not dump without CPU\n"


def _dump(s: Session, fmt: Format, gva: int, read: Reader) -> None:
    """Rows of values behind their address; it ends where nothing is."""
    size = 1 if fmt.letter == "c" else fmt.size
    left = fmt.count * fmt.size  # also for characters, as in QEMU
    while left > 0:
        length = min(8 if fmt.size == 1 else 16, left)
        s.print(f"{gva & MASK64:016x}:")
        data = read(gva & MASK64, length)
        if data is None:
            s.print(" Cannot access memory\n")
            return
        for at in range(0, length, size):
            value = int.from_bytes(data[at : at + size], "little")
            s.print(f" {show_in_column(value, fmt.letter, size)}")
        s.print("\n")
        gva += length
        left -= length


def _disassemble(s: Session, count: int, gva: int, read: Reader) -> None:
    from vcpu_worker.isa.disasm import text

    for _ in range(count):
        low = read(gva & MASK64, 2)
        code = low if low is None or low[0] & 3 != 3 else read(gva & MASK64, 4)
        if code is None:
            s.print(f"0x{gva & MASK64:08x}:  Cannot access memory\n")
            return
        word = int.from_bytes(code, "little")
        head = f"0x{gva & MASK64:08x}:  {word:0{2 * len(code)}x}"
        s.print(f"{head:<31}{text(word, gva & MASK64)}\n")
        gva += len(code)


def _virtual(s: Session) -> Reader | None:
    if s.hart is None:
        return None
    from emu.workers.hart_state import HartState

    return HartState(s.vm, s.hart).read


def _physical(s: Session) -> Reader:
    from emu.workers.debug_memory import DebugMemory

    return DebugMemory(s.vm).read if s.harts else lambda gpa, size: None


def _show(s: Session, fmt: Format, addr: int, read: Reader | None) -> None:
    if read is None or s.hart is None:
        s.print(_NO_HART)
    elif fmt.letter == "i":
        _disassemble(s, fmt.count, addr, read)
    else:
        _dump(s, fmt, addr, read)


@hmp_command("x", "/fmt addr", "show memory at the virtual address 'addr'", args=(Fmt("fmt"), Int("addr")))
def examine(s: Session, fmt: Format, addr: int) -> None:
    """As the chosen hart translates it now."""
    _show(s, fmt, addr, _virtual(s))


@hmp_command("xp", "/fmt addr", "show memory at the physical address 'addr'", args=(Fmt("fmt"), Int("addr")))
def examine_physical(s: Session, fmt: Format, addr: int) -> None:
    """Registers of devices are read, with what that does to them."""
    _show(s, fmt, addr, _physical(s))


@hmp_command("print|p", "/fmt expr", "show the value of an expression; $NAME is a register",
             args=(Fmt("fmt"), Int("val")))  # fmt: skip
def print_value(s: Session, fmt: Format, val: int) -> None:
    """In a format of `x`."""
    s.print(f"{show_plain(val, fmt.letter)}\n")


@hmp_command("sum", "addr size", "the checksum of 'size' bytes of memory at 'addr'",
             args=(Int("start", bits=32), Int("size", bits=32)))  # fmt: skip
def checksum(s: Session, start: int, size: int) -> None:
    """The sum of BSD, of 16 bits. Where nothing is there are zeros."""
    read = _physical(s)
    total = 0
    for at in range(start, start + size, _CHUNK):
        length = min(_CHUNK, start + size - at)
        data = read(at, length)
        if data is None:
            data = b"".join(read(at + i, 1) or b"\0" for i in range(length))
        for byte in data:
            total = ((total >> 1 | total << 15) + byte) & 0xFFFF
    s.print(f"{total:05d}\n")


@hmp_command("gva2gpa", "addr", "the physical address of a virtual one", args=(Int("addr"),))
def gva2gpa(s: Session, addr: int) -> None:
    """As the chosen hart translates it now."""
    if s.hart is None:
        s.print("No cpu\n")
        return
    from emu.workers.hart_state import HartState

    gpa = HartState(s.vm, s.hart).translate(addr)
    s.print("Unmapped\n" if gpa is None else f"gpa: {gpa:#x}\n")


@hmp_command("gpa2hva", "addr", "the address in this process of a physical one", args=(Int("addr"),))
def gpa2hva(s: Session, addr: int) -> None:
    """RAM alone has one."""
    gpa = addr & MASK64
    if s.harts:
        start, end = s.vm.memory.ram_range
        if start <= gpa < end:
            host = s.vm.ram.memory.address + gpa - start
            s.print(f"Host virtual address for 0x{gpa:x} (riscv_virt_board.ram) is {host:#x}\n")
            return
        if s.vm.space.find(gpa) is not None:
            s.print(f"Memory at address 0x{gpa:x} is not RAM\n")
            return
    s.print(f"No memory is mapped at address 0x{gpa:x}\n")


@hmp_command("memsave", "addr size file", "write 'size' bytes of virtual memory at 'addr' to a file",
             args=(Int("val"), Int("size", bits=32), Word("filename")))  # fmt: skip
def memsave(s: Session, val: int, size: int, filename: str) -> None:
    """As the chosen hart translates it now."""
    from emu.monitor.commands import memory as qmp

    if s.hart is None:
        s.print("No CPU available\n")
        return
    qmp.memsave(s.e, val, size, filename, s.hart)


@hmp_command("pmemsave", "addr size file", "write 'size' bytes of physical memory at 'addr' to a file",
             args=(Int("val"), Int("size", bits=32), Word("filename")))  # fmt: skip
def pmemsave(s: Session, val: int, size: int, filename: str) -> None:
    """Where nothing is there are zeros."""
    from emu.monitor.commands import memory as qmp

    qmp.pmemsave(s.e, val, size, filename)
