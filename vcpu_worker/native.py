"""Natives: the functions of the hart that Numba compiles, written as plain Python on 64-bit words.

A native is declared by `@native("u64(HART, u64)")`. Every value in it is an unsigned 64-bit word (or a
bool between a comparison and its use), arithmetic wraps, `>>` is logical. A parameter whose type is a
Struct of `ipc.layout` is a host address with named fields: `h.satp` is a load, `h.x[i] = v` a store of
the field's own width, `addr(h.event)` the field's address. `HEADER(h.header)` assigned to a name makes
that name such a pointer. Integers of the module, enum members and struct offsets become constants.

Rules
- no division operators (prims udiv, urem, sdiv, srem test nothing: test the divisor first);
- shift counts below 64;
- a native returns a word on every path, also when nobody reads it;
- other natives are called by their names; any native may call any other, also in cycles.

Nothing here imports numba: the source is rewritten (`rewrite`) and compiled by the engine builder alone.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from ipc import layout
from ipc.layout import Struct

STRUCTS: dict[str, Struct] = {"HART": layout.HART, "HEADER": layout.HEADER}

# prim -> number of arguments; codegen/prims.py holds what each becomes in LLVM
PRIMS: dict[str, int] = {
    **{f"ld{w}": 1 for w in (8, 16, 32, 64)},  # host address -> zero-extended; one access, monotonic
    **{f"st{w}": 2 for w in (8, 16, 32, 64)},  # host address, value -> 0
    **{f"atomic_{op}{w}": 2 for op in ("add", "and", "or", "xor", "swap", "max", "min", "umax", "umin")
       for w in (32, 64)},  # host address, value -> old, zero-extended; seq_cst
    "cas32": 3, "cas64": 3,  # host address, expected, new -> old, zero-extended; seq_cst
    "fence": 0,  # seq_cst
    "fence_acquire": 0, "fence_release": 0,
    "cpu_relax": 0,
    "sext8": 1, "sext16": 1, "sext32": 1,
    "zext32": 1,
    "slt": 2, "sge": 2,  # signed comparisons -> bool
    "sar": 2,
    "udiv": 2, "urem": 2, "sdiv": 2, "srem": 2,
    "mulhu": 2, "mulh": 2, "mulhsu": 2,
    "clz64": 1, "ctz64": 1, "popcnt64": 1,  # of 0: 64, 64, 0
    "bswap64": 1,
    "select": 3,  # bool, if true, if false; no branch
    "u64": 1,  # bool -> 0 or 1
    "icall4": 5,  # C function pointer, four words -> word
    # IEEE operations of the host, round to nearest, no flags: bit patterns in and out
    "host_fma64": 3, "host_fma32": 3,
}  # fmt: skip


# functions that codegen/handlers.py writes in IR itself: name -> number of arguments
LOWERED: dict[str, int] = {"enter_code": 1, "step1": 2, "page_equal": 2, "page_copy": 2, "page_zero": 1}


@dataclass(frozen=True)
class Native:
    """A declared native: `params` are (name, type), type "u64" or a struct's name."""

    name: str
    params: tuple[tuple[str, str], ...]
    func: FunctionType
    export: bool

    @property
    def where(self) -> str:
        return f"{self.func.__module__}:{self.func.__code__.co_firstlineno}"


NATIVES: dict[str, Native] = {}


def native(signature: str, export: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the decorated function as a native. `export`: Python calls it too, through the engine.

    signature: "u64(T, ...)", each T "u64" or the name of a struct.
    Errors: ValueError at import for a bad signature or a name declared twice (naming both places).
    """

    def register(func: Callable[..., Any]) -> Callable[..., Any]:
        assert isinstance(func, FunctionType)
        if not (signature.startswith("u64(") and signature.endswith(")")):
            raise ValueError(f"native {func.__name__}: signature {signature!r} is not u64(...)")
        inner = signature[4:-1].strip()
        types = [t.strip() for t in inner.split(",")] if inner else []
        names = list(inspect.signature(func).parameters)
        if len(names) != len(types) or any(t != "u64" and t not in STRUCTS for t in types):
            raise ValueError(f"native {func.__name__}: signature {signature!r} does not fit {names}")
        n = Native(func.__name__, tuple(zip(names, types, strict=True)), func, export)
        old = NATIVES.get(n.name)
        if old is not None:
            raise ValueError(f"native {n.name} declared twice: {old.where} and {n.where}")
        NATIVES[n.name] = n
        return func

    return register


def prim(*names: str) -> None:
    """Name primitives of this vocabulary in a module, for readers and linters. No effect."""


class NativeError(Exception):
    """A native's source is outside the vocabulary. The text names the place and the rule."""


@dataclass
class Rewritten:
    """A native's source for Numba: `source` defines `name`; `constants` name -> value."""

    name: str
    arity: int
    source: str
    constants: dict[str, int]
    callees: dict[str, int] = field(default_factory=dict)  # natives called -> arity
    prims: set[str] = field(default_factory=set)


def _resolve(node: ast.expr, scope: dict[str, Any], local: set[str]) -> Any:
    """The Python object that a name or attribute chain means at definition time, or None."""
    if isinstance(node, ast.Name):
        return None if node.id in local else scope.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _resolve(node.value, scope, local)
        return None if base is None else getattr(base, node.attr, None)
    return None


class _Rewriter(ast.NodeTransformer):
    def __init__(self, n: Native, local: set[str]) -> None:
        self.n = n
        self.local = local
        self.scope: dict[str, Any] = n.func.__globals__
        self.pointers = {p: STRUCTS[t] for p, t in n.params if t != "u64"}
        self.out = Rewritten(n.name, len(n.params), "", {})

    def fail(self, node: ast.AST, why: str) -> NativeError:
        return NativeError(f"{self.n.where} native {self.n.name}, line {getattr(node, 'lineno', '?')}: {why}")

    def const(self, value: int) -> ast.expr:
        value &= 0xFFFF_FFFF_FFFF_FFFF
        name = f"K_{value:x}"
        self.out.constants[name] = value
        return ast.Name(name, ast.Load())

    def call(self, name: str, *args: ast.expr) -> ast.Call:
        self.out.prims.add(name)
        return ast.Call(ast.Name(name, ast.Load()), list(args), [])

    def field_addr(self, node: ast.expr) -> tuple[ast.expr, int] | None:
        """(address expression, width) if `node` is a field of a pointer, perhaps with an index."""
        index: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            index, node = node.slice, node.value
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            return None
        struct = self.pointers.get(node.value.id)
        if struct is None:
            return None
        placed = struct.fields.get(node.attr)
        if placed is None:
            raise self.fail(node, f"struct {struct.name} has no field {node.attr!r}")
        if index is None and placed.field.count > 1:
            raise self.fail(node, f"{struct.name}.{node.attr} is an array: give an index")
        width = placed.field.width
        at: ast.expr = ast.BinOp(ast.Name(node.value.id, ast.Load()), ast.Add(), self.const(placed.offset))
        if index is not None:
            seen = _resolve(index, self.scope, self.local)
            if isinstance(index, ast.Constant):
                seen = index.value
            if isinstance(seen, int):
                if not 0 <= seen < placed.field.count:
                    raise self.fail(node, f"{struct.name}.{node.attr}[{seen}] is outside the field")
                off = placed.offset + int(seen) * width
                at = ast.BinOp(ast.Name(node.value.id, ast.Load()), ast.Add(), self.const(off))
            else:
                shift = width.bit_length() - 1
                idx = self.visit(index)
                scaled = idx if shift == 0 else ast.BinOp(idx, ast.LShift(), self.const(shift))
                at = ast.BinOp(at, ast.Add(), scaled)
        return at, width

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, bool):
            return node
        if isinstance(node.value, int):
            return self.const(node.value)
        raise self.fail(node, f"constant {node.value!r} is not an integer")

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id not in self.local:
            value = self.scope.get(node.id)
            if isinstance(value, bool):
                return ast.Constant(value)
            if isinstance(value, int):
                return self.const(int(value))
            raise self.fail(node, f"name {node.id!r} is neither local nor an integer of the module")
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        found = self.field_addr(node)
        if found is not None:
            return self.call(f"ld{8 * found[1]}", found[0])
        value = _resolve(node, self.scope, self.local)
        if isinstance(value, int):
            return self.const(int(value))
        raise self.fail(node, f"{ast.unparse(node)} is neither a field nor an integer")

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        found = self.field_addr(node)
        if found is None:
            raise self.fail(node, f"{ast.unparse(node)}: only fields of structs have indices")
        return self.call(f"ld{8 * found[1]}", found[0])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int):
                return self.const(-node.operand.value)
            return ast.BinOp(self.const(0), ast.Sub(), self.visit(node.operand))
        node.operand = self.visit(node.operand)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod | ast.Pow):
            raise self.fail(node, "division is written with udiv, urem, sdiv, srem")
        try:  # constant expressions of integers fold here
            text = ast.unparse(node)
            names = {x.id for x in ast.walk(node) if isinstance(x, ast.Name)}
            if not names & self.local and not any(isinstance(x, ast.Call) for x in ast.walk(node)):
                value = eval(text, dict(self.scope))
                if isinstance(value, int):
                    return self.const(int(value))
        except NameError:
            pass
        node.left, node.right = self.visit(node.left), self.visit(node.right)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self.fail(node, f"{ast.unparse(node)}: calls are by plain name and position")
        name = node.func.id
        if name == "addr":
            found = self.field_addr(node.args[0])
            if found is None:
                raise self.fail(node, "addr() takes a field")
            return found[0]
        if name in STRUCTS:
            result: ast.expr = self.visit(node.args[0])
            return result
        if name in PRIMS:
            arity = PRIMS[name]
            self.out.prims.add(name)
        elif name in NATIVES:
            arity = len(NATIVES[name].params)
            self.out.callees[name] = arity
        elif name in LOWERED:
            arity = LOWERED[name]
            self.out.callees[name] = arity
        else:
            raise self.fail(node, f"{name!r} is neither a prim nor a native")
        if arity != len(node.args):
            raise self.fail(node, f"{name} takes {arity} arguments, not {len(node.args)}")
        node.args = [self.visit(a) for a in node.args]
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        if len(node.targets) != 1:
            raise self.fail(node, "one target an assignment")
        target = node.targets[0]
        found = self.field_addr(target)
        if found is not None:
            return ast.Expr(self.call(f"st{8 * found[1]}", found[0], self.visit(node.value)))
        if not isinstance(target, ast.Name):
            raise self.fail(node, f"cannot assign to {ast.unparse(target)}")
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
            struct = STRUCTS.get(node.value.func.id)
            if struct is not None:
                self.pointers[target.id] = struct
        return ast.Assign([target], self.visit(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        load = ast.parse(ast.unparse(node.target), mode="eval").body
        return self.visit_Assign(ast.Assign([node.target], ast.BinOp(load, node.op, node.value)))

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        node.value = self.visit(node.value)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        raise self.fail(node, "no annotations inside natives")

    def visit_For(self, node: ast.For) -> ast.stmt:
        raise self.fail(node, "loops are written with while")


def rewrite(n: Native) -> Rewritten:
    """The source Numba compiles for `n`. Errors: NativeError, naming place and rule."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(n.func)))
    fn = tree.body[0]
    assert isinstance(fn, ast.FunctionDef)
    local = {p for p, _ in n.params}
    local |= {x.id for x in ast.walk(fn) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)}
    rw = _Rewriter(n, local)
    body: list[ast.stmt] = []
    for stmt in fn.body:
        new = rw.visit(stmt)
        if new is not None:
            body.append(new)
    if not body or not _returns(body):
        raise rw.fail(fn, "a native returns a word on every path")
    fn.body, fn.decorator_list, fn.returns = body, [], None
    for a in fn.args.args:
        a.annotation = None
    rw.out.source = ast.unparse(ast.fix_missing_locations(tree))
    return rw.out


def _returns(body: list[ast.stmt]) -> bool:
    """Whether control cannot fall off the end of `body`."""
    last = body[-1]
    if isinstance(last, ast.Return):
        return last.value is not None
    if isinstance(last, ast.If):
        return bool(last.orelse) and _returns(last.body) and _returns(last.orelse)
    if isinstance(last, ast.While):
        return isinstance(last.test, ast.Constant) and last.test.value is True
    return False
