"""A machine's run control with a fleet and a clock that only write down what they are asked."""

from __future__ import annotations

from emu.loop.timers import Clock, ClockType
from emu.runstate.actions import Actions
from emu.runstate.control import VmControl
from emu.runstate.events import EventData
from emu.runstate.states import RunState


class Machine:
    """A control with a fleet and a clock that only write down what they are asked."""

    def __init__(self, attached: bool = True, **actions: object) -> None:
        self.seen: list[str] = []
        self.events: list[tuple[str, EventData]] = []
        self.lines: list[str] = []
        self.harts_run = False
        self.holds = 0  # times a hart was kept from running on
        self.time_runs = False
        self.lost: set[int] = set()
        self.virtual = Clock(ClockType.VIRTUAL, lambda: 0, enabled=False)
        self.control = VmControl(
            guest_time=self,
            virtual=self.virtual,
            notify=lambda: None,
            log=self.lines.append,
            actions=Actions(**actions),  # type: ignore[arg-type]
        )
        self.control.connect(self)
        self.control.events.subscribe(self._event)
        self.control.attached.append(lambda: attached)

    def _event(self, name: str, data: EventData) -> None:
        self.seen.append(name)
        self.events.append((name, data))

    def pause_all(self) -> None:
        self.seen.append("pause")
        self.harts_run = False

    def resume_all(self) -> None:
        self.seen.append("resume")
        self.harts_run = True

    def reset_all(self) -> None:
        assert not self.harts_run
        self.seen.append("reset")
        self.lost.clear()

    def is_lost(self, hart: int) -> bool:
        return hart in self.lost

    def any_lost(self) -> bool:
        return bool(self.lost)

    def stop_current(self) -> None:
        self.holds += 1

    def go_on(self) -> None:
        """Nothing was held."""

    def quit(self) -> None:
        self.seen.append("quit")

    def enable(self) -> None:
        self.seen.append("ticks on")
        self.time_runs = True

    def disable(self) -> None:
        self.seen.append("ticks off")
        self.time_runs = False

    @property
    def state(self) -> RunState:
        return self.control.states.current

    def take(self) -> list[str]:
        seen, self.seen = self.seen, []
        return seen

    def started(self) -> Machine:
        self.control.vm_start()
        self.take()
        return self
