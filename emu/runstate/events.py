"""What the machine tells the world: named events with data, to whoever listens (monitors, tests, tools).

Rule: an event is told while what it reports is true and before anything else happens; a listener only
takes note, it never asks the machine for anything from here.
"""

from __future__ import annotations

from collections.abc import Callable

from emu.core.qdict import QValue

EventData = dict[str, QValue]
EventSink = Callable[[str, EventData], None]


class Events:
    """The listeners of one machine."""

    def __init__(self) -> None:
        self._sinks: list[EventSink] = []

    def subscribe(self, sink: EventSink) -> None:
        """Call sink(name, data) at each event, after those who came before."""
        self._sinks.append(sink)

    def unsubscribe(self, sink: EventSink) -> None:
        """Do not call it any more."""
        self._sinks.remove(sink)

    def emit(self, name: str, data: EventData) -> None:
        """Tell everybody."""
        for sink in list(self._sinks):
            sink(name, data)
