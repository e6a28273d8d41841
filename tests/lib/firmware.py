"""Harts in this process that run the built-in SBI, one instruction at a time; for tests of its calls."""

from __future__ import annotations

from ipc.layout import Exit
from tests.lib.hart import MROM_BASE, RAM_BASE, Bench
from vcpu_worker.isa.sbi_rom import SBI_BOOT, SBI_TRAP, rom_words

KERNEL = RAM_BASE + 0x1000
FDT = RAM_BASE + 0x8000
ECALL = 0x0000_0073
ALL = (1 << 64) - 1
S, M = 1, 3


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

    def asked(self, count: int = 4) -> list[int]:
        """What hart 0 asks the main loop: eid, fid, a0, ..."""
        return [int(self.harts[0].exit_arg[i]) for i in range(count)]
