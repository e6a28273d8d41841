"""Decoding in the hart: an instruction word to the 8-byte record that the interpreter runs.

A record, little-endian: u16 op, u8 rd, u8 rs1, u8 rs2, s24 imm. An integer rd of 0 is 32 (x[32] takes
writes to x0). imm holds, as the body needs it: the immediate; the upper 20 bits of lui and auipc; the
shift amount; the CSR number; pred * 16 + succ; aq * 2 + rl; or rm + rs3 * 8. A *near* branch, one whose
target lies in the 4 KiB page of the instruction, has its own op and four times the offset: the distance
in bytes of records, since each halfword of a page has a record.

The tables are made by `codegen.decode` from the instruction registry; their layout is declared here.
An instruction of an extension that the hart lacks decodes as if it were not declared.
"""

from __future__ import annotations

from vcpu_worker.native import native

# special ops, which no instruction has (see codegen.dispatch); instructions begin at FIRST_OP
OP_DECODE, OP_ILLEGAL = 0, 1
FIRST_OP = 16
MAX_OPS = 2048  # also the distance, in entries, from the handler table to the one without pairs
MAX_ENTRIES = 4096

# offsets into the tables, bytes
T16 = 0  # u64[65536]: record of each 16-bit encoding
T16_NEED = T16 + 8 * 65536  # u8[65536]: index into NEEDS
T32 = T16_NEED + 65536  # u16[32768]: first entry for bits 6..2, 14..12, 31..25
ENTRIES = T32 + 2 * 32768  # runs of 16-byte entries, each ended by one that matches everything
NEAR = ENTRIES + 16 * MAX_ENTRIES  # u16[MAX_OPS]: the near op of a far one, or 0
NEEDS = NEAR + 2 * MAX_OPS  # u64[256]: EXT_* bits a hart must have
PAIRS = NEEDS + 8 * 256  # u64[PAIR_SLOTS]: op | next op << 16 | op of both << 32, by hash, 0 is free
PAIR_SLOTS = 2048
SINGLE = PAIRS + 8 * PAIR_SLOTS  # u16[MAX_OPS]: the first op of a pair's op, any other op itself
SIZE = SINGLE + 2 * MAX_OPS
# an entry: u32 mask, u32 match, u16 op, u8 format, u8 index into NEEDS, u32 register bits to keep

# formats: where imm comes from; with INT_RD, an rd of 0 becomes 32
F_NONE, F_I, F_S, F_B, F_U, F_J, F_SHAMT, F_RM, F_R4, F_CSR, F_FENCE, F_AQRL = range(12)
INT_RD = 0x80


@native("u64(HART, u64, u64)")
def pair_op(h, first, second):
    """The op that does both, or 0. The hash is codegen.pairs.slot's."""
    t = h.decode_tables + PAIRS
    key = first | (second << 16)
    i = (first * 31 + second) & (PAIR_SLOTS - 1)
    while True:
        entry = ld64(t + i * 8)
        if entry & 0xFFFF_FFFF == key:
            return entry >> 32
        if entry == 0:
            return 0
        i = (i + 1) & (PAIR_SLOTS - 1)


@native("u64(HART, u64)")
def single_op(h, op):
    """The op of a record's own instruction, also if it runs as a pair with the next."""
    return ld16(h.decode_tables + SINGLE + op * 2)


@native("u64(HART, u64, u64)", export=True)
def decode16(h, w, page_offset):
    """Record of the 16-bit instruction in the low half of w, at this offset in its page."""
    t = h.decode_tables
    w = w & 0xFFFF
    rec = ld64(t + T16 + w * 8)
    need = ld64(t + NEEDS + ld8(t + T16_NEED + w) * 8)
    if h.isa_ext & need != need:
        return OP_ILLEGAL
    near = ld16(t + NEAR + (rec & 0xFFFF) * 2)
    if near != 0:
        imm = sar(rec, 40)
        if page_offset + imm < 4096:
            return near | (rec & 0xFF_FFFF_0000) | (imm << 42)
    return rec


@native("u64(HART, u64, u64)", export=True)
def decode32(h, w, page_offset):
    """Record of the 32-bit instruction w, at this offset in its page."""
    t = h.decode_tables
    w = w & 0xFFFF_FFFF
    index = ((w >> 2) & 31) | (((w >> 12) & 7) << 5) | ((w >> 25) << 8)
    e = t + ENTRIES + ld16(t + T32 + index * 2) * 16
    have = h.isa_ext
    while True:
        test = ld64(e)
        rest = ld64(e + 8)
        if w & test & 0xFFFF_FFFF == test >> 32:
            need = ld64(t + NEEDS + ((rest >> 24) & 0xFF) * 8)
            if have & need == need:
                break
        e += 16
    op = rest & 0xFFFF
    form = (rest >> 16) & 0xFF
    regs = w & (rest >> 32)
    rd = (regs >> 7) & 31
    if form >= INT_RD:
        form -= INT_RD
        if rd == 0:
            rd = 32
    rec = (rd << 16) | (((regs >> 15) & 31) << 24) | (((regs >> 20) & 31) << 32)
    s = sext32(w)
    imm = 0
    if form == F_NONE:
        return rec | op
    if form == F_I:
        imm = sar(s, 20)
    elif form == F_S:
        imm = (sar(s, 25) << 5) | ((w >> 7) & 31)
    elif form == F_U:
        imm = sar(s, 12)
    elif form == F_SHAMT:
        imm = (w >> 20) & 63
    elif form == F_RM:
        imm = (w >> 12) & 7
    elif form == F_R4:
        imm = ((w >> 12) & 7) | ((w >> 27) << 3)
    elif form == F_CSR:
        imm = w >> 20
    elif form == F_FENCE:
        imm = (w >> 20) & 0xFF
    elif form == F_AQRL:
        imm = (w >> 25) & 3
    else:
        if form == F_B:
            imm = (sar(s, 31) << 12) | (((w >> 7) & 1) << 11) | (((w >> 25) & 63) << 5) | ((w >> 7) & 30)
        else:
            imm = (sar(s, 31) << 20) | (w & 0xF_F000) | (((w >> 20) & 1) << 11) | ((w >> 20) & 0x7FE)
        if page_offset + imm < 4096:
            op = ld16(t + NEAR + op * 2)
            imm = imm << 2
    return rec | op | (imm << 40)
