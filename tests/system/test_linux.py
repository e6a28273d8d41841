"""Debian's kernel to user space and down again, with both firmwares, on 1 to 8 harts."""

from __future__ import annotations

import re

import pytest

from tests.lib.guests import need
from tests.lib.vm import Emu

BOOT_S = 240  # a loaded host of two cores; a quiet one needs less than a tenth
PROMPT = rb"# (?:\x1b\[6n)?$"  # busybox asks a terminal of unknown width for it


def linux(smp: int, firmware: str, words: str, *more: str) -> Emu:
    """A Debian boot with `words` added to the kernel command line."""
    bios = need("opensbi") if firmware == "opensbi" else "default"
    return Emu(
        "-M", "virt", "-smp", str(smp), "-m", "1G", "-nographic", "-bios", bios,
        "-kernel", need("linux"), "-initrd", need("initrd"),
        "-append", f"console=ttyS0 earlycon=sbi {words}", *more,
    )  # fmt: skip


def no_complaint(console: bytes) -> None:
    """The kernel has printed no warning, oops or stall."""
    bad = re.search(rb"WARNING:|BUG:|Oops|rcu: INFO|soft lockup|hung task|Call Trace", console)
    if bad is not None:
        pytest.fail(console[max(bad.start() - 500, 0) : bad.end() + 1500].decode(errors="replace"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("firmware", ["builtin", "opensbi"])
@pytest.mark.parametrize("smp", [1, 2, 4, 8])
def test_debian_reaches_user_space_and_all_harts_agree(smp: int, firmware: str) -> None:
    with linux(smp, firmware, "test=smpstress") as vm:
        ready = vm.expect(rb"GUEST-READY nproc=(\d+)", BOOT_S)
        assert int(ready[1]) == smp
        done = vm.expect(rb"SMPSTRESS (ok|MISMATCH)[^\n]*jobs=(\d+)", BOOT_S)
        assert done[1] == b"ok"
        assert int(done[2]) == smp
        assert vm.wait(BOOT_S) == 0
        no_complaint(vm.console)
        assert vm.errors == b""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("firmware", ["builtin", "opensbi"])
def test_reboot_boots_again_and_poweroff_ends_with_status_0(firmware: str) -> None:
    with linux(2, firmware, "test=shell") as vm:
        for _ in range(2):
            vm.expect(rb"GUEST-READY", BOOT_S)
            vm.expect(PROMPT, BOOT_S)
            vm.send(b"reboot -f\n")
        vm.expect(rb"GUEST-READY", BOOT_S)
        vm.expect(PROMPT, BOOT_S)
        vm.send(b"poweroff -f\n")
        assert vm.wait(BOOT_S) == 0
        no_complaint(vm.console)


@pytest.mark.timeout(300)
def test_no_reboot_ends_the_process_when_the_guest_reboots() -> None:
    with linux(1, "builtin", "test=reboot", "-no-reboot") as vm:
        assert vm.wait(BOOT_S) == 0
        assert vm.console.count(b"GUEST-READY") == 1
