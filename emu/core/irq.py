"""Interrupt lines: a device's output, connected to an interrupt controller's input.

Rule: `set` always reaches the sink, also when the level does not change: the PLIC makes a source pending
at every set to 1 (BEHAVIOUR 4.5), so a device sets its line at each update, as its last act.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import overload

Sink = Callable[[bool], None]


class Line:
    """One interrupt line. `level` is what was set last."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.level = False
        self.irq: object | None = None
        self._sink: Sink | None = None

    def connect(self, sink: Sink, irq: object | None = None) -> None:
        """Let `sink` hear of every set; `irq`: the input it belongs to, for introspection. Once only."""
        assert self._sink is None, f"line {self.name} is connected twice"
        self._sink, self.irq = sink, irq

    @property
    def sink(self) -> Sink | None:
        """What hears of it."""
        return self._sink

    def intercept(self, sink: Sink) -> None:
        """Put `sink` in the place of what was connected."""
        self._sink = sink

    def set(self, level: bool) -> None:
        """Drive the line."""
        self.level = level
        if self._sink is not None:
            self._sink(level)


class OutLine:
    """Declares an output line of a device class; each instance gets a Line of its own at first use."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __set_name__(self, owner: type, attribute: str) -> None:
        self._attribute = attribute

    @overload
    def __get__(self, device: None, owner: type) -> OutLine: ...
    @overload
    def __get__(self, device: object, owner: type) -> Line: ...
    def __get__(self, device: object | None, owner: type) -> OutLine | Line:
        if device is None:
            return self
        line = Line(self.name)
        # The instance's own attribute hides this descriptor from now on
        device.__dict__[self._attribute] = line
        return line
