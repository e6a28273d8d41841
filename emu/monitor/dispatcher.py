"""QMP monitors of one machine: their requests are done in turn, events go to all of them.

Rules
- one request is done in a turn of the main loop and answered in the next: what it asks of the machine is
  carried out before the reply, and before the next request (`system_reset` and `query-status` sent together
  mean what they say);
- monitors take turns: one that sends without pause does not keep the others waiting.
Source: BEHAVIOUR 5.1.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from emu.chardev.base import Chardev
from emu.core.qdict import QDict, QValue
from emu.errors import UserError, strerror
from emu.monitor.event_types import EVENTS
from emu.monitor.qmp import QmpMonitor
from emu.monitor.request import CommandNotFound, Request
from emu.monitor.session import Session
from emu.monitor.throttle import Throttle

if TYPE_CHECKING:
    from emu.emulator import Emulator


class Dispatcher:
    """Of an emulator. `monitors` in the order of their turns."""

    def __init__(self, e: Emulator) -> None:
        self._e = e
        self._monitors: list[QmpMonitor] = []
        self._later = e.loop.deferred.new(self._turn)
        self._done: tuple[QmpMonitor, Session] | None = None  # whose reply is to be sent
        clocks = e.loop.clocks
        self._throttle = Throttle(
            clocks.virtual if e.settings.qtest is not None else clocks.realtime,
            {event.name: event.period_ns for event in EVENTS.values()},
            {event.name: event.about for event in EVENTS.values()}, self._broadcast,
        )  # fmt: skip
        e.run.events.subscribe(self._event)

    def add(self, port: Chardev, pretty: bool) -> QmpMonitor:
        """A monitor on `port`. Errors: UserError if something else uses that."""
        made = QmpMonitor(port, pretty, self._execute, self._later.schedule, self._e.reporter.warn)
        self._monitors.append(made)
        return made

    # -- requests

    def _turn(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            monitor, session = done
            session.reply()
            monitor.replied()
        next_one = next((one for one in self._monitors if one.waiting), None)
        if next_one is not None:
            self._monitors.remove(next_one)
            self._monitors.append(next_one)
            self._done = next_one, next_one.run_one()
            self._later.schedule()

    def _execute(self, monitor: QmpMonitor, request: Request) -> QValue:
        from emu.monitor.commands.registry import all_commands

        command = all_commands().get(request.command)
        if command is None:
            raise CommandNotFound(f"The command {request.command} has not been found")
        if request.oob and not command.oob:
            raise UserError(f"The command {command.name} does not support OOB")
        if not command.preconfig and not self._e.ready:
            raise UserError(
                f"The command '{command.name}' is permitted only after machine initialization has completed"
            )
        try:
            return command.call(self._e, monitor, request.arguments)
        except OSError as error:
            raise UserError(strerror(error)) from error

    # -- events

    def _event(self, name: str, data: QDict) -> None:
        now_us = time.time_ns() // 1000
        stamp: QDict = {"seconds": now_us // 1_000_000, "microseconds": now_us % 1_000_000}
        event: QDict = {"timestamp": stamp, "event": name}
        if data:
            event["data"] = data
        self._throttle.event(name, data, event)

    def _broadcast(self, event: QDict) -> None:
        for monitor in self._monitors:
            monitor.event(event)

    def close(self) -> None:
        """The end. The monitors are closed by who has them."""
        self._e.run.events.unsubscribe(self._event)
        self._later.cancel()
        self._throttle.close()
        self._monitors.clear()
