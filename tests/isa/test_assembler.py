"""Disassembly back through LLVM's assembler (in the ziglang package), which knows all our extensions."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile

from tests.isa.words import INSNS, random_word
from vcpu_worker.isa.insn import decode, disassemble, encode

SEED = 20240411

_MARCH = (
    "generic_rv64+m+a+f+d+c+zba+zbb+zbs+zbc+zicond+zicbom+zicboz+zicbop+zawrs+zihintpause+zifencei"
    "+zcb+zabha+zfa+zacas+svinval"
)


def test_an_assembler_makes_the_same_words_of_our_disassembly(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    lines, words = [], []
    for one in INSNS.values():
        if one.ext == "Sdtrig" or one.match & 127 == 0x0B:  # custom-0 is ours alone
            continue
        for _ in range(6):
            word = random_word(one, rng)
            found = decode(word)
            if found is None or found[0] is not one:
                continue
            if "csr" in found[1]:
                word = encode(one.name, **{**found[1], "csr": 0x340})
            elif one.used != frozenset(one.fields):  # ignored fields have no assembly: zeros then
                used = {n: v for n, v in found[1].items() if n in one.used or n in ("aq", "rl", "rm")}
                word = encode(one.name, **used)
            lines.append((".option rvc\n" if one.length == 2 else ".option norvc\n") + disassemble(word))
            words.append(word)
    (tmp_path / "a.s").write_text("\n".join(lines) + "\n")
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", "-c", "-target", "riscv64-freestanding-none",
         f"-mcpu={_MARCH}", "a.s", "-o", "a.o"],
        cwd=tmp_path, check=True, env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "cache"),
                                       "ZIG_LOCAL_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    with open(tmp_path / "a.o", "rb") as f:
        data = ELFFile(f).get_section_by_name(".text").data()
    at = 0
    for word, line in zip(words, lines, strict=True):
        size = 4 if data[at] & 3 == 3 else 2
        made = int.from_bytes(data[at : at + size], "little")
        at += size
        if word & 3 == 3:
            assert made == word, f"{line}: {word:#x}, assembled as {made:#x}"
        else:
            # the assembler chooses among encodings as it likes, so what counts is what it stands for
            assert disassemble(made) == disassemble(word), f"{line}: {word:#x}, assembled as {made:#x}"
    assert at == len(data)
