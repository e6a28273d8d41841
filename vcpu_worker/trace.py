"""What a hart writes to the log of -d: `int` and `in_asm`, as QEMU prints them.

    riscv_cpu_do_interrupt: hart:0, async:0, cause:0000000000000009, epc:0x..., tval:0x..., desc=...
    0x0000000080000000:  00000297          auipc t0,0

Code is read from the copy it was decoded from, not from memory, which another hart may have changed since.
A block is told once, when its first instruction is decoded.
Source: QEMU 10, target/riscv/cpu_helper.c and cpu.c (names of traps).
"""

from __future__ import annotations

import ctypes

from ipc.layout import TRACE_ASM, TRACE_INT, View

MOST_BYTES = 256
PAGE = 4096
ASYNC = 1 << 63
EXCEPTIONS = (
    "misaligned_fetch", "fault_fetch", "illegal_instruction", "breakpoint", "misaligned_load", "fault_load",
    "misaligned_store", "fault_store", "user_ecall", "supervisor_ecall", "hypervisor_ecall",
    "machine_ecall", "exec_page_fault", "load_page_fault", "reserved", "store_page_fault", "double_trap",
    "reserved", "reserved", "reserved", "guest_exec_page_fault", "guest_load_page_fault", "reserved",
    "guest_store_page_fault",
)  # fmt: skip
INTERRUPTS = (
    "u_software", "s_software", "vs_software", "m_software", "u_timer", "s_timer", "vs_timer", "m_timer",
    "u_external", "s_external", "vs_external", "m_external", "reserved", "reserved", "reserved", "reserved",
)  # fmt: skip


def report(slot: View, hart: int) -> str:
    """The lines of what the slot has to tell, each with its newline; it is told then."""
    what = slot.get("trace_ready")
    slot.set("trace_ready", 0)
    lines = ""
    if what & TRACE_ASM:
        pc = slot.get("trace_pc")
        code = ctypes.string_at(slot.get("trace_code"), min(MOST_BYTES, PAGE - pc % PAGE))
        lines += code_text(code, pc, slot.get("trace_priv"))
    if what & TRACE_INT:
        lines += trap_text(hart, slot.get("trace_cause"), slot.get("trace_epc"), slot.get("trace_tval"))
    return lines


def trap_name(cause: int) -> str:
    """The name of a cause, bit 63 for interrupts."""
    names = INTERRUPTS if cause & ASYNC else EXCEPTIONS
    number = cause & ~ASYNC
    return names[number] if number < len(names) else "(unknown)"


def trap_text(hart: int, cause: int, epc: int, tval: int) -> str:
    """The line of a trap."""
    return (
        f"riscv_cpu_do_interrupt: hart:{hart}, async:{cause >> 63}, cause:{cause & ~ASYNC:016x}, "
        f"epc:0x{epc:016x}, tval:0x{tval:016x}, desc={trap_name(cause)}\n"
    )


def code_text(code: bytes, pc: int, priv: int) -> str:
    """The lines of a block: from its first instruction to the one that ends it, or to the last byte."""
    from vcpu_worker.isa.disasm import text

    lines = ["----------------", "IN: ", f"Priv: {priv}; Virt: 0"]
    at = 0
    while at + 2 <= len(code):
        size = 4 if code[at] & 3 == 3 else 2
        if at + size > len(code):
            break
        word = int.from_bytes(code[at : at + size], "little")
        lines.append(f"0x{pc + at:016x}:  {word:0{2 * size}x}".ljust(39) + text(word, pc + at))
        at += size
        if ends_block(word):
            break
    return "\n".join(lines) + "\n\n"


def ends_block(word: int) -> bool:
    """Whether control goes elsewhere after this instruction: branches, jumps, system instructions."""
    if word & 3 == 3:
        opcode = word & 0x7F
        return opcode in (0x63, 0x67, 0x6F) or (opcode == 0x73 and word >> 12 & 7 == 0)
    quadrant, funct3 = word & 3, word >> 13
    if quadrant == 1:
        return funct3 >= 5
    return quadrant == 2 and funct3 == 4 and word >> 2 & 31 == 0
