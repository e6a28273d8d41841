"""Command lines with the message and exit status that QEMU 10 gives for them, and what right ones mean.

No machine is made: the line is judged as `emu.init` judges it, up to the board. Wrong lines are in
vectors/wrong_lines.txt, those that need what this build has not in
vectors/lacking_lines.txt; test_command_line_oracle.py asks the reference about both.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from emu.accel.accel import accel_help
from emu.core.log import items_help
from emu.hw.machine import machines_help
from emu.options.actions import judge_actions
from emu.options.audio import CARDS_HELP, DRIVERS_HELP
from emu.options.netdevs import MODELS_HELP
from emu.options.topics.display import DISPLAY_HELP
from emu.options.topics.network import NETDEV_HELP
from emu.qom.creatable import objects_help
from emu.version import version_text
from tests.lib.command_line import PROG, Row, judge, rows

CHARDEVS = "Available chardev backend types: " + "".join(
    f"\n  {name}" for name in (
        "file", "memory", "mux", "null", "pipe", "pty", "ringbuf", "serial", "socket", "stdio", "udp",
    )
) + "\n"  # fmt: skip

V = "-M virt"
ACTIONS = "action options:\n  panic=<str>\n  reboot=<str>\n  shutdown=<str>\n  watchdog=<str>\n"
SMP = "books clusters cores cpus dies drawers maxcpus modules sockets threads"

LEAVES: list[tuple[str, int, str]] = [
    ("-version", 0, version_text()),
    ("-version -M foo", 0, version_text()),
    ("-version -h", 0, version_text()),
    ("-machine help", 0, machines_help()),
    ("-M ?", 0, machines_help()),
    ("-accel help", 0, accel_help()),
    ("-accel thread=multi", 0, accel_help()),
    ("-cpu help", 0, "Available CPUs:\n  max\n  rv64\n  rv64i\n  rva22s64\n  rva22u64\n"),
    ("-d help", 1, items_help()),
    (f"{V} -d foo", 1, items_help()),
    (f"{V} -d in_asm,foo", 1, items_help()),
    (f"{V} -d ''", 1, items_help()),
    (f"{V} -action help", 1, ACTIONS),
    (f"{V} -rtc help", 1, "rtc options:\n  base=<str>\n  clock=<str>\n  driftfix=<str>\n"),
    ("-smp help", 0, "smp-opts options:\n" + "".join(f"  {name}=<num>\n" for name in SMP.split())),
    ("-display help", 0, DISPLAY_HELP),
    ("-netdev help", 0, NETDEV_HELP),
    ("-nic help", 0, NETDEV_HELP),
    (f"{V} -nic user,model=help", 0, MODELS_HELP),
    (f"{V} -net nic,model=help", 0, MODELS_HELP),
    ("-audiodev help", 0, DRIVERS_HELP),
    ("-audio ?", 0, DRIVERS_HELP),
    ("-audio none,model=help", 0, CARDS_HELP),
    ("-chardev help", 0, CHARDEVS),
    (f"{V} -vga help", 0, f"{'none':<20} no graphic card\n"),
    (f"{V} -trace help", 0, ""),
]  # fmt: skip


WRONG, LACKING = rows("wrong_lines.txt"), rows("lacking_lines.txt")


def check(found: list[Row]) -> None:
    """Every row gives what it says; those that do not are shown together."""
    differences = []
    for row in found:
        got = judge(shlex.split(row.line))
        if (got.stderr, got.status) != (row.stderr, row.status):
            differences.append(f"{row.line}\n  wanted {row.stderr!r}\n  got    {got.stderr!r} {got.status}")
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("group", sorted({row.group for row in WRONG}))
def test_a_wrong_line_gives_qemus_message(
    group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check([row for row in WRONG if row.group == group])


def test_what_this_build_has_not_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check(LACKING)
    assert all(row.reason for row in LACKING)


@pytest.mark.parametrize(("line", "status", "text"), LEAVES)
def test_a_request_for_help_prints_and_leaves(line: str, status: int, text: str) -> None:
    got = judge(shlex.split(line))
    assert (got.status, got.stdout, got.stderr) == (status, text, "")


def test_object_help_lists_every_type_that_can_be_made() -> None:
    """Asked now, not at import: other tests declare types of their own."""
    got = judge(["-object", "help"])
    assert (got.status, got.stdout, got.stderr) == (0, objects_help(), "")
    assert "  rng-random\n" in got.stdout


def test_help_lists_every_option_that_exists() -> None:
    text = judge(["-h"]).stdout
    for word in ("-machine", "-smp", "-m ", "-kernel", "-serial", "-d ", "-device", "-no-reboot"):
        assert f"\n{word}" in text
    assert f"usage: {PROG} [options] [disk_image]" in text
    assert "ctrl-a x" in text
    assert "-incoming" not in text, "what this build has not is not offered"


def test_one_and_two_dashes_are_the_same() -> None:
    one, two = judge(["-M", "virt", "-smp", "2"]), judge(["--M", "virt", "--smp", "2"])
    assert one.status == two.status == 0
    assert one.machine is not None
    assert two.machine is not None
    assert one.machine.smp == two.machine.smp
    assert one.machine.smp.cpus == 2


MIB = 1 << 20
CONFIGS: list[tuple[str, dict[str, object]]] = [
    ("", {"ram.size": 128 * MIB, "smp.cpus": 1, "aclint": False}),
    ("-m 512", {"ram.size": 512 * MIB}),
    ("-m 1G", {"ram.size": 1024 * MIB}),
    ("-m 1.5g", {"ram.size": 1536 * MIB}),
    ("-m 0", {"ram.size": 128 * MIB}),
    ("-m 1K", {"ram.size": 8192}),
    ("-m size=64M", {"ram.size": 64 * MIB}),
    ("-m 64 -m 32", {"ram.size": 32 * MIB}),
    ("-smp 4", {"smp.cpus": 4, "smp.cores": 4, "smp.sockets": 1}),
    ("-smp cpus=2,maxcpus=4", {"smp.cpus": 2, "smp.max_cpus": 4, "smp.cores": 4}),
    ("-smp cores=2,threads=2", {"smp.cpus": 4, "smp.threads": 2}),
    ("-smp sockets=2,cores=2", {"smp.cpus": 4, "smp.sockets": 2}),
    ("-smp 8,cores=2", {"smp.sockets": 4, "smp.threads": 1}),
    ("-smp 0x4", {"smp.cpus": 4}),
    ("-smp 2 -smp cores=2", {"smp.cpus": 2, "smp.cores": 2}),
    ("-machine smp.cpus=3", {"smp.cpus": 3}),
    ("-M aclint=on", {"aclint": True}),
    ("-M aclint=on -M aclint=off", {"aclint": False}),
    ("-kernel k -append 'a b'", {"kernel": "k", "append": "a b"}),
    ("-machine kernel=k,initrd=i", {"kernel": "k", "initrd": "i"}),
    ("-bios none", {"firmware": "none"}),
    ("-M dumpdtb=x,,y", {"dumpdtb": "x,y"}),
    ("-M memory-backend=r -object memory-backend-memfd,id=r,size=64M,prealloc=on",
     {"ram.size": 64 * MIB, "ram.memfd": True, "ram.prealloc": True}),
    ("-cpu rv64,sv57=off,zba=false", {"cpu_type": "rv64-riscv-cpu"}),
    ("-accel tcg,thread=multi", {}),
    ("-nographic -nodefaults -S -no-user-config -vga none -audio none -net none -nic none", {}),
    ("-no-reboot -no-shutdown", {}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "wanted"), CONFIGS)
def test_a_right_line_means_this_machine(line: str, wanted: dict[str, object]) -> None:
    got = judge(["-M", "virt", *shlex.split(line)])
    assert (got.status, got.stderr) == (0, "")
    for path, value in wanted.items():
        thing: object = got.machine
        for part in path.split("."):
            thing = getattr(thing, part)
        assert thing == value, path


def test_actions_are_recorded() -> None:
    settings = judge(shlex.split(f"{V} -no-reboot -no-shutdown -action panic=none")).settings
    assert settings is not None
    assert judge_actions(settings) == {"reboot": "shutdown", "shutdown": "pause", "panic": "none"}


def test_messages_carry_time_and_guest_name_when_asked() -> None:
    got = judge(shlex.split(f"-msg timestamp=on,guest-name=on -name bob {V} -smp 0"))
    stamp, _, rest = got.stderr.partition(" ")
    assert stamp[10] == "T"
    assert stamp.endswith("Z")
    assert rest.startswith(f"bob {PROG}: Invalid CPU topology")


def test_log_items_without_effect_are_named() -> None:
    got = judge(shlex.split(f"{V} -d op,int"))
    assert got.stderr == f"{PROG}: warning: log item 'op' has no effect in this build\n"


def test_pidfile_holds_our_pid(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    judge(shlex.split(f"{V} -pidfile {path}"))
    assert path.read_text().strip().isdigit()
