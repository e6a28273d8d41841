"""Random privileged programs for the oracle: CSR setup, page tables, PMP, registers, and a short body.

A program is made so that it ends on any correct hart, and so that nothing that the architecture leaves
to the implementation shows in what is compared; where QEMU 10 is known to deviate, the values that
would show it are not generated (the reason stands beside them). Registers of a body:
    x1..x6 results      x7 stvec      x8 satp     x9 medeleg    x10 interrupt bits   x11 counter enables
    x12 xenvcfg         x13 xstatus   x14 where an xRET goes    x15 a bad address    x16 pmpaddr
    x17 pmpcfg2         x18..x20 addresses        x21 a block's   x22 all ones  x23 anything
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field

from tests.lib import privharness as at
from tests.lib.hart import RAM_BASE
from tests.lib.pmp import random_address
from vcpu_worker.csr.bits import PMP_ADDR_BITS, Priv
from vcpu_worker.csr.reg import NUMBERS

V, R, W, X, U, G, A, D = (1 << i for i in range(8))
N, PBMT_SHIFT = 1 << 63, 61
ONES = (1 << 64) - 1
ALIAS = 0xC000_0000  # U pages over all RAM; S pages are where RAM is
TEST = 0x1_0000_0000  # pages of all kinds; nothing is there physically
NOWHERE = 0x10_0000_0000  # 64 GiB: no memory, and no window of QEMU's PCI
ROOTS = {8: 0x2000, 9: 0x1000, 10: 0}  # satp mode -> offset of its root in the program's tables
L1, L0 = 0x3000, 0x4000
# Pages of TEST below this are memory if they are anything: where an access crosses from a page that is not,
# QEMU marks the other page all the same, D too
CROSSABLE = 8
UXL_SXL = 0xA_0000_0000
STCE = 1 << 63

READABLE = (
    "mstatus", "misa", "medeleg", "mideleg", "mie", "mtvec", "mcounteren", "menvcfg", "mscratch", "mepc",
    "mcause", "mtval", "mip", "pmpcfg0", "pmpcfg2", "pmpaddr0", "pmpaddr15", "sstatus", "sie", "stvec",
    "scounteren", "senvcfg", "sscratch", "sepc", "scause", "stval", "satp", "stimecmp", "mhartid",
    "mvendorid", "mconfigptr", "fflags", "frm", "fcsr",
)  # fmt: skip
# Read into x0: what they hold is the host's time; and QEMU 10 loses STIP in sip under STCE ("Sstc" has it)
LEGALITY_ONLY = ("cycle", "time", "instret", "mcycle", "minstret", "sip")
# absent on both sides: RV32 halves, hypervisor, vector, Smstateen, Smrnmi, Zkr, Zicfiss, Smepmp, nothing
ABSENT = (0x310, 0x747, 0x30C, 0x10C, 0x3A1, 0x3A3, 0x600, 0x200, 0x008, 0xC22, 0x015, 0x011, 0x017, 0x740,
          0xC80, 0xB80, 0x7B0, 0x5A8, 0x15D, 0x7FF, 0xFFF, 0x8FF, 0x4FF)  # fmt: skip
# CSR -> the register whose value may be written to it; SET_CLEAR: by csrrs and csrrc as well. Others are
# left out where bits could meet that end a program nowhere (stvec, satp, xepc).
WRITABLE = {
    "stvec": 7, "satp": 8, "medeleg": 9, "mideleg": 10, "mie": 10, "mip": 10, "sie": 10, "sip": 10,
    "mcounteren": 11, "scounteren": 11, "menvcfg": 12, "senvcfg": 12, "mstatus": 13, "sstatus": 13,
    "pmpaddr3": 16, "pmpaddr14": 16, "pmpcfg2": 17, "mscratch": 23, "sscratch": 23, "scause": 23, "stval": 23,
    "mcause": 23, "mtval": 23, "fcsr": 23, "fflags": 23, "frm": 23, "stimecmp": 22, "misa": 23,
    "mhartid": 23, "mvendorid": 23,
}  # fmt: skip
# (with pmpcfg2 R=0, W=1, X=1 may come up, which is reserved and which QEMU 10 stores)
_PLAIN_ONLY = ("stvec", "satp", "stimecmp", "pmpaddr3", "pmpaddr14", "pmpcfg2", "menvcfg")
SET_CLEAR = tuple(n for n in WRITABLE if n not in _PLAIN_ONLY)
LOADS = ("lb", "lbu", "lh", "lhu", "lw", "lwu", "ld", "fld", "flw")
STORES = ("sb", "sh", "sw", "sd", "fsd", "fsw")
ATOMICS = ("amoadd.w", "amoswap.d", "amomaxu.w", "amoxor.d", "amomin.d")
BLOCKS = ("cbo.zero", "cbo.clean", "cbo.flush", "cbo.inval")
ILLEGAL = (0x0000_0000, 0xFFFF_FFFF, 0x0000_707F, 0x0200_000B, 0x8000_8000, 0x1050_0F73, 0x3020_0173)


@dataclass
class Program:
    """One program: `image` is its STRIDE bytes, `body` its words, `note` what it is about.

    cut: PMP denies something, with edges inside data and tables. Then nothing is misaligned and no cache
    block is managed: whether PMP sees the parts of such an access or the whole is open (3.7.1), and which
    of two faults a CBO takes.
    """

    index: int
    image: bytearray
    cut: bool
    body: list[int] = field(default_factory=list)
    note: str = ""

    @property
    def base(self) -> int:
        """Its guest physical address."""
        return at.FIRST + self.index * at.STRIDE

    def put(self, off: int, value: int) -> None:
        """Store a 64-bit word."""
        struct.pack_into("<Q", self.image, off, value & ONES)


def chance(rng: random.Random, percent: int) -> bool:
    """True in so many cases of a hundred."""
    return rng.randrange(100) < percent


def some_bits(rng: random.Random, mask: int) -> int:
    """None, all, or a random part of mask."""
    return rng.choice((0, mask, rng.getrandbits(64) & mask, rng.getrandbits(64) & mask))


def leaf(rng: random.Random, frame: int) -> int:
    """A leaf PTE, sane but for now and then."""
    pte = frame >> 12 << 10 | V | rng.choice((R, R | W, X, R | X, R | W | X, R | W, R | W))
    pte |= rng.choice((0, U, U)) | rng.choice((A | D, A | D, A, 0, D)) | rng.choice((0, G))
    pte |= rng.randrange(4) << 8
    if chance(rng, 6):
        pte |= 1 << rng.randrange(54, 61)
    if chance(rng, 4):
        pte = pte & ~(R | X) | W
    if chance(rng, 8):
        pte |= rng.randrange(4) << PBMT_SHIFT
    return pte & ~V if chance(rng, 4) else pte


def tables(rng: random.Random, p: Program) -> None:
    """Five tables: one root a mode, the identity and alias pages, and TEST with all sorts of entries."""
    t = p.base + at.TABLES
    own = A | D | V | R | W | X
    for root in (0x0, 0x1000):
        p.put(at.TABLES + root, (t + root + 0x1000) >> 2 | V)
    sv39 = at.TABLES + ROOTS[8]
    p.put(sv39 + 8 * 2, RAM_BASE >> 2 | own)
    p.put(sv39 + 8 * 3, RAM_BASE >> 2 | own | U)
    p.put(sv39 + 8 * 4, (t + L1) >> 2 | V)
    p.put(sv39 + 8 * 5, rng.getrandbits(64) & ~(rng.choice((0, V, R | W | X))))
    level1 = (
        (t + L0) >> 2 | V,
        leaf(rng, p.base & ~0x1F_FFFF),  # 2 MiB around the program
        leaf(rng, p.base | 0x1000),  # misaligned
        (p.base & ~0x1F_FFFF) >> 2 | V | W,
        (t + L0) >> 2,
        (t + L0) >> 2 | V | rng.choice((A, D, U)),
        NOWHERE >> 2 | V,
        (t + L0) >> 2 | V | rng.choice((1 << 54, 1 << 60, 1 << 61, 1 << 62, N)),
        leaf(rng, p.base & ~0x1F_FFFF) | N | A | D,  # see below
        NOWHERE >> 2 | own | rng.choice((0, U)),
    )
    for i, pte in enumerate(level1):
        p.put(at.TABLES + L1 + 8 * i, pte)
    for i in range(16):
        frame = p.base + at.DATA + 0x1000 * rng.randrange(2)
        p.put(at.TABLES + L0 + 8 * i, leaf(rng, NOWHERE if i >= CROSSABLE and chance(rng, 10) else frame))
    # always well-formed: QEMU 10 marks A and D of others, and faults then
    napot = leaf(rng, p.base) | 8 << 10 | N
    for i in range(16, 32):
        p.put(at.TABLES + L0 + 8 * i, napot)


def address(rng: random.Random, p: Program) -> int:
    """A data address: mostly in TEST, sometimes where RAM is, sometimes impossible."""
    off = rng.choice((0, 8, 64, 0x800, rng.randrange(4096) & ~7, rng.randrange(4092)))
    if p.cut:
        off &= ~7
    data = p.base + at.DATA
    kind = rng.randrange(20)
    if kind < 3 and not p.cut:
        return TEST + 0x1000 * rng.randrange(CROSSABLE) + rng.choice((0xFFC, 0xFFD))
    if kind < 9:
        return TEST + 0x1000 * rng.randrange(16) + off
    if kind < 11:
        return TEST + 0x1000 * (16 + (at.DATA >> 12)) + off
    if kind < 13:
        return TEST + (1 << 21) + (data & 0x1F_FFFF) + off
    if kind < 15:
        return TEST + (rng.randrange(2, 12) << 21) + off
    if kind < 17:
        return data + off
    if kind == 17:
        return data - RAM_BASE + ALIAS + off
    if kind == 18:
        return 0x1_4000_0000 + off
    return (TEST + off) ^ 1 << rng.randrange(39, 64)


def bad_target(rng: random.Random) -> int:
    """A place where no instruction can be fetched from, in any mode."""
    return rng.choice((NOWHERE, NOWHERE | 2, TEST + (4 << 21), TEST + (3 << 21), 1 << 63, 1 << 55, ONES - 1))


def pmp(rng: random.Random, p: Program, values: dict[str, int]) -> None:
    """Entry 0 keeps the harness fetchable, 15 is about the rest, the others are about data and tables.

    Never locked: a lock would outlive its program. No edge in the results: an access that an entry covers
    in part fails in M-mode too.
    """
    cfg = [0] * 16
    for i in range(16):
        values[f"pmpaddr{i}"] = random_address(rng, p.base + at.DATA, 0x7000)
    values["pmpaddr0"] = RAM_BASE >> 2 | (at.HARNESS_BYTES >> 3) - 1
    cfg[0] = 0x18 | R >> 1 | 4
    for i in rng.sample(range(1, 15), rng.choice((0, 1, 1, 2, 4)) if p.cut else 0):
        cfg[i] = rng.choice((0, 1, 3, 4, 5, 7)) | rng.randrange(4) << 3
        if chance(rng, 60):  # around the data pages
            values[f"pmpaddr{i}"] = p.base + at.DATA >> 2 | rng.choice((0x1FF, 0xFF, 0x3FF, 1, 0))
    values["pmpaddr15"] = PMP_ADDR_BITS  # QEMU stores all 64
    cfg[15] = 0x18 | (rng.choice((0, 1, 3, 4, 5)) if p.cut and chance(rng, 16) else 7)
    values["pmpcfg0"] = int.from_bytes(bytes(cfg[:8]), "little")
    values["pmpcfg2"] = int.from_bytes(bytes(cfg[8:]), "little")


def status_bits(rng: random.Random) -> int:
    """mstatus without UXL and SXL: QEMU stores other widths there, which are not offered here."""
    value = rng.getrandbits(23) & 0x7E_79AA
    for bit in (17, 20, 21, 22):  # MPRV, TVM, TW, TSR: seldom, they end most of the rest
        if chance(rng, 75):
            value &= ~(1 << bit)
    return value


def envcfg_bits(rng: random.Random, machine: bool) -> int:
    """Both bits of CBIE alike: QEMU stores the reserved value 2."""
    value = some_bits(rng, 0xC1) | rng.choice((0, 0x30, 0x30))
    if machine:
        value |= some_bits(rng, 5 << 61) | (chance(rng, 85) << 61) | (rng.randrange(2) << 62)
    return value


def setup(rng: random.Random, p: Program, target: Priv) -> dict[str, int]:
    """Values of SETUP_CSRS."""
    values: dict[str, int] = {}
    pmp(rng, p, values)
    # 1 and 9: the S handler must not be entered again by its own fetch or its own ecall
    values["medeleg"] = some_bits(rng, 0xB3FF & ~(1 << 1 | 1 << at.ECALL_S))
    values["mideleg"] = some_bits(rng, 0x222)
    values["mtvec"] = at.M_HANDLER | rng.randrange(2)
    values["stvec"] = at.S_HANDLER | rng.randrange(2)
    values["menvcfg"] = envcfg_bits(rng, machine=True)
    values["senvcfg"] = envcfg_bits(rng, machine=False)
    values["mcounteren"], values["scounteren"] = rng.randrange(8), rng.randrange(8)
    values["stimecmp"] = rng.choice((0, ONES, ONES))
    values["mip"] = some_bits(rng, 0x222) if chance(rng, 40) else 0
    values["mie"] = some_bits(rng, 0xAAA) if chance(rng, 50) else 0
    mode = rng.choice((0, 0, 8, 8, 8, 9, 10))
    values["satp"] = satp(rng, p, mode)
    inside = p.base + at.BODY
    values["mepc"] = inside - RAM_BASE + ALIAS if mode and target == Priv.U else inside
    values["sepc"] = bad_target(rng)
    for name in ("mcause", "scause", "mtval", "stval", "mscratch", "sscratch"):
        values[name] = rng.getrandbits(64)
    values["mstatus"] = status_bits(rng) & ~0x1808 | target << 11 | UXL_SXL
    return values


def satp(rng: random.Random, p: Program, mode: int) -> int:
    """satp for a mode; Bare has no other field set (what they do then is unspecified, 4.1.11)."""
    if mode == 0:
        return 0
    if mode not in ROOTS:
        return mode << 60 | rng.getrandbits(60)
    return mode << 60 | rng.choice((0, 1, 0xFFFF)) << 44 | (p.base + at.TABLES + ROOTS[mode]) >> 12


def registers(rng: random.Random, p: Program, values: dict[str, int]) -> dict[int, int]:
    """x1..x23."""
    x = {i: rng.getrandbits(64) for i in range(1, 7)}
    x[7] = at.S_HANDLER | rng.choice((0, 1, 2, 3))
    x[8] = satp(rng, p, rng.choice((0, 8, 9, 10, 8, 9, 1, 11, 15)))
    x[9] = some_bits(rng, 0xB3FF & ~(1 << 1 | 1 << at.ECALL_S))
    x[10] = some_bits(rng, 0xAAA)
    x[11], x[13] = rng.randrange(8), status_bits(rng)
    # STCE stays: what a change does to STIP is open, and QEMU 10 and its successors differ
    x[12] = envcfg_bits(rng, machine=True) & ~STCE | values["menvcfg"] & STCE
    x[15] = bad_target(rng)
    x[16] = random_address(rng, p.base + at.DATA, 0x2000)
    x[17] = 0x1F << 56
    if p.cut:
        x[17] = rng.choice((0x1F, 0x18, 0)) << 56
        x[17] |= rng.choice((0x18, 0x19, 0x1B, 0x10, 0x13, 0x09, 0x0B, 0)) << 48
    for i in range(18, 22):
        x[i] = address(rng, p)
    x[21] &= ~63
    x[22], x[23] = ONES, rng.getrandbits(64)
    return x


def make(seed: str, index: int) -> Program:
    """The program of a seed, to lie at `index` in an image."""
    from tests.lib.privbody import body

    rng = random.Random(seed)
    p = Program(index, bytearray(at.STRIDE), cut=chance(rng, 50))
    target = rng.choice((Priv.M, Priv.S, Priv.S, Priv.U, Priv.U))
    tables(rng, p)
    for off in range(at.DATA, at.DATA + 0x2000, 2):
        # halfwords that are no instruction (C quadrant 0, funct3 100), should data be executed
        struct.pack_into("<H", p.image, off, 0x8000 | rng.getrandbits(13) & 0x1FFC)
    values = setup(rng, p, target)
    x = registers(rng, p, values)
    p.body = body(rng, p, target, values, x)
    for i, name in enumerate(at.SETUP_CSRS):
        p.put(at.SETUP + 8 * i, values[name])
    for i, value in x.items():
        p.put(at.REGS + 8 * i, value)
    p.put(at.MTIMECMP, 0 if chance(rng, 15) else ONES)
    p.put(at.MSIP, int(chance(rng, 15)))
    words = p.body + [at.END_WORD] * (at.BODY_WORDS - len(p.body))
    struct.pack_into(f"<{at.BODY_WORDS}I", p.image, at.BODY, *words)
    p.note = f"seed {seed}: {target.name}-mode, satp {values['satp']:#x}"
    return p


def image(programs: list[Program]) -> bytes:
    """The whole guest: from RAM_BASE on."""
    return at.harness(len(programs)) + b"".join(p.image for p in programs)


assert all(n in NUMBERS for n in (*READABLE, *LEGALITY_ONLY, *WRITABLE))
