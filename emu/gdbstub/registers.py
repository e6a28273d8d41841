"""The registers that gdb is told of, and the description of them that it reads first (target.xml).

    0..31 x, 32 pc           org.gnu.gdb.riscv.cpu       these are what g and G carry
    33..64 f0..f31           org.gnu.gdb.riscv.fpu       without F and D: not there
    65 priv                  org.gnu.gdb.riscv.virtual
    66 + number of the CSR   org.gnu.gdb.riscv.csr       those that the hart has

Numbers and names are QEMU's; names come from the declarations of the instruction set and of the CSRs.
Rule: all harts of a machine are alike; the description is the first hart's.
Source: "Debugging with GDB", appendix G.2 and G.5.12.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emu.gdbstub.machine import Hart
from vcpu_worker.csr import reg
from vcpu_worker.isa.disasm import F_NAMES, X_NAMES

SIZE = 8  # bytes; all are as wide
PC, FIRST_F, PRIV, FIRST_CSR = 32, 33, 65, 66
FP_CSR = "fflags"  # a hart has it with F
_TYPES = {"ra": "code_ptr", "sp": "data_ptr", "gp": "data_ptr", "tp": "data_ptr", "fp": "data_ptr"}
_HEAD = '<?xml version="1.0"?>\n'
_UNION = (
    '<union id="riscv_double"><field name="float" type="ieee_single"/>'
    '<field name="double" type="ieee_double"/></union>'
)


@dataclass(frozen=True)
class Register:
    """One register: its number in the protocol, its name and type for gdb, and how it is reached."""

    number: int
    name: str
    type: str
    get: Callable[[Hart], int]
    set: Callable[[Hart, int], None]
    size: int = SIZE
    group: str = ""

    def read(self, hart: Hart) -> bytes:
        """Its bytes, least significant first."""
        return self.get(hart).to_bytes(self.size, "little")

    def write(self, hart: Hart, data: bytes) -> None:
        """As `read`."""
        self.set(hart, int.from_bytes(data[: self.size], "little"))

    def xml(self) -> str:
        """Its element."""
        group = f' group="{self.group}"' if self.group else ""
        return (
            f'<reg name="{self.name}" bitsize="{8 * self.size}" regnum="{self.number}" '
            f'type="{self.type}"{group}/>'
        )


class Registers:
    """core: what g and G carry. by_number: all. files: name -> text of the description's files."""

    def __init__(self, hart: Hart) -> None:
        csrs = hart.csr_numbers()
        names = reg.load_all()
        self.core = [*(_x(n) for n in range(32)), _pc()]
        features = [("riscv-64bit-cpu.xml", "org.gnu.gdb.riscv.cpu", "", self.core)]
        if FP_CSR in {names[n] for n in csrs}:
            features.append(
                ("riscv-64bit-fpu.xml", "org.gnu.gdb.riscv.fpu", _UNION, [_f(n) for n in range(32)])
            )
        features += [
            ("riscv-64bit-virtual.xml", "org.gnu.gdb.riscv.virtual", "", [_priv()]),
            ("riscv-csr.xml", "org.gnu.gdb.riscv.csr", "", [_csr(n, names[n]) for n in csrs]),
        ]
        self.by_number = {r.number: r for *_, registers in features for r in registers}
        self.files = {file: _feature(name, types, registers) for file, name, types, registers in features}
        self.files["target.xml"] = _target([file for file, *_ in features])


def _target(files: list[str]) -> bytes:
    includes = "".join(f'<xi:include href="{file}"/>' for file in files)
    return (
        f'{_HEAD}<!DOCTYPE target SYSTEM "gdb-target.dtd">'
        f"<target><architecture>riscv:rv64</architecture>{includes}</target>"
    ).encode()


def _feature(name: str, types: str, registers: list[Register]) -> bytes:
    body = "\n".join(r.xml() for r in registers)
    doctype = '<!DOCTYPE feature SYSTEM "gdb-target.dtd">'
    return f'{_HEAD}{doctype}\n<feature name="{name}">\n{types}{body}\n</feature>\n'.encode()


def _x(number: int) -> Register:
    name = "fp" if number == 8 else X_NAMES[number]
    return Register(
        number, name, _TYPES.get(name, "int"),
        lambda hart: hart.x(number), lambda hart, value: hart.set_x(number, value),
    )  # fmt: skip


def _pc() -> Register:
    return Register(PC, "pc", "code_ptr", lambda hart: hart.pc, lambda hart, value: hart.set_pc(value))


def _f(number: int) -> Register:
    return Register(
        FIRST_F + number, F_NAMES[number], "riscv_double",
        lambda hart: hart.f(number), lambda hart, value: hart.set_f(number, value), group="float",
    )  # fmt: skip


def _priv() -> Register:
    return Register(
        PRIV, "priv", "int", lambda hart: hart.priv, lambda hart, value: hart.set_priv(value & 3)
    )


def _csr(number: int, name: str) -> Register:
    return Register(
        FIRST_CSR + number, name, "int",
        lambda hart: hart.read_csr(number), lambda hart, value: hart.write_csr(number, value),
    )  # fmt: skip
