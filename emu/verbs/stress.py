"""Drive a machine through random stops, resets, suspends and deaths: `emu stress [options] [machine]`.

Words that are no options of `stress` are the machine's; without a kernel among them it is the embedded guest,
which checks itself in rounds for ever.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from emu.errors import UserError, strerror

if TYPE_CHECKING:
    from emu.stress.report import Failure

EMBEDDED_READY = r"round \d+: all checks passed"


def _parser() -> argparse.ArgumentParser:
    from emu.stress.plan import OPERATIONS

    parser = argparse.ArgumentParser(
        prog="emu stress", allow_abbrev=False,
        description="Drive a machine through random stops, resets and deaths, and compare it with a model.",
        epilog=f"operations: {', '.join(OPERATIONS)}; all other words are options of the machine",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, help="of the sequence (default: random, printed)")
    parser.add_argument("--count", type=int, help="operations to do (default: 300)")
    parser.add_argument("--seconds", type=float, help="stop after so long instead")
    parser.add_argument("--only", metavar="NAMES", help="these operations, separated by commas")
    parser.add_argument("--without", metavar="NAMES", help="all but these")
    parser.add_argument("--load", type=int, default=0, metavar="N", help="N processes that hog the host")
    parser.add_argument("--patience", type=float, default=30.0, metavar="S", help="seconds for a reply (30)")
    parser.add_argument("--ready", metavar="REGEX", default="", help="how the guest says: I am up")
    parser.add_argument("--suspend", metavar="TEXT", default="",
                        help="what to type when it is up, so that it sleeps and says so again")  # fmt: skip
    parser.add_argument("--symbols", metavar="FILE", help="ELF file or System.map (default: the kernel)")
    parser.add_argument("--report", metavar="FILE", help="write the report of a failure there, as JSON")
    return parser


def _entries(args: argparse.Namespace, guest: object) -> list[str]:
    from emu.stress.plan import OPERATIONS, Guest

    assert isinstance(guest, Guest)
    only = args.only.split(",") if args.only else list(OPERATIONS)
    without = args.without.split(",") if args.without else []
    for name in (*only, *without):
        if name not in OPERATIONS:
            raise UserError(f"'{name}' is no operation (there are: {', '.join(OPERATIONS)})")
    chosen = [name for name in only if name not in without and guest.can(OPERATIONS[name].needs)]
    if not chosen:
        raise UserError("no operation is left to do")
    return chosen


def _machine_line(words: Sequence[str]) -> tuple[list[str], str]:
    """The machine's options, and the line that says that its guest is up, "" if that is not known."""
    from emu.guests import guest
    from emu.verbs.demo import DEFAULT_HARTS

    line = list(words)
    flags = {word.lstrip("-") for word in line if word.startswith("-")}
    if not {"M", "machine"} & flags:
        line = ["-M", "virt", *line]
    if "smp" not in flags:
        line += ["-smp", DEFAULT_HARTS]
    line += ["-display", "none"]
    if {"kernel", "bios"} & flags:
        return line, ""
    if "append" in flags:
        raise UserError("-append only allowed with -kernel option")
    return [*line, "-m", "128M", "-kernel", str(guest("smp")), "-append", "endless"], EMBEDDED_READY


def main(argv: Sequence[str]) -> int:
    """Run it: 0 if the machine did all that the model did, 1 if not."""
    from emu.stress.plan import Guest
    from emu.stress.runner import Runner

    args, words = _parser().parse_known_args(list(argv))
    line, ready = _machine_line(words)
    ready = args.ready or ready
    for pattern in filter(None, (ready,)):
        try:
            re.compile(pattern)
        except re.error as error:
            raise UserError(f"--ready: not a regular expression: {error}") from error
    guest = Guest(ready, args.suspend.encode().decode("unicode_escape") if args.suspend else "")
    if guest.suspend and not guest.ready:
        raise UserError("--suspend needs --ready: the guest can be told only when it is up")
    seed = random.SystemRandom().getrandbits(31) if args.seed is None else args.seed
    count = args.count if args.count is not None else (None if args.seconds else 300)
    runner = Runner(line, guest, _entries(args, guest), seed, args.patience)
    print(f"seed {seed}: emu {' '.join(line)}", flush=True)
    hogs = _hogs(args.load)
    try:
        failure = runner.run(count, args.seconds)
    finally:
        for pid in hogs:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    print(runner.summary())
    if failure is None:
        return 0
    _tell(failure, args, words)
    return 1


def _tell(failure: Failure, args: argparse.Namespace, words: Sequence[str]) -> None:
    from emu.stress.symbols import Symbols

    kernel = next((b for a, b in pairwise(words) if a.lstrip("-") == "kernel"), None)
    if kernel is None and args.symbols is None:
        from emu.guests import guest

        kernel = str(guest("smp"))
    try:
        symbols = Symbols.read(Path(args.symbols or kernel or ""))
        sys.stdout.write(failure.as_text(symbols))
        if args.report:
            failure.save(Path(args.report))
    except OSError as error:
        raise UserError(f"{error.filename}: {strerror(error)}") from error


def _hogs(count: int) -> list[int]:
    """Processes that do nothing but use the host's processors."""
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            parent = os.getppid()
            while os.getppid() == parent:
                deadline = time.monotonic() + 0.1
                while time.monotonic() < deadline:
                    pass
            os._exit(0)
        pids.append(pid)
    return pids
