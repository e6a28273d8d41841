"""Commands of harts: cpu, info cpus, info registers, gdbserver.

Source: BEHAVIOUR 5.3; screens of QEMU 10.0.13.
"""

from __future__ import annotations

from emu.errors import OptionError, UserError
from emu.monitor.hmp_arguments import Flag, Int, Word
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import hmp_command, info_command


@hmp_command("cpu", "index", "choose the hart that other commands are about", args=(Int("index", bits=32),))
def cpu(s: Session, index: int) -> None:
    """It stays chosen in this monitor."""
    try:
        s.choose_hart(index)
    except OptionError:
        s.print("invalid CPU index\n")


@info_command("cpus", "the harts, and the processes that execute them")
def info_cpus(s: Session) -> None:
    """The chosen one has a star."""
    from emu.monitor.commands.machine import query_cpus_fast

    for one in query_cpus_fast(s.e):
        star = "*" if one.cpu_index == s.hart else " "
        s.print(f"{star} CPU #{one.cpu_index}: thread_id={one.thread_id}\n")


@info_command("registers", "the registers of a hart, or of all", "[-a|vcpu]",
              args=(Flag("a"), Int("vcpu", optional=True, bits=32)))  # fmt: skip
def info_registers(s: Session, a: bool = False, vcpu: int | None = None) -> None:
    """Of the chosen hart, if no other is named."""
    from emu.monitor.hmp_registers import dump
    from emu.workers.hart_state import HartState

    if a:
        harts = list(range(s.harts))
    elif vcpu is not None and not 0 <= vcpu < s.harts:
        s.print(f"CPU#{vcpu} not available\n")
        return
    elif s.hart is None:
        s.print("No CPU available\n")
        return
    else:
        harts = [s.hart if vcpu is None else vcpu]
    for hart in harts:
        s.print(f"\nCPU#{hart}\n{dump(HartState(s.vm, hart))}")


@hmp_command("gdbserver", "[device]", "let gdb connect at 'device' (tcp::1234), or stop that with 'none'",
             args=(Word("device", optional=True),))  # fmt: skip
def gdbserver(s: Session, device: str = "tcp::1234") -> None:
    """As -gdb."""
    from emu.gdbstub.server import gdbserver_start

    try:
        gdbserver_start(s.e, device)
    except UserError as error:
        for text in (error.text, *error.consequences):
            s.print(f"{'warning: ' if text.startswith('gdbstub:') else ''}{text}\n")
        s.print(f"Could not open gdbserver on device '{device}'\n")
        return
    done = "Disabled gdbserver" if device == "none" else f"Waiting for gdb connection on device '{device}'"
    s.print(f"{done}\n")
