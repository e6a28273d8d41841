"""Disassembly as objdump prints it: ABI register names, aliases, compressed ones as what they stand for.

    addi a0,sp,16    lw a5,8(s0)    beq a0,a1,80000010    amoadd.w.aq a0,a1,(a2)    csrr a0,mstatus

Rule: everything comes from the registry; only the operand order of a format, and aliases, are here.
Source: RISC-V Assembly Programmer's Manual, "Pseudoinstructions"; objdump's output.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from vcpu_worker.isa import insn

X_NAMES = ("zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 "
           "s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6").split()  # fmt: skip
F_NAMES = ("ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 "
           "fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11").split()  # fmt: skip
RM_NAMES = {0: "rne", 1: "rtz", 2: "rdn", 3: "rup", 4: "rmm", 7: "dyn"}
# rm that is not printed: dynamic, but rne for conversions that are exact (assemblers do so)
_SILENT_RM = {"fcvt.d.s": 0, "fcvt.d.w": 0, "fcvt.d.wu": 0}

# what FLI loads, as assemblers name it
FLI_NAMES = ("-1.0 min 1.52587890625e-05 3.0517578125e-05 0.00390625 0.0078125 0.0625 0.125 0.25 0.3125 "
             "0.375 0.4375 0.5 0.625 0.75 0.875 1.0 1.25 1.5 1.75 2.0 2.5 3.0 4.0 8.0 16.0 128.0 256.0 "
             "32768.0 65536.0 inf nan").split()  # fmt: skip

# instruction, operands it must have (a string: equal to that operand), what is printed instead
_ALIASES: tuple[tuple[str, dict[str, int | str], str], ...] = (
    ("addi", {"rd": 0, "rs1": 0, "imm": 0}, "nop"),
    ("addi", {"rs1": 0}, "li rd,imm"),
    ("addi", {"imm": 0}, "mv rd,rs1"),
    ("add", {"rs1": 0}, "mv rd,rs2"),
    ("addiw", {"imm": 0}, "sext.w rd,rs1"),
    ("xori", {"imm": -1}, "not rd,rs1"),
    ("sub", {"rs1": 0}, "neg rd,rs2"),
    ("subw", {"rs1": 0}, "negw rd,rs2"),
    ("andi", {"imm": 255}, "zext.b rd,rs1"),
    ("add.uw", {"rs2": 0}, "zext.w rd,rs1"),
    ("sltiu", {"imm": 1}, "seqz rd,rs1"),
    ("sltu", {"rs1": 0}, "snez rd,rs2"),
    ("slt", {"rs2": 0}, "sltz rd,rs1"),
    ("slt", {"rs1": 0}, "sgtz rd,rs2"),
    ("beq", {"rs2": 0}, "beqz rs1,to"),
    ("bne", {"rs2": 0}, "bnez rs1,to"),
    ("bge", {"rs1": 0}, "blez rs2,to"),
    ("bge", {"rs2": 0}, "bgez rs1,to"),
    ("blt", {"rs2": 0}, "bltz rs1,to"),
    ("blt", {"rs1": 0}, "bgtz rs2,to"),
    ("jal", {"rd": 0}, "j to"),
    ("jal", {"rd": 1}, "jal to"),
    ("jalr", {"rd": 0, "rs1": 1, "imm": 0}, "ret"),
    ("jalr", {"rd": 0, "imm": 0}, "jr rs1"),
    ("jalr", {"rd": 0}, "jr at"),
    ("jalr", {"rd": 1, "imm": 0}, "jalr rs1"),
    ("jalr", {"rd": 1}, "jalr at"),
    ("csrrs", {"csr": 0x001, "rs1": 0}, "frflags rd"),
    ("csrrs", {"csr": 0x002, "rs1": 0}, "frrm rd"),
    ("csrrs", {"csr": 0x003, "rs1": 0}, "frcsr rd"),
    ("csrrs", {"csr": 0xC00, "rs1": 0}, "rdcycle rd"),
    ("csrrs", {"csr": 0xC01, "rs1": 0}, "rdtime rd"),
    ("csrrs", {"csr": 0xC02, "rs1": 0}, "rdinstret rd"),
    ("csrrw", {"csr": 0x001, "rd": 0}, "fsflags rs1"),
    ("csrrw", {"csr": 0x002, "rd": 0}, "fsrm rs1"),
    ("csrrw", {"csr": 0x003, "rd": 0}, "fscsr rs1"),
    ("csrrs", {"rs1": 0}, "csrr rd,csr"),
    ("csrrw", {"rd": 0}, "csrw csr,rs1"),
    ("csrrs", {"rd": 0}, "csrs csr,rs1"),
    ("csrrc", {"rd": 0}, "csrc csr,rs1"),
    ("csrrwi", {"rd": 0}, "csrwi csr,uimm"),
    ("csrrsi", {"rd": 0}, "csrsi csr,uimm"),
    ("csrrci", {"rd": 0}, "csrci csr,uimm"),
    ("fence", {"fm": 8, "pred": 3, "succ": 3}, "fence.tso"),
    ("fence", {"pred": 15, "succ": 15}, "fence"),
    ("sfence.vma", {"rs1": 0, "rs2": 0}, "sfence.vma"),
    ("sfence.vma", {"rs2": 0}, "sfence.vma rs1"),
    ("fsgnj.s", {"rs1": "rs2"}, "fmv.s rd,rs1"),
    ("fsgnjn.s", {"rs1": "rs2"}, "fneg.s rd,rs1"),
    ("fsgnjx.s", {"rs1": "rs2"}, "fabs.s rd,rs1"),
    ("fsgnj.d", {"rs1": "rs2"}, "fmv.d rd,rs1"),
    ("fsgnjn.d", {"rs1": "rs2"}, "fneg.d rd,rs1"),
    ("fsgnjx.d", {"rs1": "rs2"}, "fabs.d rd,rs1"),
)
_LOADS, _STORES, _AMO, _JALR = (0x03, 0x07), (0x23, 0x27), 0x2F, 0x67


@functools.cache
def _csr_names() -> dict[int, str]:
    """CSR number -> name, from the registry of CSRs, which is imported only here."""
    package = importlib.import_module("vcpu_worker.csr")
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
    names: dict[int, str] = importlib.import_module("vcpu_worker.csr.reg").NAMES
    return names


def csr_name(number: int) -> str:
    """The name of a CSR, or its number in hexadecimal."""
    return _csr_names().get(number, hex(number))


def _order(body: insn.Insn) -> str:
    """The operands of an instruction as its format prints them."""
    opcode = body.match & 127
    have = body.fields
    if opcode in _LOADS or opcode == _JALR:
        return "rd,at"
    if opcode in _STORES:
        return "rs2,at"
    if opcode == _AMO:
        return "rd,rs2,(rs1)" if "rs2" in have else "rd,(rs1)"
    if "csr" in have:
        return "rd,csr,uimm" if "uimm" in have else "rd,csr,rs1"
    if "pred" in have:
        return "pred,succ"
    if body.ext == "Zicbop":
        return "at"
    if body.ext in ("Zicbom", "Zicboz"):
        return "(rs1)"
    # what the body ignores are reserved fields, not operands
    parts: list[str] = [r for r in ("rd", "rs1", "rs2", "rs3") if r in body.used]
    if "imm" in body.used:
        parts.append("to" if have["imm"].lowest == 1 else "imm")
    if "shamt" in body.used:
        parts.append("shamt")
    return ",".join(parts)


def _suffix(body: insn.Insn, v: dict[str, int]) -> str:
    if "aq" not in body.fields:
        return ""
    return ("", ".rl", ".aq", ".aqrl")[v["aq"] * 2 + v["rl"]]


def _operand(name: str, body: insn.Insn, v: dict[str, int], pc: int | None) -> str:
    if name == "rs1" and body.name.startswith("fli."):
        return FLI_NAMES[v["rs1"]]
    if name in body.register_class:
        return (X_NAMES if body.register_class[name] == "x" else F_NAMES)[v[name]]
    if name == "(rs1)":
        return f"({X_NAMES[v['rs1']]})"
    if name == "at":
        return f"{v['imm']}({X_NAMES[v['rs1']]})"
    if name == "to":
        return f".{v['imm']:+d}" if pc is None else f"{pc + v['imm'] & 0xFFFF_FFFF_FFFF_FFFF:x}"
    if name == "csr":
        return csr_name(v["csr"])
    if name in ("pred", "succ"):
        return "".join(c for i, c in enumerate("iorw") if v[name] & 8 >> i) or "unknown"
    if name == "shamt":
        return f"0x{v['shamt']:x}"
    if body.fields[name].shift:
        return f"0x{v[name] & 0xFFFFF:x}"
    return str(v[name])


def _alias(body: insn.Insn, v: dict[str, int]) -> str | None:
    for name, conditions, shown in _ALIASES:
        if name == body.name and all(
            v[k] == (v[want] if isinstance(want, str) else want) for k, want in conditions.items()
        ):
            return shown
    return None


def text(word: int, pc: int | None = None) -> str:
    """`word` in assembly; a branch target is absolute if `pc` is given. Reserved words: .2byte, .4byte."""
    found = insn.decode(word)
    if found is None:
        return f".2byte 0x{word & 0xFFFF:04x}" if word & 3 != 3 else f".4byte 0x{word & 0xFFFFFFFF:08x}"
    one, operands = found
    body, v = one.body, one.expand(operands)
    shown = _alias(body, v)
    if shown is None:
        shown = f"{body.name}{_suffix(body, v)} {_order(body)}"
    mnemonic, _, order = shown.partition(" ")
    parts = [_operand(name, body, v, pc) for name in order.split(",") if name]
    if body.name == "fcvtmod.w.d":
        parts.append("rtz")
    if "rm" in body.used and v["rm"] != _SILENT_RM.get(body.name, 7):
        parts.append(RM_NAMES[v["rm"]])
    return f"{mnemonic} {','.join(parts)}".rstrip()
