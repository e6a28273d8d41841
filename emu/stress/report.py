"""What `emu stress` says when something is wrong: what one needs to understand it, and to repeat it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emu.stress.situation import Situation, as_text
from emu.stress.symbols import Symbols

LAST = 40  # operations and events that are shown


@dataclass(frozen=True)
class Failure:
    """wrong: a line; step: from 1; done: operations; situation: None if it cannot be seen."""

    wrong: str
    seed: int
    step: int
    command: Sequence[str]
    done: Sequence[str]
    expected_state: str
    events: Sequence[str]
    console: Sequence[str]
    situation: Situation | None
    exit_status: int | None

    def as_json(self) -> str:
        """For programs."""
        return json.dumps(
            {
                "wrong": self.wrong,
                "seed": self.seed,
                "step": self.step,
                "command": list(self.command),
                "operations": list(self.done[-LAST:]),
                "expected-state": self.expected_state,
                "events": list(self.events[-LAST:]),
                "situation": self.situation and self.situation.as_dict(),
                "exit-status": self.exit_status,
                "console": list(self.console),
            },
            indent=2,
        )

    def as_text(self, symbols: Symbols) -> str:
        """For people."""
        out = [
            f"WRONG at step {self.step}: {self.wrong}",
            f"again: emu stress --seed {self.seed} {' '.join(self.command)}".rstrip(),
            f"operations: ... {' '.join(self.done[-LAST:])}",
            f"expected state {self.expected_state}; last events: {' '.join(self.events[-LAST:]) or 'none'}",
        ]
        if self.exit_status is not None:
            out.append(f"the emulator has ended with status {self.exit_status}")
        if self.situation is not None:
            names = {hart.pc: symbols.name(hart.pc) for hart in self.situation.harts}
            out.append(as_text(self.situation, names).rstrip())
        else:
            out.append("nothing of the machine can be seen any more")
        out.append("console:")
        out += [f"  {line}" for line in self.console]
        return "\n".join(out) + "\n"

    def save(self, path: Path) -> None:
        """As JSON, to a file."""
        path.write_text(self.as_json() + "\n", encoding="utf-8")
