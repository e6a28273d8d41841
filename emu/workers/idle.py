"""Harts that exist and execute nothing: qtest's. Their state is in their slots, reset brings it back.

No process uses the slots, so this one may fill their private words, as a worker does in `vcpu_worker.setup`.
"""

from __future__ import annotations

from emu.runstate.harts import NoHarts
from ipc.engine import host_calls
from ipc.segment import Control
from vcpu_worker.parts import Engine


class IdleHarts(NoHarts):
    """A fleet of harts that are for ever stopped."""

    def __init__(self, control: Control, engine: Engine) -> None:
        self._control = control
        self._engine = engine
        words = {**host_calls(), "header": control.header_address, "slots": control.hart_address(0)}
        for i in range(control.harts):
            slot = control.hart(i)
            for name, value in words.items():
                slot.set(name, value)

    def reset_all(self) -> None:
        """Each hart's reset state."""
        for i in range(self._control.harts):
            self._engine.call("hart_reset", self._control.hart_address(i))
