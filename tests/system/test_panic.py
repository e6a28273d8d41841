"""A guest that tells of its panic through pvpanic-mmio: what becomes of the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lib import rawguest
from tests.lib.vm import Emu

PAGE = 0x400_0000 >> 12  # the first device of the platform bus
PANICKED, CRASH_LOADED, SHUTDOWN = 1, 2, 4


def guest(folder: Path, value: int, *more: str) -> Emu:
    """Two harts; the first stores `value`."""
    image = rawguest.written(folder, rawguest.stores(PAGE, ("sb", 0, value)))
    return Emu("-M", "virt", "-smp", "2", "-bios", "none", "-kernel", image, "-nographic", "-monitor", "none",
               "-device", "pvpanic-mmio,events=7", *more)  # fmt: skip


@pytest.mark.parametrize(("value", "actions", "status"), [
    (PANICKED, (), 0),
    (PANICKED, ("-action", "panic=exit-failure"), 1),
    (SHUTDOWN, ("-action", "panic=exit-failure"), 0),
])  # fmt: skip
def test_a_panic_ends_the_process(tmp_path: Path, value: int, actions: tuple[str, ...], status: int) -> None:
    with guest(tmp_path, value, *actions, "-d", "guest_errors") as vm:
        assert vm.wait() == status
        assert vm.errors == (b"Guest crashed\n" if value == PANICKED else b"")


@pytest.mark.parametrize(("value", "actions"), [
    (PANICKED, ("-action", "panic=none")),
    (PANICKED, ("-action", "panic=pause")),
    (PANICKED, ("-no-shutdown",)),
    (CRASH_LOADED, ()),
])  # fmt: skip
def test_a_panic_that_is_to_be_looked_at_does_not(
    tmp_path: Path, value: int, actions: tuple[str, ...]
) -> None:
    says = b"Guest crash" if value == PANICKED else b"Guest crash loaded"
    with guest(tmp_path, value, *actions, "-d", "guest_errors") as vm:
        vm.expect_error(says)
        vm.process.terminate()
        assert vm.wait() == 0
