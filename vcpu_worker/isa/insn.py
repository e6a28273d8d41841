"""The instruction registry: each instruction is one decorated function beside its encoding.

    @insn("addw", "0000000 rs2 rs1 000 rd 0111011", ext="I")
    def addw(rd, rs1, rs2):
        x[rd] = sext32(x[rs1] + x[rs2])

    compressed("c.addw", "100 1 11 rd' 01 rs2' 01", expands="addw", rs1="rd")

Everything else is derived from these declarations: interpreter, translator, encoder, decoder and
disassembler. The pattern language is in `fields`. The signature names the operands the body uses;
fields it does not name are ignored by it. A compressed instruction has no semantics of its own: it
names its base instruction, and where operands come from that are not fields of the same name.

Rules
- a name is declared once; encodings are disjoint, but for one that says whose encoding it takes a part
  of (`inside=`): pause is a hint inside fence, prefetch.r one inside ori;
- reserved encodings are not declared, hints are part of their instruction;
- nothing is imported here that needs a compiler.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import linecache
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, TypeVar

from vcpu_worker.isa import fields

INTEGER, FLOAT = "x", "f"
# what a field has when encode() is not told, if the body does not use it
_DEFAULTS = {"rm": 7, "pred": 15, "succ": 15, "aq": 0, "rl": 0}
# fields that a body may take as its operand `imm` (as pred * 16 + succ, aq * 2 + rl)
_THROUGH_IMM = frozenset({"shamt", "csr", "pred", "succ", "aq", "rl"})


@dataclass(frozen=True, eq=False)
class Insn:
    """One declared instruction. `operands` is the body's signature; `where` is module:line.

    func, base, source: an instruction with a body has `func`; a compressed one has `base`, the name of
    the instruction it stands for, and `source`: operand of the base -> a fixed number or a field's name.
    inside: the instruction of whose encodings this one takes a part, or None.
    also: a second extension that a hart needs for it, or None.
    """

    name: str
    pattern: str
    mask: int
    match: int
    length: int
    fields: dict[str, fields.Field]
    operands: tuple[str, ...]
    ext: str
    where: str
    func: Callable[..., Any] | None = None
    base: str | None = None
    source: dict[str, int | str] = field(default_factory=dict)
    inside: str | None = None
    also: str | None = None

    @property
    def body(self) -> Insn:
        """The instruction whose body this one runs: itself, or its base."""
        return self if self.base is None else INSNS[self.base]

    @functools.cached_property
    def used(self) -> frozenset[str]:
        """The fields that the body uses; the others are ignored bits."""
        if self.base is not None:
            return frozenset(self.fields)
        return frozenset(
            f for f in self.fields
            if f in self.operands or (f in _THROUGH_IMM and "imm" in self.operands)
        )  # fmt: skip

    @functools.cached_property
    def register_class(self) -> dict[str, str]:
        """Register operand -> "x" or "f", as the body uses it: `f[rd]` makes rd floating-point."""
        if self.base is not None:
            mine = self.body.register_class
            back = {v: k for k, v in self.source.items() if isinstance(v, str)}
            return {r: mine[r if r in mine else back[r]] for r in fields.REGISTERS if r in self.fields}
        assert self.func is not None
        used = {r: INTEGER for r in fields.REGISTERS if r in self.fields}
        for node in ast.walk(_source_of(self.func)):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.value, ast.Name)
                and isinstance(node.slice, ast.Name)
                and node.value.id == FLOAT
                and node.slice.id in used
            ):
                used[node.slice.id] = FLOAT
        return used

    def get(self, word: int) -> dict[str, int] | None:
        """The operands of `word`, or None if it is not this instruction."""
        if word & self.mask != self.match:
            return None
        out: dict[str, int] = {}
        for f in self.fields.values():
            value = f.get(word)
            if value is None:
                return None
            out[f.name] = value
        return out

    def expand(self, operands: dict[str, int]) -> dict[str, int]:
        """Operands of `self.body` for these operands of this instruction."""
        if self.base is None:
            return operands
        out: dict[str, int] = {}
        for name, f in self.body.fields.items():
            source = self.source.get(name, name)
            if isinstance(source, int):
                out[name] = source
            elif source in operands:
                out[name] = operands[source]
            else:
                out[name] = _DEFAULTS.get(f.name, 0)
        return out


INSNS: dict[str, Insn] = {}
_Body = TypeVar("_Body", bound=Callable[..., Any])


@functools.cache
def _functions_of(filename: str) -> dict[int, ast.AST]:
    """First line -> definition, of all functions of a source file."""
    tree = ast.parse("".join(linecache.getlines(filename)))
    return {
        min([n.lineno, *(d.lineno for d in n.decorator_list)]): n
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef)
    }


def _source_of(func: Any) -> ast.AST:
    """The syntax tree of a body. A file is parsed once: inspect.getsource would do it every time."""
    return _functions_of(func.__code__.co_filename)[func.__code__.co_firstlineno]


def _add(one: Insn) -> None:
    old = INSNS.get(one.name)
    if old is not None:
        raise ValueError(f"instruction {one.name} declared twice: {old.where} and {one.where}")
    INSNS[one.name] = one


def insn(
    name: str, pattern: str, *, ext: str, inside: str | None = None, also: str | None = None
) -> Callable[[_Body], _Body]:
    """Declare the decorated function as the body of an instruction.

    pattern: see `fields`. ext: the extension it belongs to. inside: see the module's rules. also: a
    second extension that it needs.
    Errors: ValueError at import for a bad pattern, an operand that the pattern lacks, or a name
    declared twice (naming both places).
    """

    def register(func: _Body) -> _Body:
        assert isinstance(func, FunctionType)
        where = f"{func.__module__}:{func.__code__.co_firstlineno}"
        try:
            p = fields.parse(pattern)
        except fields.PatternError as error:
            raise ValueError(f"{where} instruction {name}: {error}") from error
        operands = tuple(inspect.signature(func).parameters)
        known = {*p.fields, "imm"} if p.fields.keys() & _THROUGH_IMM else {*p.fields}
        unknown = [o for o in operands if o not in known]
        if unknown:
            raise ValueError(f"{where} instruction {name}: the pattern has no {', '.join(unknown)}")
        _add(Insn(name, pattern, p.mask, p.match, p.length, p.fields, operands, ext, where, func,
                  inside=inside, also=also))  # fmt: skip
        return func

    return register


def compressed(name: str, pattern: str, *, expands: str, ext: str = "C", **source: int | str) -> None:
    """Declare an instruction that stands for another one.

    expands: name of the base instruction. source: operand of the base = number or field of this one;
    operands not named come from the field of the same name.
    Errors: ValueError at import, as `insn`.
    """
    frame = sys._getframe(1)
    where = f"{frame.f_globals['__name__']}:{frame.f_lineno}"
    try:
        p = fields.parse(pattern)
    except fields.PatternError as error:
        raise ValueError(f"{where} instruction {name}: {error}") from error
    for operand, value in source.items():
        if isinstance(value, str) and value not in p.fields:
            raise ValueError(f"{where} instruction {name}: {operand}={value!r} is not a field")
    _add(Insn(name, pattern, p.mask, p.match, p.length, p.fields, tuple(p.fields), ext, where,
              base=expands, source=dict(source)))  # fmt: skip


_loaded = False


def load_all() -> dict[str, Insn]:
    """Import every module of `vcpu_worker.isa`, check the compressed instructions' bases, give INSNS.

    Errors: ValueError for a base that does not exist or an operand of it that nothing feeds.
    """
    global _loaded
    if not _loaded:
        import vcpu_worker.isa as package

        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
        for one in INSNS.values():
            _check(one)
        _loaded = True
    return INSNS


def _check(one: Insn) -> None:
    if one.inside is not None and one.inside not in INSNS:
        raise ValueError(f"{one.where} instruction {one.name}: no instruction {one.inside}")
    if one.base is None:
        return
    base = INSNS.get(one.base)
    if base is None or base.base is not None:
        raise ValueError(f"{one.where} instruction {one.name}: {one.base} is no base instruction")
    needed = base.used - _DEFAULTS.keys() - one.source.keys() - one.fields.keys()
    if needed:
        raise ValueError(f"{one.where} instruction {one.name}: nothing gives {', '.join(sorted(needed))}")


def encode(name: str, **operands: int) -> int:
    """The instruction word. Operands are named as in the pattern; those the body ignores may be left out.

    rm defaults to 7 (dynamic), pred and succ to 15, other ignored fields to 0.
    Errors: KeyError for an unknown name; ValueError for a missing, unknown or unencodable operand.
    """
    one = load_all()[name]
    unknown = [o for o in operands if o not in one.fields]
    if unknown:
        raise ValueError(f"{name} has no operand {', '.join(unknown)}")
    word = one.match
    for f in one.fields.values():
        value = operands.get(f.name)
        if value is None:
            if f.name not in _DEFAULTS and f.name in one.used:
                raise ValueError(f"{name} needs {f.name}")
            value = _DEFAULTS.get(f.name, 0)
        try:
            word |= f.put(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return word


@functools.cache
def _buckets() -> dict[int, list[Insn]]:
    """Low 7 bits of a word -> instructions that can have them, those inside others first."""
    out: dict[int, list[Insn]] = {}
    ordered = sorted(load_all().values(), key=lambda i: (i.inside is None, i.name))
    for one in ordered:
        for low in range(128):
            if (low & 3 == 3) == (one.length == 4) and low & one.mask == one.match & 127 & one.mask:
                out.setdefault(low, []).append(one)
    return out


def decode(word: int, without: frozenset[str] = frozenset()) -> tuple[Insn, dict[str, int]] | None:
    """The instruction in the low 16 or 32 bits of `word`, and its operands; None if reserved.

    without: names of instructions to take as not declared.
    For tests, traces and disassembly; harts use the tables of `codegen.decode`.
    """
    if word & 3 != 3:
        word &= 0xFFFF
    for one in _buckets().get(word & 127, ()):
        operands = one.get(word)
        if operands is not None and one.name not in without:
            return one, operands
    return None


def disassemble(word: int, pc: int | None = None) -> str:
    """The instruction as objdump would print it; see `disasm`."""
    from vcpu_worker.isa import disasm

    return disasm.text(word, pc)
