"""The CSR registry: one row a CSR, and the natives made from all rows.

    csr(0x340, "mscratch", field="mscratch")                        a word of the slot
    csr(0x302, "medeleg", field="medeleg", mask=DELEGABLE)          bits outside mask are read-only zero
    csr(0x300, "mstatus", read=read_mstatus, write=write_mstatus)   natives (h, number), (h, number, value)
    csr(0xB03, "mhpmcounter{}", value=0, count=29, first=3)         a run of numbers; writes are ignored
    csr(0x14D, "stimecmp", ..., requires="Sstc", when=stimecmp_on)  exists with an extension; when(h, number)
                                                                    says whether the present mode may access

Privilege and read-only follow from the number (bits 9:8 and 11:10). A number without a row traps.

Rules
- a number or name is declared once; a fact about a CSR is in its row or in the natives the row names;
- a read has no side effect that a guest could see, so that debuggers and csrrw with rd=x0 need no rule.
Source: RISC-V Privileged 1.13, chapter 2.
"""

from __future__ import annotations

import importlib
import linecache
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ipc.layout import HART
from vcpu_worker.isa import ext
from vcpu_worker.native import NATIVES, native

ALL = 0xFFFF_FFFF_FFFF_FFFF
Body = Callable[..., Any]


@dataclass(frozen=True)
class Row:
    """A declaration: `count` CSRs from `number` on. Exactly one of field, value and read is given.

    field/mask: stored in that word of the slot, reduced to `mask` by a write.
    read, write, when: names of natives; a row without write and field ignores writes.
    """

    number: int
    name: str
    count: int
    first: int
    field: str | None
    mask: int
    value: int | None
    read: str | None
    write: str | None
    requires: str | None
    when: str | None
    where: str

    def names(self) -> dict[int, str]:
        """Number -> name of each CSR of the row."""
        return {self.number + i: self.name.format(self.first + i) for i in range(self.count)}


ROWS: list[Row] = []
NAMES: dict[int, str] = {}  # number -> name
NUMBERS: dict[str, int] = {}  # name -> number
_ROW_OF: dict[int, Row] = {}


def csr(
    number: int,
    name: str,
    *,
    field: str | None = None,
    mask: int = ALL,
    value: int | None = None,
    read: Body | None = None,
    write: Body | None = None,
    requires: str | None = None,
    when: Body | None = None,
    count: int = 1,
    first: int = 0,
) -> None:
    """Declare a row. Errors: ValueError for a number or name declared twice, naming both places."""
    frame = sys._getframe(1)
    row = Row(
        number, name, count, first, field, mask, value,
        _native_name(read), _native_name(write), requires, _native_name(when),
        f"{frame.f_globals['__name__']}:{frame.f_lineno}",
    )  # fmt: skip
    if sum(x is not None for x in (field, value, read)) != 1:
        raise ValueError(f"{row.where} CSR {name}: give one of field, value and read")
    if requires is not None and requires not in ext.BY_NAME:
        raise ValueError(f"{row.where} CSR {name}: no extension {requires!r}")
    for n, each in row.names().items():
        old = _ROW_OF.get(n) or _ROW_OF.get(NUMBERS.get(each, -1))
        if old is not None:
            raise ValueError(f"CSR {each} ({n:#x}) declared twice: {old.where} and {row.where}")
        NAMES[n], NUMBERS[each], _ROW_OF[n] = each, n, row
    ROWS.append(row)


def load_all() -> dict[int, str]:
    """Import every module that declares rows; number -> name of all CSRs."""
    importlib.import_module("vcpu_worker.csr.access")
    return NAMES


def _native_name(body: Body | None) -> str | None:
    if body is None:
        return None
    if body.__name__ not in NATIVES:
        raise ValueError(f"{body.__module__}.{body.__name__} is not a native")
    return body.__name__


def available(number: int, isa_ext: int) -> bool:
    """Whether a hart with `isa_ext` has the CSR at all (its mode may still forbid an access)."""
    row = _ROW_OF.get(number)
    return row is not None and (row.requires is None or ext.has(isa_ext, row.requires))


def privilege(number: int) -> int:
    """The lowest mode that may access a CSR: 0 U, 1 S, 3 M."""
    return number >> 8 & 3


def read_only(number: int) -> bool:
    """Whether any write to a CSR is illegal."""
    return number >> 10 == 3


def _is_one_of(rows: Iterable[Row]) -> str:
    """Source of the condition that n is a CSR of `rows`."""
    tests = []
    for r in rows:
        if r.count == 1:
            tests.append(f"n == {r.number:#x}")
        else:
            tests.append(f"(n >= {r.number:#x} and n < {r.number + r.count:#x})")
    return " or ".join(tests)


def _guard_source() -> list[str]:
    out = ["def csr_guard(h, n):", '    """1 if this hart has CSR n and its conditions allow access."""']
    groups: dict[tuple[str, str], list[Row]] = {}
    for r in ROWS:
        groups.setdefault((r.requires or "", r.when or ""), []).append(r)
    for (requires, when), rows in sorted(groups.items()):
        out.append(f"    if {_is_one_of(rows)}:")
        if requires:
            out += [f"        if (h.isa_ext & {ext.BY_NAME[requires].bit:#x}) == 0:", "            return 0"]
        out.append(f"        return {when}(h, n)" if when else "        return 1")
    return [*out, "    return 0"]


def _slot_source() -> list[str]:
    """Offset and mask of CSRs that are words of the slot."""
    out = ["def csr_slot(n):", '    """Offset in the slot of the word that is CSR n; 0 if it is not one."""']
    masked = ["def csr_mask(n):", '    """The bits a write to that word keeps."""']
    for r in ROWS:
        if r.field is not None:
            place = HART.fields[r.field]
            if place.field.width != 8 or (r.count > 1 and place.field.count < r.count):
                raise ValueError(f"{r.where} CSR {r.name}: field {r.field} does not hold it")
            index = f" + ((n - {r.number:#x}) << 3)" if r.count > 1 else ""
            out += [f"    if {_is_one_of([r])}:", f"        return {place.offset:#x}{index}"]
            if r.mask != ALL:
                masked += [f"    if {_is_one_of([r])}:", f"        return {r.mask:#x}"]
    return [*out, "    return 0", "", '@native("u64(u64)")', *masked, f"    return {ALL:#x}"]


def _read_source() -> list[str]:
    out = ["def csr_read(h, n):", '    """CSR n without access checks; 0 if there is none."""']
    out += ["    at = csr_slot(n)", "    if at != 0:", "        return ld64(h + at)"]
    for r in ROWS:
        if r.read is not None:
            out += [f"    if {_is_one_of([r])}:", f"        return {r.read}(h, n)"]
        elif r.value:
            out += [f"    if {_is_one_of([r])}:", f"        return {r.value:#x}"]
    return [*out, "    return 0"]


def _write_source() -> list[str]:
    out = ["def csr_write(h, n, v):", '    """Write CSR n by its WARL rule, without access checks."""']
    for r in ROWS:
        if r.write is not None:
            out += [f"    if {_is_one_of([r])}:", f"        return {r.write}(h, n, v)"]
    out += ["    at = csr_slot(n)", "    if at != 0:", "        st64(h + at, v & csr_mask(n))"]
    return [*out, "    return 0"]


def generate() -> str:
    """Declare csr_guard, csr_slot, csr_mask, csr_read and csr_write from the rows; returns their source.

    Called once, when every row is declared.
    """
    parts = [
        '@native("u64(HART, u64)")', *_guard_source(), "",
        '@native("u64(u64)")', *_slot_source(), "",
        '@native("u64(HART, u64)")', *_read_source(), "",
        '@native("u64(HART, u64, u64)")', *_write_source(), "",
    ]  # fmt: skip
    source = "\n".join(parts)
    declare(source, "<vcpu_worker.csr.reg.generate>")
    return source


def declare(source: str, filename: str) -> None:
    """Declare the natives that `source` defines. linecache gets it, so that they are read as any other."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), {"native": native, "__name__": "vcpu_worker.csr.generated"})
