"""Oracle images on QEMU and on a hart of ours, and where their programs' memory differs."""

from __future__ import annotations

import struct
import subprocess
import tempfile
import threading
from pathlib import Path

from ipc.layout import EV_MSG, Exit
from tests.lib import privharness as at
from tests.lib.hart import RAM_BASE, Bench
from tests.lib.privgen import Program
from vcpu_worker.isa import ext
from vcpu_worker.isa.insn import disassemble

RAM = 64 << 20
NAMES = ("I", "M", "A", "F", "D", "C", "Zicbom", "Zicboz", "Zicbop", "Zicntr", "Zihpm", "Zifencei", "Zawrs",
         "Zba", "Zbb", "Zbs", "Sstc", "Svadu", "Svinval", "Svnapot", "Svpbmt", "Sv57", "U")  # fmt: skip
ISA = ext.bits_of(NAMES)
# The same hart, but: no triggers, whose CSRs differ; with the CSRs of AIA, which programs leave alone,
# because without them QEMU takes the interrupt with the lowest number instead of the highest priority (3.1.9)
QEMU_CPU = ("rv64,h=off,debug=off,zfa=off,zbc=off,zcb=off,svinval=on,svnapot=on,svpbmt=on,svadu=on,"
            "smaia=on,ssaia=on")  # fmt: skip
CLINT = 0x200_0000
PAGE = 4096
STORE_FAULTS = (7, 15)  # store access fault, store page fault


class Hang(Exception):
    """A machine did not come to the end of an image. `index`: the program it was in."""

    def __init__(self, who: str, index: int) -> None:
        super().__init__(f"{who} did not leave program {index}")
        self.index = index


def run_qemu(qemu: str, image: bytes, timeout: float) -> bytes:
    """RAM behind a run of `image` from RAM_BASE in M-mode. Errors: Hang."""
    with tempfile.TemporaryDirectory() as folder:
        ram = Path(folder) / "ram"
        with ram.open("wb") as f:
            f.write(image)
            f.truncate(RAM)
        line = [
            qemu, "-M", "virt,memory-backend=ram", "-cpu", QEMU_CPU, "-m", f"{RAM >> 20}M", "-bios", "none",
            "-object", f"memory-backend-file,id=ram,size={RAM},mem-path={ram},share=on",
            "-smp", "2",  # the second is parked: with one, QEMU makes an AMO of a load and a store
            "-nographic", "-monitor", "none", "-serial", "null", "-nodefaults",
        ]  # fmt: skip
        try:
            subprocess.run(line, check=True, timeout=timeout, stdin=subprocess.DEVNULL, capture_output=True)
        except subprocess.TimeoutExpired:
            raise Hang("QEMU", _program_at(ram.read_bytes())) from None
        return ram.read_bytes()


def run_ours(image: bytes, timeout: float) -> bytes:
    """The same on a hart of the engine in this process."""
    b = Bench(ram=RAM, isa_ext=ISA)
    for name, value in (
        ("clint_base", CLINT), ("clint_size", 0x1_0000), ("clock_offset", 1_000_000_000),
        ("exact", 1),  # device accesses leave the engine
    ):  # fmt: skip
        b.header.set(name, value)
    b.ram[: len(image)] = image
    h = b.harts[0]
    h.mtimecmp = (1 << 64) - 1
    bell = threading.Timer(timeout, h.view.set, ("event", EV_MSG))
    bell.start()
    try:
        while True:
            reason = h.call("run")
            if reason != Exit.MMIO:
                who = f"our hart ({Exit(reason).name} at {h.pc:#x})"
                raise Hang(who, _program_at(bytes(b.ram[:0x1_0000])))
            if h.exit_gpa == at.TEST_DEVICE:
                return bytes(b.ram)
            h.mmio_error, h.mmio_ready = 1, 1
    finally:
        bell.cancel()
        bell.join()


def _program_at(ram: bytes) -> int:
    now = int.from_bytes(ram[at.WORDS - RAM_BASE : at.WORDS - RAM_BASE + 8], "little")
    return (now - at.FIRST) // at.STRIDE


def describe(p: Program, off: int) -> str:
    """What a word of a program's memory is."""
    if off < at.RESULT:
        kind = "data" if off < at.TABLES else "PTE"
        return f"{kind} at {p.base + off:#x}" if off >= at.DATA else f"program text at +{off:#x}"
    off -= at.RESULT
    if off < at.FINAL_X:
        return f"trap {off // at.RECORD} {at.RECORD_FIELDS[off % at.RECORD // 8]}"
    if off < at.FINAL_CSR:
        return f"x{(off - at.FINAL_X) // 8} at the end" if off > at.FINAL_X else "last mstatus"
    number = (off - at.FINAL_CSR) // 8
    return f"{at.FINAL_CSRS[number]} at the end" if number < len(at.FINAL_CSRS) else f"results at +{off:#x}"


def differences(p: Program, ours: bytes, theirs: bytes) -> list[str]:
    """Where the two memories of a program differ: results first, in the order of traps."""
    start = p.base - RAM_BASE
    partial = _partial_stores(p, ours)
    out = []
    for off in (*range(at.RESULT, at.STRIDE, 8), *range(0, at.RESULT, 8)):
        a, b = (int.from_bytes(m[start + off : start + off + 8], "little") for m in (ours, theirs))
        if a != b and not (partial and at.DATA <= off < at.TABLES and off % PAGE == PAGE - 8):
            out.append(f"{describe(p, off)}: ours {a:#x}, theirs {b:#x}")
    return out


def _partial_stores(p: Program, ours: bytes) -> bool:
    """Whether a store crossed a page and only its second part faulted.

    Its first part may have been done or not: misaligned stores need not be atomic (Unprivileged ISA 2.6), and
    xtval names the part that faulted (Privileged 3.1.16). QEMU does it if the second part has a translation
    and no memory behind it, we never do; so the last bytes of a page are not compared then.
    """
    for record in records(p, ours):
        named = dict(zip(at.RECORD_FIELDS, record, strict=True))
        for cause, tval in (("mcause", "mtval"), ("scause", "stval")):
            if named[cause] in STORE_FAULTS and named[tval] and named[tval] % PAGE == 0:
                return True
    return False


def explain(p: Program, found: list[str], ours: bytes) -> str:
    """A report on a disagreement."""
    lines = [p.note, *found[:8]]
    values = {n: int.from_bytes(p.image[8 * i : 8 * i + 8], "little") for i, n in enumerate(at.SETUP_CSRS)}
    lines.append(" ".join(f"{n}={v:#x}" for n, v in values.items() if not n.startswith("pmpaddr")))
    regs = [int.from_bytes(p.image[at.REGS + 8 * i : at.REGS + 8 * i + 8], "little") for i in range(24)]
    lines.append(" ".join(f"x{i}={v:#x}" for i, v in enumerate(regs)))
    for i, word in enumerate(p.body):
        at_ = p.base + at.BODY + 4 * i
        lines.append(f"  {at_:#x} {word:08x} {disassemble(word, at_)}")
    for i, record in enumerate(records(p, ours)):
        words = (f"{n}={w:#x}" for n, w in zip(at.RECORD_FIELDS, record, strict=True))
        lines.append(f"  ours, trap {i}: {' '.join(words)}")
    return "\n".join(lines)


def records(p: Program, ram: bytes) -> list[tuple[int, ...]]:
    """The traps of a program, each as the values of RECORD_FIELDS."""
    out = []
    for i in range(at.RECORDS):
        words = struct.unpack_from("<8Q", ram, p.base - RAM_BASE + at.RESULT + at.RECORD * i)
        if not any(words):
            break
        out.append(words)
    return out
