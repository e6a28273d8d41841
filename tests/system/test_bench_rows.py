"""Rows of the bench that look into our emulator, or start it in a way of their own, still get their figures.

They use what has no other caller (processes by name, memory from outside); a change there is
noticed here and not by the next one who runs `make bench`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.engines import Caches, find_ours
from tests.bench.rows import tasks
from tests.bench.tasks import Context

SCALE = 50
TASKS = {task.name: task for task in tasks()}
ROWS = ("control-busy-1", "control-idle-4", "memory-bare", "start", "start-none", "start-virt")


@pytest.mark.parametrize("name", ROWS)
def test_a_row_has_a_figure_for_each_of_its_metrics(name: str, tmp_path: Path) -> None:
    task = TASKS[name]
    outcome = task.run(find_ours(None), Context(Caches(tmp_path), SCALE, 120))
    assert outcome.failure == ""
    assert set(outcome.values) == {metric.name for metric in task.metrics}
    assert all(value > 0 for value in outcome.values.values())
