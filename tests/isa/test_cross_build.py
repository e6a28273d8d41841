"""The engine for AArch64 hosts, made with llvmlite's cross target: nothing in it is x86-only.

It is not run here, only built: no undefined symbol, no relocation but those within its own code.
"""

from __future__ import annotations

import io
import re

import pytest

from vcpu_worker.codegen import build, decode, handlers, link
from vcpu_worker.codegen.lower import Target
from vcpu_worker.codegen.natives import declared_natives
from vcpu_worker.mem.decode import FIRST_OP

TRIPLE = "aarch64-unknown-linux-gnu"
# R_AARCH64_ADR_PREL_PG_HI21, ADD_ABS_LO12_NC, LDST*_ABS_LO12_NC, JUMP26, CALL26 (AArch64 ELF ABI)
HOST_ONLY = re.compile(r"(?m)^(target (datalayout|triple).*|.*llvm\.x86\.sse2\.pause.*)$")
WITHIN_CODE = {275, 277, 278, 282, 283, 284, 285, 286, 299}


@pytest.mark.timeout(300)
def test_the_engine_for_aarch64_has_no_undefined_symbol() -> None:
    llvm = pytest.importorskip("llvmlite.binding")
    elffile = pytest.importorskip("elftools.elf.elffile")
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(
        cpu="generic", features="+v8.1a", opt=3, reloc="pic", codemodel="small"
    )
    head = f'target datalayout = "{machine.target_data}"\ntarget triple = "{machine.triple}"\n'
    build.import_all()
    declared = declared_natives()
    salt = build._salt()
    texts = []
    for _, rewritten in declared.values():
        text = (build.cache_dir() / "ir" / f"{build._key(rewritten, salt)}.ll").read_text()
        # Numba has written them for this host; what names it is its layout and the pause hint
        texts.append(head + HOST_ONLY.sub("", text))
    ops: list[tuple[str, int, bool] | None] = [None] * FIRST_OP
    ops += [(op.name, op.length, op.near) for op in decode.ops()]
    module, names, _ = handlers.module(ops, Target(strong_order=False))
    keep = {n for n, (native, _) in declared.items() if native.export} | set(names) | {"op_stop"}
    whole, _ = link.optimise([head + module, *texts], keep, machine)
    elf = elffile.ELFFile(io.BytesIO(machine.emit_object(whole)))
    assert elf["e_machine"] == "EM_AARCH64"
    symbols = elf.get_section_by_name(".symtab").iter_symbols()
    assert [s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF" and s.name] == []
    kinds = {
        r["r_info_type"]
        for section in elf.iter_sections()
        if section["sh_type"] == "SHT_RELA" and not section.name.startswith(".rela.eh")
        for r in section.iter_relocations()
    }
    assert kinds <= WITHIN_CODE
