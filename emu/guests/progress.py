"""Progress of slow steps: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Report = Callable[[float], None]
"""Takes the part done, 0.0 to 1.0."""


class Progress:
    """One line per step. `note` prints a line without disturbing a bar."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._fancy = self._stream.isatty()

    def note(self, text: str) -> None:
        """Print one line."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def step(self, label: str) -> Iterator[Report]:
        """Show `label` while the body runs; the body reports how far it is."""
        started = time.monotonic()
        if not self._fancy:
            self.note(f"{label} ...")
            yield _ignore
        else:
            with self._bar(label) as report:
                yield report
        self.note(f"{label}: done in {time.monotonic() - started:.1f} s")

    @contextmanager
    def _bar(self, label: str) -> Iterator[Report]:
        # Here, not above: a start of `emu` that fetches nothing must not pay for rich.
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as Bars

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
        console = Console(file=self._stream)
        with Bars(*columns, TaskProgressColumn(), console=console, transient=True) as bars:
            task = bars.add_task(label, total=None)

            def report(part: float) -> None:
                bars.update(task, total=1.0, completed=min(max(part, 0.0), 1.0))

            yield report


def _ignore(part: float) -> None:
    """A report that nobody watches."""
