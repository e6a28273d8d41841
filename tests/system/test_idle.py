"""A machine with nothing to do costs nothing, and its processes hold nothing that they do not need.

Processor time is taken from the processes' own clocks, so a loaded host changes little: a wake-up costs more
with cold caches, which is why the best of a few windows counts.
"""

from __future__ import annotations

import os
import time

import psutil
import pytest

from tests.lib.guests import need
from tests.lib.vm import Emu

BOOT_S = 120  # a loaded host of two cores; a quiet one needs a tenth
WINDOW_S = 3.0
MOST = 0.02  # of one processor, all processes together; QEMU 10 uses 0.7 to 1.7 % for this guest
SETTLES_S = 60
SHELL = rb"# (?:\x1b\[6n)?$"


def family(vm: Emu) -> list[psutil.Process]:
    """Main and its harts."""
    main = psutil.Process(vm.pid)
    return [main, *main.children(recursive=True)]


def used_ns(processes: list[psutil.Process]) -> int:
    """Processor time of all of them so far, ns. Their clocks are exact; /proc/PID/stat counts in 10 ms."""
    return sum(time.clock_gettime_ns((~p.pid << 3) | 2) for p in processes)  # clock_getcpuclockid(3)


def share(processes: list[psutil.Process], seconds: float) -> float:
    """What they use of one processor, over some time."""
    before, began = used_ns(processes), time.monotonic_ns()
    time.sleep(seconds)  # what is measured is this time
    return (used_ns(processes) - before) / (time.monotonic_ns() - began)


def least_share(processes: list[psutil.Process]) -> float:
    """The best of three windows, the first that is good enough."""
    seen = []
    for _ in range(3):
        seen.append(share(processes, WINDOW_S))
        if seen[-1] < MOST:
            break
    return min(seen)


@pytest.mark.timeout(300)
def test_linux_at_its_shell_uses_no_processor() -> None:
    with Emu(
        "-M", "virt", "-smp", "4", "-m", "512M", "-nographic",
        "-kernel", need("linux"), "-initrd", need("initrd"),
        "-append", "console=ttyS0 earlycon=sbi quiet test=shell",
    ) as vm:  # fmt: skip
        vm.expect(SHELL, BOOT_S)
        processes = family(vm)
        assert len(processes) == 5
        end = time.monotonic() + SETTLES_S
        while share(processes, 0.5) > 3 * MOST:  # the kernel goes on testing its ciphers for a while
            assert time.monotonic() < end, f"busy for {SETTLES_S} s"
        assert least_share(processes) < MOST
        # neither an input that has ended nor an output that nobody reads is a reason to be awake
        vm.send(b'echo be""gun; sleep 1; echo lost; sleep 1000\n')
        vm.expect(rb"begun\r", BOOT_S)
        vm.let_go()
        assert least_share(processes) < MOST
        assert vm.process.poll() is None


def test_a_machine_that_was_not_started_uses_no_processor() -> None:
    with Emu("-M", "virt", "-smp", "4", "-nographic", "-S", "-kernel", need("smp")) as vm:
        end = time.monotonic() + BOOT_S
        while len(processes := family(vm)) < 5 or share(processes, 0.1):
            assert time.monotonic() < end, vm.tail()
        assert share(processes, 1) == 0, "not a single wake-up"
        assert vm.console == b""


def test_harts_hold_the_descriptors_they_need_and_no_others() -> None:
    harts = 4
    with Emu("-M", "virt", "-smp", str(harts), "-nographic", "-bios", need("u-boot")) as vm:
        vm.expect(rb"U-Boot \d", BOOT_S)
        _, *workers = family(vm)
        assert len(workers) == harts
        for worker in workers:
            folder = f"/proc/{worker.pid}/fd"
            fds = {int(fd): os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}
            assert [fds.pop(fd) for fd in (0, 1)] == ["/dev/null"] * 2
            assert fds.pop(2).startswith("pipe:"), "our standard error: last words"
            kinds = sorted(name.partition("[")[0] for name in fds.values())
            # its own bell and main's; its mailbox, its way up, and every hart's mailbox to kick it
            assert kinds == ["anon_inode:"] * 2 + ["socket:"] * (2 + harts), fds
