"""Modules of IR -> one object -> one flat, position-independent piece of code.

Rule: the build fails if the object has an undefined symbol, or a relocation that is not pc-relative
between its own sections: what is left needs no linker, no libc and no particular address.
Source: System V ABI, AMD64 supplement, table 4.9; AArch64 ELF ABI, "Relocation".
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from elftools.elf.elffile import ELFFile

PC_RELATIVE = {
    "EM_X86_64": {2: "R_X86_64_PC32", 4: "R_X86_64_PLT32"},
}


class LinkError(Exception):
    """The object cannot become a blob. The text names the symbol or relocation."""


@dataclass(frozen=True)
class Flat:
    """code bytes and the offset in them of every named symbol."""

    code: bytes
    symbols: dict[str, int]


def setup() -> None:
    """Make LLVM's host target ready; once a process."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # one indirect jump for each handler's end predicts; a shared one does not (FINDINGS Q1)
    llvm.set_option("emu", "-enable-tail-merge=false")
    llvm.set_option("emu", "-sink-common-insts=false")


def target_machine() -> Any:
    """For this host, code that may lie anywhere."""
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(),
        opt=3, reloc="pic", codemodel="small",
    )  # fmt: skip


def optimise(modules: list[str], keep: set[str], tm: Any = None) -> tuple[Any, Any]:
    """One optimised module and its target machine (this host's without one).

    Functions outside `keep` become internal.
    """
    tm = tm or target_machine()
    whole = llvm.parse_assembly(_headed(modules[0], tm))
    for text in modules[1:]:
        whole.link_in(llvm.parse_assembly(_headed(text, tm)))
    for fn in whole.functions:
        if not fn.is_declaration and fn.name not in keep:
            fn.linkage = "internal"
    for gv in whole.global_variables:
        if gv.linkage == llvm.Linkage.common:
            gv.linkage = "internal"
    whole.verify()
    builder = llvm.create_pass_builder(tm, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(whole, builder)
    return whole, tm


def _headed(text: str, tm: Any) -> str:
    """The module with this target's layout (Numba's modules bring the same one)."""
    if "target triple" in text:
        return text
    return f'target datalayout = "{tm.target_data}"\ntarget triple = "{tm.triple}"\n{text}'


def flatten(obj: bytes) -> Flat:
    """Lay the object's allocated sections out and resolve its relocations. Errors: LinkError."""
    elf = ELFFile(io.BytesIO(obj))
    known = PC_RELATIVE.get(elf["e_machine"])
    if known is None:
        raise LinkError(f"no relocator for {elf['e_machine']}")
    place: dict[int, int] = {}
    out = bytearray()
    for i, sec in enumerate(elf.iter_sections()):
        if not sec["sh_flags"] & 2 or sec["sh_size"] == 0 or sec.name.startswith(".eh_frame"):
            continue
        if sec["sh_flags"] & 1:
            raise LinkError(f"writable section {sec.name}")
        align = max(sec["sh_addralign"], 16)
        out += b"\0" * (-len(out) % align)
        place[i] = len(out)
        out += sec.data()
    symtab: Any = elf.get_section_by_name(".symtab")
    symbols: dict[str, int] = {}
    values: list[int | None] = []
    for sym in symtab.iter_symbols():
        index = sym["st_shndx"]
        at = place[index] + sym["st_value"] if index in place else None
        values.append(at)
        if at is not None and sym.name and sym["st_info"]["type"] != "STT_SECTION":
            symbols[sym.name] = at
    tables: list[Any] = [s for s in elf.iter_sections() if s["sh_type"] in ("SHT_RELA", "SHT_REL")]
    for table in tables:
        if table["sh_info"] not in place:
            continue
        base = place[table["sh_info"]]
        for rel in table.iter_relocations():
            sym = symtab.get_symbol(rel["r_info_sym"])
            value = values[rel["r_info_sym"]]
            if value is None:
                raise LinkError(f"undefined symbol {sym.name!r}")
            if rel["r_info_type"] not in known:
                raise LinkError(f"relocation {rel['r_info_type']} against {sym.name!r}")
            at = base + rel["r_offset"]
            delta = value + rel["r_addend"] - at
            if not -(1 << 31) <= delta < 1 << 31:
                raise LinkError(f"{sym.name!r} is out of reach")
            struct.pack_into("<i", out, at, delta)
    return Flat(bytes(out), symbols)
