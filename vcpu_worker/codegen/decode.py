"""The decode tables of a hart, and the list of ops, made from the instruction registry.

    OPS[i] is op FIRST_OP + i: an instruction's body at one length (2 or 4 bytes), far or near.
    tables() is the blob that `mem.decode` reads (layout there).
    record() is what those natives compute, in plain Python, from `insn.decode`: tests compare the two.

Rule: everything is derived; an instruction whose immediate has a shape that no format covers fails here,
naming it. The order of OPS depends on names alone, not on the order of imports.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

from vcpu_worker.isa import fields
from vcpu_worker.isa.ext import BY_NAME, SETS
from vcpu_worker.isa.insn import INTEGER, Insn, decode, load_all
from vcpu_worker.mem import decode as lay

ALL_EXTENSIONS = (1 << 64) - 1
PAGE = 4096


@dataclass(frozen=True, order=True)
class Op:
    """A handler variant: the body of instruction `name` in an encoding of `length` bytes.

    near: only for pc-relative ones; imm is the distance to the target in bytes of records.
    """

    name: str
    length: int
    near: bool = False


def is_relative(one: Insn) -> bool:
    """Whether imm is the distance of a target from the pc: immediates without bit 0 are."""
    imm = one.body.fields.get("imm")
    return imm is not None and imm.lowest == 1


@functools.cache
def ops() -> tuple[Op, ...]:
    """Every op of the registry, in the order of their numbers (the first is lay.FIRST_OP)."""
    found: set[Op] = set()
    for one in load_all().values():
        found.add(Op(one.body.name, one.length))
        if is_relative(one):
            found.add(Op(one.body.name, one.length, near=True))
    if len(found) + lay.FIRST_OP > lay.MAX_OPS:
        raise ValueError(f"{len(found)} ops: enlarge MAX_OPS")
    return tuple(sorted(found))


@functools.cache
def op_number() -> dict[Op, int]:
    """Op -> its number."""
    return {op: lay.FIRST_OP + i for i, op in enumerate(ops())}


def need_of(one: Insn) -> int:
    """EXT_* bits that a hart must have for this instruction: those of its own and its body's extensions."""
    declared = [e for e in (one.ext, one.also, one.body.ext, one.body.also) if e is not None]
    names = [n for e in declared for n in SETS.get(e, (e,))]
    out = 0
    for name in names:
        if name not in BY_NAME:
            raise ValueError(f"{one.where} instruction {one.name}: no extension {name!r} in isa.ext")
        out |= BY_NAME[name].bit
    return out


def _imm(body: Insn, v: dict[str, int]) -> int:
    """The imm of a record."""
    used = body.used
    if "pred" in used:
        return v["pred"] << 4 | v["succ"]
    if "aq" in used:
        return v["aq"] << 1 | v["rl"]
    for name in ("imm", "shamt", "csr"):
        if name in used:
            return v[name]
    return (v["rm"] if "rm" in used else 0) | (v["rs3"] << 3 if "rs3" in used else 0)


def pack(op: int, rd: int = 0, rs1: int = 0, rs2: int = 0, imm: int = 0) -> int:
    """A record as a 64-bit word. imm is signed, 24 bits."""
    if not -(1 << 23) <= imm < 1 << 23:
        raise ValueError(f"imm {imm} does not fit a record")
    return op | rd << 16 | rs1 << 24 | rs2 << 32 | (imm & 0xFF_FFFF) << 40


def record_of(one: Insn, operands: dict[str, int], page_offset: int = 0) -> int:
    """The record of a decoded instruction at `page_offset` (0..4095) in its page."""
    body = one.body
    v = one.expand(operands)
    used = body.used
    rd = v["rd"] if "rd" in used else 0
    if rd == 0 and "rd" in used and body.register_class["rd"] == INTEGER:
        rd = 32
    rs1 = v["rs1"] if "rs1" in used else v["uimm"] if "uimm" in used else 0
    imm = _imm(body, v)
    near = is_relative(one) and 0 <= page_offset + imm < PAGE
    number = op_number()[Op(body.name, one.length, near)]
    return pack(number, rd, rs1, v["rs2"] if "rs2" in used else 0, imm * 4 if near else imm)


def record(word: int, page_offset: int = 0, isa_ext: int = ALL_EXTENSIONS) -> int:
    """The record of an instruction word (16 bits if its low two are not 11) on a hart with `isa_ext`."""
    found = decode(word, _absent(isa_ext))
    return lay.OP_ILLEGAL if found is None else record_of(*found, page_offset)


@functools.cache
def _absent(isa_ext: int) -> frozenset[str]:
    """Names of the instructions that a hart with `isa_ext` lacks."""
    return frozenset(i.name for i in load_all().values() if need_of(i) & ~isa_ext)


class _Needs:
    """The NEEDS table while it grows."""

    def __init__(self) -> None:
        self.index: dict[int, int] = {0: 0}

    def of(self, one: Insn) -> int:
        at = self.index.setdefault(need_of(one), len(self.index))
        if at > 255:
            raise ValueError("more than 256 combinations of extensions")
        return at


def _shape(pattern: str) -> tuple[tuple[fields.Part, ...], bool]:
    """Where the one field of a pattern lies, and whether it is signed."""
    (one,) = fields.parse(pattern).fields.values()
    return one.parts, one.signed


# where a format's immediate lies -> the format; shamt of 5 bits has a zero as its sixth
_FORMATS: dict[tuple[tuple[fields.Part, ...], bool], int] = {
    _shape("imm[11:0] 00000000000000000000"): lay.F_I,
    _shape("imm[11:5] 0000000000000 imm[4:0] 0000000"): lay.F_S,
    _shape("imm[12|10:5] 0000000000000 imm[4:1|11] 0000000"): lay.F_B,
    _shape("imm[31:12] 000000000000"): lay.F_U,
    _shape("imm[20|10:1|11|19:12] 000000000000"): lay.F_J,
    _shape("000000 shamt[5:0] 00000000000000000000"): lay.F_SHAMT,
    _shape("0000000 shamt[4:0] 00000000000000000000"): lay.F_SHAMT,
    _shape("csr 00000000000000000000"): lay.F_CSR,
}
_REGISTER_BITS = {"rd": 31 << 7, "rs1": 31 << 15, "uimm": 31 << 15, "rs2": 31 << 20}
_REGISTER_AT = {"rd": 7, "rs1": 15, "uimm": 15, "rs2": 20, "rs3": 27, "rm": 12, "succ": 20, "pred": 24}


def _format(one: Insn) -> int:
    """The format number of a 32-bit instruction. Errors: ValueError naming it."""
    used = one.used
    for name in used & _REGISTER_AT.keys():
        if one.fields[name].parts[0].insn_lo != _REGISTER_AT[name]:
            raise ValueError(f"{one.where} instruction {one.name}: {name} is not in its usual place")
    flag = lay.INT_RD if "rd" in used and one.register_class["rd"] == INTEGER else 0
    if "pred" in used:
        return flag | lay.F_FENCE
    if "aq" in used:
        return flag | lay.F_AQRL
    imms = [n for n in ("imm", "shamt", "csr") if n in used]
    if len(imms) > 1 or (imms and used & {"rm", "rs3"}):
        raise ValueError(f"{one.where} instruction {one.name}: two operands want the imm of a record")
    if not imms:
        return flag | (lay.F_R4 if "rs3" in used else lay.F_RM if "rm" in used else lay.F_NONE)
    shape = one.fields[imms[0]].parts, one.fields[imms[0]].signed
    if shape not in _FORMATS:
        raise ValueError(f"{one.where} instruction {one.name}: no format has its immediate")
    return flag | _FORMATS[shape]


def _index(low: int) -> int:
    """A number of 15 bits as the instruction bits 6..2, 14..12, 31..25 it stands for."""
    return 3 | (low & 31) << 2 | (low >> 5 & 7) << 12 | low >> 8 << 25


def _table32(needs: _Needs) -> tuple[bytes, bytes]:
    """The T32 and ENTRIES tables."""
    words = [i for i in load_all().values() if i.length == 4]
    # a part of another instruction's encodings is looked at before that instruction
    words.sort(key=lambda i: (i.inside is None, i.name))
    by_opcode: dict[int, list[Insn]] = {}
    for one in words:
        for opcode in range(32):
            if (opcode << 2 | 3) & one.mask == one.match & one.mask & 0x7F:
                by_opcode.setdefault(opcode, []).append(one)
    raw: dict[str, bytes] = {}
    for one in words:
        keep = sum(_REGISTER_BITS[n] for n in one.used & _REGISTER_BITS.keys())
        form = _format(one)
        number = op_number()[Op(one.name, 4)]
        raw[one.name] = struct.pack("<IIHBBI", one.mask, one.match, number, form, needs.of(one), keep)
    end = struct.pack("<IIHBBI", 0, 0, lay.OP_ILLEGAL, lay.F_NONE, 0, 0)
    first: dict[tuple[str, ...], int] = {}
    index = bytearray()
    entries = bytearray()
    known = _index((1 << 15) - 1)
    for low in range(1 << 15):
        bits = _index(low)
        here = tuple(
            one.name
            for one in by_opcode.get(low & 31, ())
            if bits & one.mask == one.match & known and not _banned(one, bits)
        )
        if here not in first:
            first[here] = len(entries) // 16
            entries += b"".join(raw[n] for n in here) + end
        index += struct.pack("<H", first[here])
    if len(entries) > 16 * lay.MAX_ENTRIES:
        raise ValueError(f"{len(entries) // 16} decode entries: enlarge MAX_ENTRIES")
    return bytes(index), bytes(entries)


def _banned(one: Insn, bits: int) -> bool:
    """Whether the index alone tells that a field has a banned value: so it is with rm."""
    for f in one.fields.values():
        if f.bans and f.name != "rm":
            raise ValueError(f"{one.where} instruction {one.name}: only rm may have bans, not {f.name}")
        if f.raw(bits) in f.bans:
            return True
    return False


def tables() -> bytes:
    """The blob for HART.decode_tables: lay.SIZE bytes, the same for the same registry."""
    needs = _Needs()
    blob = bytearray(lay.SIZE)
    t32, entries = _table32(needs)
    blob[lay.T32 : lay.T32 + len(t32)] = t32
    blob[lay.ENTRIES : lay.ENTRIES + len(entries)] = entries
    for word in range(1 << 16):
        found = decode(word) if word & 3 != 3 else None
        if found is None:
            struct.pack_into("<Q", blob, lay.T16 + 8 * word, lay.OP_ILLEGAL)
            continue
        # the far form, which the native turns into the near one
        far = record_of(*found, page_offset=1 << 30)
        struct.pack_into("<Q", blob, lay.T16 + 8 * word, far)
        blob[lay.T16_NEED + word] = needs.of(found[0])
    for op, number in op_number().items():
        if op.near:
            far_number = op_number()[Op(op.name, op.length)]
            struct.pack_into("<H", blob, lay.NEAR + 2 * far_number, number)
    for need, at in needs.index.items():
        struct.pack_into("<Q", blob, lay.NEEDS + 8 * at, need)
    for number in range(lay.MAX_OPS):
        struct.pack_into("<H", blob, lay.SINGLE + 2 * number, number)
    from vcpu_worker.codegen.pairs import pairs, slot

    first_pair = lay.FIRST_OP + len(ops())
    for number, pair in enumerate(pairs(), first_pair):
        a, b = op_number()[pair.first], op_number()[pair.second]
        at = slot(a, b)
        while struct.unpack_from("<Q", blob, lay.PAIRS + 8 * at)[0]:
            at = (at + 1) % lay.PAIR_SLOTS
        struct.pack_into("<Q", blob, lay.PAIRS + 8 * at, a | b << 16 | number << 32)
        struct.pack_into("<H", blob, lay.SINGLE + 2 * number, a)
    if first_pair + len(pairs()) > lay.MAX_OPS:
        raise ValueError("more pairs than op numbers: enlarge MAX_OPS")
    return bytes(blob)
