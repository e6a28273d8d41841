"""What each primitive of natives becomes in LLVM: Numba intrinsics over uint64.

Rule: loads and stores of host memory are `atomic volatile monotonic` of their natural alignment
(DESIGN 2, memory order): volatile keeps program order, monotonic forbids tearing. Read-modify-writes
and fences are seq_cst. Counts, divisors and alignment are the caller's business (see vcpu_worker.native).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from vcpu_worker.native import PRIMS

I1, I8, I32, I64, I128 = (ir.IntType(n) for n in (1, 8, 32, 64, 128))
U64 = types.uint64


class _VolatileLoad(ir.instructions.LoadAtomicInstr):  # type: ignore[misc]
    """`load atomic volatile`; llvmlite has no volatile of its own."""

    def descr(self, buf: list[str]) -> None:
        mine: list[str] = []
        super().descr(mine)
        buf.append("".join(mine).replace("load atomic ", "load atomic volatile ", 1))


class _VolatileStore(ir.instructions.StoreAtomicInstr):  # type: ignore[misc]
    """`store atomic volatile`."""

    def descr(self, buf: list[str]) -> None:
        mine: list[str] = []
        super().descr(mine)
        buf.append("".join(mine).replace("store atomic ", "store atomic volatile ", 1))


def _ptr(b: Any, addr: Any, bits: int) -> Any:
    return b.inttoptr(addr, ir.IntType(bits).as_pointer())


def _load(bits: int) -> Any:
    def gen(b: Any, a: Any) -> Any:
        ptr = _ptr(b, a[0], bits)
        ld = _VolatileLoad(b.block, ptr, "monotonic", bits // 8, "", typ=ir.IntType(bits))
        b._insert(ld)
        return ld if bits == 64 else b.zext(ld, I64)

    return gen


def _store(bits: int) -> Any:
    def gen(b: Any, a: Any) -> Any:
        v = a[1] if bits == 64 else b.trunc(a[1], ir.IntType(bits))
        b._insert(_VolatileStore(b.block, v, _ptr(b, a[0], bits), "monotonic", bits // 8))
        return ir.Constant(I64, 0)

    return gen


def _atomic(op: str, bits: int) -> Any:
    llvm = {"swap": "xchg"}.get(op, op)

    def gen(b: Any, a: Any) -> Any:
        v = a[1] if bits == 64 else b.trunc(a[1], ir.IntType(bits))
        old = b.atomic_rmw(llvm, _ptr(b, a[0], bits), v, "seq_cst")
        return old if bits == 64 else b.zext(old, I64)

    return gen


def _cas(bits: int) -> Any:
    def gen(b: Any, a: Any) -> Any:
        e, n = (v if bits == 64 else b.trunc(v, ir.IntType(bits)) for v in a[1:])
        old = b.extract_value(b.cmpxchg(_ptr(b, a[0], bits), e, n, "seq_cst", "seq_cst"), 0)
        return old if bits == 64 else b.zext(old, I64)

    return gen


def _fence(order: str) -> Any:
    def gen(b: Any, a: Any) -> Any:
        b.fence(order)
        return ir.Constant(I64, 0)

    return gen


def _relax(b: Any, a: Any) -> Any:
    import platform

    if platform.machine() == "x86_64":
        fn = b.module.declare_intrinsic("llvm.x86.sse2.pause", (), ir.FunctionType(ir.VoidType(), []))
        b.call(fn, [])
    return ir.Constant(I64, 0)


def _sext(bits: int) -> Any:
    return lambda b, a: b.sext(b.trunc(a[0], ir.IntType(bits)), I64)


def _high(signed_a: bool, signed_b: bool) -> Any:
    def gen(b: Any, a: Any) -> Any:
        wide = [(b.sext if s else b.zext)(v, I128) for v, s in zip(a, (signed_a, signed_b), strict=True)]
        return b.trunc(b.lshr(b.mul(*wide), ir.Constant(I128, 64)), I64)

    return gen


def _count(name: str) -> Any:
    def gen(b: Any, a: Any) -> Any:
        args = [I64] if name in ("ctpop", "bswap") else [I64, I1]
        fn = b.module.declare_intrinsic(f"llvm.{name}", (I64,), ir.FunctionType(I64, args))
        return b.call(fn, [a[0]] if len(args) == 1 else [a[0], ir.Constant(I1, 0)])

    return gen


def _icall(b: Any, a: Any) -> Any:
    fn = b.inttoptr(a[0], ir.FunctionType(I64, [I64] * 4).as_pointer())
    return b.call(fn, a[1:])


def _fma(bits: int) -> Any:
    ty = ir.DoubleType() if bits == 64 else ir.FloatType()

    def gen(b: Any, a: Any) -> Any:
        v = [b.bitcast(x if bits == 64 else b.trunc(x, I32), ty) for x in a]
        fn = b.module.declare_intrinsic("llvm.fma", (ty,), ir.FunctionType(ty, [ty] * 3))
        r = b.bitcast(b.call(fn, v), ir.IntType(bits))
        return r if bits == 64 else b.zext(r, I64)

    return gen


_GEN: dict[str, Any] = {
    **{f"ld{w}": _load(w) for w in (8, 16, 32, 64)},
    **{f"st{w}": _store(w) for w in (8, 16, 32, 64)},
    **{f"atomic_{op}{w}": _atomic(op, w) for w in (32, 64)
       for op in ("add", "and", "or", "xor", "swap", "max", "min", "umax", "umin")},
    "cas32": _cas(32), "cas64": _cas(64),
    "fence": _fence("seq_cst"), "fence_acquire": _fence("acquire"), "fence_release": _fence("release"),
    "cpu_relax": _relax,
    "sext8": _sext(8), "sext16": _sext(16), "sext32": _sext(32),
    "zext32": lambda b, a: b.and_(a[0], ir.Constant(I64, 0xFFFF_FFFF)),
    "slt": lambda b, a: b.icmp_signed("<", *a),
    "sge": lambda b, a: b.icmp_signed(">=", *a),
    "sar": lambda b, a: b.ashr(*a),
    "udiv": lambda b, a: b.udiv(*a), "urem": lambda b, a: b.urem(*a),
    "sdiv": lambda b, a: b.sdiv(*a), "srem": lambda b, a: b.srem(*a),
    "mulhu": _high(False, False), "mulh": _high(True, True), "mulhsu": _high(True, False),
    "clz64": _count("ctlz"), "ctz64": _count("cttz"), "popcnt64": _count("ctpop"), "bswap64": _count("bswap"),
    "select": lambda b, a: b.select(*a),
    "u64": lambda b, a: b.zext(a[0], I64) if a[0].type == I1 else a[0],
    "icall4": _icall,
    "host_fma64": _fma(64), "host_fma32": _fma(32),
}  # fmt: skip

_BOOL_RESULT = {"slt", "sge"}
_BOOL_FIRST = {"select", "u64"}


def _intrinsic(name: str, arity: int) -> Any:
    """A Numba intrinsic of fixed arity (star arguments would arrive as a tuple)."""
    gen = _GEN[name]
    result = types.boolean if name in _BOOL_RESULT else U64
    params: list[Any] = [U64] * arity
    if name in _BOOL_FIRST:
        params[0] = types.boolean

    def typer(*args: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            return gen(builder, list(values))

        return result(*params), codegen

    names = ", ".join(f"a{i}" for i in range(arity))
    scope: dict[str, Any] = {"typer": typer}
    exec(f"def {name}(typingctx{', ' if names else ''}{names}):\n    return typer({names})\n", scope)
    return intrinsic(scope[name])


INTRINSICS: dict[str, Any] = {name: _intrinsic(name, arity) for name, arity in PRIMS.items()}
