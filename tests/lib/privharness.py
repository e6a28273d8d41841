"""The part of an oracle image that is the same in all of them: setup, trap handlers, record of results.

    0x80000000 main      hart 0 alone: for each program: its CSRs, its registers, mret into its body
    0x80001000 M handler a record a trap; goes on behind the instruction, or ends the program
    0x80002000 S handler its CSRs into x24..x27, then an ecall, whose record has them
    0x80003000 words     address of the present program, of the end of the last one
    0x80010000 programs  STRIDE bytes each; all a program can change lies in its own

Registers x24..x31 belong to the harness: a body has x1..x23. x31 is where the next record goes.
Every loop of a body ends: each trap counts, the S handler's ecalls too, and only forward jumps, traps
and returns move control. What makes that true is in privgen (ecall-from-S is never delegated).
"""

from __future__ import annotations

from tests.lib.asm import ZERO, Asm
from tests.lib.hart import RAM_BASE
from vcpu_worker.csr.reg import NUMBERS, load_all

load_all()
MAIN, M_HANDLER, S_HANDLER, WORDS = (RAM_BASE + 0x1000 * i for i in range(4))
HARNESS_BYTES = 0x4000
FIRST, STRIDE = RAM_BASE + 0x1_0000, 0x1_0000
# offsets in a program
SETUP, REGS, MTIMECMP, MSIP, BODY, BODY_WORDS = 0, 0x200, 0x300, 0x308, 0x400, 64
DATA, TABLES, RESULT = 0x1000, 0x3000, 0xF000  # two pages of data, five of tables, one of results
RECORD, RECORDS = 64, 14  # bytes; at most
FINAL_X, FINAL_CSR = 0x400, 0x500
RECORD_FIELDS = ("mcause", "mepc", "mtval", "mstatus", "scause", "sepc", "stval", "sstatus")

# written in this order before a program, the last one behind everything else; MIE is 0, MPIE may be 1
SETUP_CSRS = (
    *(f"pmpaddr{i}" for i in range(16)), "pmpcfg0", "pmpcfg2", "medeleg", "mideleg", "mtvec", "stvec",
    "menvcfg", "senvcfg", "mcounteren", "scounteren", "stimecmp", "mip", "mie", "mepc", "sepc", "mcause",
    "scause", "mtval", "stval", "mscratch", "sscratch", "satp", "mstatus",
)  # fmt: skip
FINAL_CSRS = (
    "medeleg", "mideleg", "mie", "mip", "mcounteren", "scounteren", "menvcfg", "senvcfg", "mscratch",
    "sscratch", "mepc", "sepc", "scause", "stval", "stvec", "satp", "sie", "stimecmp", "mtvec",
    "pmpcfg0", "pmpcfg2", *(f"pmpaddr{i}" for i in range(16)), "fcsr",
)  # fmt: skip
CLINT_MSIP, CLINT_MTIMECMP = 0x200_0000, 0x200_4000
TEST_DEVICE, PASS = 0x10_0000, 0x5555
SAFE_STATUS = 3 << 13  # MPRV, MIE off, FS on: what the M handler runs under
FETCH_FAULTS = (0, 1, 12)
END_WORD = 0xA5A5_A05B  # custom-2: illegal; the last instruction of a body
ECALL_S = 9
BODY_X = range(1, 24)


def _csrr(a: Asm, rd: int, csr: str) -> None:
    a("csrrs", rd=rd, rs1=ZERO, csr=NUMBERS[csr])


def _csrw(a: Asm, csr: str, rs1: int) -> None:
    a("csrrw", rd=ZERO, rs1=rs1, csr=NUMBERS[csr])


def _main() -> bytes:
    a = Asm(MAIN)
    _csrr(a, 24, "mhartid")
    a.branch("beq", 24, ZERO, "first hart")
    a.label("park")
    a("wfi")
    a.jump("park")
    a.label("first hart")
    a.li(24, WORDS)
    a("ld", rd=24, rs1=24, imm=0)
    for i, csr in enumerate(SETUP_CSRS[:-1]):
        a("ld", rd=28, rs1=24, imm=SETUP + 8 * i)
        _csrw(a, csr, 28)
    a("ld", rd=28, rs1=24, imm=MTIMECMP)
    a.li(30, CLINT_MTIMECMP)
    a("sd", rs1=30, rs2=28, imm=0)
    a("ld", rd=28, rs1=24, imm=MSIP)
    a.li(30, CLINT_MSIP)
    a("sw", rs1=30, rs2=28, imm=0)
    a("sfence.vma", rs1=ZERO, rs2=ZERO)
    a("fence.i")
    for i in BODY_X:
        a("ld", rd=i, rs1=24, imm=REGS + 8 * i)
    a.li(28, RESULT)
    a("add", rd=31, rs1=24, rs2=28)
    a.li(29, SAFE_STATUS)
    a("ld", rd=28, rs1=24, imm=SETUP + 8 * (len(SETUP_CSRS) - 1))
    _csrw(a, SETUP_CSRS[-1], 28)  # mstatus: from here on MPRV may be set
    for i in range(24, 29):
        a("addi", rd=i, rs1=ZERO, imm=0)
    a("mret")
    code = a.code()
    assert len(code) <= 0x1000
    return code


def _m_handler() -> bytes:
    a = Asm(M_HANDLER)
    a.jump("handler")
    for _ in range(11):
        a.jump("handler")  # vectored mode
    a.label("handler")
    _csrr(a, 30, "mstatus")
    _csrw(a, "mstatus", 29)
    for i, csr in enumerate(RECORD_FIELDS[:3]):
        _csrr(a, 28, csr)
        a("sd", rs1=31, rs2=28, imm=8 * i)
    a("sd", rs1=31, rs2=30, imm=24)
    for i in range(4):
        a("sd", rs1=31, rs2=24 + i, imm=32 + 8 * i)
    a("addi", rd=31, rs1=31, imm=RECORD)
    _csrr(a, 28, "mcause")
    a.branch("bge", 28, ZERO, "exception")
    _csrw(a, "mie", ZERO)  # one interrupt is enough
    _csrw(a, "mstatus", 30)
    a("mret")
    a.label("exception")
    a("slli", rd=27, rs1=31, shamt=52)
    a("srli", rd=27, rs1=27, shamt=52)
    a.li(26, RECORD * RECORDS)
    a.branch("bgeu", 27, 26, "end")
    for cause in FETCH_FAULTS:
        a.li(26, cause)
        a.branch("beq", 28, 26, "end")
    _csrr(a, 27, "mtval")
    a.li(26, END_WORD)
    a.branch("beq", 27, 26, "end")
    a.li(26, ECALL_S)
    a.branch("bne", 28, 26, "continue")
    _csrr(a, 27, "mepc")
    a("srli", rd=27, rs1=27, shamt=12)
    a.li(26, S_HANDLER >> 12)
    a.branch("bne", 27, 26, "continue")
    for cause in FETCH_FAULTS:  # x24 is scause, or 1 from a handler that must not go on
        a.li(26, cause)
        a.branch("beq", 24, 26, "end")
    a.label("continue")
    _csrr(a, 27, "mepc")
    a("addi", rd=27, rs1=27, imm=4)
    _csrw(a, "mepc", 27)
    _csrw(a, "mstatus", 30)
    a("mret")
    _end(a)
    return a.code()


def _end(a: Asm) -> None:
    """Record what is left, go to the next program or switch the machine off."""
    a.label("end")
    a("srli", rd=31, rs1=31, shamt=12)
    a("slli", rd=31, rs1=31, shamt=12)
    a("sd", rs1=31, rs2=30, imm=FINAL_X)
    for i in BODY_X:
        a("sd", rs1=31, rs2=i, imm=FINAL_X + 8 * i)
    for i, csr in enumerate(FINAL_CSRS):
        _csrr(a, 28, csr)
        a("sd", rs1=31, rs2=28, imm=FINAL_CSR + 8 * i)
    _csrw(a, "mie", ZERO)
    a.li(28, -1)
    a.li(30, CLINT_MTIMECMP)
    a("sd", rs1=30, rs2=28, imm=0)
    a.li(30, CLINT_MSIP)
    a("sw", rs1=30, rs2=ZERO, imm=0)
    a.li(30, WORDS)
    a("ld", rd=24, rs1=30, imm=0)
    a.li(28, STRIDE)
    a("add", rd=24, rs1=24, rs2=28)
    a("sd", rs1=30, rs2=24, imm=0)
    a("ld", rd=25, rs1=30, imm=8)
    a.branch("bgeu", 24, 25, "off")
    a.li(28, MAIN)
    a("jalr", rd=ZERO, rs1=28, imm=0)
    a.label("off")
    a.li(30, TEST_DEVICE)
    a.li(28, PASS)
    a("sw", rs1=30, rs2=28, imm=0)
    a.label("wait")
    a.jump("wait")


def _s_handler() -> bytes:
    a = Asm(S_HANDLER)
    a.jump("handler")
    for _ in range(11):
        a.jump("handler")
    a.label("handler")
    for rd, csr in ((24, "scause"), (25, "sepc"), (26, "stval")):
        _csrr(a, rd, csr)
    a.li(27, END_WORD)
    a.branch("bne", 26, 27, "tell")
    a("addi", rd=24, rs1=ZERO, imm=1)
    a.label("tell")
    _csrr(a, 27, "sstatus")
    a("ecall")
    a.branch("blt", 24, ZERO, "interrupt")
    a("addi", rd=25, rs1=25, imm=4)
    _csrw(a, "sepc", 25)
    a.jump("back")
    a.label("interrupt")
    _csrw(a, "sie", ZERO)
    a.label("back")
    a("sret")
    a("addi", rd=24, rs1=ZERO, imm=1)  # TSR: no way back
    a("ecall")
    return a.code()


def harness(programs: int) -> bytes:
    """The bytes from RAM_BASE to FIRST."""
    image = bytearray(FIRST - RAM_BASE)
    for base, code in ((MAIN, _main()), (M_HANDLER, _m_handler()), (S_HANDLER, _s_handler())):
        assert len(code) <= 0x1000
        image[base - RAM_BASE : base - RAM_BASE + len(code)] = code
    words = FIRST.to_bytes(8, "little") + (FIRST + programs * STRIDE).to_bytes(8, "little")
    image[WORDS - RAM_BASE : WORDS - RAM_BASE + 16] = words
    return bytes(image)
