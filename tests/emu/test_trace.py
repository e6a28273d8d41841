"""The log's text for traps and code, line by line as QEMU writes it."""

from __future__ import annotations

import pytest

from vcpu_worker.trace import ASYNC, code_text, ends_block, trap_name, trap_text


def test_an_exception() -> None:
    assert trap_text(1, 9, 0x8020_0000, 0) == (
        "riscv_cpu_do_interrupt: hart:1, async:0, cause:0000000000000009, "
        "epc:0x0000000080200000, tval:0x0000000000000000, desc=supervisor_ecall\n"
    )


def test_an_interrupt() -> None:
    assert trap_text(1, ASYNC | 5, 0xFFFF_FFFF_8000_0000, 0) == (
        "riscv_cpu_do_interrupt: hart:1, async:1, cause:0000000000000005, "
        "epc:0xffffffff80000000, tval:0x0000000000000000, desc=s_timer\n"
    )


@pytest.mark.parametrize(
    ("cause", "name"),
    [
        (0, "misaligned_fetch"),
        (2, "illegal_instruction"),
        (13, "load_page_fault"),
        (15, "store_page_fault"),
        (99, "(unknown)"),
        (ASYNC | 11, "m_external"),
        (ASYNC | 63, "(unknown)"),
    ],
)
def test_names_of_causes(cause: int, name: str) -> None:
    assert trap_name(cause) == name


def test_a_block_ends_with_its_jump() -> None:
    code = bytes.fromhex("9702000005056f00c0ff13000000")
    lines = code_text(code, 0x8000_0000, 3).splitlines()
    assert lines.pop() == ""
    assert lines[:3] == ["----------------", "IN: ", "Priv: 3; Virt: 0"]
    assert [line.split()[:2] for line in lines[3:]] == [
        ["0x0000000080000000:", "00000297"],
        ["0x0000000080000004:", "0505"],
        ["0x0000000080000006:", "ffc0006f"],
    ]
    assert lines[3].split()[2] == "auipc"


def test_an_instruction_cut_by_the_end_of_the_bytes_is_left_out() -> None:
    lines = code_text(bytes.fromhex("01009302"), 0x1000, 0).splitlines()
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("word", "ends"),
    [
        (0x0000006F, True),  # j
        (0x00008067, True),  # ret
        (0x00000063, True),  # beq
        (0x00000073, True),  # ecall
        (0x30200073, True),  # mret
        (0x30002573, False),  # csrr a0,mstatus
        (0x00000013, False),  # nop
        (0xA001, True),  # c.j
        (0xC101, True),  # c.beqz
        (0x8082, True),  # c.ret
        (0x9002, True),  # c.ebreak
        (0x852E, False),  # c.mv
        (0x0001, False),  # c.nop
    ],
)
def test_what_ends_a_block(word: int, ends: bool) -> None:
    assert ends_block(word) == ends
