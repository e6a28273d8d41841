"""Bad input through the real program: QEMU's message, exit status 1, never a traceback, nothing left.

Messages of the command line proper are in tests/emu/test_command_line.py; here is what only shows with
files, memory objects, a cache and a guest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emu.guests import guest
from ipc.engine import cache_dir, digest
from tests.lib.asm import Asm
from tests.lib.vm import Emu

MIB = 1 << 20
RAM = 0x8000_0000
VIRT = ("-M", "virt", "-display", "none")


def run(*args: str, env: dict[str, str] | None = None, timeout: float = 60) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    with Emu(*args, env=env) as vm:
        status = vm.wait(timeout)
        return status, vm.console.decode(), vm.errors.decode()


def fails(*args: str, env: dict[str, str] | None = None) -> str:
    """The message of a line that must fail: without the program's name, without its newline."""
    status, out, err = run(*args, env=env)
    assert (status, out) == (1, "")
    assert "Traceback" not in err
    assert err.startswith("emu-system-riscv64: "), err
    return err.removeprefix("emu-system-riscv64: ").rstrip("\n")


@pytest.fixture
def text_file(tmp_path: Path) -> str:
    path = tmp_path / "text"
    path.write_text("this is not a kernel\n" * 20)
    return str(path)


@pytest.mark.parametrize(("args", "message"), [
    (("-bogus",), "-bogus: invalid option"),
    ((*VIRT, "-smp", "0"), "Invalid CPU topology: CPU topology parameters must be greater than zero"),
    ((*VIRT, "-smp", "100000"),
     "Invalid SMP CPUs 100000. The max CPUs supported by machine 'virt' is 512"),
    ((*VIRT, "-kernel", "/nowhere"), "could not load kernel '/nowhere': No such file or directory"),
    ((*VIRT, "-kernel", "/"), "could not load kernel '/': Is a directory"),
    ((*VIRT, "-bios", "/nowhere"), 'Unable to find the RISC-V BIOS "/nowhere"'),
    ((*VIRT, "-dtb", "/nowhere"),
     "Unable to get size of device tree file '/nowhere'\nemu-system-riscv64: load_device_tree() failed"),
    ((*VIRT, "-device", "foo"), "-device foo: 'foo' is not a valid device model name"),
    ((*VIRT, "-device", "foo=1"), "-device foo=1: Parameter 'driver' is missing"),
    ((*VIRT, "-chardev", "null"), "-chardev null: chardev: no id specified"),
    ((*VIRT, "-m", "1M"), "No enough memory to place DTB after kernel/initrd"),
])  # fmt: skip
def test_a_wrong_line_ends_with_qemus_message(args: tuple[str, ...], message: str) -> None:
    assert fails(*args) == message


@pytest.mark.parametrize(("args", "where", "message"), [
    (("-serial", "file:/nonexist/x"), "-serial file:/nonexist/x",
     "Could not open '/nonexist/x': No such file or directory"),
    (("-serial", "stdio", "-serial", "stdio"), "-serial stdio",
     "cannot use stdio by multiple character devices"),
    (("-serial", "foo"), "-serial foo", "'foo' is not a valid char driver"),
])  # fmt: skip
def test_a_serial_port_without_its_device_says_both(args: tuple[str, ...], where: str, message: str) -> None:
    first, second = fails(*VIRT, *args).splitlines()
    assert first == f"{where}: {message}"
    failed = f"could not connect serial device to character backend '{args[-1]}'"
    assert second == f"emu-system-riscv64: {where}: {failed}"


def test_a_loader_without_its_file_says_why() -> None:
    where = "-device loader,file=/nowhere"
    assert fails(*VIRT, *where.split()).splitlines() == [
        f"{where}: Cannot load specified image /nowhere", "/nowhere: No such file or directory"
    ]  # fmt: skip


def test_0x_is_no_size() -> None:
    assert fails(*VIRT, "-m", "0x").splitlines()[0] == (
        "-m 0x: Parameter 'size' expects a non-negative number below 2^64"
    )


@pytest.mark.skipif(os.getuid() == 0, reason="root reads every file")
def test_unreadable_kernel(tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    path.write_bytes(bytes(100))
    path.chmod(0)
    assert fails(*VIRT, "-kernel", str(path)) == f"could not load kernel '{path}': Permission denied"


def test_text_is_no_kernel(text_file: str) -> None:
    assert fails(*VIRT, "-kernel", text_file) == f"could not load kernel '{text_file}': it is text"


def test_elf_for_another_machine(tmp_path: Path) -> None:
    host = Path(sys.executable).resolve()
    assert fails(*VIRT, "-m", "256M", "-kernel", str(host)) == (
        f"could not load kernel '{host}': The image is from incompatible architecture"
    )


def test_ram_too_small_for_the_kernel(tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    path.write_bytes(b"\x13\0\0\0" * (4 * MIB))
    message = fails(*VIRT, "-m", "8M", "-kernel", str(path))
    assert message.startswith(f"could not load kernel '{path}': ")


def test_full_dev_shm_names_the_sizes_and_the_way_out() -> None:
    fs = os.statvfs("/dev/shm")
    wanted = fs.f_bavail * fs.f_frsize // MIB + 1024
    message = fails(*VIRT, "-m", f"{wanted}M")
    assert f"{wanted} MiB wanted" in message
    assert "--shm-size" in message


def test_ram_in_a_memfd_needs_no_dev_shm() -> None:
    ram = ("-M", "virt,memory-backend=r", "-object", "memory-backend-memfd,id=r,size=64M")
    status, out, err = run(*ram, "-serial", "stdio", "-kernel", str(guest("smp")), "-display", "none")
    assert (status, err) == (0, "")
    assert "all checks passed" in out


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "writable by others"])
def test_a_damaged_engine_is_not_trusted(damage: str, tmp_path: Path) -> None:
    """It counts as absent. The builder is not run here: what is missing is found in the shared cache."""
    blob = cache_dir() / digest() / "engine.blob"
    if not blob.exists():
        pytest.skip("no engine has been built yet")
    copy = tmp_path / "emu" / digest() / "engine.blob"
    copy.parent.mkdir(parents=True)
    data = bytearray(blob.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "changed":
        data[len(data) // 2] ^= 1
    elif damage == "empty":
        data = bytearray()
    copy.write_bytes(data)
    copy.chmod(0o666 if damage == "writable by others" else 0o600)
    code = "from ipc import engine\ntry:\n engine.load()\nexcept engine.EngineMissing:\n print('missing')"
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "missing\n"


MTVEC, MEPC = 0x305, 0x341
FINISHER, PASS = 0x10_0000, 0x5555


@pytest.fixture
def program(tmp_path: Path) -> str:
    return str(tmp_path / "program.bin")


def test_a_guest_that_jumps_to_nowhere_traps_and_the_machine_goes_on(program: str) -> None:
    """mtvec is 0, where nothing is: the hart traps for ever, and Ctrl-A x still ends it."""
    a = Asm(RAM)
    a.li(1, 0x7000_0000)
    a("jalr", rd=0, rs1=1, imm=0)
    Path(program).write_bytes(a.code())
    with Emu("-M", "virt", "-nographic", "-bios", "none", "-kernel", program) as vm:
        vm.send(b"\x01x")
        assert vm.wait(60) == 0
        assert vm.console == b"QEMU: Terminated\n\r"
        assert vm.errors == b""


# first byte, byte behind the last, step: every address of small devices, samples of the large ones
RANGES = [
    (FINISHER, FINISHER + 0x40, 1), (FINISHER + 0x40, FINISHER + 0x1000, 37),
    (0x10_1000, 0x10_1028, 1), (0x10_1028, 0x10_2000, 61),
    (0x200_0000, 0x200_0020, 1), (0x200_0020, 0x201_0000, 509), (0x200_BFF0, 0x200_C000, 1),
    (0x2F0_0000, 0x2F0_0010, 1),
    (0xC00_0000, 0xC00_0010, 1), (0xC00_1000, 0xC00_1010, 1), (0xC00_2000, 0xC60_0000, 0x1FFB),
    (0x1000_0000, 0x1000_0010, 1),
    (0x1000_1000, 0x1000_1120, 1), (0x1000_1120, 0x1000_9000, 127),
    (0, 0x1000, 251), (0x3000_0000, 0x7FFF_F000, 0x0FF_FFF7),
]  # fmt: skip


def test_a_guest_may_read_and_write_every_device_at_every_width(program: str) -> None:
    """Traps are skipped by its handler; the machine and the finisher survive, and nothing is printed."""
    a = Asm(RAM)
    a.jump("start")
    a.label("trap")
    a("csrrs", rd=31, csr=MEPC, rs1=0)
    a("addi", rd=31, rs1=31, imm=4)
    a("csrrw", rd=0, csr=MEPC, rs1=31)
    a("mret")
    a.label("start")
    a.li(5, RAM + 4)
    a("csrrw", rd=0, csr=MTVEC, rs1=5)
    a.li(7, 0xA5A5_A5A5_A5A5_A5A5)
    for n, (first, last, step) in enumerate(RANGES):
        a.li(5, first)
        a.li(6, last)
        a.li(28, step)
        a.label(f"range {n}")
        for store in ("sb", "sh", "sw", "sd"):
            a(store, rs1=5, rs2=7, imm=0)
        for load in ("lb", "lhu", "lw", "ld"):
            a(load, rd=29, rs1=5, imm=0)
        a("add", rd=5, rs1=5, rs2=28)
        a.branch("bltu", 5, 6, f"range {n}")
    a.li(5, FINISHER)
    a.li(7, PASS | 7 << 16)
    a("sw", rs1=5, rs2=7, imm=0)
    a.label("end")
    a.jump("end")
    Path(program).write_bytes(a.code())
    log = Path(program).with_suffix(".log")
    status, _, err = run(*VIRT, "-serial", "null", "-bios", "none", "-kernel", program, "-d", "guest_errors",
                         "-D", str(log), timeout=120)  # fmt: skip
    assert (status, err) == (7, "")
    text = log.read_text()
    for device in ("riscv.sifive.test", "goldfish_rtc", "riscv.aclint.swi", "riscv.aclint.mtimer",
                   "riscv.sifive.plic", "virtio-mmio"):
        assert f"{device}: " in text
