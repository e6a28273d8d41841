"""The monitors of one machine: what is made with it, could ask for a reset, and is closed with it.

Rule: nothing of QMP is imported for a machine whose only monitor is the one for people.
Source: BEHAVIOUR 5; DESIGN law 5 ("with no monitor attached").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.chardev.base import Chardev
from emu.monitor.monitor import Monitor

if TYPE_CHECKING:
    from emu.emulator import Emulator
    from emu.monitor.dispatcher import Dispatcher


class Monitors:
    """Of an emulator."""

    def __init__(self, e: Emulator) -> None:
        self._e = e
        self._programs: list[Monitor] = []
        self._asked_for: list[Chardev] = []
        self._dispatcher: Dispatcher | None = None
        e.run.attached.append(lambda: any(port.reachable for port in self._asked_for))

    def add_qmp(self, port: Chardev, pretty: bool) -> None:
        """A monitor for programs. Errors: UserError if something else uses the character device."""
        if self._dispatcher is None:
            from emu.monitor.dispatcher import Dispatcher

            self._dispatcher = Dispatcher(self._e)
        self._programs.append(self._dispatcher.add(port, pretty))
        self._asked_for.append(port)

    def add_hmp(self, port: Chardev, asked_for: bool) -> None:
        """A monitor for people. Errors: as add_qmp.

        asked_for: by an option of its own. The one that shares the terminal with the serial port is there
        whether somebody looks or not: a lost hart ends such a machine, else a script would wait for ever.
        """
        from emu.monitor.hmp import HmpMonitor

        HmpMonitor(self._e, port)
        if asked_for:
            self._asked_for.append(port)

    def close(self) -> None:
        """The end: nothing is told any more. What monitors have said goes out when their devices close."""
        if self._dispatcher is not None:
            self._dispatcher.close()
        for monitor in self._programs:
            monitor.close()
        self._programs.clear()
        self._asked_for.clear()


def monitors_of(e: Emulator) -> Monitors:
    """The monitors of an emulator; the first call makes the collection."""
    if e.monitors is None:
        e.monitors = Monitors(e)
    return e.monitors
