"""Suspend to RAM and to idle under Debian's kernel: who wakes it, and that it carries on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.lib.guests import need
from tests.lib.qmp_session import Qmp, QmpError
from tests.lib.vm import ConsoleTimeout, Emu
from tests.system.test_linux import no_complaint
from tests.system.test_power import power_off_by_button

BOOT_S, SOON_S = 240, 60
INPUT = "virtio_mmio,virtio_input,evdev"
WAKE_BY_KEYS = b"echo enabled >/sys/class/tty/ttyS0/power/wakeup\n"
SLEEP = b"echo mem >/sys/power/state; echo BA''CK=$? harts=$(nproc) now=$(date +%s)\n"


def linux(folder: Path, harts: int, *more: str, modules: str = "") -> Emu:
    """A shell, and a QMP server. modules: what is to be loaded."""
    return Emu(
        "-smp", str(harts), "-m", "512M", "-nographic", "-monitor", "none",
        "-kernel", need("linux"), "-initrd", need("initrd-modules" if modules else "initrd"),
        "-append", f"console=ttyS0 test=shell,powerkey modules={modules}",
        "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off", *more,
    )  # fmt: skip


def back(vm: Emu, harts: int) -> int:
    """It carries on, with all its harts; its clock, s since the epoch."""
    found = vm.expect(rb"\nBACK=(\d+) harts=(\d+) now=(\d+)\r", SOON_S)
    assert found[1] == b"0", vm.tail()
    assert int(found[2]) == harts
    return int(found[3])


def sleep_until_the_alarm(vm: Emu, qmp: Qmp, harts: int) -> None:
    """Be woken by it. On a loaded host it may ring before the guest has gone to sleep: then a later one."""
    for seconds in (2, 8, 32):
        vm.send(b"rtcalarm %d; " % seconds + SLEEP)
        qmp.wait("SUSPEND")
        began = time.monotonic()
        while (asleep := qmp.status == "suspended") and time.monotonic() < began + seconds + 1:
            time.sleep(0.05)  # what a client would see: an event that may not come cannot be waited for
        if asleep:
            qmp.run("system_wakeup")
        qmp.wait("WAKEUP")
        back(vm, harts)
        if not asleep:
            return
    pytest.fail("no alarm has woken it")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("harts", [1, 4])
def test_linux_sleeps_and_whoever_may_wakes_it(harts: int, tmp_path: Path) -> None:
    """The alarm, a key, a client; stop and cont in its sleep; its clock. Then, on one hart, the power button
    of a keyboard that has slept too; on four, a reset in its sleep.
    """
    words = ("-M", "virt,suspend=on", "-device", "virtio-keyboard-device",
             "-global", "virtio-mmio.force-legacy=false")  # fmt: skip
    modules = INPUT if harts == 1 else ""
    with linux(tmp_path, harts, *words, modules=modules) as vm, Qmp(tmp_path / "qmp") as qmp:
        assert qmp.run("query-current-machine") == {"wakeup-suspend-support": True}
        vm.expect(rb"SHELL on ttyS0", BOOT_S)
        with pytest.raises(QmpError, match="Unable to wake up: guest is not in suspended state"):
            qmp.run("system_wakeup")
        vm.send(b"cat /sys/power/mem_sleep\n")
        vm.expect(rb"\ns2idle \[deep\]", SOON_S)
        sleep_until_the_alarm(vm, qmp, harts)

        vm.send(WAKE_BY_KEYS + SLEEP)
        qmp.wait("SUSPEND")
        assert qmp.status == "suspended"
        vm.send(b"\n")
        qmp.wait("WAKEUP")
        back(vm, harts)

        vm.send(SLEEP)
        qmp.wait("SUSPEND")
        qmp.run("cont")
        assert qmp.status == "suspended"
        qmp.run("stop")
        assert qmp.status == "paused"
        qmp.run("cont")
        assert qmp.status == "suspended"
        qmp.run("system_wakeup")
        qmp.wait("WAKEUP")
        assert abs(back(vm, harts) - time.time()) < 5, "its clock is ours"
        assert qmp.events[-6:] == ["SUSPEND", "WAKEUP", "SUSPEND", "STOP", "RESUME", "WAKEUP"]
        no_complaint(vm.console)

        if harts == 1:
            power_off_by_button(vm, qmp)
            return
        vm.send(SLEEP)
        qmp.wait("SUSPEND")
        qmp.run("system_reset")
        qmp.wait("RESET")
        assert qmp.status == "prelaunch"
        qmp.run("cont")
        vm.expect(rb"Linux version", SOON_S)
        qmp.run("quit")
        assert vm.wait(SOON_S) == 0


@pytest.mark.timeout(600)
def test_under_opensbi_linux_only_idles_and_a_key_wakes_it(tmp_path: Path) -> None:
    """OpenSBI 1.6 has no SUSP for this board. In idle only what Linux has armed for it wakes it: the serial
    port. The clock's alarm is not armed: its driver does not say that it can (no power/wakeup). In the same
    boot: a keyboard on a legacy transport is none for Linux, whose driver wants VERSION_1; and a panic with
    panic=1 reboots, which -no-reboot makes a shutdown.
    """
    words = "-M", "virt", "-bios", need("opensbi"), "-device", "virtio-keyboard-device", "-no-reboot"
    with linux(tmp_path, 2, *words, modules=INPUT) as vm, Qmp(tmp_path / "qmp") as qmp:
        vm.expect(rb"SHELL on ttyS0", BOOT_S)
        vm.send(b"cat /sys/power/mem_sleep; ls /sys/class/rtc/rtc0/device/power | grep -cx wakeup\n")
        vm.expect(rb"\n\[s2idle\]\r\n0\r", SOON_S)
        assert qmp.run("query-current-machine") == {"wakeup-suspend-support": False}
        with pytest.raises(QmpError, match="wake-up from suspend is not supported by this guest"):
            qmp.run("system_wakeup")
        vm.send(WAKE_BY_KEYS + SLEEP)
        vm.expect(rb"PM: suspend entry \(s2idle\)", SOON_S)
        for _ in range(SOON_S):
            # Nothing tells when it has gone to sleep, and a key that comes before that wakes nobody
            vm.send(b"\n")
            try:
                vm.expect(rb"PM: suspend exit", 1)
                break
            except ConsoleTimeout:
                continue
        back(vm, 2)
        assert {"SUSPEND", "WAKEUP"}.isdisjoint(qmp.events)
        no_complaint(vm.console)
        vm.send(b"ls -d /dev/input/event*\n")
        vm.expect(rb"\nls: /dev/input/event\*: No such file", SOON_S)
        vm.send(b"echo 1 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger\n")
        assert qmp.wait("SHUTDOWN") == {"guest": True, "reason": "guest-reset"}
        assert vm.wait(SOON_S) == 0
