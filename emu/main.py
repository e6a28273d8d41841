"""The program: qemu_init, main loop, cleanup.

    main -> (verb) -> run_machine -> qemu_init -> qemu_main_loop -> qemu_cleanup

Rule: whatever goes wrong is one line for the user and exit status 1, never a traceback.
Source: BEHAVIOUR 1.8 (exit).
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emu.errors import EmuError, Leave, StartFailed, UserError, strerror
from emu.report import Reporter

if TYPE_CHECKING:
    from emu.emulator import Emulator


def main(argv: Sequence[str] | None = None) -> int:
    """The `emu` and `emu-system-riscv64` commands: exit status."""
    _open_standard_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    prog = Path(sys.argv[0]).name if sys.argv[0] else "emu"
    if prog == "__main__.py":
        prog = "emu"
    if prog == "emu":
        if not words:
            words = ["demo"]
        from emu.verbs.table import is_verb, run

        if is_verb(words[0]):
            try:
                status = run(words[0], words[1:])
                sys.stdout.flush()
                return status
            except UserError as error:
                Reporter(prog).error(error)
                return 1
            except BrokenPipeError:
                _nobody_reads()
                return 1
    return run_machine(words, prog)


def _open_standard_streams() -> None:
    """A closed descriptor 0, 1 or 2 would become the next one we make, and be taken for a stream."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is fd
    null = Path(os.devnull)
    sys.stdout = sys.stdout or null.open("w")  # Python has None for one that was closed
    sys.stderr = sys.stderr or null.open("w")


def run_machine(argv: Sequence[str], prog: str) -> int:
    """One machine, from its command line to its end: exit status."""
    # Python's own handler would turn Ctrl-C into a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What a start makes lives as long as the machine: to look for garbage in it takes 10 ms of 120
    gc.disable()
    from emu.init import qemu_cleanup, qemu_init

    reporter = Reporter(prog)
    emulator: Emulator | None = None
    status = 1
    try:
        emulator = qemu_init(argv, reporter)
        gc.enable()
        status = qemu_main_loop(emulator)
    except Leave as leave:
        status = leave.status
        _print(leave.text)
    except StartFailed as error:
        reporter.error(error.cause)
    except EmuError as error:
        reporter.error(error if isinstance(error, UserError) else UserError(str(error)))
    except (OSError, MemoryError) as error:
        # nobody foresaw this one where it arose; the user still gets a line, not our stack
        text = strerror(error) if isinstance(error, OSError) else "out of memory"
        reporter.error(UserError(f"unexpected error: {text}"))
    finally:
        if emulator is not None:
            qemu_cleanup(emulator)
    return status & 0xFF


def _print(text: str) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(text))
        sys.stdout.flush()
    except OSError:
        _nobody_reads()


def _nobody_reads() -> None:
    """The reader of our output has left: there is nothing to say, nor for Python's exit to flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def qemu_main_loop(e: Emulator) -> int:
    """Turns of the loop until something ends the machine: exit status."""
    while (status := e.run.should_exit()) is None:
        e.loop.wait()
    if e.gdb is not None:
        e.gdb.exited(status)
    return status
