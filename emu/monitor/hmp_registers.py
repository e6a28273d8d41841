"""Registers as `info registers` shows them, and by their names in expressions.

Rule: what a hart has not, it does not show: a hart without the hypervisor extension has no hstatus.
Source: screens of QEMU 10.0.13; names of the ABI: RISC-V ELF psABI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emu.vm import Vm
    from emu.workers.hart_state import HartState

X_NAMES = ("zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", *(f"a{i}" for i in range(8)),
           *(f"s{i}" for i in range(2, 12)), "t3", "t4", "t5", "t6")  # fmt: skip
F_NAMES = (*(f"ft{i}" for i in range(8)), "fs0", "fs1", *(f"fa{i}" for i in range(8)),
           *(f"fs{i}" for i in range(2, 12)), *(f"ft{i}" for i in range(8, 12)))  # fmt: skip
CSRS = ("mhartid", "mstatus", "mip", "mie", "mideleg", "medeleg", "mtvec", "stvec", "mepc", "sepc", "mcause",
        "scause", "mtval", "stval", "mscratch", "sscratch", "satp")  # fmt: skip
A_ROW = 4
_NUMBERS = frozenset(str(i) for i in range(32))


def dump(hart: HartState) -> str:
    """All that `info registers` says of a hart."""
    lines = [f" {'pc':<8} {hart.pc:016x}"]
    has = {name: number for name in (*CSRS, "fcsr") if (number := _csr(hart, name)) is not None}
    lines += [f" {name:<8} {has[name]:016x}" for name in CSRS if name in has]
    lines += _rows([(f"x{i}/{name}", hart.x(i)) for i, name in enumerate(X_NAMES)])
    if "fcsr" in has:
        lines.append(f" {'fcsr':<8} {has['fcsr']:016x}")
        lines += _rows([(f"f{i}/{name}", hart.f(i)) for i, name in enumerate(F_NAMES)])
    return "\n".join(lines) + "\n"


def _csr(hart: HartState, name: str) -> int | None:
    from emu.workers.hart_state import NoSuchCsr

    try:
        return hart.csr(name)
    except NoSuchCsr:
        return None


def _rows(registers: list[tuple[str, int]]) -> list[str]:
    cells = [f" {name:<8} {value:016x}" for name, value in registers]
    return ["".join(cells[i : i + A_ROW]) for i in range(0, len(cells), A_ROW)]


def read_named(vm: Vm, hart: int, name: str) -> int | None:
    """The value of $NAME: x0..x31, f0..f31, their ABI names, pc, CSRs. None: there is none of that name."""
    from emu.workers.hart_state import HartState

    state = HartState(vm, hart)
    if name == "pc":
        return state.pc
    for letter, names, read in (("x", X_NAMES, state.x), ("f", F_NAMES, state.f)):
        if name in names:
            return read(names.index(name))
        if name[:1] == letter and name[1:] in _NUMBERS:
            return read(int(name[1:]))
    return _csr(state, name)
