"""A device's data plane for the guest `adbits`: a process that writes PTEs in guest RAM, without any hart.

`beside(pid, kernel)` starts one on the RAM of an emulator that runs; the process itself is
`python -m tests.system.guests.dma_writer FD LETTERBOX`, FD being the RAM, LETTERBOX the offset of the guest's
`dma` in it. It exits with 0 when the guest has told it to, with 1 if a bit that it wrote was lost.

Rules
- as a DMA engine it has no atomics: plain stores, of one byte each. The byte holds the two bits for software
  (8 and 9) and the low end of the PPN; A and D are in the byte below, which is read here and never written;
- it alone writes this byte, so what it reads back is what it wrote last. A walker that would put back the
  word it had read, instead of comparing and swapping, undoes a store made meanwhile.
Source: Privileged ISA, 4.4 "Sv39"; `adbits.c` for the letterbox, which has one writer a word.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from emu.guests import bare
from tests.lib.objects import open_object

ROOT = Path(__file__).resolve().parents[3]
MAGIC = b"EMUDMABX"
LEAVES, PTES, STEP, AT, TOGGLES, OVERLAPPED = 1, 2, 3, 16, 17, 18  # words of the letterbox
WORDS, SOFT = 32, 256  # its words; offset of the bytes behind them
LAST = (1 << 64) - 1
ACCESSED_DIRTY = 0xC0
SOFT_BITS = 3  # of the second byte
PATIENCE = 4000  # stores to one PTE before it is left alone
IDLE = 1000  # looks without a new step before others get the processor
END_S = 5.0
QEMU_RAM = ("-object", "memory-backend-memfd,id=dma,size=16M,share=on", "-machine", "memory-backend=dma")
RAM_BYTES = 16 << 20


def serve(ram: memoryview, box: int) -> str | None:
    """Write as the guest says, to the end. What was lost, or None."""
    word = ram[box : box + 8 * WORDS].cast("Q")
    soft = ram[box + SOFT :]
    parent = os.getppid()
    step = idle = 0
    while True:
        new = word[STEP]
        if new == step:
            idle += 1
            if idle % IDLE == 0:
                os.sched_yield()
                if os.getppid() != parent:
                    return "who started us is gone"
            continue
        step = new
        if step & 1:
            word[AT] = step
            if step == LAST:
                return None
            continue
        i = (step >> 1) % word[PTES]
        lost = on_pte(ram, word, soft, step, i)
        if lost:
            return lost


def on_pte(ram: memoryview, word: memoryview, soft: memoryview, step: int, i: int) -> str | None:
    """Toggle the software bits of PTE `i` until the walkers have been there, or the guest is elsewhere."""
    low = word[LEAVES] - bare.RAM + 8 * i
    high = low + 1
    had = soft[i]
    kept = ram[high] & ~SOFT_BITS
    met = 0
    for count in range(PATIENCE):
        seen = ram[high]
        if seen != kept | had:
            return f"pte {i}, step {step:#x}: {seen:#x} where {kept | had:#x} was written"
        had ^= 1 + count % 3  # both bits, alone and together
        ram[high] = kept | had
        soft[i] = had
        word[AT] = step
        if ram[low] & ACCESSED_DIRTY == ACCESSED_DIRTY or word[STEP] != step:
            break
        met = 1
    word[TOGGLES] += count + 1
    word[OVERLAPPED] += met
    return None


@contextlib.contextmanager
def beside(pid: int, kernel: Path) -> Iterator[None]:
    """A writer on the RAM of the emulator `pid`, which runs the guest in `kernel`, until the block ends.

    Errors: AssertionError if the writer found something lost, or the emulator shows no RAM.
    """
    base, image = bare.flat(kernel)
    box = image.index(MAGIC) + base - bare.RAM
    fd = open_object(pid, RAM_BYTES)
    line = [sys.executable, "-m", "tests.system.guests.dma_writer", str(fd), str(box)]
    with subprocess.Popen(
        line, cwd=ROOT, pass_fds=(fd,), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as writer:  # fmt: skip
        os.close(fd)
        try:
            yield
        finally:
            try:
                said, _ = writer.communicate(timeout=END_S)
            except subprocess.TimeoutExpired:
                # a guest that ends well has told it; the verdict on any other says what was wrong
                writer.kill()
                said, _ = writer.communicate()
    assert writer.returncode <= 0, f"the host's writer: {said}"


def main() -> int:
    """The process."""
    fd, box = map(int, sys.argv[1:])
    ram = memoryview(mmap.mmap(fd, RAM_BYTES))
    lost = serve(ram, box)
    if lost:
        sys.stdout.write(f"dma LOST {lost}\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
