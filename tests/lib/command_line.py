"""A command line judged in this process, as far as `emu.init` judges it before anything is opened or made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emu import configure
from emu import init as program
from emu.errors import Leave, UserError
from emu.hw.machine import MachineState
from emu.options import command_line, judges
from emu.options.default_devices import DefaultDevices
from emu.options.settings import Settings
from emu.qom import compat
from emu.qom.object import object_new, own_tree
from emu.report import Reporter

PROG = "qemu-system-riscv64"
VECTORS = Path(__file__).resolve().parents[1] / "vectors"


@dataclass
class Judged:
    """What a line comes to: as the program would print and leave it, and what was made of it."""

    status: int = 0
    stderr: str = ""
    stdout: str = ""
    settings: Settings | None = None
    machine: MachineState | None = None
    defaults: DefaultDevices | None = None


def judge(words: list[str], prog: str = PROG) -> Judged:
    """The phases of `qemu_init` up to the board. No default configuration file is read."""
    out = Judged()

    def write(text: str) -> None:
        out.stderr += text

    reporter = Reporter(prog, write)
    config_file, command_line.DEFAULT_CONFIG = command_line.DEFAULT_CONFIG, "/no/such/file"
    try:
        with own_tree():
            _phases(words, reporter, out)
    except Leave as leave:
        out.status, out.stdout = leave.status, leave.text
    except UserError as error:
        reporter.error(error)
        out.status = 1
    finally:
        command_line.DEFAULT_CONFIG = config_file
        compat.forget()
    return out


def _phases(words: list[str], reporter: Reporter, out: Judged) -> None:
    """As qemu_init has them; character devices are judged, not opened; no engine, no board."""
    s = out.settings = command_line.parse(words, reporter)
    program.qemu_validate_options(s)
    log = program.qemu_process_early_options(s)
    program.qemu_process_help_options(s)
    program.write_pidfile(s)
    emulator = program.qemu_create_machine(s, log)
    try:
        out.defaults = emulator.defaults
        configure.qemu_create_objects(emulator, late=False)
        emulator.drives = judges.judge_early_backends(s, emulator.machine.traits)
        configure.qemu_apply_machine_options(emulator)
        configure.configure_accelerators(emulator)
        judges.judge_late_backends(s)
        configure.qemu_create_objects(emulator, late=True)
        configure.qemu_resolve_machine_memdev_and_cpu(emulator)
        program.qemu_judge_board_options(emulator)
        out.machine = emulator.machine
        if emulator.machine.cpu_type:
            object_new(emulator.machine.cpu_type)
    finally:
        emulator.loop.close()


@dataclass
class Row:
    """A line of a vector file and what it gives. reason: why QEMU gives something else, "" if it does not."""

    line: str
    stderr: str
    reason: str = ""
    group: str = ""
    status: int = 1

    def __str__(self) -> str:
        return self.line


def rows(name: str) -> list[Row]:
    """The rows of a vector file.

    A command line, and indented below it what it prints on standard error, with PROG for the program's name;
    a line that begins with `!` says why QEMU prints something else. `#` begins a comment, `# --` a group.
    """
    found: list[Row] = []
    group = ""
    for text in (VECTORS / name).read_text(encoding="utf-8").splitlines():
        if text.startswith("    ! "):
            found[-1].reason = text[6:]
        elif text.startswith("    "):
            found[-1].stderr += text[4:].replace("PROG", PROG) + "\n"
        elif text and not text.startswith("#"):
            found.append(Row(text, "", group=group))
        elif text.startswith("# -- "):
            group = text[5:]
    return found
