"""CSRs: WARL rows, who may access what, views, counters; all through csrr* instructions."""

from __future__ import annotations

import random

import pytest

from ipc.layout import HART
from tests.lib.cpu import MASK64, Cpu, Trapped
from vcpu_worker.csr import access, reg
from vcpu_worker.csr.bits import MIP_MSIP, MIP_SEIP, MIP_SSIP, MIP_STIP, MSTATUS_FS, Priv
from vcpu_worker.isa import ext
from vcpu_worker.isa.insn import encode

M, S, U = Priv.M, Priv.S, Priv.U
ONES = MASK64
UXL_SXL = 0xA_0000_0000

# name, written in M-mode, read back, source. mstatus: MIE 3 MPIE 7 SPP 8 MPP 12:11 FS 14:13 MPRV 17 ...
WARL = [
    ("mstatus", ONES, UXL_SXL | 0x8000_0000_007E_79AA, "3.1.6; SD, no VS XS UBE SBE MBE"),
    ("mstatus", 0, UXL_SXL, "3.1.6.3: UXL and SXL read-only here"),
    ("mstatus", 0x6000, UXL_SXL | 0x8000_0000_0000_6000, "3.1.6.6: SD = FS is Dirty"),
    ("mstatus", 0x4000, UXL_SXL | 0x4000, "FS Clean"),
    ("mstatus", 0x1000, UXL_SXL, "MPP=2 is not a mode: keeps 0"),
    ("mstatus", 0x0800, UXL_SXL | 0x0800, "MPP=S"),
    ("misa", ONES, ext.misa(ext.RV64_DEFAULT), "3.1.1: may ignore writes"),
    ("misa", 0, ext.misa(ext.RV64_DEFAULT), "3.1.1"),
    ("medeleg", ONES, 0xB3FF, "3.1.8: bit 11 read-only zero, and what cannot occur"),
    ("mideleg", ONES, 0x222, "3.1.8"),
    ("mie", ONES, 0xAAA, "3.1.9"),
    ("mip", ONES, 0x222, "3.1.9: SEIP, STIP, SSIP are writable in mip (STCE=0)"),
    ("mtvec", 0x8000_0101, 0x8000_0101, "3.1.7 vectored"),
    ("mtvec", 0x8000_0102, 0, "3.1.7 reserved mode: ignored"),
    ("mtvec", ONES, 0, "3.1.7"),
    ("mcounteren", ONES, 0xFFFF_FFFF, "3.1.11, 32 bits"),
    ("mcountinhibit", ONES, 5, "3.1.12: bit 1 read-only zero; no event counters"),
    ("menvcfg", ONES, 0xE000_0000_0000_00F1, "3.1.18: STCE PBMTE ADUE CBZE CBCFE CBIE FIOM"),
    ("menvcfg", 0, 0, "3.1.18"),
    ("menvcfg", 0x21, 1, "CBIE=2 reserved: keeps 0"),
    ("mscratch", 0x0123_4567_89AB_CDEF, 0x0123_4567_89AB_CDEF, ""),
    ("mepc", ONES, ONES - 1, "3.1.14, IALIGN=16"),
    ("mcause", ONES, ONES, "3.1.15 WLRL"),
    ("mtval", ONES, ONES, "3.1.16"),
    ("mhpmcounter3", ONES, 0, "3.1.10 read-only zero"),
    ("mhpmcounter31", ONES, 0, "3.1.10"),
    ("mhpmevent3", ONES, 0, "3.1.10"),
    ("mhpmevent31", ONES, 0, "3.1.10"),
    ("pmpcfg0", ONES >> 1, 0x1F9F_9F9F_9F9F_9F9F, "3.7.1: bits 5 and 6 zero"),
    ("pmpcfg0", 0x0202, 0, "R=0 W=1 reserved: unchanged"),
    ("pmpaddr0", ONES, (1 << 54) - 1, "3.7.1"),
    ("pmpaddr14", ONES, (1 << 54) - 1, "3.7.1"),
    ("sstatus", ONES, 0x8000_0002_000C_6122, "4.1.1"),
    ("sie", ONES, 0, "4.1.3: nothing delegated"),
    ("stvec", 0x8000_0201, 0x8000_0201, "4.1.2"),
    ("stvec", 3, 0, "4.1.2 reserved mode"),
    ("scounteren", ONES, 0xFFFF_FFFF, "4.1.5"),
    ("senvcfg", ONES, 0xF1, "4.1.10"),
    ("sscratch", ONES, ONES, ""),
    ("sepc", ONES, ONES - 1, "4.1.7"),
    ("scause", ONES, ONES, "4.1.8 WLRL"),
    ("stval", ONES, ONES, "4.1.9"),
    ("stimecmp", 5, 5, "Sstc"),
    ("satp", 0x8FFF_F000_0008_0000, 0x8FFF_F000_0008_0000, "4.1.11 Sv39, 16 bits of ASID"),
    ("satp", 0x9000_0000_0008_0000, 0x9000_0000_0008_0000, "Sv48"),
    ("satp", 0xA000_0000_0008_0000, 0xA000_0000_0008_0000, "Sv57"),
    ("satp", 0xB000_0000_0008_0000, 0, "4.1.11: unsupported mode, no effect"),
    ("satp", 0x1000_0000_0008_0000, 0, "4.1.11"),
    ("fflags", ONES, 0x1F, "F"),
    ("frm", ONES, 7, "F"),
    ("fcsr", ONES, 0xFF, "F"),
    ("tselect", ONES, 0, "Sdtrig: no triggers"),
    ("tdata1", ONES, 0, "type 0"),
    ("tinfo", ONES, 1, "info 1: none"),
]  # fmt: skip

READ_ONLY = {"mvendorid": 0, "marchid": 0, "mimpid": 0, "mhartid": 0, "mconfigptr": 0}

# What OpenSBI 1.6, Linux and U-Boot look for, and this hart lacks
ABSENT = {
    "mseccfg": 0x747, "mstatush": 0x310, "mstateen0": 0x30C, "sstateen0": 0x10C, "mtopi": 0xFB0,
    "stopi": 0xDB0, "miselect": 0x350, "siselect": 0x150, "mtopei": 0x35C, "scountovf": 0xDA0,
    "mcyclecfg": 0x321, "minstretcfg": 0x322, "pmpcfg1": 0x3A1, "pmpcfg3": 0x3A3, "pmpcfg4": 0x3A4,
    "pmpaddr16": 0x3C0, "pmpaddr63": 0x3EF, "hstatus": 0x600, "vsstatus": 0x200, "hgatp": 0x680,
    "vstart": 0x008, "vlenb": 0xC22, "seed": 0x015, "ssp": 0x011, "jvt": 0x017, "mnscratch": 0x740,
    "cycleh": 0xC80, "mcycleh": 0xB80, "dcsr": 0x7B0, "dpc": 0x7B1, "mcontext": 0x7A8, "tcontrol": 0x7A5,
    "mvien": 0x308, "medelegh": 0x312, "menvcfgh": 0x31A, "scontext": 0x5A8, "stimecmph": 0x15D,
    "srmcfg": 0x181, "mtime in U": 0xB01,
}  # fmt: skip


@pytest.mark.parametrize(("name", "written", "read", "source"), WARL)
def test_a_write_reads_back_as_the_register_allows(name: str, written: int, read: int, source: str) -> None:
    cpu = Cpu()
    cpu.hart.mstatus = MSTATUS_FS if name in ("fflags", "frm", "fcsr") else 0
    cpu.hart.mstatus = cpu.hart.mstatus | UXL_SXL
    cpu.poke("pmpcfg2", 0)
    cpu.poke("satp", 0)
    for csr in ("menvcfg", "pmpcfg0"):
        cpu.poke(csr, 0)
    cpu.at(M)
    assert cpu.write(name, written) is None
    assert cpu.read(name) == read, source
    assert cpu.peek(name) == read


@pytest.mark.parametrize(("name", "value"), READ_ONLY.items())
def test_identification_is_read_only(name: str, value: int) -> None:
    cpu = Cpu()
    assert cpu.read(name) == value
    assert isinstance(cpu.write(name, 1), Trapped)


def test_every_number_without_a_row_is_illegal() -> None:
    cpu = Cpu()
    for number in range(4096):
        if number in reg.NAMES:
            continue
        word = encode("csrrs", rd=6, rs1=0, csr=number)
        assert cpu.word(word) == Trapped(2, word), hex(number)
    assert not set(ABSENT.values()) & reg.NAMES.keys()


def test_privilege_and_read_only_follow_from_the_number() -> None:
    cpu = Cpu()
    for name in ("mcounteren", "scounteren", "menvcfg"):
        cpu.poke(name, ONES)
    cpu.poke("mstatus", MSTATUS_FS)
    for mode in (M, S, U):
        cpu.at(mode)
        for number, name in reg.NAMES.items():
            word = encode("csrrs", rd=6, rs1=0, csr=number)
            expected = None if (number >> 8 & 3) <= mode else Trapped(2, word)
            assert cpu.word(word) == expected, f"{name} in {mode!r}"
    cpu.at(M)
    cpu.hart.x[5] = 0
    for number, name in reg.NAMES.items():
        if number >> 10 == 3:
            for word in (
                encode("csrrw", rd=0, rs1=5, csr=number), encode("csrrs", rd=0, rs1=5, csr=number),
                encode("csrrc", rd=0, rs1=5, csr=number), encode("csrrwi", rd=0, uimm=0, csr=number),
                encode("csrrsi", rd=0, uimm=1, csr=number), encode("csrrci", rd=0, uimm=1, csr=number),
            ):  # fmt: skip
                assert cpu.word(word) == Trapped(2, word), name
            assert cpu.do("csrrsi", rd=6, uimm=0, csr=number) is None
            assert cpu.do("csrrc", rd=6, rs1=0, csr=number) is None


@pytest.mark.parametrize("seed", range(2))
def test_the_six_instructions_on_a_plain_register(seed: int) -> None:
    rng = random.Random(seed)
    cpu = Cpu()
    value = 0
    for _ in range(150):
        name = rng.choice(("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"))
        rd, source = rng.choice((0, 5, 7)), rng.choice((0, 5, 8))
        operand = rng.getrandbits(64)
        cpu.hart.x[7] = 0x77
        cpu.hart.x[source] = operand
        cpu.hart.x[0] = 0
        if name.endswith("i"):
            operand = source
            assert cpu.do(name, rd=rd, uimm=source, csr=0x340) is None
        else:
            operand = operand if source else 0
            assert cpu.do(name, rd=rd, rs1=source, csr=0x340) is None
        assert cpu.hart.x[rd] == (value if rd else 0)
        kind = name[4]
        value = operand if kind == "w" else value | operand if kind == "s" else value & ~operand
        assert cpu.peek("mscratch") == value


def test_counter_enables_gate_lower_modes() -> None:
    cpu = Cpu()
    numbers = {"cycle": 0, "time": 1, "instret": 2, "hpmcounter3": 3, "hpmcounter31": 31}
    for name, i in numbers.items():
        for m, s in ((0, 0), (1, 0), (0, 1), (1, 1)):
            cpu.poke("mcounteren", m << i)
            cpu.poke("scounteren", s << i)
            assert isinstance(cpu.at(M).read(name), int)
            assert isinstance(cpu.at(S).read(name), int) == bool(m)
            assert isinstance(cpu.at(U).read(name), int) == bool(m and s)


def test_stimecmp_needs_stce_and_tm_below_m() -> None:
    cpu = Cpu()
    for stce in (0, 1):
        for tm in (0, 1):
            cpu.poke("menvcfg", stce << 63)
            cpu.poke("mcounteren", tm << 1)
            assert isinstance(cpu.at(M).read("stimecmp"), int)
            assert isinstance(cpu.at(S).read("stimecmp"), int) == bool(stce and tm)


def test_tvm_takes_satp_from_s_mode() -> None:
    cpu = Cpu()
    cpu.poke("mstatus", 1 << 20)
    assert isinstance(cpu.at(S).read("satp"), Trapped)
    assert isinstance(cpu.write("satp", 0), Trapped)
    assert cpu.at(M).read("satp") == 0


def test_floating_point_csrs_follow_fs() -> None:
    cpu = Cpu()
    for name in ("fflags", "frm", "fcsr"):
        cpu.poke("mstatus", 0)
        assert isinstance(cpu.read(name), Trapped)
        cpu.poke("mstatus", 1 << 13)
        assert isinstance(cpu.read(name), int)
        assert cpu.peek("mstatus") & MSTATUS_FS == 1 << 13  # a read leaves FS alone
        assert cpu.write(name, 1) is None
        assert cpu.peek("mstatus") & MSTATUS_FS == MSTATUS_FS


def test_fcsr_is_frm_over_fflags() -> None:
    cpu = Cpu()
    cpu.poke("mstatus", MSTATUS_FS)
    cpu.write("fcsr", 0xB5)
    assert (cpu.read("frm"), cpu.read("fflags")) == (5, 0x15)
    cpu.write("frm", 2)
    assert cpu.read("fcsr") == 0x55


def test_sie_and_sip_are_views_through_mideleg() -> None:
    cpu = Cpu()
    cpu.poke("mie", ONES)
    cpu.poke("mip", MIP_SSIP | MIP_STIP | MIP_SEIP)
    cpu.poke("mideleg", MIP_SSIP | MIP_SEIP)
    assert cpu.read("sie") == MIP_SSIP | MIP_SEIP
    assert cpu.read("sip") == MIP_SSIP | MIP_SEIP
    cpu.write("sie", 0)
    assert cpu.peek("mie") == 0xAAA & ~(MIP_SSIP | MIP_SEIP)
    cpu.write("sip", 0)  # SSIP alone is writable there
    assert cpu.peek("mip") & 0x222 == MIP_STIP | MIP_SEIP
    cpu.poke("mideleg", 0)
    cpu.write("sip", MIP_SSIP)
    assert cpu.peek("mip") & 0x222 == MIP_STIP | MIP_SEIP


def test_seip_reads_as_or_and_changes_as_the_software_bit() -> None:
    """3.1.9: what CSRRS and CSRRC write back is the software bit without the interrupt controller's."""
    cpu = Cpu()
    g, h = cpu.bench.header, cpu.hart
    g.set("plic_priority", 1, 10)
    g.set("plic_enable", 1 << 10, 3)  # context 1: hart 0, S
    g.set("plic_pending", 1 << 10, 0)
    h.x[5] = MIP_SSIP
    assert cpu.do("csrrs", rd=6, rs1=5, csr=0x344) is None
    assert h.x[6] & MIP_SEIP
    assert h.mip_soft == MIP_SSIP
    g.set("plic_pending", 0, 0)
    assert cpu.peek("mip") & MIP_SEIP == 0
    cpu.write("mip", MIP_SEIP)
    assert cpu.peek("mip") & MIP_SEIP
    h.x[5] = MIP_SSIP
    cpu.do("csrrc", rd=6, rs1=5, csr=0x344)
    assert h.mip_soft == MIP_SEIP


def test_stip_belongs_to_stimecmp_while_stce_is_set() -> None:
    cpu = Cpu()
    cpu.bench.header.set("clock_offset", 1_000_000)  # time stands at 10000 ticks
    cpu.write("mip", MIP_STIP)
    cpu.poke("menvcfg", 1 << 63)
    assert cpu.peek("mip") & MIP_STIP == 0
    cpu.write("stimecmp", 10_000)
    assert cpu.peek("mip") & MIP_STIP
    cpu.write("mip", 0)
    assert cpu.peek("mip") & MIP_STIP
    cpu.write("stimecmp", 10_001)
    assert cpu.peek("mip") & MIP_STIP == 0
    assert cpu.read("time") == 10_000
    cpu.write("stimecmp", 0)
    cpu.poke("menvcfg", 0)  # neither the comparison nor what software wrote before stays behind
    assert cpu.peek("mip") & MIP_STIP == 0


def test_msip_and_other_harts_requests_show_in_mip() -> None:
    cpu = Cpu()
    cpu.hart.msip = 1
    cpu.hart.ssip_set = 1
    assert cpu.read("mip") & (MIP_MSIP | MIP_SSIP) == MIP_MSIP | MIP_SSIP
    assert cpu.hart.ssip_set == 0
    cpu.write("mip", 0)
    assert cpu.read("mip") & (MIP_MSIP | MIP_SSIP) == MIP_MSIP


def test_minstret_counts_instructions_and_a_write_replaces_its_own_count() -> None:
    cpu = Cpu()
    first = cpu.read("minstret")
    assert isinstance(first, int)
    assert cpu.read("minstret") == first + 1
    cpu.write("minstret", 1000)
    assert cpu.read("minstret") == 1000
    assert cpu.read("instret") == 1001
    assert isinstance(cpu.read(0x7FF), Trapped)  # does not retire
    assert cpu.read("minstret") == 1002
    cpu.poke("minstret", 50)
    assert cpu.peek("minstret") == 50
    assert cpu.read("minstret") == 50


def test_inhibited_counters_stand() -> None:
    cpu = Cpu()
    cpu.write("mcountinhibit", 4)
    cpu.write("minstret", 7)
    assert cpu.read("minstret") == 7
    assert cpu.read("minstret") == 7
    before = cpu.read("mcycle")
    assert isinstance(before, int)
    assert cpu.read("mcycle") == before + 1
    cpu.write("mcountinhibit", 1)
    assert cpu.read("minstret") == 7
    assert cpu.read("minstret") == 8
    assert cpu.read("mcycle") == cpu.read("mcycle")
    cpu.poke("mcountinhibit", 0)


def test_registers_come_and_go_with_extensions() -> None:
    bare = ext.bits_of(["I", "M", "Zicsr"])
    cpu = Cpu(isa_ext=bare)
    for number, name in reg.NAMES.items():
        present = not isinstance(cpu.read(number), Trapped)
        assert present == reg.available(number, bare), name
    assert not reg.available(reg.NUMBERS["satp"], bare)
    assert cpu.read("mstatus") == 0
    cpu.write("mstatus", ONES)
    assert cpu.read("mstatus") == 0x1888  # MPP=M, MPIE, MIE: nothing else without S, U and F
    assert cpu.read("misa") == 2 << 62 | 1 << 8 | 1 << 12
    cpu.write("mepc", ONES)
    assert cpu.read("mepc") == ONES - 3  # IALIGN=32


def test_menvcfg_resets_as_on_qemu() -> None:
    both = ext.RV64_DEFAULT | ext.EXT_SVADE
    assert Cpu().read("menvcfg") == 3 << 61
    assert Cpu(isa_ext=both).read("menvcfg") == 1 << 62
    assert Cpu(isa_ext=ext.without(both, ["Svpbmt", "Svadu"])).read("menvcfg") == 0


@pytest.mark.parametrize("seed", range(3))
def test_misa_follows_from_the_extensions(seed: int) -> None:
    rng = random.Random(seed)
    names = [e.name for e in ext.EXTENSIONS]
    for _ in range(10):
        bits = ext.bits_of(["I", "Zicsr", *rng.sample(names, rng.randrange(len(names)))])
        assert Cpu(isa_ext=bits).read("misa") == ext.misa(bits)


def test_a_number_or_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        reg.csr(0x340, "other", value=0)
    with pytest.raises(ValueError, match="twice"):
        reg.csr(0x7FE, "mscratch", value=0)
    with pytest.raises(ValueError, match="one of"):
        reg.csr(0x7FE, "other", value=0, field="x")


def test_generated_natives_can_be_read() -> None:
    assert "def csr_read(h, n):" in access.GENERATED
    assert HART.fields["mscratch"].offset  # csr_slot's 0 means "none"
