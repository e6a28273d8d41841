"""What the soft TLBs may still know: random changes of page tables, modes and fences.

The model keeps, for every address space and page, the translations that could be cached: the present
one and older ones that no fence has covered. What a load, store or fetch does must follow from one of
them under the *present* mode, SUM and MXR; so a fence that drops too little, a context that serves two
address spaces or modes, and a forgotten flush all show up. PTEs have A and D set throughout.
"""

from __future__ import annotations

import random

import pytest

from ipc.layout import Exit
from tests.lib.hart import RAM_BASE, Bench
from tests.lib.walker import FETCH, LOAD, STORE, A, D, Found, R, Space, U, V, W, X, walk
from vcpu_worker.csr.bits import MPP_SHIFT, MSTATUS_MPRV, MSTATUS_MXR, MSTATUS_SUM, Priv
from vcpu_worker.csr.reg import NUMBERS
from vcpu_worker.isa.insn import encode

RAM = 1 << 20
HANDLER = RAM_BASE + 0x800
CODE = RAM_BASE  # instructions of the test itself, run in M-mode
TABLES = RAM_BASE + 0x1000  # per root: root table, one of level 1, two of level 0
FRAMES = [RAM_BASE + 0x4_0000 + 0x1000 * i for i in range(8)]
ROOTS = 3
ROOT_AND_ASID = ((0, 0), (1, 1), (2, 1), (0, 2))
SATPS = [8 << 60 | asid << 44 | (TABLES + 0x4000 * root) >> 12 for root, asid in ROOT_AND_ASID]
# Two 2 MiB slots of level 1, each a table of 4 KiB pages or one superpage over RAM, whose pages 0x40 to
# 0x47 are the frames. Pages that are equal modulo 0x100 share a TLB entry.
SLOTS = (0, 1)
VAS = [slot << 21 | page << 12 for slot, page in ((0, 0x40), (0, 0x41), (0, 0x140), (1, 0x41), (1, 0x47))]

View = tuple[tuple[int, int], ...]  # the PTEs on the way to a page: (gpa, value), the leaf last


class Model:
    """Tables in memory, and what may be cached of them."""

    def __init__(self, b: Bench, rng: random.Random) -> None:
        self.b, self.rng = b, rng
        self.ptes: dict[int, int] = {}
        self.views: dict[tuple[int, int], set[View]] = {}
        for root in range(ROOTS):
            base = TABLES + 0x4000 * root
            self.set(base, (base + 0x1000) >> 2 | V)
            for slot in SLOTS:
                self.change_slot(root, slot)
                for page in {va >> 12 & 511 for va in VAS}:
                    self.change_page(root, slot, page)
        for satp in SATPS:
            for va in VAS:
                self.views[satp, va] = {self.present(satp, va)}

    def set(self, at: int, pte: int) -> None:
        self.ptes[at] = pte
        self.b.put(at, pte, size=8)

    def flags(self) -> int:
        rights = self.rng.choice((R, R | W, X, R | X, R | W | X, R | W | X))
        return V | A | D | rights | self.rng.choice((0, U))

    def change_slot(self, root: int, slot: int) -> None:
        """A level-1 entry: a superpage over RAM, or a table."""
        base = TABLES + 0x4000 * root
        if self.rng.random() < 0.4:
            self.set(base + 0x1000 + slot * 8, RAM_BASE >> 2 | self.flags())
        else:
            self.set(base + 0x1000 + slot * 8, (base + 0x2000 + 0x1000 * slot) >> 2 | V)

    def change_page(self, root: int, slot: int, page: int) -> None:
        """A level-0 entry."""
        at = TABLES + 0x4000 * root + 0x2000 + 0x1000 * slot + page * 8
        self.set(at, 0 if self.rng.random() < 0.1 else self.rng.choice(FRAMES) >> 2 | self.flags())

    def present(self, satp: int, va: int) -> View:
        """The PTEs that a walk finds now."""
        table, way = (satp & (1 << 44) - 1) << 12, []
        for level in (2, 1, 0):
            at = table + (va >> 12 + 9 * level & 511) * 8
            pte = self.ptes.get(at, 0)
            way.append((at, pte))
            if pte & (R | X) or not pte & V:
                break
            table = pte >> 10 << 12
        return tuple(way)

    def changed(self) -> None:
        """After a change of tables: the new translations may be cached too."""
        for (satp, va), seen in self.views.items():
            seen.add(self.present(satp, va))

    def fence(self, va: int | None, asid: int | None) -> None:
        """SFENCE.VMA: what it covers cannot be old any more. 4.2.1."""
        leaves = None
        if va is not None:
            leaves = {view[-1][0] for (_, page), seen in self.views.items() if page == va for view in seen}
        for (satp, page), seen in self.views.items():
            if asid is not None and satp >> 44 & 0xFFFF != asid:
                continue
            now = self.present(satp, page)
            seen.intersection_update({v for v in seen if leaves is not None and v[-1][0] not in leaves})
            seen.add(now)

    def outcomes(self, satp: int, va: int, access: int, priv: int, sum_: bool, mxr: bool) -> set[int]:
        """Frames the access may go to; 0: a page fault."""
        out = set()
        for view in self.views[satp, va & ~0xFFF]:
            root = (satp & (1 << 44) - 1) << 12
            s = Space(8, root, dict(view), range(RAM_BASE, RAM_BASE + RAM), priv, sum_, mxr)
            r = walk(s, va, access)
            out.add(r.gpa & ~0xFFF if isinstance(r, Found) else 0)
        return out


LD, SD = encode("ld", rd=6, rs1=5, imm=8), encode("sd", rs1=5, rs2=8, imm=16)
WRITE_SATP = encode("csrrw", rd=0, rs1=9, csr=NUMBERS["satp"])
SFENCES = [encode("sfence.vma", rs1=rs1, rs2=rs2) for rs1 in (0, 10) for rs2 in (0, 11)]
INSTRUCTIONS = (LD, SD, WRITE_SATP, *SFENCES)


class Machine:
    """The hart: instructions in M-mode under MPRV for data, jumps into a mode for fetches."""

    def __init__(self) -> None:
        self.b = Bench(ram=RAM)
        self.h = self.b.harts[0]
        self.places: dict[int, int] = {}
        for word in INSTRUCTIONS:
            self.places[word] = CODE + 4 * len(self.places)
            self.b.put(self.places[word], word)
        self.b.put(HANDLER, encode("wfi"))
        for i, frame in enumerate(FRAMES):
            self.b.put(frame, encode("addi", rd=7, rs1=0, imm=i + 1), encode("wfi"))
            self.b.put(frame + 8, frame, size=8)
        for name, value in (("pmpaddr15", (1 << 54) - 1), ("pmpcfg2", 0x1F << 56), ("mtvec", HANDLER)):
            self.h.call("csr_poke", NUMBERS[name], value)

    def step(self, word: int) -> bool:
        """One instruction in M-mode; False if it trapped."""
        h = self.h
        h.pc, traps, status = self.places[word], h.n_traps, h.mstatus
        h.step()
        if h.n_traps == traps:
            return True
        h.call("csr_poke", NUMBERS["mstatus"], status)
        return False

    def load(self, va: int) -> int:
        self.h.x[5] = va
        return int(self.h.x[6]) if self.step(LD) else 0

    def store(self, va: int) -> int:
        self.h.x[5], self.h.x[8] = va, 1
        if not self.step(SD):
            return 0
        hit = [f for f in FRAMES if self.b.get(f + 16) == 1]
        for f in hit:
            self.b.put(f + 16, 0, size=8)
        return hit[0]

    def fetch(self, va: int, priv: Priv) -> int:
        """By `run`: a single step has no use for the fetch TLB. Ends in the frame's wfi or the handler's."""
        h = self.h
        status = h.mstatus
        h.priv, h.pc, h.x[7] = priv, va, 0
        h.call("update_ctx")
        assert h.call("run") == Exit.SLEEP
        h.priv, h.mstatus = Priv.M, status
        h.call("update_ctx")
        return FRAMES[h.x[7] - 1] if h.x[7] else 0

    def access(self, va: int, access: int, priv: Priv) -> int:
        """The frame reached, 0 if it faulted."""
        if access == FETCH:
            return self.fetch(va, priv)
        return self.load(va) if access == LOAD else self.store(va)


@pytest.mark.parametrize("seed", range(8))
def test_no_translation_outlives_its_fence_or_its_mode(seed: int) -> None:
    rng = random.Random(f"context/{seed}")
    m = Machine()
    model = Model(m.b, rng)
    satp, faults, hits = SATPS[0], 0, 0
    priv, sum_, mxr = Priv.S, False, False
    m.h.call("csr_poke", NUMBERS["mstatus"], MSTATUS_MPRV | priv << MPP_SHIFT)
    m.h.x[9] = satp
    assert m.step(WRITE_SATP)
    for number in range(3000):
        kind = rng.random()
        if kind < 0.12:
            va = rng.choice(VAS)
            root = (satp << 12) - TABLES >> 14 & 3 if rng.random() < 0.7 else rng.randrange(ROOTS)
            if rng.random() < 0.4:
                model.change_slot(root, va >> 21)
            else:
                model.change_page(root, va >> 21, va >> 12 & 511)
            model.changed()
        elif kind < 0.24:
            target = rng.choice((None, *VAS))
            asid = rng.choice((None, None, 0, 1, 2))
            m.h.x[10], m.h.x[11] = target or 0, asid or 0
            regs = {"rs1": 0 if target is None else 10, "rs2": 0 if asid is None else 11}
            assert m.step(encode("sfence.vma", **regs))
            model.fence(target, asid)
        elif kind < 0.29:
            satp = rng.choice(SATPS)
            m.h.x[9] = satp
            assert m.step(WRITE_SATP)
        elif kind < 0.36:
            priv, sum_, mxr = rng.choice((Priv.S, Priv.U)), rng.random() < 0.5, rng.random() < 0.5
            status = MSTATUS_MPRV | MSTATUS_SUM * sum_ | MSTATUS_MXR * mxr | priv << MPP_SHIFT
            m.h.call("csr_poke", NUMBERS["mstatus"], status)
        else:
            va, access = rng.choice(VAS), rng.choice((FETCH, LOAD, STORE))
            allowed = model.outcomes(satp, va, access, priv, sum_, mxr)
            if not allowed <= {0, *FRAMES}:
                continue  # a superpage's part behind RAM
            got = m.access(va, access, priv)
            what = f"seed {seed}/{number}: {va:#x} access {access} {priv!r}"
            assert got in allowed, f"{what}: {got:#x}, not one of {allowed}"
            faults, hits = faults + (got == 0), hits + (got != 0)
    assert min(faults, hits) > 300


def test_numbers_run_out_and_begin_again() -> None:
    m = Machine()
    model = Model(m.b, random.Random(1))
    h = m.h
    va = VAS[0]
    for satp in SATPS:
        root = SATPS.index(satp) if satp != SATPS[3] else 0
        model.set(TABLES + 0x4000 * root + 0x1000, (TABLES + 0x4000 * root + 0x2000) >> 2 | V)
        at = TABLES + 0x4000 * root + 0x2000 + (va >> 12 & 511) * 8
        model.set(at, FRAMES[root] >> 2 | V | R | W | A | D)
    status = MSTATUS_MPRV | Priv.S << MPP_SHIFT
    h.call("csr_poke", NUMBERS["mstatus"], status)
    seen = set()
    for number in range(200):
        which = number % 3
        h.x[9] = SATPS[which]
        assert m.step(WRITE_SATP)
        assert m.load(va) == FRAMES[which]
        seen.add(h.dctx)
        assert h.ctx_next <= 64
        assert m.step(encode("sfence.vma", rs1=0, rs2=0))
    assert len(seen) > 60


def test_returning_to_an_address_space_walks_no_more() -> None:
    m = Machine()
    Model(m.b, random.Random(1))
    h = m.h
    for at in (TABLES, TABLES + 0x4000):
        m.b.put(at + 0x1000, (at + 0x2000) >> 2 | V, size=8)
        m.b.put(at + 0x2000 + 8, FRAMES[0] >> 2 | V | R | A, size=8)
        m.b.put(at + 0x2000 + 16, FRAMES[1] >> 2 | V | R | A, size=8)
    h.call("csr_poke", NUMBERS["mstatus"], MSTATUS_MPRV | Priv.S << MPP_SHIFT)
    for round_ in range(4):
        for satp, va in ((SATPS[0], 0x1000), (SATPS[1], 0x2000)):
            h.call("csr_poke", NUMBERS["satp"], satp)
            walks = h.n_walks
            m.load(va)
            assert h.n_walks - walks == (round_ == 0)


def test_zeroed_tlbs_hold_nothing() -> None:
    m = Machine()
    h = m.h
    for satp in (0, SATPS[0]):
        h.satp = satp
        for priv in (Priv.M, Priv.S, Priv.U):
            for status in (0, MSTATUS_MPRV, MSTATUS_MPRV | Priv.S << MPP_SHIFT, MSTATUS_SUM, MSTATUS_MXR):
                h.priv, h.mstatus = priv, status
                h.call("update_ctx")
                for context in (h.dctx, h.fctx):
                    assert context != 0
                    assert context & ~0xFF8 == 0


def test_one_address_drops_one_entry() -> None:
    m = Machine()
    Model(m.b, random.Random(1))
    h = m.h
    m.b.put(TABLES + 0x1000, (TABLES + 0x2000) >> 2 | V, size=8)
    for page in (1, 2):
        m.b.put(TABLES + 0x2000 + 8 * page, FRAMES[page] >> 2 | V | R | A, size=8)
    h.call("csr_poke", NUMBERS["satp"], SATPS[0])
    h.call("csr_poke", NUMBERS["mstatus"], MSTATUS_MPRV | Priv.S << MPP_SHIFT)
    m.load(0x1000)
    m.load(0x2000)
    h.x[10] = 0x1000
    assert m.step(encode("sfence.vma", rs1=10, rs2=0))
    walks = h.n_walks
    m.load(0x2000)
    assert h.n_walks == walks
    m.load(0x1000)
    assert h.n_walks == walks + 1
