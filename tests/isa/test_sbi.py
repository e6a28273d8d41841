"""The built-in SBI: from reset to S-mode, base extension, timers, traps that are no calls."""

from __future__ import annotations

import pytest

from ipc.layout import Exit
from ipc.sbi import IMPL_ID, Eid, Error, Hsm
from tests.lib.firmware import ALL, ECALL, FDT, KERNEL, Firmware, S
from tests.lib.hart import MROM_BASE, RAM_BASE, Bench
from vcpu_worker.isa import ext
from vcpu_worker.isa.sbi_rom import MRET, SBI_BOOT, SBI_TRAP, X_SBI_BOOT, X_SBI_CALL, rom_words


@pytest.fixture
def fw() -> Firmware:
    """Two harts, the first in S-mode at the kernel, the second stopped."""
    made = Firmware()
    made.start()
    return made


# -- boot


def test_the_stub_is_what_the_registry_encodes() -> None:
    from vcpu_worker.isa.insn import encode

    assert rom_words() == {
        SBI_BOOT: encode("x.sbi.boot"), SBI_BOOT + 4: encode("mret"),
        SBI_TRAP: encode("x.sbi.call"), SBI_TRAP + 4: encode("mret"),
    }  # fmt: skip
    assert (encode("x.sbi.boot"), encode("x.sbi.call"), encode("mret")) == (X_SBI_BOOT, X_SBI_CALL, MRET)


def test_the_boot_hart_enters_the_kernel_and_the_others_sleep(fw: Firmware) -> None:
    h, other = fw.harts
    assert (h.pc, h.x[10], h.x[11]) == (KERNEL, 0, FDT)
    assert h.hsm_state == Hsm.STARTED
    for _ in range(2):
        assert other.step() == Exit.SLEEP
        assert (other.pc, other.hsm_state) == (SBI_BOOT, Hsm.STOPPED)


def test_state_at_supervisor_entry(fw: Firmware) -> None:
    h = fw.harts[0]
    peek = {n: h.call("csr_peek", n) for n in (0x100, 0x104, 0x105, 0x106, 0x140, 0x180)}
    assert peek[0x180] == peek[0x104] == peek[0x140] == 0
    assert peek[0x105] == KERNEL
    assert peek[0x106] == 7
    assert peek[0x100] & 0x8000_0000_0000_6122 == 0x8000_0000_0000_6000  # FS dirty, SIE, SPIE, SPP 0
    assert (h.medeleg, h.mideleg, h.mie, h.mtvec) == (0xB1FF, 0x222, 0, SBI_TRAP)
    assert (h.pmpcfg[0], h.pmpaddr[0], h.pmpcfg[1]) == (0x1F, (1 << 54) - 1, 0)
    assert h.mcounteren == 0xFFFF_FFFF
    assert h.menvcfg == 0xE000_0000_0000_00F0  # STCE PBMTE ADUE, CBZE CBCFE CBIE
    assert h.fs_off == 0


def test_what_the_hart_lacks_is_not_switched_on() -> None:
    fw = Firmware(harts=1, isa_ext=ext.bits_of(("I", "M", "A", "S", "Sv39", "Zicbom")))
    fw.start()
    h = fw.harts[0]
    assert h.menvcfg == 0x70
    assert h.fs_off == 1


@pytest.mark.parametrize("word", [X_SBI_BOOT, X_SBI_CALL])
def test_outside_the_stub_its_instructions_are_illegal(fw: Firmware, word: int) -> None:
    h = fw.harts[0]
    h.stvec = RAM_BASE + 0x2000
    fw.put(KERNEL, word)
    assert h.step() == Exit.STEP
    assert (h.pc, h.scause, h.sepc, h.stval) == (RAM_BASE + 0x2000, 2, KERNEL, word)
    bare = Bench()
    bare.put(RAM_BASE, word)
    m = bare.harts[0]
    m.mtvec = RAM_BASE + 0x100
    m.step()
    assert (m.mcause, m.mtval) == (2, word)


# BEHAVIOUR 4.4; start and device tree follow
RESET_VECTOR = (0x0000_0297, 0x0282_8613, 0xF140_2573, 0x0202_B583, 0x0182_B283, 0x0002_8067)


def test_from_reset_to_shutdown_without_single_steps() -> None:
    fw = Firmware()
    rom = fw.header.bytes("mrom")
    words = (*RESET_VECTOR, SBI_BOOT, 0, FDT, 0)
    rom[: 4 * len(words)] = b"".join(w.to_bytes(4, "little") for w in words)
    # li a1, 0; lui a7, 0x53525; addi a7, a7, 0x354; ecall
    fw.put(KERNEL, 0x0000_0593, 0x5352_58B7, 0x3548_8893, ECALL)
    h, other = fw.harts
    for each in fw.harts:
        each.pc = MROM_BASE
    assert h.call("run") == Exit.SBI
    assert fw.asked() == [Eid.SRST, 0, 0, 0]
    h.mmio_error, h.mmio_reply, h.mmio_ready = 0, 0, 1
    assert h.call("run") == Exit.SLEEP
    assert other.call("run") == Exit.SLEEP
    assert [each.call("prepare_sleep") for each in fw.harts] == [1, 1]
    assert (h.mepc, other.pc) == (KERNEL + 12, SBI_BOOT)


# -- base


@pytest.mark.parametrize(
    ("fid", "arg", "result"),
    [
        (0, 0, (0, 0x0200_0000)), (1, 0, (0, IMPL_ID)), (2, 0, (0, 1)),
        (4, 0, (0, 0)), (5, 0, (0, 0)), (6, 0, (0, 0)), (7, 0, (Error.NOT_SUPPORTED, 0)),
        *[(3, eid, (0, int(eid != Eid.SUSP))) for eid in Eid],
        (3, 9, (0, 0)), (3, 0x535345, (0, 0)), (3, ALL, (0, 0)),
    ],
)  # fmt: skip
def test_base(fw: Firmware, fid: int, arg: int, result: tuple[int, int]) -> None:
    assert fw.call(Eid.BASE, fid, arg) == result


@pytest.mark.parametrize("eid", [9, 0x11, 0x0A00_0000, 0x4650_5754, 1 << 32 | Eid.TIME, ALL])
def test_unknown_extensions_are_not_supported(fw: Firmware, eid: int) -> None:
    assert fw.call(eid, 0, 5) == (Error.NOT_SUPPORTED, 0)


@pytest.mark.parametrize(
    ("eid", "fid"),
    [(Eid.TIME, 1), (Eid.IPI, 1), (Eid.RFENCE, 3), (Eid.RFENCE, 7), (Eid.HSM, 4), (Eid.SRST, 1),
     (Eid.DBCN, 3), (Eid.PMU, 7), (Eid.SUSP, 0), (Eid.TIME, ALL)],
)  # fmt: skip
def test_unknown_functions_are_not_supported(fw: Firmware, eid: int, fid: int) -> None:
    assert fw.call(eid, fid) == (Error.NOT_SUPPORTED, 0)


# -- TIME


def test_set_timer_with_sstc_is_stimecmp(fw: Firmware) -> None:
    h = fw.harts[0]
    fw.header.set("clock_offset", 100 * 50)  # tick 50
    assert fw.call(Eid.TIME, 0, 51) == (0, 0)
    assert h.call("mip_now") & 0xA0 == 0
    assert fw.call(Eid.TIME, 0, 50) == (0, 0)
    assert h.call("mip_now") & 0xA0 == 0x20
    assert fw.call(Eid.TIME, 0, ALL) == (0, 0)
    assert h.call("mip_now") & 0xA0 == 0


def test_set_timer_without_sstc_goes_through_the_machine_timer() -> None:
    fw = Firmware(isa_ext=ext.without(ext.RV64_DEFAULT, ["Sstc"]))
    fw.start()
    h = fw.harts[0]
    fw.put(KERNEL + 4, 0x13, 0x13, 0x6F)  # nop, nop, j .
    assert fw.call(Eid.SET_TIMER, 0, 10)[0] == 0
    assert h.mie == 0x80
    assert h.call("mip_now") == 0
    fw.header.set("clock_offset", 100 * 10)
    h.run_exact(1)  # the interrupt is taken on entry; x.sbi.call retires
    assert (h.pc, h.mcause) == (SBI_TRAP + 4, 1 << 63 | 7)
    h.step()
    assert (h.pc, h.priv, h.mie) == (KERNEL + 4, S, 0)
    assert h.call("mip_now") & 0x20
    assert fw.call(Eid.TIME, 0, ALL) == (0, 0)
    assert h.call("mip_now") == 0


def test_machine_software_interrupts_become_ssip(fw: Firmware) -> None:
    h = fw.harts[0]
    h.msip, h.mie = 1, 8
    fw.put(KERNEL, 0x6F)
    h.run_exact(1)
    assert (h.pc, h.mcause, h.mepc) == (SBI_TRAP + 4, 1 << 63 | 3, KERNEL)
    assert h.msip == 0
    assert h.call("mip_now") & 2


# -- other traps


def test_a_trap_that_is_not_delegated_goes_back_to_the_supervisor(fw: Firmware) -> None:
    h = fw.harts[0]
    h.medeleg = 0
    h.stvec = RAM_BASE + 0x3001  # vectored: exceptions go to the base
    fw.put(KERNEL, 0)
    for _ in range(3):  # the trap, x.sbi.call, mret
        assert h.step() == Exit.STEP
    assert (h.pc, h.priv, h.scause, h.sepc) == (RAM_BASE + 0x3000, S, 2, KERNEL)


def test_a_call_retires_two_instructions_beside_the_ecall_that_does_not(fw: Firmware) -> None:
    h = fw.harts[0]

    def retired() -> int:
        return int(h.instret_base - h.bud) & ALL

    before = retired()
    assert fw.call(Eid.BASE, 0)[0] == 0
    assert retired() == before + 2
    fw.harts[1].in_guest = 1
    assert fw.begin(Eid.RFENCE, 0, 2, 0) == Exit.EVENT
    assert retired() == before + 2
