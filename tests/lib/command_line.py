"""A command line judged in this process, as far as `emu.init` judges it before anything is opened or made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emu import init as program
from emu.errors import Leave, UserError
from emu.options import Settings, command_line
from emu.options.default_devices import DefaultDevices
from emu.options.machine_properties import MachineConfig
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
    config: MachineConfig | None = None
    defaults: DefaultDevices | None = None


def judge(words: list[str], prog: str = PROG) -> Judged:
    """The phases of `qemu_init` up to the machine. No default configuration file is read."""
    out = Judged()

    def write(text: str) -> None:
        out.stderr += text

    reporter = Reporter(prog, write)
    emulator = None
    config_file, command_line.DEFAULT_CONFIG = command_line.DEFAULT_CONFIG, "/no/such/file"
    try:
        out.settings = command_line.parse(words, reporter)
        program.qemu_validate_options(out.settings)
        log = program.qemu_process_early_options(out.settings)
        program.qemu_process_help_options(out.settings)
        program.write_pidfile(out.settings)
        emulator = program.qemu_create_machine(out.settings, log)
        out.config, out.defaults = emulator.config, emulator.defaults
    except Leave as leave:
        out.status, out.stdout = leave.status, leave.text
    except UserError as error:
        reporter.error(error)
        out.status = 1
    finally:
        command_line.DEFAULT_CONFIG = config_file
        if emulator is not None:
            emulator.loop.close()
    return out


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
