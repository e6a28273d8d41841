"""Bodies of the oracle's programs: a few instructions, each likely to do something privileged.

Rule: control moves forward only. An xRET therefore stands behind writes of its xepc (and mstatus), and
alone only where it is illegal; WFI stands only where it traps, for nothing would wake the hart.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.lib import privharness as at
from tests.lib.hart import RAM_BASE
from tests.lib.privgen import (
    ABSENT,
    ALIAS,
    ATOMICS,
    BLOCKS,
    ILLEGAL,
    LEGALITY_ONLY,
    LOADS,
    READABLE,
    SET_CLEAR,
    STCE,
    STORES,
    WRITABLE,
    Program,
    chance,
)
from vcpu_worker.csr.bits import MSTATUS_TW, Priv
from vcpu_worker.csr.reg import NUMBERS
from vcpu_worker.isa.insn import encode

RESULTS = range(1, 7)
ADDRESSES = range(18, 22)
BLOCK = 21
SPP_SHIFT, MPP_SHIFT = 8, 11


def rd(rng: random.Random) -> int:
    """A register for a result."""
    return rng.choice(RESULTS)


def read_csr(rng: random.Random) -> list[int]:
    """A read of a CSR, present, absent, or not to be compared."""
    if chance(rng, 15):
        return [encode("csrrs", rd=0, rs1=0, csr=NUMBERS[rng.choice(LEGALITY_ONLY)])]
    if chance(rng, 10):
        return [encode("csrrs", rd=rd(rng), rs1=0, csr=rng.choice(ABSENT))]
    return [encode("csrrs", rd=rd(rng), rs1=0, csr=NUMBERS[rng.choice(READABLE)])]


def write_csr(rng: random.Random, stce: bool) -> list[int]:
    """A CSR instruction with a register that suits the CSR. stce: stimecmp drives STIP."""
    name = rng.choice(("csrrw", "csrrs", "csrrc"))
    csr = rng.choice(tuple(WRITABLE) if name == "csrrw" else SET_CLEAR)
    if csr == "stimecmp" and not stce:
        csr = "sscratch"  # QEMU 10 clears STIP then, which is software's without STCE ("Sstc")
    to = 0 if csr in LEGALITY_ONLY else rng.choice((0, rd(rng)))
    return [encode(name, rd=to, rs1=WRITABLE[csr], csr=NUMBERS[csr])]


def immediate_csr(rng: random.Random) -> list[int]:
    """One with uimm."""
    name = rng.choice(("csrrwi", "csrrsi", "csrrci"))
    csr = rng.choice(("sscratch", "mscratch", "fflags", "frm", "scause", "sie", "mie", "sip", "mhartid"))
    uimm = rng.randrange(32)
    if csr == "frm" or csr == "fflags":
        uimm &= 7
    if csr in ("mie", "sie", "sip"):
        uimm &= 10
    return [encode(name, rd=0 if csr in LEGALITY_ONLY else rd(rng), uimm=uimm, csr=NUMBERS[csr])]


def access(rng: random.Random, cut: bool) -> list[int]:
    """A load, store, atomic or cache-block operation. cut: see Program."""
    base, kind = rng.choice(ADDRESSES), rng.randrange(10)
    if kind < 4:
        return [encode(rng.choice(LOADS), rd=rd(rng), rs1=base, imm=rng.choice((0, 8, -8, 0 if cut else 1)))]
    if kind < 7:
        value, off = rng.choice((22, 23, 5)), rng.choice((0, 0, 8, 8 if cut else 4))
        return [encode(rng.choice(STORES), rs1=base, rs2=value, imm=off)]
    if kind == 7:
        return [encode(rng.choice(ATOMICS), rd=rd(rng), rs1=base, rs2=23)]
    if kind == 8:
        # no SC: one that fails anyway may fault or not (Unprivileged, "Zalrsc"); QEMU does not, ours does
        return [encode(rng.choice(("lr.d", "lr.w")), rd=rd(rng), rs1=base)]
    # a block's own address: for others QEMU reports the block's in xtval, ours the operand
    # CBO.CLEAN, FLUSH and INVAL set no D bit; QEMU 10 does where PMP denies the read it tries first
    return [encode("ld", rd=rd(rng), rs1=BLOCK, imm=0) if cut else encode(rng.choice(BLOCKS), rs1=BLOCK)]


def system(rng: random.Random) -> list[int]:
    """A call, breakpoint, fence or illegal word."""
    # no SFENCE.W.INVAL and SFENCE.INVAL.IR: QEMU 10 executes them in U-mode, where they are illegal (Svinval)
    name = rng.choice(
        ("ecall", "ebreak", "fence.i", "sfence.vma", "sinval.vma", "illegal", "c.ebreak", "illegal")
    )
    if name == "illegal":
        return [rng.choice((*ILLEGAL, rng.getrandbits(25) << 7 | 0x5B))]
    if name.endswith(".vma"):
        return [encode(name, rs1=rng.choice((0, 18, 19)), rs2=rng.choice((0, 11)))]
    if name == "c.ebreak":
        return [0x0001 << 16 | 0x9002]  # and a c.nop: handlers go on four bytes behind a trap
    return [encode(name)]


def arithmetic(rng: random.Random) -> list[int]:
    """Something that needs nothing, or floating point."""
    if chance(rng, 30):
        name = rng.choice(("fadd.d", "fmul.d", "fdiv.d"))
        return [encode(name, rd=rd(rng), rs1=1, rs2=2), encode("fmv.x.d", rd=rd(rng), rs1=rd(rng))]
    return [encode(rng.choice(("add", "xor", "sub")), rd=rd(rng), rs1=rd(rng), rs2=rng.choice((5, 22, 23)))]


def xret(rng: random.Random, p: Program, where: int, x: dict[int, int], translated: bool) -> list[int]:
    """mret or sret to the instruction behind it or to a bad address, in the mode that x13 says.

    where: index of the group's first word in the body.
    """
    name, status, epc = rng.choice((("mret", "mstatus", "mepc"), ("sret", "sstatus", "sepc")))
    to = x[13] >> MPP_SHIFT & 3 if name == "mret" else x[13] >> SPP_SHIFT & 1
    words = [encode("csrrw", rd=0, rs1=13, csr=NUMBERS[status])]
    words.append(encode("csrrw", rd=0, rs1=rng.choice((14, 14, 14, 15)), csr=NUMBERS[epc]))
    words.append(encode(name))
    x[14] = p.base + at.BODY + 4 * (where + len(words))
    if to == Priv.U and translated:
        x[14] += ALIAS - RAM_BASE
    return words  # bit 0 of x14 stays 0: QEMU 10 stores it and goes there (3.1.14: it is always zero)


def body(
    rng: random.Random, p: Program, target: Priv, values: dict[str, int], x: dict[int, int]
) -> list[int]:
    """The words; sets x14."""
    kinds: list[Callable[[random.Random], list[int]]] = []
    for kind, weight in (
        (read_csr, 4), (lambda r: write_csr(r, values["menvcfg"] & STCE != 0), 6), (immediate_csr, 1),
        (lambda r: access(r, p.cut), 8), (system, 3), (arithmetic, 1),
    ):  # fmt: skip
        kinds += [kind] * weight
    traps_wfi = target == Priv.U or (target == Priv.S and values["mstatus"] & MSTATUS_TW)
    length = rng.randrange(4, 32)
    ret_at = rng.randrange(length) if chance(rng, 60) else -1
    words: list[int] = []
    x[14] = x[15]
    for slot in range(length):
        if slot == ret_at and target != Priv.U:
            words += xret(rng, p, len(words), x, values["satp"] != 0)
        elif chance(rng, 3) and traps_wfi:
            words.append(encode("wfi"))
        elif chance(rng, 3) and target != Priv.M:
            words.append(encode("mret"))
        elif chance(rng, 3) and target == Priv.U:
            words.append(encode("sret"))
        elif slot == length - 1 and chance(rng, 15):
            words.append(encode("jalr", rd=1, rs1=15, imm=0))
        else:
            words += rng.choice(kinds)(rng)
    return words
