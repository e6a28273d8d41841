"""U-Boot as firmware and as what firmware starts: its prompt, its commands, and Debian booted by them.

U-Boot is a guest that nobody wrote for this machine: it probes what is there, moves itself and its tree,
and hands a kernel on by the rules it knows. Kernel and initramfs lie where `-device loader` has put them.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import pytest

from tests.lib.guests import need
from tests.lib.vm import Emu

BOOT_S = 120  # a loaded host of two cores; a quiet one needs a tenth
KERNEL, INITRD = 0x8400_0000, 0x8800_0000
BANNER = rb"U-Boot \d{4}\.\d\d"


def prompt(vm: Emu) -> None:
    """Stop the countdown; U-Boot waits for a command then."""
    vm.expect(rb"Hit any key to stop autoboot", BOOT_S)
    vm.send(b" ")
    vm.expect(rb"=> $", BOOT_S)


def command(vm: Emu, line: str) -> bytes:
    """What a command prints, up to the next prompt."""
    vm.send(line.encode() + b"\n")
    vm.expect(re.escape(line.encode()) + rb"\r?\n", BOOT_S)  # its echo: no byte was lost
    return vm.expect(rb"(?s)(.*)=> $", BOOT_S)[1]


def words(dump: bytes) -> list[int]:
    """The words that `md` shows."""
    lines = re.findall(rb"^[0-9a-f]{8}: ((?:[0-9a-f]{8} )+)", dump, re.MULTILINE)
    return [int(word, 16) for line in lines for word in line.split()]


def words_of(path: str, count: int) -> list[int]:
    """The first words of a file."""
    return list(struct.unpack(f"<{count}I", Path(path).read_bytes()[: 4 * count]))


def smode(firmware: str, harts: int = 1) -> Emu:
    """The S-mode build, with Debian's kernel and initramfs in memory."""
    bios = need("opensbi") if firmware == "opensbi" else "default"
    return Emu(
        "-M", "virt", "-smp", str(harts), "-m", "512M", "-nographic", "-bios", bios,
        "-kernel", need("u-boot-smode"), "-device", f"loader,file={need('linux')},addr={KERNEL:#x}",
        "-device", f"loader,file={need('initrd')},addr={INITRD:#x}",
    )  # fmt: skip


def booti(vm: Emu, test: str) -> None:
    """Start Debian. The initramfs is named with its size, in hexadecimal; the tree is U-Boot's own."""
    command(vm, f"setenv bootargs console=ttyS0 earlycon=sbi quiet test={test}")
    size = os.stat(need("initrd")).st_size
    vm.send(f"booti {KERNEL:#x} {INITRD:#x}:{size:x} ${{fdtcontroladdr}}\n".encode())
    vm.expect(rb"Starting kernel", BOOT_S)


def test_the_m_mode_build_answers_at_its_prompt() -> None:
    bios = need("u-boot")
    with Emu("-M", "virt", "-smp", "2", "-m", "256M", "-nographic", "-bios", bios) as vm:
        vm.expect(BANNER, BOOT_S)
        prompt(vm)
        assert re.search(BANNER, command(vm, "version"))
        info = command(vm, "bdinfo")
        assert re.search(rb"-> start +=\s0x0*80000000\s", info)
        assert re.search(rb"-> size +=\s0x0*10000000\s", info)
        assert re.search(rb"serial addr +=\s0x0*10000000\s", info)
        assert words(command(vm, "md 1000 6")) == [
            0x00000297, 0x02828613, 0xF1402573, 0x0202B583, 0x0182B283, 0x00028067,
        ]  # fmt: skip
        assert words(command(vm, "md 80000000 20")) == words_of(bios, 32)
        vm.send(b"\x01x")
        assert vm.wait(BOOT_S) == 0
        assert vm.errors == b""


@pytest.mark.parametrize("firmware", ["builtin", "opensbi"])
def test_the_s_mode_build_boots_debian(firmware: str) -> None:
    with smode(firmware, harts=2) as vm:
        vm.expect(BANNER, BOOT_S)
        prompt(vm)
        booti(vm, "poweroff")
        assert vm.expect(rb"GUEST-READY nproc=(\d+)", BOOT_S)[1] == b"2"
        assert vm.wait(BOOT_S) == 0
        assert vm.errors == b""


def test_a_reset_brings_back_what_the_loader_loaded() -> None:
    linux, initrd = need("linux"), need("initrd")
    with smode("builtin") as vm:
        prompt(vm)
        for at, path in ((KERNEL, linux), (INITRD, initrd)):
            assert words(command(vm, f"md {at:x} 8")) == words_of(path, 8)
            command(vm, f"mw.l {at:x} deadbeef 8")
            assert words(command(vm, f"md {at:x} 8")) == [0xDEADBEEF] * 8
        vm.send(b"reset\n")
        prompt(vm)
        for at, path in ((KERNEL, linux), (INITRD, initrd)):
            assert words(command(vm, f"md {at:x} 8")) == words_of(path, 8)
        # a kernel that has lived in that memory leaves nothing of it behind either
        booti(vm, "reboot")
        vm.expect(rb"GUEST-READY", BOOT_S)
        prompt(vm)
        booti(vm, "poweroff")
        vm.expect(rb"GUEST-READY", BOOT_S)
        assert vm.wait(BOOT_S) == 0
        assert vm.errors == b""


def test_the_finisher_resets_too() -> None:
    with smode("builtin") as vm:
        prompt(vm)
        command(vm, f"mw.l {KERNEL:x} 0 8")
        vm.send(b"mw.l 100000 7777\n")
        vm.expect(BANNER, BOOT_S)
        prompt(vm)
        assert words(command(vm, f"md {KERNEL:x} 8")) == words_of(need("linux"), 8)
        vm.send(b"mw.l 100000 5555\n")
        assert vm.wait(BOOT_S) == 0
