"""The built-in SBI on harts in this process: boot, every extension, calls that wait and run again."""

from __future__ import annotations

import random
import threading

import pytest

from ipc.layout import EV_FLUSH, EV_IRQ, EV_MSG, Exit
from ipc.sbi import IMPL_ID, Eid, Error, Hsm, Wait
from tests.lib.hart import MROM_BASE, RAM_BASE, Bench
from vcpu_worker.isa import ext
from vcpu_worker.isa.sbi_rom import MRET, SBI_BOOT, SBI_TRAP, X_SBI_BOOT, X_SBI_CALL, rom_words

KERNEL = RAM_BASE + 0x1000
FDT = RAM_BASE + 0x8000
ECALL = 0x0000_0073
ALL = (1 << 64) - 1
S, M = 1, 3
PLATFORM_SUSPEND = 0x1000_0000
NON_RETENTIVE = 0x8000_0000


class Firmware(Bench):
    """Harts at the ROM's x.sbi.boot; the kernel is one ecall."""

    def __init__(self, harts: int = 2, isa_ext: int | None = None) -> None:
        super().__init__(harts=harts, ram=1 << 16, isa_ext=isa_ext)
        g = self.header
        g.set("builtin_sbi", 1)
        g.set("sbi_kernel", KERNEL)
        g.set("sbi_fdt", FDT)
        g.set("host_cpus", harts)
        rom = g.bytes("mrom")
        for gpa, word in rom_words().items():
            rom[gpa - MROM_BASE : gpa - MROM_BASE + 4] = word.to_bytes(4, "little")
        self.put(KERNEL, ECALL)
        for h in self.harts:
            h.call("sbi_reset_hart")
            h.pc = SBI_BOOT

    def start(self, hart: int = 0) -> None:
        """x.sbi.boot and mret."""
        h = self.harts[hart]
        assert h.step() == Exit.STEP
        assert h.step() == Exit.STEP
        assert h.priv == S

    def begin(self, eid: int, fid: int, *args: int, hart: int = 0) -> int:
        """The ecall and one run of x.sbi.call; the exit reason."""
        h = self.harts[hart]
        h.pc = KERNEL
        for i in range(6):
            h.x[10 + i] = args[i] if i < len(args) else 0
        h.x[16], h.x[17] = fid, eid
        assert h.step() == Exit.STEP
        assert (h.pc, h.priv, h.mepc) == (SBI_TRAP, M, KERNEL)
        return h.step()

    def finish(self, hart: int = 0) -> tuple[int, int]:
        """mret after a call that is complete: signed a0, and a1."""
        h = self.harts[hart]
        assert h.pc == SBI_TRAP + 4
        assert h.step() == Exit.STEP
        assert (h.pc, h.priv) == (KERNEL + 4, S)
        return h.x[10] - (h.x[10] >> 63 << 64), h.x[11]

    def call(self, eid: int, fid: int, *args: int, hart: int = 0) -> tuple[int, int]:
        assert self.begin(eid, fid, *args, hart=hart) == Exit.STEP
        return self.finish(hart)

    def answer(self, error: int, value: int, hart: int = 0) -> int:
        """The main loop's answer, and the instruction once more; its exit."""
        h = self.harts[hart]
        assert (h.pc, h.mepc) == (SBI_TRAP, KERNEL)
        h.mmio_error, h.mmio_reply, h.mmio_ready = error, value, 1
        result = h.step()
        assert h.mmio_ready == 0
        return result


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
    assert asked(fw) == [Eid.SRST, 0, 0, 0]
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


# -- IPI


@pytest.mark.parametrize(
    ("mask", "base", "error", "hit"),
    [
        (0b101, 0, 0, {0, 2}), (0b11, 1, 0, {1, 2}), (0, 0, 0, set()), (0, 77, 0, set()),
        (123, ALL, 0, {0, 1, 2}), (0b1000, 0, -3, set()), (1, 3, -3, set()), (2, 2, -3, set()),
        (1, ALL - 1, -3, set()), (1 << 63, ALL - 62, -3, set()),
    ],
)  # fmt: skip
def test_send_ipi(mask: int, base: int, error: int, hit: set[int]) -> None:
    fw = Firmware(harts=3)
    fw.start()
    for h in fw.harts:
        h.hsm_state = Hsm.STARTED
        h.event = 0
    assert fw.call(Eid.IPI, 0, mask, base) == (error, 0)
    assert {i for i, h in enumerate(fw.harts) if h.call("mip_now") & 2} == hit
    assert {i for i, h in enumerate(fw.harts) if h.event & EV_IRQ} >= hit - {0}


def test_a_stopped_hart_gets_no_ipi(fw: Firmware) -> None:
    assert fw.call(Eid.IPI, 0, 3, 0) == (0, 0)
    assert [h.call("mip_now") & 2 for h in fw.harts] == [2, 0]


# -- RFENCE


@pytest.mark.parametrize("fid", [0, 1, 2])
def test_nobody_waits_for_a_hart_outside_guest_code(fw: Firmware, fid: int) -> None:
    other = fw.harts[1]
    assert fw.call(Eid.RFENCE, fid, 3, 0, 0, 0, 0) == (0, 0)
    assert other.flush_want == other.flush_done + 1
    assert other.event == EV_FLUSH
    assert fw.harts[0].flush_want == 0


def test_a_fence_waits_for_a_hart_in_guest_code_and_runs_again(fw: Firmware) -> None:
    h, other = fw.harts
    other.in_guest = 1
    other.flush_want = other.flush_done = 0xFFFF_FFFF  # the counters wrap
    assert fw.begin(Eid.RFENCE, 1, 3, 0) == Exit.EVENT
    assert (h.sbi_wait, other.flush_want) == (Wait.FENCE, 0)
    assert h.step() == Exit.EVENT
    assert other.flush_want == 0
    assert h.mepc == KERNEL
    other.flush_want = 1  # somebody else asks too; our ticket is the older one
    other.flush_done = 0
    assert h.step() == Exit.STEP
    assert fw.finish() == (0, 0)
    assert h.sbi_wait == Wait.NONE


def test_a_waiting_caller_does_the_flushes_asked_of_itself_and_leaves_for_messages(fw: Firmware) -> None:
    h, other = fw.harts
    other.in_guest = 1
    h.flush_want = 5
    h.event = EV_MSG
    assert fw.begin(Eid.RFENCE, 0, 2, 0) == Exit.EVENT
    assert h.flush_done == 5
    assert h.event == EV_MSG
    other.in_guest = 0
    assert h.step() == Exit.STEP
    assert fw.finish() == (0, 0)


def test_harts_that_fence_each_other_all_finish() -> None:
    fw = Firmware(harts=3)
    for i, h in enumerate(fw.harts):
        h.hsm_state, h.hsm_addr = Hsm.START_PENDING, KERNEL
        fw.start(i)
    fenced = [0, 0, 0]

    def loop(hart: int) -> None:
        h = fw.harts[hart]
        for _ in range(300):
            reason = fw.begin(Eid.RFENCE, 1, ALL, ALL, hart=hart)
            while reason == Exit.EVENT:
                reason = h.step()
            assert fw.finish(hart)[0] == 0
            fenced[hart] += 1

    threads = [threading.Thread(target=loop, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert fenced == [300] * 3
    assert [h.flush_want for h in fw.harts] == [600] * 3


def test_own_fences_are_done_at_once(fw: Firmware) -> None:
    h = fw.harts[0]
    epoch = h.code_epoch
    assert fw.call(Eid.RFENCE, 1, 1, 0) == (0, 0)
    assert h.code_epoch == epoch
    assert fw.call(Eid.RFENCE, 0, 1, 0) == (0, 0)
    assert h.code_epoch == epoch + 1


def test_fences_of_harts_that_do_not_exist_are_refused(fw: Firmware) -> None:
    assert fw.call(Eid.RFENCE, 0, 4, 0) == (Error.INVALID_PARAM, 0)
    assert [h.flush_want for h in fw.harts] == [0, 0]


# -- HSM


def test_start_status_and_stop(fw: Firmware) -> None:
    other = fw.harts[1]
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.STOPPED)
    assert fw.call(Eid.HSM, 0, 1, KERNEL, 0x1234) == (0, 0)
    assert other.event & EV_IRQ
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.START_PENDING)
    assert fw.call(Eid.HSM, 0, 1, KERNEL, 1) == (Error.INVALID_PARAM, 0)
    other.ssip_set = 1
    fw.start(1)
    assert (other.pc, other.x[10], other.x[11]) == (KERNEL, 1, 0x1234)
    assert other.call("mip_now") & 2 == 0
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.STARTED)
    assert fw.call(Eid.HSM, 0, 1, KERNEL, 1) == (Error.ALREADY_AVAILABLE, 0)
    other.mie = 0x222
    other.mstatus |= 0x0074_0000  # SUM, TVM, TW, TSR: firmware's to clear
    assert fw.begin(Eid.HSM, 1, hart=1) == Exit.STEP
    assert (other.pc, other.priv, other.mie) == (SBI_BOOT, M, 0)
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.STOPPED)
    assert other.step() == Exit.SLEEP
    assert fw.call(Eid.HSM, 0, 1, KERNEL + 2, 7) == (0, 0)
    fw.start(1)
    assert (other.pc, other.x[11]) == (KERNEL + 2, 7)
    assert other.mstatus & ~(0xF << 32) == 0x6080  # FS, and mret's MPIE


@pytest.mark.parametrize(
    ("hart", "gpa", "error"),
    [
        (2, KERNEL, -3),
        (ALL, KERNEL, -3),
        (1, KERNEL + 1, -5),
        (1, 0x4000_0000, -5),
        (1, ALL - 1, -5),
        (0, KERNEL, -6),
    ],
)
def test_hart_start_errors(fw: Firmware, hart: int, gpa: int, error: int) -> None:
    assert fw.call(Eid.HSM, 0, hart, gpa, 0) == (error, 0)
    assert fw.harts[1].hsm_state == Hsm.STOPPED


def test_a_half_written_start_reads_as_start_pending(fw: Firmware) -> None:
    fw.harts[1].hsm_state = Hsm.CLAIMED
    assert fw.call(Eid.HSM, 2, 1) == (0, Hsm.START_PENDING)
    assert fw.harts[1].step() == Exit.SLEEP
    assert fw.call(Eid.HSM, 2, 2) == (Error.INVALID_PARAM, 0)


def test_retentive_suspend_sleeps_until_an_enabled_interrupt(fw: Firmware) -> None:
    h = fw.harts[0]
    h.mie = 2
    assert fw.begin(Eid.HSM, 3, 0) == Exit.SLEEP
    assert h.hsm_state == Hsm.SUSPENDED
    assert h.step() == Exit.SLEEP
    h.ssip_set = 1
    assert h.step() == Exit.STEP
    assert h.hsm_state == Hsm.STARTED
    assert fw.finish() == (0, 0)


def test_non_retentive_suspend_resumes_at_its_address(fw: Firmware) -> None:
    h = fw.harts[0]
    h.mie = 2
    assert fw.begin(Eid.HSM, 3, NON_RETENTIVE, KERNEL + 8, 99) == Exit.SLEEP
    h.satp = 8 << 60
    h.mip_soft = 2
    assert h.step() == Exit.STEP
    assert h.step() == Exit.STEP
    assert (h.pc, h.priv, h.x[10], h.x[11], h.satp, h.mie) == (KERNEL + 8, S, 0, 99, 0, 0)
    assert (h.hsm_state, h.sbi_wait) == (Hsm.STARTED, Wait.NONE)


@pytest.mark.parametrize(
    ("kind", "error"),
    [(1, -3), (PLATFORM_SUSPEND - 1, -3), (PLATFORM_SUSPEND, -2), (NON_RETENTIVE | 1, -3),
     (NON_RETENTIVE | PLATFORM_SUSPEND, -2), (NON_RETENTIVE, -5)],
)  # fmt: skip
def test_suspend_errors(fw: Firmware, kind: int, error: int) -> None:
    assert fw.call(Eid.HSM, 3, kind, 1, 0) == (error, 0)
    assert fw.harts[0].hsm_state == Hsm.STARTED


# -- calls for the main loop


def asked(fw: Firmware, count: int = 4) -> list[int]:
    return [fw.harts[0].exit_arg[i] for i in range(count)]


def test_console_calls_are_the_main_loops(fw: Firmware) -> None:
    assert fw.begin(Eid.DBCN, 0, 5, KERNEL, 0) == Exit.SBI
    assert asked(fw) == [Eid.DBCN, 0, 5, KERNEL]
    assert fw.harts[0].step() == Exit.SBI  # withdrawn, asked again
    assert fw.answer(0, 3) == Exit.STEP
    assert fw.finish() == (0, 3)
    assert fw.begin(Eid.DBCN, 1, 8, KERNEL, 0) == Exit.SBI
    assert fw.answer(Error.FAILED & 0xFFFF_FFFF, 0) == Exit.STEP
    assert fw.finish() == (Error.FAILED, 0)
    assert fw.begin(Eid.DBCN, 2, 0x141) == Exit.SBI
    assert asked(fw, 3) == [Eid.DBCN, 2, 0x41]
    assert fw.answer(0, 0) == Exit.STEP


@pytest.mark.parametrize(
    ("fid", "size", "low", "high", "result"),
    [
        (0, 1, KERNEL, 1, (-3, 0)), (0, 0, 0, 0, (0, 0)),
        (1, 1, 0x1000, 0, (-3, 0)), (0, 1, 0x100, 0, (-3, 0)),  # ROM is not written; nothing is there
        (0, 0x1_0001, RAM_BASE, 0, (-3, 0)), (0, ALL, RAM_BASE, 0, (-3, 0)),
        (1, 2, RAM_BASE + 0xFFFF, 0, (-3, 0)),
    ],
)  # fmt: skip
def test_console_memory_is_proven(
    fw: Firmware, fid: int, size: int, low: int, high: int, result: tuple[int, int]
) -> None:
    assert fw.call(Eid.DBCN, fid, size, low, high) == result


def test_system_reset_never_returns(fw: Firmware) -> None:
    h = fw.harts[0]
    h.mie = h.mip_soft = 2
    assert fw.begin(Eid.SRST, 0, 1, 0) == Exit.SBI
    assert asked(fw) == [Eid.SRST, 0, 1, 0]
    assert fw.answer(0, 0) == Exit.SLEEP
    assert h.mie == 0
    assert h.step() == Exit.SLEEP
    h.call("sbi_reset_hart")
    assert (h.sbi_wait, h.hsm_state) == (Wait.NONE, Hsm.START_PENDING)


@pytest.mark.parametrize(("kind", "reason"), [(3, 0), (0, 2), (1 << 32, 0), (ALL, 0)])
def test_system_reset_errors(fw: Firmware, kind: int, reason: int) -> None:
    assert fw.call(Eid.SRST, 0, kind, reason) == (Error.INVALID_PARAM, 0)


def test_system_suspend_resumes_at_its_address(fw: Firmware) -> None:
    h = fw.harts[0]
    fw.header.set("sbi_flags", 1)
    assert fw.call(Eid.BASE, 3, Eid.SUSP) == (0, 1)
    assert fw.begin(Eid.SUSP, 0, 0, KERNEL + 16, 5) == Exit.SBI
    assert asked(fw) == [Eid.SUSP, 0, 0, KERNEL + 16]
    assert fw.answer(0, 0) == Exit.EVENT
    assert (h.pc, h.sbi_wait) == (SBI_TRAP, Wait.RESUME)
    assert h.step() == Exit.STEP
    assert h.step() == Exit.STEP
    assert (h.pc, h.priv, h.x[10], h.x[11]) == (KERNEL + 16, S, 0, 5)


def test_system_suspend_errors(fw: Firmware) -> None:
    fw.header.set("sbi_flags", 1)
    assert fw.call(Eid.SUSP, 0, 1, KERNEL, 0) == (Error.INVALID_PARAM, 0)
    assert fw.call(Eid.SUSP, 0, 0x8000_0000, KERNEL, 0) == (Error.NOT_SUPPORTED, 0)
    assert fw.call(Eid.SUSP, 0, 0, 3, 0) == (Error.INVALID_ADDRESS, 0)
    fw.harts[1].hsm_state = Hsm.STARTED
    assert fw.call(Eid.SUSP, 0, 0, KERNEL, 0) == (Error.DENIED, 0)


# -- PMU


def test_the_pmu_has_cycle_and_instret_and_says_so(fw: Firmware) -> None:
    assert fw.call(Eid.PMU, 0) == (0, 3)
    assert fw.call(Eid.PMU, 1, 0) == (0, 0xC00 | 63 << 12)
    assert fw.call(Eid.PMU, 1, 2) == (0, 0xC02 | 63 << 12)
    for counter in (1, 3, 64, ALL):
        assert fw.call(Eid.PMU, 1, counter) == (Error.INVALID_PARAM, 0)
    assert fw.call(Eid.PMU, 5, 0) == (Error.INVALID_PARAM, 0)


@pytest.mark.parametrize(
    ("base", "mask", "flags", "event", "result"),
    [
        (0, 7, 0, 1, (0, 0)), (0, 7, 0, 2, (0, 2)), (2, 1, 0, 2, (0, 2)), (0, 3, 0, 2, (-2, 0)),
        (0, 7, 0, 3, (-2, 0)), (0, 7, 0, 0, (-3, 0)), (0, 7, 0, 11, (-3, 0)), (0, 7, 0, 0x1_0000, (-2, 0)),
        (0, 7, 0, 0x2_0000, (-2, 0)), (0, 7, 0, 0xF_0000, (-2, 0)), (0, 7, 0, 0x4_0000, (-3, 0)),
        (0, 8, 0, 1, (-3, 0)), (3, 1, 0, 1, (-3, 0)), (ALL, 1, 0, 1, (-3, 0)), (0, 0, 0, 1, (-3, 0)),
        (0, 4, 1, 99, (0, 2)), (0, 2, 1, 1, (-3, 0)),
    ],
)  # fmt: skip
def test_counters_are_found_by_their_event(
    fw: Firmware, base: int, mask: int, flags: int, event: int, result: tuple[int, int]
) -> None:
    assert fw.call(Eid.PMU, 2, base, mask, flags, event) == result


def test_counters_stop_and_start(fw: Firmware) -> None:
    h = fw.harts[0]
    assert fw.call(Eid.PMU, 3, 0, 5, 0, 0) == (Error.ALREADY_STARTED, 0)
    assert fw.call(Eid.PMU, 4, 2, 1, 0) == (0, 0)
    assert fw.call(Eid.PMU, 4, 2, 1, 0) == (Error.ALREADY_STOPPED, 0)
    stopped = h.call("csr_peek", 0xC02)
    assert fw.call(Eid.BASE, 0)[0] == 0
    assert h.call("csr_peek", 0xC02) == stopped
    assert fw.call(Eid.PMU, 3, 2, 1, 1, 1000) == (0, 0)
    assert 1000 <= h.call("csr_peek", 0xC02) <= 1004
    assert fw.call(Eid.PMU, 4, 0, 1, 2) == (Error.NO_SHMEM, 0)
    assert fw.call(Eid.PMU, 4, 0, 2, 0) == (Error.INVALID_PARAM, 0)


# -- legacy


def test_legacy_calls_leave_a1_alone(fw: Firmware) -> None:
    assert fw.call(Eid.SET_TIMER, 99, ALL, 77) == (0, 77)
    assert fw.call(Eid.CLEAR_IPI, 0, 0, 78) == (0, 78)
    fw.harts[0].ssip_set = 1
    assert fw.call(Eid.CLEAR_IPI, 0, 0, 78) == (1, 78)
    assert fw.harts[0].call("mip_now") & 2 == 0


def test_legacy_console(fw: Firmware) -> None:
    assert fw.begin(Eid.CONSOLE_PUTCHAR, 0, 0x142, 5) == Exit.SBI
    assert asked(fw, 3) == [Eid.DBCN, 2, 0x42]
    assert fw.answer(0, 0) == Exit.STEP
    assert fw.finish() == (0, 5)
    assert fw.begin(Eid.CONSOLE_GETCHAR, 0, 0, 5) == Exit.SBI
    assert asked(fw, 2) == [Eid.CONSOLE_GETCHAR, 0]
    assert fw.answer(0, ALL) == Exit.STEP
    assert fw.finish() == (-1, 5)


def test_legacy_masks_are_read_from_the_callers_memory(fw: Firmware) -> None:
    fw.harts[1].hsm_state = Hsm.STARTED
    rng = random.Random(1)
    for _ in range(20):
        at = FDT + rng.randrange(64)
        mask = rng.choice((0, 1, 2, 3, 0b1110, ALL))
        fw.put(at, mask, size=8)
        for h in fw.harts:
            h.mip_soft = h.ssip_set = 0
        assert fw.call(Eid.SEND_IPI, 0, at)[0] == 0
        assert [h.call("mip_now") >> 1 & 1 for h in fw.harts] == [mask & 1, mask >> 1 & 1]
    assert fw.call(Eid.REMOTE_SFENCE_VMA, 0, 0)[0] == 0
    assert fw.harts[1].flush_want == 1


def test_a_fault_at_a_legacy_mask_is_the_callers(fw: Firmware) -> None:
    h = fw.harts[0]
    h.stvec = RAM_BASE + 0x3000
    h.mstatus = h.mstatus | 2
    assert fw.begin(Eid.REMOTE_FENCE_I, 0, 0x100) == Exit.STEP
    assert h.step() == Exit.STEP
    assert (h.pc, h.priv, h.scause, h.stval, h.sepc) == (RAM_BASE + 0x3000, S, 5, 0x100, KERNEL)
    assert h.mstatus & 0x122 == 0x120  # SPP, SPIE, not SIE
    assert h.x[10] == 0x100


def test_legacy_shutdown(fw: Firmware) -> None:
    assert fw.begin(Eid.SHUTDOWN, 0, 9, 9) == Exit.SBI
    assert asked(fw) == [Eid.SRST, 0, 0, 0]


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
