"""The verb `emu stress` as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.lib import rawguest

ROOT = Path(__file__).resolve().parents[2]


def stress(*words: str) -> subprocess.CompletedProcess[str]:
    """One run."""
    return subprocess.run(
        [sys.executable, "-m", "emu", "stress", *words], cwd=ROOT, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip


def test_a_machine_that_does_all_that_the_model_does() -> None:
    done = stress("--seed", "5", "--count", "40", "-smp", "2", "--load", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("seed 5: emu ")
    assert "40 operations in " in done.stdout


def test_a_guest_in_trouble_is_reported_and_the_seed_repeats_the_sequence(tmp_path: Path) -> None:
    image = rawguest.written(tmp_path, rawguest.says("FAILED: as I was told"))
    line = ("-bios", "none", "-kernel", image, "-smp", "2", "--seed", "9", "--report", str(tmp_path / "r"))
    sequences = []
    for _ in range(2):
        done = stress(*line, "--only", "cont,stop,run")
        assert done.returncode == 1, done.stdout + done.stderr
        assert "WRONG at step " in done.stdout
        assert "the guest says: FAILED: as I was told" in done.stdout
        assert "hart 1 (pid " in done.stdout
        assert not done.stderr
        told = json.loads((tmp_path / "r").read_text())
        assert told["seed"] == 9
        assert told["situation"]["run_state"] in ("running", "paused")
        sequences.append(told["operations"])
    shorter = min(map(len, sequences))
    assert sequences[0][:shorter] == sequences[1][:shorter]


def test_a_machine_that_does_not_start_is_one_line() -> None:
    done = stress("-kernel", "/nowhere")
    assert done.returncode == 1
    assert "the machine does not start: " in done.stderr
    assert "Traceback" not in done.stderr
