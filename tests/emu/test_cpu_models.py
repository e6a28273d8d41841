"""CPU models and features: what -cpu means in extensions, and that they follow each other."""

from __future__ import annotations

import pytest

from emu.errors import OptionError
from emu.hw.riscv.cpu import RiscvCpu, parse_cpu
from emu.qom import compat
from emu.qom.object import object_new
from tests.lib.board import bare
from vcpu_worker.isa import ext
from vcpu_worker.isa.insn import load_all


def bits_of(text: str) -> int:
    """The extensions of a hart of this -cpu."""
    compat.forget()
    try:
        with bare():
            cpu = object_new(parse_cpu(text))
            assert isinstance(cpu, RiscvCpu)
            cpu.realize_on(None)
            return cpu.bits
    finally:
        compat.forget()


def has(text: str, name: str) -> bool:
    return ext.has(bits_of(text), name)


@pytest.mark.parametrize(("text", "present", "absent"), [
    ("rv64", "I M A F D C Zba Zbb Zbs Sstc Svadu Sv57 S U", "Zicond Svade Zacas"),
    ("max", "Zicond Zfa Zbc Zcb Zabha Sv57", "Zacas Svade"),
    ("rv64i", "I S U Zicsr", "M A F D C Sv39 Sstc"),
    ("rva22u64", "I M A F D C Zba Zbb Zbs Zicbom Zicboz Zicbop Zihpm U", "S Sv39 Sstc Zicond"),
    ("rva22s64", "I M A F D C Zba Zbb Zbs S Sv39 Svade Svpbmt Svinval", "Sv48 Svadu Sstc"),
    ("rv64,f=off", "M A C", "F D Zcd"),
    ("rv64,d=false", "F C", "D Zcd"),
    ("rv64,sv57=off", "Sv48 Sv39", "Sv57"),
    ("rv64,sv39=off", "S", "Sv39 Sv48 Sv57 Svnapot"),
    ("rv64,zba=false,zicond=true", "Zicond Zbb", "Zba"),
    ("rv64,Zifencei=off", "I", "Zifencei"),
    ("rv64,svade=on", "Svade Svadu", ""),
    ("rv64,v=off,h=off,zacas=off", "I", ""),
    ("rv64,cbom_blocksize=64,mmu=on,pmp=on", "Zicbom", ""),
    ("rv64,zba=off,zba=on", "Zba", ""),
])  # fmt: skip
def test_features(text: str, present: str, absent: str) -> None:
    for name in present.split():
        assert has(text, name), name
    for name in absent.split():
        assert not has(text, name), name


@pytest.mark.parametrize(("text", "message"), [
    ("rv64,zfa=on,f=off", "Zfa extension requires F extension"),
    ("rv64,d=off,zcd=on", "Zcd extension requires D extension"),
    ("rv64,h=on", "can't apply global rv64-riscv-cpu.h=on: not supported in this build"),
    ("rv64,pmp=off", "can't apply global rv64-riscv-cpu.pmp=off: not supported in this build"),
    ("rv64,cbom_blocksize=32",
     "can't apply global rv64-riscv-cpu.cbom_blocksize=32: only 64 is supported in this build"),
    ("rv64,pmu-num=4", "can't apply global rv64-riscv-cpu.pmu-num=4: not supported in this build"),
    ("sifive-u54", "CPU model 'sifive-u54' is not supported in this build"),
])  # fmt: skip
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(OptionError) as error:
        bits_of(text)
    assert error.value.text == message


def test_max_has_every_extension_with_instructions() -> None:
    bits = bits_of("max")
    for insn in load_all().values():
        assert ext.has(bits, insn.ext), insn.ext
