"""What S-mode finds when the firmware enters it: the built-in SBI's state against a running OpenSBI's.

A payload of a few instructions records what S-mode can see, then waits; what only M-mode can see is read
from the harts' slots meanwhile. Then it starts the other hart, which does the same. What the two firmwares
leave differently is in tables, each row with its reason: a difference that has no row fails, and so does a
row that is no difference any more.
Source: SBI 2.0, chapter 9 (state of a started hart); DESIGN 5; OpenSBI 1.6 as fetched.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from emu.core.fdt import Node, parse
from ipc.layout import HART, PMP_ENTRIES, View, control_size, slot_offset
from tests.lib.asm import Asm
from tests.lib.guests import need
from tests.lib.objects import map_object
from tests.lib.pmp import NaivePmp, R, W, X
from tests.lib.vm import Emu

RAM, RAM_BYTES = 0x8000_0000, 128 << 20
ENTRY, BOX, GO = 0x8020_0000, 0x8040_0000, 0x8040_3000
BOX_SHIFT = 12
HARTS = 2
OPAQUE = 0x1234_5678
DONE = 0x600D
HSM = 0x48534D
A0, A1, A2, A6, A7, T0, T1, S0, S1 = 10, 11, 12, 16, 17, 5, 6, 8, 9
# what the payload can see
SEEN = {"sstatus": 0x100, "sie": 0x104, "stvec": 0x105, "scounteren": 0x106, "senvcfg": 0x10A,
        "sscratch": 0x140, "sip": 0x144, "satp": 0x180}  # fmt: skip
# what it cannot, by the names of the slot
HIDDEN = ("priv", "medeleg", "mideleg", "mie", "mcounteren", "mcountinhibit", "menvcfg", "mseccfg",
          "stimecmp")  # fmt: skip
PATIENCE_S = 60.0

TOP = 1 << 56
# The tables: what the built-in SBI leaves, what OpenSBI leaves, why.
REGISTERS = {
    "medeleg": (0xB1FF, 0xB109, (
        "OpenSBI takes illegal instructions (2), misaligned (4, 6) and access faults (1, 5, 7) itself, to "
        "emulate what a hart lacks or to hand them on; this hart lacks nothing that it announces, so the way "
        "through M-mode would only cost"
    )),
    "mie": (0, 1 << 3, (
        "OpenSBI gets IPIs as MSIP and makes them SSIP; the built-in SBI sets SSIP of the target itself"
    )),
}  # fmt: skip
# by (first, behind the last); "---" is what S-mode cannot touch
RIGHTS = {
    (0x10_0000, 0x10_1000): ("rwx", "rw-", "test finisher: no device executes, with or without a PMP entry"),
    (0x200_0000, 0x201_0000): ("rwx", "---", (
        "OpenSBI drives the CLINT and keeps S-mode off it; the built-in SBI does not need it (mie is 0), so "
        "a kernel that plays with it disturbs itself alone"
    )),
    (0xC00_0000, 0xC60_0000): ("rwx", "rw-", "PLIC: as the finisher"),
    (0x1000_0000, 0x1000_1000): ("rwx", "rw-", "UART: as the finisher"),
    (0x8000_0000, 0x8006_0000): ("rwx", "---", (
        "OpenSBI lies there; the built-in SBI is compiled code outside guest memory: nothing to hide"
    )),
}  # fmt: skip
# by path in the device tree and property, None for the node itself: why
TREE = {
    ("/chosen", "rng-seed"): "new in each run",
    ("/pmu", "riscv,event-to-mhpmcounters"): "OpenSBI takes out what is for firmware; no kernel reads it",
    ("/soc/plic@c000000", "interrupts-extended"): (
        "OpenSBI strikes out M-mode's contexts, which kernels pass over by their cause (11) in any case"
    ),
    ("/reserved-memory/mmode_resv0@80000000", None): (
        "the 2 MiB in front of the kernel, although nothing lies there: a kernel that took them would boot "
        "with one firmware and not with the other"
    ),
    ("/reserved-memory/mmode_resv0@80040000", None): "OpenSBI's data",
    ("/reserved-memory/mmode_resv1@80000000", None): "OpenSBI's text",
}
SECOND = ENTRY + 0x1000


def _record(a: Asm) -> None:
    """a0, a1 and the CSRs of SEEN into this hart's box; DONE comes last. Uses t0, t1."""
    a.li(T0, BOX)
    a("slli", rd=T1, rs1=A0, shamt=BOX_SHIFT)
    a("add", rd=T0, rs1=T0, rs2=T1)
    a("sd", rs1=T0, rs2=A0, imm=8)
    a("sd", rs1=T0, rs2=A1, imm=16)
    for i, number in enumerate(SEEN.values()):
        a("csrrs", rd=T1, csr=number, rs1=0)
        a("sd", rs1=T0, rs2=T1, imm=24 + 8 * i)
    a.li(T1, DONE)
    a("fence", fm=0, pred=3, succ=1)
    a("sd", rs1=T0, rs2=T1, imm=0)


def payload() -> bytes:
    """The kernel: entered at ENTRY by the firmware, at SECOND by HSM."""
    a = Asm(ENTRY)
    _record(a)
    a("addi", rd=S0, rs1=A0, imm=0)
    a.li(S1, GO)
    a.label("wait")
    a("ld", rd=T1, rs1=S1, imm=0)
    a.branch("beq", T1, 0, "wait")
    for reg, value in ((A7, HSM), (A6, 0), (A1, SECOND), (A2, OPAQUE)):
        a.li(reg, value)
    a("xori", rd=A0, rs1=S0, imm=1)
    a("ecall")
    a.label("end")
    a("wfi")
    a.jump("end")
    b = Asm(SECOND)
    _record(b)
    b.label("end")
    b("wfi")
    b.jump("end")
    return a.code().ljust(SECOND - ENTRY, b"\0") + b.code()


@dataclass(frozen=True)
class Entered:
    """A hart as it came into S-mode. registers: of SEEN and HIDDEN by name. rights: see `rights_of`."""

    hart: int
    a1: int
    registers: dict[str, int]
    rights: list[tuple[int, int, str]]


@dataclass(frozen=True)
class Firmware:
    """What a firmware leaves: its boot hart, the one started by HSM, the device tree by path."""

    boot: Entered
    second: Entered
    tree: dict[str, dict[str, bytes]]


def rights_of(slot: View) -> list[tuple[int, int, str]]:
    """(first, behind the last, what S-mode may do) of all physical memory, neighbours of one right joined."""
    cfg, address = ([slot.get(name, i) for i in range(PMP_ENTRIES)] for name in ("pmpcfg", "pmpaddr"))
    pmp = NaivePmp(cfg, address)
    spans = [pmp.bounds(i) for i in range(PMP_ENTRIES)]
    edges = sorted({0, TOP, *(min(e, TOP) for span in spans if span for e in (span.start, span.stop))})
    out: list[tuple[int, int, str]] = []
    for first, behind in pairwise(edges):
        entry = next((pmp.cfg[i] for i, span in enumerate(spans) if first in span), 0)
        may = "".join(letter if entry & bit else "-" for letter, bit in (("r", R), ("w", W), ("x", X)))
        if out and out[-1][2] == may:
            out[-1] = (out[-1][0], behind, may)
        else:
            out.append((first, behind, may))
    return out


def _by_path(node: Node, path: str = "") -> dict[str, dict[str, bytes]]:
    out = {path or "/": node.properties}
    for child in node.children:
        out |= _by_path(child, f"{path}/{child.name}")
    return out


def _entered(ram: memoryview, slots: list[View], but: int) -> Entered:
    """Wait until a hart other than `but` has filled its box."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        for hart in range(HARTS):
            at = BOX - RAM + (hart << BOX_SHIFT)
            done, a0, a1, *seen = struct.unpack_from(f"<{3 + len(SEEN)}Q", ram, at)
            if done == DONE and hart != but:
                assert a0 == hart
                registers = dict(zip(SEEN, seen, strict=True))
                registers |= {name: slots[hart].get(name) for name in HIDDEN}
                return Entered(hart, a1, registers, rights_of(slots[hart]))
        assert time.monotonic() < deadline, "no hart came into S-mode"
        time.sleep(0.005)  # a word in memory rings no bell


def enter(bios: str, folder: Path) -> Firmware:
    """Run `bios` to its S-mode payload and look."""
    kernel = folder / "payload.bin"
    kernel.write_bytes(payload())
    with Emu(
        "-M", "virt", "-smp", str(HARTS), "-m", f"{RAM_BYTES >> 20}M", "-nographic", "-bios", bios,
        "-kernel", str(kernel),
    ) as vm:  # fmt: skip
        ram, control = map_object(vm.pid, RAM_BYTES), map_object(vm.pid, control_size(HARTS))
        slots = [View(HART, control, slot_offset(i)) for i in range(HARTS)]
        boot = _entered(ram, slots, but=HARTS)
        at = boot.a1 - RAM
        size = int.from_bytes(ram[at + 4 : at + 8], "big")
        tree = _by_path(parse(bytes(ram[at : at + size])).root)
        ram[GO - RAM] = 1
        return Firmware(boot, _entered(ram, slots, but=boot.hart), tree)


@pytest.fixture(scope="module")
def firmwares(tmp_path_factory: pytest.TempPathFactory) -> tuple[Firmware, Firmware]:
    """(the built-in SBI, OpenSBI)."""
    folder = tmp_path_factory.mktemp("entry")
    return enter("default", folder), enter(need("opensbi"), folder)


def _other(ours: dict[str, int], theirs: dict[str, int]) -> dict[str, tuple[int, int]]:
    return {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}


@pytest.mark.parametrize("which", ["boot", "second"])
def test_registers_are_opensbis_but_for_the_named_differences(
    firmwares: tuple[Firmware, Firmware], which: str
) -> None:
    ours, theirs = (getattr(f, which) for f in firmwares)
    assert _other(ours.registers, theirs.registers) == {n: (a, b) for n, (a, b, _) in REGISTERS.items()}
    assert (ours.registers["satp"], ours.registers["mideleg"]) == (0, 0x222)
    assert ours.registers["priv"] == 1


def test_arguments_are_opensbis(firmwares: tuple[Firmware, Firmware]) -> None:
    """a0 is the hart's number (held while reading); a1 the tree's address, or what hart_start was given."""
    ours, theirs = firmwares
    assert ours.boot.a1 == theirs.boot.a1
    assert ours.second.a1 == theirs.second.a1 == OPAQUE


@pytest.mark.parametrize("which", ["boot", "second"])
def test_rights_to_memory_are_opensbis_but_for_the_named_differences(
    firmwares: tuple[Firmware, Firmware], which: str
) -> None:
    ours, theirs = (getattr(f, which).rights for f in firmwares)
    edges = sorted({edge for first, behind, _ in (*ours, *theirs) for edge in (first, behind)})
    found = {}
    for first, behind in pairwise(edges):
        a, b = (next(may for low, high, may in each if low <= first < high) for each in (ours, theirs))
        if a != b:
            found[first, behind] = (a, b)
    assert found == {span: (a, b) for span, (a, b, _) in RIGHTS.items()}


def test_the_device_tree_is_opensbis_but_for_the_named_differences(
    firmwares: tuple[Firmware, Firmware],
) -> None:
    ours, theirs = (f.tree for f in firmwares)
    found: set[tuple[str, str | None]] = {(path, None) for path in ours.keys() ^ theirs.keys()}
    for path in ours.keys() & theirs.keys():
        a, b = ours[path], theirs[path]
        found |= {(path, name) for name in a.keys() | b.keys() if a.get(name) != b.get(name)}
    assert found == TREE.keys()


def test_memory_that_the_tree_reserves_covers_what_s_mode_cannot_touch(
    firmwares: tuple[Firmware, Firmware],
) -> None:
    """With both; and the payload's own memory is not reserved."""
    for firmware in firmwares:
        reserved = [
            struct.unpack(">2Q", node["reg"])
            for path, node in firmware.tree.items()
            if path.startswith("/reserved-memory/")
        ]
        closed = [span for span in firmware.boot.rights if span[2] == "---" and span[0] >= RAM]
        for first, behind, _ in closed:
            assert all(any(b <= at < b + n for b, n in reserved) for at in range(first, behind, 4096))
        assert not any(b <= ENTRY < b + n for b, n in reserved)
