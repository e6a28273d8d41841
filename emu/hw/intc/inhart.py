"""CLINT, SSWI and PLIC registers for the main loop: what a hart does to them, by the same compiled code.

Their state belongs to no process (DESIGN 3): a hart's load and store never come to the main loop. Those of
qtest, monitors and gdb begin here, and must set the same events and wake the same harts. Compiled code
works for a HART record; the main loop has one of its own, outside the control object, that no hart runs.

Rule: a posted or shadowed register is not served here, although a hart would: its device is in this
process, and a write posted to a ring that nobody drains would be lost.
Units: gpa and sizes in bytes.
"""

from __future__ import annotations

import mmap
from typing import Protocol

from ipc.engine import host_calls
from ipc.layout import HART, View
from ipc.segment import address_of

SERVED = 1  # scratch word that holds the value read, as in vcpu_worker.hart.mmio
SIZES = (1, 2, 4, 8)
MASK64 = (1 << 64) - 1


class Natives(Protocol):
    """What is used of ipc.engine.Engine."""

    def call(self, name: str, *args: int) -> int:
        """Call an exported native."""


class InHart:
    """header, slots: host addresses of the control object's header and of slot 0.

    The windows are those of the header; `kick_fd` in it must be filled before a sleeping hart can be woken.
    """

    def __init__(self, engine: Natives, header: int, slots: int) -> None:
        # here, at the first access: the declarations of messages take 15 ms, which no start should wait for
        from ipc.codec import kick_template
        from ipc.messages import FROM_MAIN, KickCause

        self._engine = engine
        self._slots = slots
        self._memory = mmap.mmap(-1, HART.size)
        self._record = View(HART, memoryview(self._memory), 0)
        self._address = address_of(self._memory)
        kick = kick_template(KickCause.IRQ, FROM_MAIN)
        self._record.bytes("kick_msg")[: len(kick)] = kick
        words = {**host_calls(), "header": header, "slots": slots, "kick_len": len(kick)}
        for name, value in words.items():
            self._record.set(name, value)

    def load(self, gpa: int, size: int) -> int | None:
        """The value, zero-extended; None if no register is there, or not of that size.

        It has a load's side effects: reading a PLIC claim register claims.
        """
        if not self._access(gpa, size, 0, 0):
            return None
        return self._record.get("scratch", SERVED)

    def store(self, gpa: int, size: int, value: int) -> bool:
        """Store `value`, of which the low `size` bytes count; False as for `load`."""
        return self._access(gpa, size, 1, value)

    def _access(self, gpa: int, size: int, write: int, value: int) -> bool:
        if size not in SIZES:
            return False
        value &= (1 << 8 * size) - 1
        return self._engine.call("intc_access", self._address, gpa & MASK64, size, write, value) == 1

    def lines(self, hart: int) -> int:
        """The levels driven into `hart` now, at their bits of mip: MSIP 3, MTIP 7, SEIP 9, MEIP 11.

        SSIP of an SSWI is not among them: it is set by an edge, and the hart's own after that.
        """
        return self._engine.call("intc_lines", self._address, self._slots + hart * HART.size)
