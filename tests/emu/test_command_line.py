"""Command lines with the message and exit status that QEMU 10 gives for them (checked by running it).

A row is a line, its exit status, and the exact output: PROG stands for the program's name. Rows marked
"ours" are texts of this build for what it has not. No machine is made: the line is judged as `emu.init`
judges it, up to the point where character devices would be opened.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import configure
from emu import init as program
from emu.accel.accel import accel_help
from emu.chardev.spec import parse_short
from emu.core.log import items_help
from emu.errors import Leave, UserError
from emu.hw.machine import MachineState, machines_help
from emu.options.command_line import parse
from emu.options.console import DISPLAY_HELP
from emu.options.option import OPTIONS, load_topics
from emu.options.settings import Settings
from emu.qom import compat
from emu.qom.object import object_new, own_tree
from emu.report import Reporter
from emu.version import version_text

PROG = "qemu-system-riscv64"
SIZE_HINT = (
    "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
    "and exabytes, respectively."
)
ID_HINT = "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter."
LIST_HINT = "Use -machine help to list supported machines"
TOPOLOGY = "Invalid CPU topology"
PRODUCT = "product of the hierarchy must match maxcpus"
MOST = "maxcpus must be equal to or greater than smp"
ACTIONS = "action options:\n  panic=<str>\n  reboot=<str>\n  shutdown=<str>\n  watchdog=<str>\n"
V = "-M virt"
SHORT = "warning: short-form boolean option"
ABSENT = "Option not supported in this build"
SIZE = "Parameter 'size' expects a non-negative number below 2^64"


@dataclass
class Judged:
    """What a line comes to."""

    status: int = 0
    stderr: str = ""
    stdout: str = ""
    settings: Settings | None = None
    machine: MachineState | None = None


def judge(words: list[str]) -> Judged:
    out = Judged()

    def write(text: str) -> None:
        out.stderr += text

    reporter = Reporter(PROG, write)
    try:
        with own_tree():
            _phases(words, reporter, out)
    except Leave as leave:
        out.status, out.stdout = leave.status, leave.text
    except UserError as error:
        reporter.error(error)
        out.status = 1
    finally:
        compat.forget()
    return out


def _phases(words: list[str], reporter: Reporter, out: Judged) -> None:
    """As qemu_init has them, without character devices, engine and board."""
    settings = out.settings = parse(words, reporter)
    program.qemu_validate_options(settings)
    log = program.qemu_process_early_options(settings)
    program.qemu_process_help_options(settings)
    program.write_pidfile(settings)
    emulator = program.qemu_create_machine(settings, log)
    try:
        configure.qemu_create_objects(emulator, late=False)
        configure.qemu_apply_machine_options(emulator)
        configure.configure_accelerators(emulator)
        configure.qemu_create_objects(emulator, late=True)
        configure.qemu_resolve_machine_memdev_and_cpu(emulator)
        out.machine = emulator.machine
        if emulator.machine.cpu_type:
            object_new(emulator.machine.cpu_type)
        for said in settings.serials:
            try:
                parse_short(said.text)
            except UserError as error:
                raise error.at(said.where) from None
    finally:
        emulator.loop.close()


load_topics()
# but for those with effects beyond the record: on files, on this process's name
ALL_OPTIONS = sorted(set(OPTIONS) - {"pidfile", "D", "name"})

# line -> (message after "PROG: ", hint after it)
ERRORS: list[tuple[str, str, str]] = [
    # -- grammar of the line
    ("-foo", "-foo: invalid option", ""),
    ("--foo", "--foo: invalid option", ""),
    ("---m", "---m: invalid option", ""),
    ("-", "-: invalid option", ""),
    ("-m", "-m: requires an argument", ""),
    ("--m", "--m: requires an argument", ""),
    (f"{V} -dtb", "-dtb: requires an argument", ""),
    (f"{V} -accel", "-accel: requires an argument", ""),
    ("-h -bogus", "-bogus: invalid option", ""),
    ("-append x -bogus", "-bogus: invalid option", ""),
    ("-no-acpi", "-no-acpi: invalid option", ""),
    (f"{V} -win2k-hack", "-win2k-hack: Option not supported for this target", ""),
    (f"{V} -xen-domid 1", "-xen-domid 1: Option not supported for this target", ""),
    ("disk.img -M virt", "disk.img: Could not open 'disk.img': No such file or directory", ""),
    # -- -m
    (f"{V} -m foo", f"-m foo: {SIZE}", SIZE_HINT),
    (f"{V} -m 0x", f"-m 0x: {SIZE}", SIZE_HINT),
    (f"{V} -m help", f"-m help: {SIZE}", SIZE_HINT),
    (f"{V} -m 1kB", f"-m 1kB: {SIZE}", SIZE_HINT),
    (f"{V} -m 1Ki", f"-m 1Ki: {SIZE}", SIZE_HINT),
    (f"{V} -m 1.5", f"-m 1.5: {SIZE}", SIZE_HINT),
    (f"{V} -m 0x1.8k", f"-m 0x1.8k: {SIZE}", SIZE_HINT),
    (f"{V} -m -1", "-m -1: Value '-1' is out of range for parameter 'size'", ""),
    (f"{V} -m 99999999E", "-m 99999999E: Value '99999999E' is out of range for parameter 'size'", ""),
    (f"{V} -m 0x20", "Parameter 'memory.size' expects size", ""),
    (f"{V} -m size=1G,slots=x", "-m size=1G,slots=x: Parameter 'slots' expects a number", ""),
    (f"{V} -m 512,foo=1", "-m 512,foo=1: Invalid parameter 'foo'", ""),
    (f"{V} -m 512,id=x", "-m 512,id=x: Invalid parameter 'id'", ""),
    # -- -smp
    (f"{V} -smp 0", f"{TOPOLOGY}: CPU topology parameters must be greater than zero", ""),
    (f"{V} -smp 4,cores=0", f"{TOPOLOGY}: CPU topology parameters must be greater than zero", ""),
    (f"{V} -smp 100000", "Invalid SMP CPUs 100000. The max CPUs supported by machine 'virt' is 512", ""),
    (f"{V} -smp 513", "Invalid SMP CPUs 513. The max CPUs supported by machine 'virt' is 512", ""),
    (f"{V} -smp -1", "Invalid SMP CPUs -1. The max CPUs supported by machine 'virt' is 512", ""),
    (f"{V} -smp foo", "Parameter 'smp.cpus' expects integer", ""),
    (f"{V} -smp 99999999999999999999", "Parameter 'smp.cpus' expects integer", ""),
    (f"{V} -smp cpus=4,foo=1", "Parameter 'smp.foo' is unexpected", ""),
    (f"{V} -smp 4,cores", "-smp 4,cores: Expected '=' after parameter 'cores'", ""),
    (f"{V} -smp 4,sockets=3",
     f"{TOPOLOGY}: {PRODUCT}: sockets (3) * cores (1) * threads (1) != maxcpus (4)", ""),
    (f"{V} -smp 4,maxcpus=2",
     f"{TOPOLOGY}: {MOST}: sockets (1) * cores (2) * threads (1) == maxcpus (2) < smp_cpus (4)", ""),
    (f"{V} -smp 4,dies=2", "dies > 1 not supported by this machine's CPU topology", ""),
    (f"{V} -smp 4,clusters=2", "clusters > 1 not supported by this machine's CPU topology", ""),
    (f"{V} -smp 4,modules=2", "modules > 1 not supported by this machine's CPU topology", ""),
    # -- -machine, -accel
    ("-M foo", 'unsupported machine type: "foo"', LIST_HINT),
    ("-display none", "No machine specified, and there is no default", LIST_HINT),
    ("-smp 4", "No machine specified, and there is no default", LIST_HINT),
    ("-M virt,foo=1", "Property 'virt-machine.foo' not found", ""),
    ("-M virt,aclint=maybe", "Parameter 'aclint' expects 'on' or 'off'", ""),
    ("-M virt,aclint", "-M virt,aclint: Expected '=' after parameter 'aclint'", ""),
    ("-M virt,,aclint=on", "-M virt,,aclint=on: Invalid parameter ''", ""),
    ("-M type=virt,aclint=on,=3", "-M type=virt,aclint=on,=3: Invalid parameter ''", ""),
    ("-M virt,aia=foo", "Invalid AIA interrupt controller type",
     "Valid values are none, aplic, and aplic-imsic."),
    ("-M virt,aia-guests=9", "Invalid number of AIA IMSIC guests", "Valid values be between 0 and 7."),
    ("-M virt,accel=foo", "invalid accelerator foo", ""),
    (f"{V} -accel foo", "-accel foo: invalid accelerator foo", ""),
    ("-M virt,accel=tcg -accel tcg", 'The -accel and "-machine accel=" options are incompatible', ""),
    (f"{V} -accel tcg,foo=1", "-accel tcg,foo=1: Property 'tcg-accel.foo' not found", ""),
    (f"{V} -accel tcg,thread=foo", "-accel tcg,thread=foo: Invalid 'thread' setting foo", ""),
    # -- -cpu
    (f"{V} -cpu foo", "unable to find CPU model 'foo'", ""),
    (f"{V} -cpu ''", "-cpu option cannot be empty", ""),
    (f"{V} -cpu rv64,zba", "Expected key=value format, found zba.", ""),
    (f"{V} -cpu rv64,+zba", "Expected key=value format, found +zba.", ""),
    (f"{V} -cpu rv64,foo=1",
     "can't apply global rv64-riscv-cpu.foo=1: Property 'rv64-riscv-cpu.foo' not found", ""),
    (f"{V} -cpu rv64,zba=maybe",
     "can't apply global rv64-riscv-cpu.zba=maybe: Parameter 'zba' expects 'on' or 'off'", ""),
    # -- JSON
    (f"{V} -device '{{foo'", "-device {foo: JSON parse error, invalid keyword 'foo'", ""),
    (f"{V} -object '{{\"qom-type\":\"rng-random\"}}'",
     '-object {"qom-type":"rng-random"}: Parameter \'id\' is missing', ""),
    # -- what needs a kernel
    (f"{V} -append foo", "-append only allowed with -kernel option", ""),
    (f"{V} -initrd foo", "-initrd only allowed with -kernel option", ""),
    # -- displays, log, clock, files
    (f"{V} -display foo", "-display foo: Parameter 'type' does not accept value 'foo'", ""),
    (f"{V} -display ''", "-display : Parameter 'type' is missing", ""),
    (f"{V} -display none,foo=1", "-display none,foo=1: Parameter 'foo' is unexpected", ""),
    (f"{V} -vga foo", "-vga foo: unknown vga type: foo", ""),
    (f"{V} -D /nonexist/x -d int", "Error opening logfile /nonexist/x: No such file or directory", ""),
    (f"{V} -D /nonexist/x", "Error opening logfile /nonexist/x: No such file or directory", ""),
    (f"{V} -rtc base=foo", "invalid datetime format",
     "valid formats: '2006-06-17T16:01:21' or '2006-06-17'"),
    (f"{V} -rtc clock=foo", "invalid option value 'foo'", ""),
    (f"{V} -rtc driftfix=foo", "invalid option value 'foo'", ""),
    (f"{V} -pidfile /nonexist/p",
     "cannot create PID file: Could not create '/nonexist/p': No such file or directory", ""),
    (f"{V} -msg timestamp=foo", "-msg timestamp=foo: Parameter 'timestamp' expects 'on' or 'off'", ""),
    (f"{V} -name foo,bar=1", "-name foo,bar=1: Invalid parameter 'bar'", ""),
    (f"{V} -action reboot=x", "-action reboot=x: Parameter 'reboot' does not accept value 'x'", ""),
    (f"{V} -watchdog-action foo",
     "-watchdog-action foo: Parameter 'watchdog' does not accept value 'foo'", ""),
    (f"{V} -global driver=foo",
     "-global driver=foo: options 'driver', 'property', and 'value' are required", ""),
    # -- character devices
    (f"{V} -serial foo", "-serial foo: 'foo' is not a valid char driver", ""),
    (f"{V} -serial mon:foo", "-serial mon:foo: 'foo' is not a valid char driver", ""),
    (f"{V} -serial ''", "-serial : '' is not a valid char driver", ""),
    (f"{V} -serial none,foo", "-serial none,foo: 'none,foo' is not a valid char driver", ""),
    (f"{V} -serial stdio,foo=1", "-serial stdio,foo=1: 'stdio,foo=1' is not a valid char driver", ""),
    # -- devices
    (f"{V} -device loader,id=1", "-device loader,id=1: Parameter 'id' expects an identifier", ID_HINT),
    (f"{V} -device loader,id=a -device loader,id=a",
     "-device loader,id=a: Duplicate ID 'a' for device", ""),
    # -- ours: what this build has not
    (f"{V} -qmp unix:x", f"-qmp unix:x: {ABSENT}", ""),
    (f"{V} -s", f"-s: {ABSENT}", ""),
    (f"{V} -drive file=x", f"-drive file=x: {ABSENT}", ""),
    (f"{V} -icount 1", f"-icount 1: {ABSENT}", ""),
    (f"{V} -net user", f"-net user: {ABSENT}", ""),
    (f"{V} -serial tcp:foo", "-serial tcp:foo: chardev: socket: no port given", ""),
    (f"{V} -cpu rv32", "CPU model 'rv32' is not supported in this build", ""),
    (f"{V} -cpu rv64,v=true", "can't apply global rv64-riscv-cpu.v=true: not supported in this build", ""),
    (f"{V} -accel tcg,thread=single",
     "-accel tcg,thread=single: thread=single is not supported in this build", ""),
    ("-M virt,aia=aplic", "aia=aplic is not supported in this build", ""),
    ("-M virt,usb=on", "usb=on is not supported in this build", ""),
    ("-M virt,memory-backend=x", "Memory backend 'x' not found", ""),
    (f"{V} -object foo,id=x", "-object foo,id=x: Parameter 'qom-type' does not accept value 'foo'", ""),
    ("-M virt,memory-backend=r -object memory-backend-memfd,id=r,size=1G,foo=1",
     "-object memory-backend-memfd,id=r,size=1G,foo=1: Invalid parameter 'foo'", ""),
]  # fmt: skip

# line -> warnings (each prefixed), then the error
WARNED: list[tuple[str, list[str]]] = [
    (f"{V} -rtc foo", [f"-rtc foo: {SHORT} 'foo' deprecated\nPlease use foo=on instead",
                       "-rtc foo: Invalid parameter 'foo'"]),
    (f"{V} -msg nofoo", [f"-msg nofoo: {SHORT} 'nofoo' deprecated\nPlease use foo=off instead",
                         "-msg nofoo: Invalid parameter 'foo'"]),
    (f"{V} -action foo", [f"-action foo: {SHORT} 'foo' deprecated\nPlease use foo=on instead",
                          "-action foo: Invalid parameter 'foo'"]),
]  # fmt: skip

LEAVES: list[tuple[str, int, str]] = [
    ("-version", 0, version_text()),
    ("-version -M foo", 0, version_text()),
    ("-version -h", 0, version_text()),
    ("-machine help", 0, machines_help()),
    ("-M ?", 0, machines_help()),
    ("-accel help", 0, accel_help()),
    ("-cpu help", 0, "Available CPUs:\n  max\n  rv64\n  rv64i\n  rva22s64\n  rva22u64\n"),
    ("-d help", 1, items_help()),
    (f"{V} -d foo", 1, items_help()),
    (f"{V} -d in_asm,foo", 1, items_help()),
    (f"{V} -d ''", 1, items_help()),
    (f"{V} -action help", 1, ACTIONS),
    ("-display help", 0, DISPLAY_HELP),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message", "hint"), ERRORS)
def test_a_wrong_line_gives_qemus_message(line: str, message: str, hint: str) -> None:
    got = judge(shlex.split(line))
    assert got.stderr == f"{PROG}: {message}\n" + (f"{hint}\n" if hint else "")
    assert got.status == 1
    assert got.stdout == ""


@pytest.mark.parametrize(("line", "messages"), WARNED)
def test_a_flag_without_a_value_is_warned_about(line: str, messages: list[str]) -> None:
    got = judge(shlex.split(line))
    where, _, text = messages[0].partition(": warning: ")
    assert got.stderr == f"{PROG}: {where}: warning: {text}\n{PROG}: {messages[1]}\n"
    assert got.status == 1


@pytest.mark.parametrize(("line", "status", "text"), LEAVES)
def test_a_request_for_help_prints_and_leaves(line: str, status: int, text: str) -> None:
    got = judge(shlex.split(line))
    assert (got.status, got.stdout, got.stderr) == (status, text, "")


def test_help_lists_every_option_that_exists() -> None:
    text = judge(["-h"]).stdout
    for word in ("-machine", "-smp", "-m ", "-kernel", "-serial", "-d ", "-device", "-no-reboot"):
        assert f"\n{word}" in text
    assert f"usage: {PROG} [options] [disk_image]" in text
    assert "ctrl-a x" in text
    assert "-qmp" not in text


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
    assert settings.actions == {"reboot": "shutdown", "shutdown": "pause", "panic": "none"}


def test_messages_carry_time_and_guest_name_when_asked() -> None:
    got = judge(shlex.split(f"-msg timestamp=on,guest-name=on -name bob {V} -smp 0"))
    stamp, _, rest = got.stderr.partition(" ")
    assert stamp[10] == "T"
    assert stamp.endswith("Z")
    assert rest.startswith(f"bob {PROG}: Invalid CPU topology")


def test_log_items_without_effect_are_named() -> None:
    got = judge(shlex.split(f"{V} -d op,int"))
    assert got.stderr == f"{PROG}: warning: log item 'op' has no effect in this build\n"


WORDS = st.text(alphabet=st.sampled_from("abdhmnorstuvxz=,.:-_01679kG/ ?\t²é"), max_size=16)


@given(st.lists(st.tuples(st.sampled_from(ALL_OPTIONS), WORDS), max_size=4), st.booleans())
def test_any_line_is_a_machine_or_a_clean_error(items: list[tuple[str, str]], virt: bool) -> None:
    words = ["-M", "virt"] if virt else []
    for name, arg in items:
        words += [f"-{name}", arg] if OPTIONS[name].has_arg else [f"-{name}"]
    got = judge(words)
    assert got.status in (0, 1)
    assert (got.status == 1) <= bool(got.stderr or got.stdout)


def test_pidfile_holds_our_pid(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    judge(shlex.split(f"{V} -pidfile {path}"))
    assert path.read_text().strip().isdigit()
