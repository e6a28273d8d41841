"""CLINT and ACLINT: what of them is not compiled. Tree nodes, the words at reset, the odd access.

Registers are `vcpu_worker.hart.clint`, on words of the control object; harts serve their own accesses. What
comes here of harts is an access to no register or of a wrong width: logged, read as 0. Accesses of qtest and
monitors are served by the same compiled code (`inhart`).
CLINT and ACLINT (MSWI and MTIMER) have the same addresses; only tree nodes, and the SSWI, tell them apart.
Source: RISC-V ACLINT 1.0, chapters 2-4; BEHAVIOUR 4.2, 4.3, 4.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from emu.core.fdt import Node
from emu.hw.register import RegisterDevice
from emu.hw.tree import Place
from emu.qom.device import ResetType
from emu.qom.property import Uint
from emu.qom.types import qom_type

SSI, MSI, MTI = 1, 3, 7
MASK64 = (1 << 64) - 1
MOST_NS = (1 << 63) - 1  # no timer expires later
SWI_SIZE, MTIMER_SIZE = 0x4000, 0x8000
TIMECMP_OFF, TIME_OFF = 0, 0x7FF8
# What the ACLINT node of MTIMER says of its two parts
MTIMECMP_SIZE, MTIME_SIZE = 0x7FF8, 0x4008


def _extended(intcs: Sequence[int], *causes: int) -> list[int]:
    return [cell for intc in intcs for cause in causes for cell in (intc, cause)]


@qom_type("riscv.aclint.device", abstract=True)
class AclintDevice(RegisterDevice):
    """Registers in compiled code; a stray access is a guest error. size: bytes decoded."""

    max_access = 4

    hartid_base = Uint("hartid-base", 32)
    num_harts = Uint("num-harts", 32, 1)
    size = 0

    def realize(self) -> None:
        """One region."""
        self.init_mmio(self.qom_name, self.size, self, self.max_access)

    def read(self, off: int, size: int) -> int:
        """From qtest or a monitor; from a hart only what is no register, or of a width it has not."""
        value = self.vm.inhart.load(self.gpa + off, size)
        if value is None:
            self.guest_error(f"{self.qom_name}: read of {size} bytes at {off:#x}")
        return value or 0

    def write(self, off: int, size: int, value: int) -> None:
        """As `read`."""
        if not self.vm.inhart.store(self.gpa + off, size, value):
            self.guest_error(f"{self.qom_name}: write of {value:#x}, {size} bytes, at {off:#x}")


@qom_type("riscv.aclint.swi")
class AclintSwi(AclintDevice):
    """MSWI, or with sswi=1 SSWI: software interrupts. Its words are each slot's msip and ssip_set."""

    sswi = Uint("sswi", 32, 0)
    size = SWI_SIZE
    hart_lines = (MSI,)

    def reset_enter(self, kind: ResetType) -> None:
        """No software interrupt pending."""
        for slot in self.vm.slots:
            slot.set("ssip_set" if self.sswi else "msip", 0)

    def node(self, soc: Node, place: Place, intcs: Sequence[int]) -> Node:
        """Its device tree node on a board with aclint=on. intcs: phandle of each hart's controller."""
        kind, cause = ("sswi", SSI) if self.sswi else ("mswi", MSI)
        made = soc.add(f"{kind}@{place.base:x}").cells("#interrupt-cells", 0).flag("interrupt-controller")
        made.cells("interrupts-extended", *_extended(intcs, cause)).u64("reg", place.base, place.size)
        return made.strings("compatible", f"riscv,aclint-{kind}")


@qom_type("riscv.aclint.mtimer")
class AclintMtimer(AclintDevice):
    """MTIMER: mtime in the header, each mtimecmp in its hart's slot."""

    timecmp_base = Uint("timecmp-base", 32, TIMECMP_OFF)
    time_base = Uint("time-base", 32, TIME_OFF)
    aperture_size = Uint("aperture-size", 32, MTIMER_SIZE)
    timebase_freq = Uint("timebase-freq", 32, 10_000_000)
    size = MTIMER_SIZE
    max_access = 8
    hart_lines = (MTI,)

    def deadline_ns(self) -> int:
        """ns until the next hart's compare value, in the future; -1 without one."""
        header = self.vm.header
        assert header is not None
        now_ns = self.vm.clocks.virtual.now_ns()
        ticks = now_ns * self.timebase_freq // 1_000_000_000
        now = (ticks + header.get("mtime_delta")) & MASK64
        ahead = [slot.get("mtimecmp") - now for slot in self.vm.slots]
        soon = min((n for n in ahead if n > 0), default=0)
        if not soon:
            return -1
        at = -(-(ticks + soon) * 1_000_000_000 // self.timebase_freq)  # the first ns of that tick
        return at - now_ns if at <= MOST_NS else -1

    def reset_enter(self, kind: ResetType) -> None:
        """mtime is 0 from now, and so are the compare values. The harts are stopped.

        QEMU leaves the compare values of the last boot. The specification allows both, but a machine whose
        second boot may see another MTIP than the first has not been reset.
        """
        header = self.vm.header
        assert header is not None
        ticks = self.vm.clocks.virtual.now_ns() * self.timebase_freq // 1_000_000_000
        header.set("mtime_delta", -ticks & MASK64)
        for slot in self.vm.slots:
            slot.set("mtimecmp", 0)

    def node(self, soc: Node, place: Place, intcs: Sequence[int]) -> Node:
        """Its device tree node on a board with aclint=on. place.base: where mtimecmp of hart 0 lies."""
        timer = soc.add(f"mtimer@{place.base:x}")
        timer.cells("interrupts-extended", *_extended(intcs, MTI))
        time_at, compare_at = place.base + self.time_base, place.base + self.timecmp_base
        timer.u64("reg", time_at, MTIME_SIZE, compare_at, MTIMECMP_SIZE)
        return timer.strings("compatible", "riscv,aclint-mtimer")


def clint_node(soc: Node, place: Place, intcs: Sequence[int]) -> Node:
    """The one node that stands for MSWI and MTIMER on a board without aclint=on."""
    made = soc.add(f"clint@{place.base:x}")
    made.cells("interrupts-extended", *_extended(intcs, MSI, MTI)).u64("reg", place.base, place.size)
    return made.strings("compatible", "sifive,clint0", "riscv,clint0")
