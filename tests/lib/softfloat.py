"""The engine's floating point, called on a hart slot of its own, without a hart."""

from __future__ import annotations

import ctypes
from array import array

from ipc import engine
from ipc.layout import HART, View
from vcpu_worker.fp.check import OPERATIONS


class SoftFloat:
    """A bare hart slot and the natives' test entries. `slot` shows frm, fflags, fault."""

    def __init__(self) -> None:
        self._engine = engine.load()
        self._buffer = bytearray(HART.size)
        self.slot = View(HART, memoryview(self._buffer), 0)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))

    def one(self, op: str, a: int, b: int = 0, c: int = 0, rm: int = 0) -> int:
        """The result of one operation; flags accrue in the slot."""
        return self._engine.call("fp_test", self._address, OPERATIONS.index(op), a, b, c, rm)

    def batch(self, op: str, operands: list[int], rm: int) -> array[int]:
        """Results and flags, alternating, of operands a, b, c, a, b, c, ..."""
        count = len(operands) // 3
        source = array("Q", operands)
        target = array("Q", bytes(16 * count))
        self._engine.call("fp_batch", self._address, OPERATIONS.index(op), rm, count,
                          source.buffer_info()[0], target.buffer_info()[0])  # fmt: skip
        return target
