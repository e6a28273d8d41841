"""Power button and watchdog under Debian's kernel: it powers itself off, and is reset when it hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lib.guests import need
from tests.lib.qmp_session import Qmp
from tests.lib.vm import Emu
from tests.system.test_linux import no_complaint

BOOT_S, SOON_S = 240, 60
MODULES = "virtio_mmio,virtio_input,evdev,sunxi_wdt"
# Times are guest time, which goes on while a loaded host lets the guest wait
FEED = b"watchdog -F -T 5 -t 500ms /dev/watchdog & D=$!\n"


def linux(folder: Path, harts: int, *more: str) -> Emu:
    """A shell, after which the power button is awaited; keyboard, watchdog, a QMP server."""
    return Emu(
        "-M", "virt", "-smp", str(harts), "-m", "512M", "-nographic", "-monitor", "none",
        "-kernel", need("linux"), "-initrd", need("initrd-modules"),
        "-append", f"console=ttyS0 test=shell,powerkey modules={MODULES}",
        "-global", "virtio-mmio.force-legacy=false",
        "-device", "virtio-keyboard-device", "-device", "allwinner-wdt-sun6i",
        "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off", *more,
    )  # fmt: skip


def power_off_by_button(vm: Emu, qmp: Qmp) -> None:
    """Leave the shell, press; the guest shuts down by itself."""
    vm.send(b"exit\n")
    vm.expect(rb"POWERKEY awaited of QEMU Virtio Keyboard", SOON_S)
    qmp.run("system_powerdown")
    qmp.wait("POWERDOWN")
    vm.expect(rb"POWERKEY pressed", SOON_S)
    assert qmp.wait("SHUTDOWN") == {"guest": True, "reason": "guest-shutdown"}
    assert vm.wait(SOON_S) == 0


@pytest.mark.timeout(600)
def test_a_hanging_kernel_is_reset_by_its_watchdog(tmp_path: Path) -> None:
    with linux(tmp_path, 1) as vm, Qmp(tmp_path / "qmp") as qmp:
        vm.expect(rb"SHELL on ttyS0", BOOT_S)
        vm.send(FEED + b"sleep 6; echo ST''ILL here\n")
        vm.expect(rb"\nSTILL here", SOON_S)
        assert "WATCHDOG" not in qmp.events, "fed, it is silent"
        vm.send(b"echo c >/proc/sysrq-trigger\n")
        vm.expect(rb"Kernel panic - not syncing", SOON_S)
        assert qmp.wait("WATCHDOG") == {"action": "reset"}
        assert qmp.wait("RESET") == {"guest": True, "reason": "guest-reset"}
        vm.expect(rb"Linux version", SOON_S)
        qmp.run("quit")
        assert vm.wait(SOON_S) == 0
        assert qmp.events.count("WATCHDOG") == 1, "a reset switches it off"


@pytest.mark.timeout(600)
def test_four_harts_live_with_a_watchdog_that_only_tells(tmp_path: Path) -> None:
    """Starved, it tells; closed with its magic, it does not; paused, guest time stands and it too."""
    with linux(tmp_path, 4, "-action", "watchdog=none") as vm, Qmp(tmp_path / "qmp") as qmp:
        vm.expect(rb"SHELL on ttyS0", BOOT_S)
        vm.send(FEED + b"sleep 1; kill -9 $D; echo ST''ARVED\n")
        vm.expect(rb"\nSTARVED", SOON_S)
        assert qmp.wait("WATCHDOG") == {"action": "none"}
        vm.send(FEED + b"sleep 1; kill $D; sleep 6; echo CLO''SED\n")
        vm.expect(rb"\nCLOSED", SOON_S)
        assert qmp.events.count("WATCHDOG") == 1
        power_off_by_button(vm, qmp)
        no_complaint(vm.console)
