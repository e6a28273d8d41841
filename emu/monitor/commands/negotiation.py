"""What a client does first, what it may ask about the interface itself, and lines of the other monitor.

Source: BEHAVIOUR 5.1, 5.2.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from emu.core.qdict import QDict
from emu.monitor.commands.registry import all_commands, qmp_command
from emu.monitor.qmp import QmpMonitor
from emu.monitor.session import QmpCapability
from emu.monitor.types import from_json

if TYPE_CHECKING:
    from emu.emulator import Emulator
    from emu.monitor.monitor import Monitor


@qmp_command("qmp_capabilities", preconfig=True)
def qmp_capabilities(
    _e: Emulator, monitor: Monitor, enable: list[QmpCapability] | None = None
) -> None:
    """End the negotiation. Errors: UserError if it has ended, or a capability was not offered."""
    cast(QmpMonitor, monitor).negotiate(enable or [])


@dataclass(frozen=True)
class CommandInfo:
    """A command's name."""

    name: str


@qmp_command("query-commands", preconfig=True)
def query_commands(_e: Emulator) -> list[CommandInfo]:
    """All of them."""
    return [CommandInfo(name) for name in all_commands()]


@qmp_command("query-qmp-schema", preconfig=True)
def query_qmp_schema(_e: Emulator) -> list[QDict]:
    """Commands, events and their types, as QEMU's SchemaInfo."""
    from emu.monitor.schema import schema

    return schema()


class CommandLineParameterType(enum.Enum):
    """Kinds of values."""

    STRING = "string"
    BOOLEAN = "boolean"
    NUMBER = "number"
    SIZE = "size"


@dataclass(frozen=True)
class CommandLineParameterInfo:
    """A parameter of an option."""

    name: str
    type: CommandLineParameterType
    help: str | None = None
    default: str | None = None


@dataclass(frozen=True)
class CommandLineOptionInfo:
    """An option."""

    option: str
    parameters: list[CommandLineParameterInfo]


@qmp_command("query-command-line-options", preconfig=True)
def query_command_line_options(_e: Emulator, option: str | None = None) -> list[CommandLineOptionInfo]:
    """Options with parameters, or the one of that name. Errors: OptionError."""
    from emu.monitor.machine_options import machine_parameters
    from emu.options.option_info import query_command_line_options

    found = query_command_line_options(option, machine_parameters())
    return [from_json(CommandLineOptionInfo, one) for one in found]


@qmp_command("human-monitor-command", features=("savevm-monitor-nodes",))
def human_monitor_command(
    e: Emulator, monitor: Monitor, command_line: str, cpu_index: int | None = None
) -> str:
    """A line of the monitor for people: what it prints. Errors: UserError for a CPU there is not."""
    from emu.monitor.hmp import run_line

    return run_line(e, command_line, cpu_index)
