"""What the watchdog's expiry does to the process: a guest that starts it and sleeps, every action."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lib import rawguest
from tests.lib.qmp_session import Qmp
from tests.lib.vm import Emu

PAGE = 0x400_0000 >> 12
CFG, MODE = 0x14, 0x18
START = ("sw", CFG, 1), ("sw", MODE, 1)  # reset the system, after half a second


@pytest.mark.parametrize(("action", "events", "status", "says"), [
    ("reset", ["WATCHDOG", "RESET", "RESET"], None, b""),
    ("shutdown", ["WATCHDOG", "POWERDOWN"], None, b""),
    ("poweroff", ["WATCHDOG"], 0, b""),
    ("pause", ["WATCHDOG", "STOP"], None, b""),
    ("debug", ["WATCHDOG"], None, b"watchdog: timer fired\n"),
    ("none", ["WATCHDOG"], None, b""),
    ("inject-nmi", ["WATCHDOG"], None, b""),
])  # fmt: skip
def test_every_action(
    action: str, events: list[str], status: int | None, says: bytes, tmp_path: Path
) -> None:
    """The guest starts it again after a reset; of two WATCHDOG events within a second one is told later."""
    image = rawguest.written(tmp_path, rawguest.stores(PAGE, *START))
    with (
        Emu("-M", "virt", "-smp", "2", "-bios", "none", "-kernel", image, "-nographic", "-monitor", "none",
            "-device", "allwinner-wdt-sun6i", "-watchdog-action", action, "-S",
            "-qmp", f"unix:{tmp_path / 'qmp'},server=on,wait=off") as vm,
        Qmp(tmp_path / "qmp") as qmp,
    ):  # fmt: skip
        qmp.run("cont")
        assert qmp.wait("WATCHDOG") == {"action": action}
        for event in events[1:]:
            qmp.wait(event)
        if status is None:
            assert qmp.status == ("watchdog" if action == "pause" else "running")
            qmp.run("quit")
        assert vm.wait() == (status or 0)
        assert vm.errors == says
        seen = [name for name in qmp.events if name != "RESUME"]
        assert seen[: len(events)] == events
