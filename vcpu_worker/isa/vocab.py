"""The vocabulary of instruction bodies: symbolic 64-bit words and a trace of what was done to them.

A body runs once, in plain Python, on symbols; what it did is a `Trace`: operations in program order,
each a value of 64 bits or a condition of one bit. The threaded interpreter's handlers and the
translator's regions are both lowered from that trace (`codegen.lower`), so no second description of an
instruction exists. Bodies therefore never branch in Python on guest values: `select`.

Source: the operations have the meaning of the RISC-V Unprivileged ISA's text ("sign-extended",
"unsigned less than"); arithmetic wraps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Operand:
    """An operand field by its name in the encoding: rd rs1 rs2 rs3 imm rm."""

    name: str


@dataclass(eq=False)
class Value:
    """A word (bits=64) or condition (bits=1) in a trace."""

    bits: int

    def __add__(self, o: Value | int) -> Value:
        return emit("add", self, o)

    def __radd__(self, o: int) -> Value:
        return emit("add", o, self)

    def __sub__(self, o: Value | int) -> Value:
        return emit("sub", self, o)

    def __rsub__(self, o: int) -> Value:
        return emit("sub", o, self)

    def __mul__(self, o: Value | int) -> Value:
        return emit("mul", self, o)

    def __and__(self, o: Value | int) -> Value:
        return emit("and", self, o, bits=self.bits)

    def __rand__(self, o: int) -> Value:
        return emit("and", o, self)

    def __or__(self, o: Value | int) -> Value:
        return emit("or", self, o, bits=self.bits)

    def __ror__(self, o: int) -> Value:
        return emit("or", o, self)

    def __xor__(self, o: Value | int) -> Value:
        return emit("xor", self, o, bits=self.bits)

    def __rxor__(self, o: int) -> Value:
        return emit("xor", o, self)

    def __invert__(self) -> Value:
        return emit("xor", self, -1, bits=self.bits)

    def __bool__(self) -> bool:
        raise TypeError("an instruction body must not branch in Python on a guest value: use select()")


@dataclass(frozen=True)
class Op:
    """One step of a trace: `kind`, its arguments (Values, ints, strings), its result or None."""

    kind: str
    args: tuple[Any, ...]
    result: Value | None


@dataclass
class Trace:
    """What a body did, in order."""

    ops: list[Op] = field(default_factory=list)

    def has(self, *kinds: str) -> bool:
        """Whether any operation is of one of `kinds`."""
        return any(op.kind in kinds for op in self.ops)


_current: Trace | None = None


def trace(func: Callable[..., Any], operands: list[str]) -> Trace:
    """Run a body on symbols. operands: its parameter names, in order."""
    global _current
    if _current is not None:
        raise RuntimeError("a body is being traced already")
    _current = t = Trace()
    try:
        func(*[emit("imm") if name == "imm" else Operand(name) for name in operands])
    finally:
        _current = None
    return t


def emit(kind: str, *args: Any, bits: int = 64) -> Value:
    """Append an operation that has a result."""
    assert _current is not None, "vocabulary used outside a body"
    v = Value(bits)
    _current.ops.append(Op(kind, args, v))
    return v


def effect(kind: str, *args: Any) -> None:
    """Append an operation without a result."""
    assert _current is not None, "vocabulary used outside a body"
    _current.ops.append(Op(kind, args, None))


class _File:
    """A register file: x or f."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getitem__(self, reg: Operand) -> Value:
        return emit(f"get_{self.name}", reg.name)

    def __setitem__(self, reg: Operand, value: Value | int) -> None:
        effect(f"set_{self.name}", reg.name, value)


x = _File("x")
f = _File("f")


def _unary(kind: str) -> Callable[[Value], Value]:
    def op(a: Value) -> Value:
        return emit(kind, a)

    op.__name__ = kind
    return op


def _binary(kind: str, bits: int = 64) -> Callable[[Value | int, Value | int], Value]:
    def op(a: Value | int, b: Value | int) -> Value:
        return emit(kind, a, b, bits=bits)

    op.__name__ = kind
    return op


sext8, sext16, sext32 = _unary("sext8"), _unary("sext16"), _unary("sext32")
zext8, zext16, zext32 = _unary("zext8"), _unary("zext16"), _unary("zext32")
clz64, ctz64, popcnt64, bswap64 = _unary("clz64"), _unary("ctz64"), _unary("popcnt64"), _unary("bswap64")
shl, shr, sar = _binary("shl"), _binary("shr"), _binary("sar")  # count modulo 64
mulh, mulhu, mulhsu = _binary("mulh"), _binary("mulhu"), _binary("mulhsu")
udiv, urem, sdiv, srem = _binary("udiv"), _binary("urem"), _binary("sdiv"), _binary("srem")
eq, ne = _binary("eq", 1), _binary("ne", 1)
ult, uge, slt, sge = _binary("ult", 1), _binary("uge", 1), _binary("slt", 1), _binary("sge", 1)


def const(n: int) -> Value:
    """A constant word."""
    return emit("const", n)


def bit(c: Value) -> Value:
    """A condition as 0 or 1."""
    return emit("bit", c)


def select(c: Value, a: Value | int, b: Value | int) -> Value:
    """a if c else b; both are evaluated."""
    return emit("select", c, a, b)


def regnum(reg: Operand) -> Value:
    """The number in a register field, 0..31 (also the uimm of CSR instructions)."""
    return emit("regnum", reg.name)


def load(address: Value, size: int) -> Value:
    """`size` bytes at a guest virtual address, zero-extended. May leave the instruction (fault, MMIO)."""
    return emit("load", address, size)


def store(address: Value, value: Value, size: int) -> None:
    """The low `size` bytes of value to a guest virtual address. May leave the instruction."""
    effect("store", address, value, size)


def amo(op: str, address: Value, value: Value, size: int) -> Value:
    """Atomic read-modify-write, seq_cst (covers every aq/rl); the old value, zero-extended."""
    return emit("amo", op, address, value, size)


def pc() -> Value:
    """Address of this instruction."""
    return emit("pc")


def next_pc() -> Value:
    """Address of the next instruction in memory."""
    return emit("next_pc")


def jump(target: Value) -> None:
    """Go on at a guest virtual address; ends the body. Bit 0 is cleared here."""
    effect("jump", target)


def branch(cond: Value, offset: Value) -> None:
    """Go on at pc + offset (the imm operand) if cond, else behind this instruction; ends the body."""
    effect("branch", cond, offset)


def jump_rel(offset: Value) -> None:
    """Go on at pc + offset; ends the body. Offset is the imm operand."""
    effect("jump_rel", offset)


def call(native: str, *args: Value | int) -> Value:
    """A native without side effects on the hart that cannot fault."""
    return emit("call", native, args)


def hcall(native: str, *args: Value | int) -> Value:
    """A native whose first parameter is the hart; the instruction leaves if it set h.fault."""
    return emit("hcall", native, args)


def system(native: str, *args: Value | int) -> Value:
    """As hcall, with h.pc, h.npc and h.bud stored before; REFETCH and LEAVE are allowed."""
    return emit("system", native, args)


def require_fp() -> None:
    """Illegal instruction unless floating point is on."""
    effect("require_fp")


def dirty_fp() -> None:
    """mstatus.FS = Dirty."""
    effect("dirty_fp")


def illegal() -> None:
    """Illegal instruction; ends the body."""
    effect("illegal")


def fence_full() -> None:
    """A sequentially consistent fence."""
    effect("fence")


def fence_order(sets: Value) -> None:
    """FENCE with pred<<4 | succ (bits I O R W = 8 4 2 1): the host fence that covers it."""
    effect("fence_order", sets)


def relax() -> None:
    """A hint to the host processor that this is a spin loop."""
    effect("relax")
