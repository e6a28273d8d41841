"""What several harts write to one UART comes out in the order they agreed on, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lib.vm import Emu
from tests.system.guests import run as guests

COUNT, SHORT = 2_000, 40


def expected(count: int) -> str:
    """What the guest's harts write between them."""
    return "output begins\n" + "".join("\n" if i % 64 == 63 else chr(97 + i % 26) for i in range(count))


def run(count: int, seed: int, harts: int) -> int:
    """Characters written. AssertionError at the first that is not in its place."""
    verdict = guests.run("output", harts=harts, count=count, seed=seed, timeout=280)
    assert verdict.passed, str(verdict)
    want = expected(count)
    for i, (got, char) in enumerate(zip(verdict.output, want, strict=False)):
        assert got == char, (
            f"character {i} is {got!r}, not {char!r}: ...{verdict.output[max(i - 30, 0) : i + 30]!r}"
        )
    assert len(verdict.output) == len(want), f"{len(verdict.output)} characters of {len(want)}"
    return count


@pytest.mark.parametrize("harts", [2, 4])
def test_output_of_several_harts_keeps_their_order(harts: int) -> None:
    assert run(COUNT, 1, harts)


def test_a_character_appears_though_nothing_follows_it(tmp_path: Path) -> None:
    kernel = tmp_path / "output.elf"
    kernel.write_bytes(guests.patched(guests.image("output"), 1, SHORT, 1, (1,)))
    with Emu("-M", "virt", "-bios", "none", "-kernel", str(kernel), "-nographic") as vm:
        vm.expect(expected(SHORT).encode() + b"$", timeout=60)
