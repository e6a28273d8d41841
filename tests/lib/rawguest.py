"""Guests of a dozen instructions, as raw images for `-bios none -kernel`: all harts start at the first word.

Words come from the registry's encoder. Every guest ends at the test device or never.
"""

from __future__ import annotations

import struct
from pathlib import Path

from vcpu_worker.isa.insn import encode, load_all

T0, T1, T2, A0, A1, A2 = 5, 6, 7, 10, 11, 12
TEST_PAGE = 0x100  # sifive_test is at 0x100000: lui's operand
UART = 0x1000_0000
PASS, RESET = 0x5555, 0x7777


def _words(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def _load(rd: int, value: int) -> tuple[int, int]:
    """lui and addi for a value below 2**31."""
    high = (value + 0x800) >> 12
    return encode("lui", rd=rd, imm=high), encode("addi", rd=rd, rs1=rd, imm=value - (high << 12))


def spin() -> bytes:
    """Every hart jumps to itself."""
    load_all()
    return _words(encode("jal", rd=0, imm=0))


def traps() -> bytes:
    """Every hart traps at once, and at its handler, which is there again, for ever."""
    load_all()
    return _words(
        encode("auipc", rd=T0, imm=0), encode("addi", rd=T0, rs1=T0, imm=12),
        encode("csrrw", rd=0, rs1=T0, csr=0x305), encode("ecall"),
    )  # fmt: skip


def idle() -> bytes:
    """Every hart sleeps in WFI with nothing enabled."""
    load_all()
    return _words(encode("wfi"), encode("jal", rd=0, imm=-4))


def access() -> bytes:
    """Every hart reads the test device, for ever: one round trip to the main loop each."""
    load_all()
    return _words(
        encode("lui", rd=A1, imm=TEST_PAGE),
        encode("lw", rd=A2, rs1=A1, imm=0),
        encode("jal", rd=0, imm=-4),
    )


def stores(page: int, *values: tuple[str, int, int]) -> bytes:
    """Hart 0 stores to 4 KiB page `page` (instruction, offset, value below 2**11), then all sleep in WFI."""
    load_all()
    words = [encode("lui", rd=A1, imm=page)]
    for store, off, value in values:
        words.append(encode("addi", rd=A2, rs1=0, imm=value))
        words.append(encode(store, rs1=A1, rs2=A2, imm=off))
    return _words(
        encode("bne", rs1=A0, rs2=0, imm=4 * (1 + len(words))), *words,
        encode("wfi"), encode("jal", rd=0, imm=-4),
    )  # fmt: skip


def resets(times: int) -> bytes:
    """Hart 0 resets the machine `times` times, a little later each time, then powers off.

    Meanwhile odd harts sleep in WFI, harts 2, 6, ... read the test device, the others spin. The count is
    in RAM, 1 MiB behind the image, which a reset leaves alone.
    """
    load_all()
    boot = [
        encode("bne", rs1=A0, rs2=0, imm=4 * 19),  # to `others`
        encode("auipc", rd=T0, imm=0x100),
        encode("lw", rd=T1, rs1=T0, imm=0),
        encode("addi", rd=T1, rs1=T1, imm=1),
        encode("sw", rs1=T0, rs2=T1, imm=0),
        encode("lui", rd=A1, imm=TEST_PAGE),
        *_load(A2, times),
        encode("blt", rs1=A2, rs2=T1, imm=4 * 7),  # to `off`
        encode("slli", rd=T2, rs1=T1, shamt=7),
        encode("addi", rd=T2, rs1=T2, imm=-1),
        encode("blt", rs1=0, rs2=T2, imm=-4),
        *_load(A2, RESET),
        encode("jal", rd=0, imm=4 * 3),
        *_load(A2, PASS),  # off
        encode("sw", rs1=A1, rs2=A2, imm=0),
        encode("jal", rd=0, imm=0),
    ]
    assert len(boot) == 19
    others = [
        encode("andi", rd=T0, rs1=A0, imm=1),
        encode("bne", rs1=T0, rs2=0, imm=4 * 6),  # to `odd`
        encode("andi", rd=T0, rs1=A0, imm=2),
        encode("beq", rs1=T0, rs2=0, imm=0),
        encode("lui", rd=A1, imm=TEST_PAGE),
        encode("lw", rd=A2, rs1=A1, imm=0),
        encode("jal", rd=0, imm=-4),
        encode("wfi"),  # odd
        encode("jal", rd=0, imm=-4),
    ]
    return _words(*boot, *others)


def powers_off() -> bytes:
    """The first hart to come writes "pass" to the test device; then it spins."""
    load_all()
    at = (encode("lui", rd=T1, imm=TEST_PAGE), *_load(T2, PASS))
    return _words(*at, encode("sw", rs1=T1, rs2=T2, imm=0), encode("jal", rd=0, imm=0))


def says(text: str) -> bytes:
    """Hart 0 writes `text` and a newline to the UART; then every hart spins."""
    load_all()
    words = [encode("csrrs", rd=T0, rs1=0, csr=0xF14), *_load(T1, UART)]
    body: list[int] = []
    for byte in (text + "\n").encode():
        body += [encode("addi", rd=T2, rs1=0, imm=byte), encode("sb", rs1=T1, rs2=T2, imm=0)]
    words += [encode("bne", rs1=T0, rs2=0, imm=4 * len(body) + 4), *body]
    return _words(*words, encode("jal", rd=0, imm=0))


def written(folder: Path, image: bytes) -> str:
    """The image as a file in `folder`; its name."""
    path = folder / "guest.bin"
    path.write_bytes(image)
    return str(path)
