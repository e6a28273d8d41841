"""Cache-block instructions: rights, faults, and what CBO.ZERO stores."""

from __future__ import annotations

import pytest

from tests.lib.hart import MROM_BASE, RAM_BASE, Bench, Hart
from vcpu_worker.isa.insn import encode

CODE = RAM_BASE
HANDLER = RAM_BASE + 0x1000
DATA = RAM_BASE + 0x2000
DEVICE = 0x1000_0000
A0 = 10
MANAGE = ("cbo.clean", "cbo.flush", "cbo.inval")
CBIE_INVAL, CBCFE, CBZE = 3 << 4, 1 << 6, 1 << 7
RIGHT = {"cbo.clean": CBCFE, "cbo.flush": CBCFE, "cbo.inval": CBIE_INVAL, "cbo.zero": CBZE}
U, S, M = 0, 1, 3
PMPCFG0, PMPADDR0 = 0x3A0, 0x3B0


@pytest.fixture
def hart() -> Hart:
    bench = Bench()
    bench.put(DATA, *[0x0101_0101] * 64)
    bench.put(HANDLER, encode("mret"))
    h = bench.harts[0]
    h.mtvec = HANDLER
    h.call("csr_poke", PMPADDR0, (1 << 54) - 1)
    h.call("csr_poke", PMPCFG0, 0x1F)  # NAPOT, all memory, all rights
    return h


def run(h: Hart, name: str, address: int, mode: int = M) -> tuple[int, int] | None:
    """The instruction at CODE in a mode; (mcause, mtval) if it traps."""
    word = encode(name, rs1=A0)
    h.bench.put(HANDLER + 4, encode("mret"))
    h.bench.put(CODE, word)
    h.call("do_fence_i")
    h.fault = 0
    h.x[A0] = address
    h.priv = M
    h.mstatus = mode << 11
    h.mepc, h.pc = CODE, HANDLER + 4
    h.step()
    assert h.pc == CODE
    assert h.priv == mode
    h.step()
    return (h.mcause, h.mtval) if h.pc == HANDLER else None


@pytest.mark.parametrize("off", [0, 1, 63])
def test_zero_clears_the_whole_block_and_nothing_else(hart: Hart, off: int) -> None:
    for _ in range(2):  # without and with the TLB's help
        hart.bench.put(DATA, *[0x0101_0101] * 64)
        assert run(hart, "cbo.zero", DATA + 64 + off) is None
        base = DATA - RAM_BASE
        assert hart.bench.ram[base : base + 256] == b"\1" * 64 + b"\0" * 64 + b"\1" * 128


@pytest.mark.parametrize("name", MANAGE)
def test_management_changes_nothing(hart: Hart, name: str) -> None:
    assert run(hart, name, DATA + 5) is None
    base = DATA - RAM_BASE
    assert hart.bench.ram[base : base + 256] == b"\1" * 256


@pytest.mark.parametrize("name", RIGHT)
def test_menvcfg_gives_the_right_below_m_and_senvcfg_in_u(hart: Hart, name: str) -> None:
    illegal = (2, encode(name, rs1=A0))
    right = RIGHT[name]
    for menvcfg, senvcfg, mode, allowed in (
        (0, 0, M, True),
        (0, right, S, False),
        (right, 0, S, True),
        (0, right, U, False),
        (right, 0, U, False),
        (right, right, U, True),
    ):
        hart.menvcfg, hart.senvcfg = menvcfg, senvcfg
        assert run(hart, name, DATA, mode) == (None if allowed else illegal)


def test_zero_outside_memory_is_a_store_fault_at_the_address_given(hart: Hart) -> None:
    assert run(hart, "cbo.zero", DEVICE + 3) == (7, DEVICE + 3)
    assert run(hart, "cbo.zero", MROM_BASE + 70) == (7, MROM_BASE + 70)


@pytest.mark.parametrize("name", ["prefetch.i", "prefetch.r", "prefetch.w"])
def test_a_prefetch_never_traps(hart: Hart, name: str) -> None:
    word = encode(name, rs1=A0, imm=64)
    hart.bench.put(CODE, word)
    hart.x[A0] = 0xDEAD_BEEF_0000_0000
    hart.step()
    assert hart.pc == CODE + 4


@pytest.mark.parametrize("name", [*MANAGE, "cbo.zero"])
def test_a_block_that_pmp_cuts_is_a_store_fault_at_the_address_given(hart: Hart, name: str) -> None:
    hart.menvcfg = CBIE_INVAL | CBCFE | CBZE
    block = DATA + 128
    hart.call("csr_poke", PMPADDR0, (block + 32) >> 2)
    hart.call("csr_poke", PMPADDR0 + 1, (1 << 54) - 1)
    hart.call("csr_poke", PMPCFG0, 0x1F << 8 | 0x0F)  # TOR up to the block's middle, all rights; then all
    assert run(hart, name, block + 40, S) == (7, block + 40)
    assert run(hart, name, block - 1, S) is None


@pytest.mark.parametrize("name", [*MANAGE, "cbo.zero"])
def test_a_block_without_rights_is_a_store_fault(hart: Hart, name: str) -> None:
    hart.menvcfg = CBIE_INVAL | CBCFE | CBZE
    hart.call("csr_poke", PMPADDR0, DATA >> 2 | 0x1FF)  # NAPOT, 4 KiB
    hart.call("csr_poke", PMPADDR0 + 1, (1 << 54) - 1)
    hart.call("csr_poke", PMPCFG0, 0x1F << 8 | 0x18)
    assert run(hart, name, DATA + 9, S) == (7, DATA + 9)
    hart.call("csr_poke", PMPCFG0, 0x1F << 8 | 0x19)  # read only: enough to manage, not to zero
    assert run(hart, name, DATA + 9, S) == ((7, DATA + 9) if name == "cbo.zero" else None)
