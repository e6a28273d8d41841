"""Boot the embedded SMP guest: `emu demo [-smp N] [options of the machine]`."""

from __future__ import annotations

from collections.abc import Sequence

DEFAULT_HARTS = "4"


def command_line(argv: Sequence[str]) -> list[str]:
    """The machine's options for the demo; those of `argv` come last and win."""
    from emu.guests import guest

    # -serial stdio, not mon:stdio: Ctrl-C ends the demo
    line = ["-M", "virt", "-m", "128M", "-display", "none", "-serial", "stdio", "-kernel", str(guest("smp"))]
    if not {"-smp", "--smp"} & set(argv):
        line += ["-smp", DEFAULT_HARTS]
    return [*line, *argv]


def main(argv: Sequence[str]) -> int:
    """Boot it."""
    from emu.main import run_machine

    return run_machine(command_line(argv), "emu demo")
