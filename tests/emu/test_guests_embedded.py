"""The embedded guest: the committed ELF is what its source gives, and is laid out as firmware expects."""

from __future__ import annotations

import binascii
import io
import re
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from emu.guests import bare
from emu.guests.cache import guest
from emu.guests.errors import BuildError
from emu.guests.rtcalarm import build as rtcalarm
from emu.guests.smp import build


def _compiler() -> str:
    try:
        return bare.compiler_version()
    except BuildError:
        return "none"


needs_compiler = pytest.mark.skipif(
    _compiler() == "none", reason="no ziglang: it comes with the extra 'test'"
)


@pytest.mark.skipif(
    _compiler() != build.ZIGLANG, reason=f"the bytes are those of ziglang {build.ZIGLANG}, not {_compiler()}"
)
def test_rebuilding_the_guest_gives_the_committed_bytes(tmp_path: Path) -> None:
    assert build.build(tmp_path / "smp.elf").read_bytes() == build.ELF.read_bytes()


@pytest.mark.skipif(
    _compiler() != rtcalarm.ZIGLANG, reason=f"the bytes are those of ziglang {rtcalarm.ZIGLANG}"
)
def test_rebuilding_rtcalarm_gives_the_committed_bytes(tmp_path: Path) -> None:
    assert rtcalarm.build(tmp_path / "rtcalarm.elf").read_bytes() == rtcalarm.ELF.read_bytes()


def test_rtcalarm_is_a_small_static_program_of_one_segment() -> None:
    elf = ELFFile(io.BytesIO(rtcalarm.ELF.read_bytes()))
    assert (elf.header.e_machine, elf.header.e_type) == ("EM_RISCV", "ET_EXEC")
    (load,) = [segment.header for segment in elf.iter_segments() if segment.header.p_type == "PT_LOAD"]
    assert (load.p_offset, load.p_vaddr % 4096, load.p_flags) == (0, 0, 5), "Linux maps it by pages"
    assert rtcalarm.ELF.stat().st_size < 2048


def test_guest_is_a_small_elf_entered_where_firmware_jumps() -> None:
    data = guest("smp").read_bytes()
    assert len(data) < 16 * 1024
    elf = ELFFile(io.BytesIO(data))
    assert elf.header.e_machine == "EM_RISCV"
    assert elf.header.e_type == "ET_EXEC"
    assert elf.header.e_entry == build.ENTRY == 0x8020_0000
    loads = [segment.header for segment in elf.iter_segments() if segment.header.p_type == "PT_LOAD"]
    assert [(load.p_paddr, load.p_flags) for load in loads] == [(0x8020_0000, 5), (loads[1].p_paddr, 6)]
    assert all(load.p_paddr == load.p_vaddr for load in loads)
    # The entry stub clears what lies between the image and its end; more than this is a leak.
    assert loads[1].p_paddr + loads[1].p_memsz < 0x8020_0000 + 64 * 1024


def test_guest_holds_no_path_and_no_compiler_name() -> None:
    data = guest("smp").read_bytes()
    assert not re.search(rb"/[a-z]+/[a-z]+|clang|ziglang|LLVM", data)


def test_the_known_checksum_is_that_of_the_known_bytes() -> None:
    state, data = 0x2545F4914F6CDD1D, bytearray()
    for _ in range(4096):
        state = (state * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        data.append(state >> 56)
    source = (build.HERE / "compute.c").read_text()
    assert f"CRC_OF_BUFFER {binascii.crc32(bytes(data) * 4):#010x}u" in source


@needs_compiler
def test_bare_guest_is_built_at_its_base_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "start.S"
    source.write_text(
        '.section .text.start, "ax"\n.globl _start\n_start: li a0, VALUE\n1: j 1b\n.data\n.dword 0x1122\n'
    )
    first = bare.build([source], defines={"VALUE": 7})
    stamp = first.stat().st_mtime_ns
    assert (
        bare.build([source], defines={"VALUE": 7}, out=tmp_path / "copy.elf").read_bytes()
        == first.read_bytes()
    )
    assert first.stat().st_mtime_ns == stamp
    assert bare.build([source], defines={"VALUE": 8}) != first
    base, image = bare.flat(first)
    assert base == bare.RAM
    assert image[:2] == bytes.fromhex("1d45")  # c.li a0, 7
    assert image[4096:4104] == (0x1122).to_bytes(8, "little")


@needs_compiler
def test_a_source_error_is_the_compilers_own_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "wrong.S"
    source.write_text("frobnicate a0\n")
    with pytest.raises(BuildError, match="unrecognized instruction"):
        bare.build([source])
    assert not list(tmp_path.rglob("*.elf*"))


@pytest.mark.parametrize(
    ("march", "features"),
    [
        ("rv64gc", "generic_rv64+m+a+f+d+c+zicsr+zifencei"),
        ("rv64imac", "generic_rv64+m+a+c"),
        ("rv64i_zba_zbb", "generic_rv64+zba+zbb"),
        ("rv64gc_zicsr_svinval", "generic_rv64+m+a+f+d+c+zicsr+zifencei+svinval"),
    ],
)
@needs_compiler
def test_isa_string_is_spelled_as_the_compiler_wants_it(march: str, features: str) -> None:
    assert f"-mcpu={features}" in bare.compile_command(march)


@needs_compiler
def test_an_isa_string_of_another_width_is_refused() -> None:
    with pytest.raises(BuildError, match="not an RV64 ISA string"):
        bare.compile_command("rv32gc")
