"""Run a stress guest on the emulator, or on the reference QEMU: `python -m tests.system.guests.run ipi`.

A guest is compiled once; what a test varies (harts, count, seed, arguments) is written over the words that
follow the mark in a copy of its file, so no seed costs a compilation.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emu.guests import bare
from tests.system import litmus
from tests.system.guests import dma_writer

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
MARK = b"EMUPARAM"
MARCH = "rv64ima_zicsr_zifencei"
GUESTS = ("litmus", "atomics", "ipi", "adbits", "plic", "output")
TICKS_PER_S = 10_000_000
Beside = Callable[[int, Path], contextlib.AbstractContextManager[None]]
RAM = "16M"


@dataclass(frozen=True)
class Verdict:
    """How a run ended. status: exit status, or None if it was killed at its timeout."""

    guest: str
    harts: int
    status: int | None
    output: str
    errors: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the guest said so."""
        return self.status == 0

    def __str__(self) -> str:
        end = "killed at its timeout" if self.status is None else f"exit status {self.status}"
        tail = "\n".join(self.output.splitlines()[-15:])
        head = f"{self.guest} on {self.harts} harts: {end} after {self.seconds:.1f} s"
        return f"{head}\n{tail}\n{self.errors[-2000:]}"


def image(guest: str) -> Path:
    """The compiled guest."""
    sources = [HERE / "start.S", HERE / "rt.c", HERE / f"{guest}.c"]
    if guest != "litmus":
        return bare.build(sources, march=MARCH)
    with tempfile.TemporaryDirectory() as folder:
        bodies = Path(folder) / "bodies.S"
        bodies.write_text(litmus.assembly())
        return bare.build([*sources, bodies], march=MARCH)


def patched(elf: Path, harts: int, count: int, seed: int, args: Sequence[int]) -> bytes:
    """The guest's file with its parameters in it."""
    data = bytearray(elf.read_bytes())
    at = data.index(MARK)
    words = (harts, count, seed & (1 << 56) - 1, *args, *[0] * (4 - len(args)))
    struct.pack_into("<7Q", data, at + len(MARK), *words)
    return bytes(data)


def emulator() -> list[str]:
    """The command line of the emulator of this tree."""
    return [sys.executable, "-m", "emu"]


def reference() -> list[str]:
    """The command line of the reference QEMU. Raises FetchError if it was not fetched."""
    from emu.guests.fetch import guest

    return [str(guest("qemu"))]


def run(
    guest: str,
    *,
    harts: int = 2,
    count: int = 1000,
    seed: int = 1,
    args: Sequence[int] = (),
    timeout: float = 120,
    engine: Sequence[str] | None = None,
    options: Sequence[str] = (),
    beside: Beside | None = None,
) -> Verdict:
    """Run a guest to its end, or kill it at `timeout` seconds. Its processes are gone when this returns.

    beside: given the emulator's pid and the guest's file, what goes on beside it until it ends.
    """
    with tempfile.TemporaryDirectory(prefix="emu-guest-") as folder:
        kernel = Path(folder) / f"{guest}.elf"
        kernel.write_bytes(patched(image(guest), harts, count, seed, args))
        line = [*(engine or emulator()), "-M", "virt", "-bios", "none", "-kernel", str(kernel)]
        line += ["-m", RAM, "-smp", str(harts), "-nographic", "-no-reboot", *options]
        start = time.monotonic()
        with (
            subprocess.Popen(
                line,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            ) as process,
            beside(process.pid, kernel) if beside else contextlib.nullcontext(),
        ):
            try:
                out, err = process.communicate(timeout=timeout)
                status: int | None = process.returncode
            except subprocess.TimeoutExpired:
                process.terminate()
                try:
                    out, err = process.communicate(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    out, err = process.communicate()
                status = None
        return Verdict(guest, harts, status, out, err, time.monotonic() - start)


@contextlib.contextmanager
def hogs(n: int) -> Iterator[None]:
    """`n` processes that do nothing but take processor time, until the block ends or we die."""
    code = "import os\np = os.getppid()\nwhile os.getppid() == p:\n    for _ in range(100000): pass"
    started = [subprocess.Popen([sys.executable, "-S", "-c", code]) for _ in range(n)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("guest", choices=GUESTS)
    parser.add_argument("--harts", type=int, default=2)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--arg", type=lambda text: int(text, 0), action="append", default=[])
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--qemu", action="store_true", help="on the reference QEMU")
    parser.add_argument("--hogs", type=int, default=0)
    parser.add_argument("--dma", action="store_true", help="adbits: the writer is a process of the host")
    args = parser.parse_args()
    defaults = {
        "ipi": [2 * TICKS_PER_S, 4096],
        "plic": [2 * TICKS_PER_S],
        "litmus": [(1 << 64) - 1, 1 if args.harts <= (os.cpu_count() or 1) else 256],
    }
    if args.dma:
        args.arg = [1]
    words = args.arg + defaults.get(args.guest, [])[len(args.arg) :]
    with hogs(args.hogs):
        verdict = run(
            args.guest,
            harts=args.harts,
            count=args.count,
            seed=args.seed,
            args=words,
            timeout=args.timeout,
            engine=reference() if args.qemu else None,
            options=dma_writer.QEMU_RAM if args.qemu and args.dma else (),
            beside=dma_writer.beside if args.dma else None,
        )
    sys.stdout.write(f"{verdict.output}{verdict.errors}status {verdict.status}, {verdict.seconds:.2f} s\n")
    if args.guest == "litmus":
        counts = litmus.read(verdict.output)
        sys.stdout.write(litmus.table(counts) + "\n" + "\n".join(litmus.violations(counts)) + "\n")
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    sys.exit(main())
