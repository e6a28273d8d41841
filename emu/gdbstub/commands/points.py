"""Breakpoints: Z0, z0 (software) and Z1, z1 (hardware), which are the same here. Watchpoints are not there.

An address is a virtual one, for every hart. Inserted twice, it is to be removed twice, as in QEMU.
Source: "Debugging with GDB", appendix E.2; BEHAVIOUR 8.
"""

from __future__ import annotations

from re import Match

from emu.gdbstub.session import Session
from emu.gdbstub.table import HEX, Reply, packet

KINDS = (0, 1)


@packet("Z", f"{HEX},{HEX},{HEX}(?:;.*)?")
def insert(s: Session, operands: Match[bytes]) -> bytes:
    """Before the instruction at an address."""
    kind, address = int(operands[1], 16), int(operands[2], 16)
    if kind not in KINDS:
        return Reply.UNKNOWN
    s.breakpoints[address] += 1
    if address >> 64 or not s.place_breakpoints():
        _remove(s, address)
        return Reply.INVALID
    return Reply.OK


@packet("z", f"{HEX},{HEX},{HEX}")
def remove(s: Session, operands: Match[bytes]) -> bytes:
    """It must be there."""
    kind, address = int(operands[1], 16), int(operands[2], 16)
    if kind not in KINDS:
        return Reply.UNKNOWN
    if address not in s.breakpoints:
        return Reply.INVALID
    _remove(s, address)
    s.place_breakpoints()
    return Reply.OK


def _remove(s: Session, address: int) -> None:
    s.breakpoints[address] -= 1
    if not s.breakpoints[address]:
        del s.breakpoints[address]
