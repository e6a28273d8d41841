"""Packets that read and write registers and memory, and choose whose: g G p P m M H T.

Source: "Debugging with GDB", appendix E.2; BEHAVIOUR 8.
"""

from __future__ import annotations

from re import Match

from emu.gdbstub import threads
from emu.gdbstub.packets import PACKET_SIZE, unhex
from emu.gdbstub.session import Session
from emu.gdbstub.table import HEX, Reply, packet

ADDRESS = "0*([0-9a-fA-F]{1,16})"


@packet("g")
def read_registers(s: Session, operands: Match[bytes]) -> bytes:
    """Those of the core."""
    hart = s.hart()
    return b"".join(register.read(hart).hex().encode() for register in s.registers.core)


@packet("G", "([0-9a-fA-F]*)")
def write_registers(s: Session, operands: Match[bytes]) -> bytes:
    """As many as there is data for."""
    data = unhex(operands[1])
    if data is None:
        return Reply.INVALID
    hart = s.hart()
    for register in s.registers.core:
        if len(data) < register.size:
            break
        register.write(hart, data[: register.size])
        data = data[register.size :]
    return Reply.OK


@packet("p", HEX)
def read_register(s: Session, operands: Match[bytes]) -> bytes:
    """By number."""
    register = s.registers.by_number.get(int(operands[1], 16))
    return Reply.FAULT if register is None else register.read(s.hart()).hex().encode()


@packet("P", f"{HEX}=([0-9a-fA-F]*)")
def write_register(s: Session, operands: Match[bytes]) -> bytes:
    """By number."""
    register, data = s.registers.by_number.get(int(operands[1], 16)), unhex(operands[2])
    if data is None:
        return Reply.INVALID
    if register is not None:
        register.write(s.hart(), data[: register.size].ljust(register.size, b"\0"))
    return Reply.OK


@packet("m", f"{ADDRESS},{HEX}", malformed=Reply.INVALID)
def read_memory(s: Session, operands: Match[bytes]) -> bytes:
    """Bytes at an address: virtual for the hart, or physical."""
    address, size = int(operands[1], 16), int(operands[2], 16)
    if size > PACKET_SIZE // 2:
        return Reply.INVALID
    hart = s.hart()
    data = hart.memory.read(address, size) if s.physical else hart.read(address, size)
    return Reply.FAULT if data is None else data.hex().encode()


@packet("M", f"{ADDRESS},{HEX}:([0-9a-fA-F]*)", malformed=Reply.INVALID)
def write_memory(s: Session, operands: Match[bytes]) -> bytes:
    """As `m`."""
    address, size, data = int(operands[1], 16), int(operands[2], 16), unhex(operands[3])
    if data is None or size > len(data):
        return Reply.INVALID
    hart = s.hart()
    if s.physical:
        done = hart.memory.write(address, data[:size])
    else:
        done = hart.write(address, data[:size])
    return Reply.OK if done else Reply.FAULT


@packet("H", "([cg])(.*)")
def choose_thread(s: Session, operands: Match[bytes]) -> bytes:
    """For `c` and `s`, or for everything else."""
    thread = threads.parse(operands[2])
    if thread is None:
        return Reply.INVALID
    if thread.which is threads.Which.ALL:
        return Reply.OK
    hart = thread.hart(len(s.machine.harts))
    if hart is None or not s.attached:
        return Reply.INVALID
    if operands[1] == b"c":
        s.for_control = hart
    else:
        s.for_state = hart
    return Reply.OK


@packet("T", "(.*)")
def is_alive(s: Session, operands: Match[bytes]) -> bytes:
    """Whether there is such a thread."""
    thread = threads.parse(operands[1])
    if thread is None or thread.hart(len(s.machine.harts)) is None:
        return Reply.INVALID
    return Reply.OK
